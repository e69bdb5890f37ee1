"""A NAT that forgets idle connections: pings keep the entry, and without them the device finds out and returns."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.topology.cloud.device import Device, managed_by
from tests.topology.cloud.network import Network, until
from tests.topology.cloud.server import Server

pytestmark = pytest.mark.topology
FORGETS_S = 1


def test_a_connection_whose_pings_are_closer_than_the_nats_memory_survives(network: Network, authority: Path) -> None:
    server = Server(network, authority).start()
    server.add("SN1")
    network.forget_idle(FORGETS_S)
    device = Device(network, managed_by(server, keepalive_s=600, ping_s=0.4)).start()
    device.whole()
    before = {local for local, _, _ in network.sockets(network.device, server.port)}
    assert len(before) == 3
    end = time.monotonic() + 4 * FORGETS_S
    until(lambda: time.monotonic() > end, 10)
    assert device.alive()
    assert {local for local, _, _ in network.sockets(network.device, server.port)} == before
    assert not device.said("down")
    assert server.row().epoch == 1


def test_with_rarer_pings_the_nat_forgets_and_the_device_says_so_and_returns(network: Network, authority: Path) -> None:
    server = Server(network, authority).start()
    server.add("SN1")
    network.forget_idle(FORGETS_S)
    device = Device(network, managed_by(server, keepalive_s=1.6, ping_s=600)).start()
    device.established()
    down = device.down()[0]
    assert down.detail.startswith("silent")
    device.established(2)
    assert server.row().epoch == 2
