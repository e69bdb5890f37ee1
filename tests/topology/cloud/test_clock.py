"""A device whose clock is wrong: before its software was written the dates do not count, everything else does.

What a wrong clock is to a certificate is shown by the certificate: one that begins in years, or ended years ago.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.topology.cloud.device import Device, managed_by
from tests.topology.cloud.network import NAMES, Network
from tests.topology.cloud.server import Server

from twinspan.model.secret import Secret
from twinspan.server.authority import create_authority

pytestmark = pytest.mark.topology
YEAR_NS = 365 * 24 * 3600 * 1_000_000_000
IN_1970_NS = 1000 * 1_000_000_000


def server_of(network: Network, folder: Path, years: int, names: tuple[str, ...] = NAMES) -> Server:
    """One whose certificates were made so many years from now."""
    state = folder / f"years-{years}-{len(names)}"
    create_authority(state, names, time.time_ns() + years * YEAR_NS)
    server = Server(network, state).start()
    server.add("SN1")
    return server


def test_in_1970_dates_do_not_count_and_the_time_is_learnt_from_the_server(network: Network, tmp_path: Path) -> None:
    server = server_of(network, tmp_path, 30)
    device = Device(network, managed_by(server), wall_ns=IN_1970_NS).start()
    device.established()
    assert "not checked" in device.whole().clock_note
    clock = next(c for c in device.ask("examine").checks if c.topic == "clock")
    assert (clock.passed, "1970" in clock.detail) == (False, True)
    device.kill()
    # A clock that is right by the software alone, and behind what a trusted server has told, is wrong as well.
    device.start(wall_ns=time.time_ns() - YEAR_NS // 24)
    device.established()
    assert "not checked" in device.status.clock_note


def test_with_a_clock_that_may_be_right_dates_count(network: Network, tmp_path: Path) -> None:
    server = server_of(network, tmp_path, 30)
    device = Device(network, managed_by(server)).start()
    device.fails_with("clock")
    failed = [c for c in device.ask("examine").checks if c.passed is False]
    assert failed[0].topic == "clock"
    assert "clock" in failed[0].remedy
    assert not device.said("established")


def test_thirty_years_ahead_every_certificate_has_ended_and_the_reason_is_the_clock(
    network: Network, tmp_path: Path
) -> None:
    server = server_of(network, tmp_path, -30)
    device = Device(network, managed_by(server)).start()
    assert "expired" in device.fails_with("clock")
    assert not server.presence()


@pytest.mark.parametrize("years", [30, -30])
def test_a_wrong_authority_is_refused_whatever_the_clock_says(
    network: Network, tmp_path: Path, authority: Path, years: int
) -> None:
    right = Server(network, authority).start()
    right.add("SN1")
    device = Device(network, managed_by(right)).start()
    device.established()
    device.kill()
    right.kill()
    server_of(network, tmp_path, years)
    device.start(wall_ns=IN_1970_NS if years > 0 else None)
    device.fails_with("authority")
    assert not device.said("established")


def test_in_1970_a_wrong_name_and_a_wrong_password_are_refused(network: Network, tmp_path: Path) -> None:
    elsewhere = server_of(network, tmp_path, 30, names=("elsewhere.test",))
    device = Device(network, managed_by(elsewhere), wall_ns=IN_1970_NS).start()
    device.fails_with("server_name")
    device.kill()
    elsewhere.kill()
    server = server_of(network, tmp_path, 31)
    device = Device(network, managed_by(server, password=Secret("another-password")), wall_ns=IN_1970_NS).start()
    device.fails_with("not_admitted")
    device.kill()
