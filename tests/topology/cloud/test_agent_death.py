"""The agent is killed at every step of its way to the server, and comes back; so it does from a damaged memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.topology.cloud.device import Device, managed_by
from tests.topology.cloud.network import Network
from tests.topology.cloud.server import Server

from twinspan.model.secret import Secret
from twinspan.server.authority import authorities, fingerprint_of_pem

pytestmark = pytest.mark.topology
FIRST_TIME = (
    ("Resolving", 1), ("Connecting", 1), ("TLS", 1), ("Connecting", 2), ("TLS", 2), ("Authentication", 1),
    ("Authentication", 2), ("Register", 1), ("Register_success", 1), ("save", 1), ("Request", 1),
    ("Request_success", 1),
)  # fmt: skip
"""Step and how manieth time; the first connection asks for the authority, the second logs in."""
RETURNING = tuple(step for step in FIRST_TIME if step[1] == 1 and step[0] != "Authentication")
TOKEN = "one-time-token-of-a-test"


@pytest.fixture(scope="module")
def server(authority: Path) -> Iterator[Server]:
    """One for the whole module: every test has a serial number of its own."""
    network = Network()
    try:
        network.build()
        yield Server(network, authority).start()
    finally:
        network.remove()


@pytest.mark.parametrize("step", FIRST_TIME, ids=lambda s: f"{s[0]}-{s[1]}")
def test_killed_at_any_step_of_its_first_login_it_comes_back(server: Server, step: tuple[str, int]) -> None:
    serial = f"FIRST-{step[0]}-{step[1]}"
    server.add(serial)
    device = Device(server.network, managed_by(server), serial=serial, kill_at=step[0], kill_after=step[1]).start()
    device.died()
    device.start(kill_at=None)
    device.whole()
    assert server.row(serial).worker == "worker-0"
    device.kill()


@pytest.mark.parametrize("step", RETURNING, ids=lambda s: s[0])
def test_killed_at_any_step_of_its_return_it_comes_back(server: Server, step: tuple[str, int]) -> None:
    serial = f"RETURN-{step[0]}"
    server.add(serial)
    device = Device(server.network, managed_by(server), serial=serial).start()
    device.established()
    device.kill()
    device.start(kill_at=step[0])
    device.died()
    device.start(kill_at=None)
    device.whole()
    device.kill()


@pytest.mark.parametrize("step", FIRST_TIME[5:], ids=lambda s: f"{s[0]}-{s[1]}")
def test_killed_while_it_spends_its_one_time_token_it_is_still_let_in(server: Server, step: tuple[str, int]) -> None:
    serial = f"TOKEN-{step[0]}-{step[1]}"
    server.add(serial, credential="token", password=Secret(TOKEN))
    management = managed_by(server, password=None, enrolment_token=Secret(TOKEN))
    at = {"kill_at": step[0], "kill_after": step[1] + (step[0] == "save")}  # the secret is saved first
    device = Device(server.network, management, serial=serial, **at).start()
    device.died()
    device.start(kill_at=None)
    device.whole()
    assert server.row(serial).credential == "password"
    device.kill()


# ------------------------------------------------------------------------------------------------ memory


def _torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _changed(file: Path, change: Callable[[dict[str, object]], None]) -> None:
    memory = msgspec.json.decode(file.read_bytes())
    change(memory)
    file.write_bytes(msgspec.json.encode(memory))


def _no_certificate(memory: dict[str, object]) -> None:
    for pin in memory["pins"].values():
        pin["authorities"] = [pem.replace("M", "!", 1) for pem in pin["authorities"]]


def _another_key(memory: dict[str, object]) -> None:
    for ticket in memory["tickets"].values():
        ticket["key"] = "not base64 at all"


def _a_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGE: dict[str, Callable[[Path], None]] = {
    "empty": lambda file: file.write_bytes(b""),
    "torn": _torn,
    "noise": lambda file: file.write_bytes(bytes(range(256)) * 8),
    "another type": lambda file: file.write_bytes(b"[]"),
    "no certificate": lambda file: _changed(file, _no_certificate),
    "no pin": lambda file: _changed(file, lambda memory: [p.update(authorities=[]) for p in memory["pins"].values()]),
    "no key": lambda file: _changed(file, _another_key),
    "a directory": _a_directory,
}


@pytest.mark.parametrize("how", DAMAGE)
def test_with_a_damaged_memory_it_starts_says_so_and_trusts_anew(server: Server, how: str) -> None:
    serial = f"DAMAGE-{list(DAMAGE).index(how)}"
    server.add(serial)
    device = Device(server.network, managed_by(server), serial=serial).start()
    device.established()
    device.kill()
    DAMAGE[how](device.folder / "cloud.json")
    device.start()
    device.whole()
    assert device.said("file set aside"), "somebody must hear of it"
    assert "PRIVATE" not in str(device.lines)
    device.kill()


def test_with_a_damaged_memory_the_configured_fingerprint_still_decides(server: Server, other_authority: Path) -> None:
    server.add("PINNED")
    wanted = fingerprint_of_pem(authorities(server.folder)[0])
    device = Device(server.network, managed_by(server, fingerprint=wanted), serial="PINNED").start()
    device.established()
    device.kill()
    (device.folder / "cloud.json").write_bytes(b"")
    device.start()
    assert device.whole().trust == "configured"
    device.kill()
    (device.folder / "cloud.json").write_bytes(b"")
    other = fingerprint_of_pem(authorities(other_authority)[0])
    device.start(management=managed_by(server, fingerprint=other))
    assert "fingerprint" in device.fails_with("authority")
    assert not device.said("established")
    device.kill()


def test_a_memory_that_cannot_be_saved_keeps_no_device_from_its_server(server: Server) -> None:
    server.add("FULL")
    device = Device(server.network, managed_by(server), serial="FULL")
    (device.folder / "cloud.json.new").mkdir()
    device.start()
    device.whole()
    assert len(device.said("not saved")) == 1
    device.tell("reset")
    assert device.established(2)[1].detail.endswith("resumed")
    device.kill()


def test_a_one_time_token_is_not_spent_while_its_successor_cannot_be_saved(server: Server) -> None:
    server.add("FULL-TOKEN", credential="token", password=Secret(TOKEN))
    management = managed_by(server, password=None, enrolment_token=Secret(TOKEN))
    device = Device(server.network, management, serial="FULL-TOKEN")
    blocking = device.folder / "cloud.json.new"
    blocking.mkdir()
    device.start()
    assert "cannot be saved" in device.fails_with("no_password")
    assert server.row("FULL-TOKEN").token_used_at_ns is None
    blocking.rmdir()
    device.whole(20)
    device.kill()
