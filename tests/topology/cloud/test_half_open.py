"""A path that swallows packets without a word, in either direction: both ends find out, and nothing is left behind."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.topology.cloud.device import Device, managed_by
from tests.topology.cloud.network import Direction, Network, until
from tests.topology.cloud.server import Server

pytestmark = pytest.mark.topology
DEAD_AFTER_S = 1.5
LOOKS_S = 0.5
"""The server looks for silent devices so often."""
SLACK_S = 1.0


@pytest.mark.parametrize("directions", [("to server",), ("to device",), ("to server", "to device")])
def test_a_half_open_path_is_found_by_both_ends_in_time_and_leaves_nothing(
    network: Network, authority: Path, directions: tuple[Direction, ...]
) -> None:
    server = Server(network, authority).start()
    server.add("SN1")
    device = Device(network, managed_by(server, dead_after_s=DEAD_AFTER_S)).start()
    device.whole()
    held, own = server.descriptors(), device.descriptors()
    network.swallow(*directions)
    silent_at, silent_ns = time.monotonic(), time.time_ns()
    down = device.down()[0]
    assert down.detail.startswith("silent")
    assert DEAD_AFTER_S * 2 / 3 - LOOKS_S <= down.at_s - silent_at <= DEAD_AFTER_S + SLACK_S
    until(lambda: not server.presence(), DEAD_AFTER_S + LOOKS_S + SLACK_S, "the server notices")
    found = until(lambda: next((e for e in server.history() if e.kind == "down"), None), 3, "and says why")
    assert found.detail
    assert found.at_ns - silent_ns <= (DEAD_AFTER_S + LOOKS_S + SLACK_S) * 1e9
    network.heal()
    assert device.established(2)[1].detail.endswith("resumed")
    device.whole()
    assert server.presence() == {"SN1": ("worker-0", server.row().epoch)}
    until(lambda: server.connections() == 3, 5, lambda: f"{server.connections()} connections")
    server.settles_at(held)
    until(lambda: device.descriptors() <= own, 5, "the device keeps no dead socket")
