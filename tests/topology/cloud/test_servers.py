"""Primary and backups: the stored order, failover, no way back unless it is wanted, and then without a gap."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from tests.topology.cloud.device import Device, entry, managed_by
from tests.topology.cloud.names import Names
from tests.topology.cloud.network import SERVERS, Network, until
from tests.topology.cloud.server import Server

pytestmark = pytest.mark.topology


def two_servers(network: Network, authority: Path) -> tuple[Server, Server]:
    one, other = (Server(network, authority, address).start() for address in SERVERS[:2])
    one.add("SN1")
    other.add("SN1")
    return one, other


def test_servers_are_dialled_in_stored_order_whichever_of_them_die(network: Network, authority: Path) -> None:
    names = Names(network)
    names.say(cloud=(SERVERS[0],), other=(SERVERS[1],), third=(SERVERS[2],))
    last = Server(network, authority, SERVERS[2]).start()
    last.add("SN1")
    cloud, other = Server(network, authority, SERVERS[0]), Server(network, authority, SERVERS[1])
    ports = [entry(cloud, domain="cloud.test", port=port) for port in (19001, 19003, 19002)]
    backups = (entry(last, domain="third.test"), *ports, entry(other, domain="OTHER.test"))
    primary = entry(other, domain="other.test", port=19009)
    device = Device(network, managed_by(primary, *backups)).start()
    device.established(deadline_s=20)
    tried = [
        match.groups() for detail in device.said("attempt failed") if (match := re.match(r"(\S+) port (\d+)", detail))
    ]
    assert tried == [
        ("other.test", "19009"),
        ("cloud.test", "19003"),
        ("cloud.test", "19002"),
        ("cloud.test", "19001"),
        ("OTHER.test", "19443"),
    ]


def test_after_a_failover_there_is_no_way_back_by_itself(network: Network, authority: Path) -> None:
    one, other = two_servers(network, authority)
    device = Device(network, managed_by(one, other)).start()
    assert SERVERS[0] in device.established()[0].detail
    one.kill()
    assert SERVERS[1] in device.established(2)[1].detail
    one.start()
    end = time.monotonic() + 2
    until(lambda: time.monotonic() > end)
    assert device.alive()
    assert len(device.said("down")) == 1
    assert not one.presence()
    other.kill()
    assert SERVERS[0] in device.established(3)[2].detail, "after the last comes the first again"


def test_with_switch_back_the_old_connection_stays_until_the_new_one_is_there(
    network: Network, authority: Path
) -> None:
    one, other = two_servers(network, authority)
    one.stop()
    device = Device(network, managed_by(one, other, switch_back=True)).start()
    assert SERVERS[1] in device.established()[0].detail
    end = time.monotonic() + 1.5
    until(lambda: time.monotonic() > end)
    assert not device.said("down"), "the present connection carries on while the better server is dead"
    one.start()
    assert SERVERS[0] in device.established(2)[1].detail
    assert device.said("down") == [f"switch_back: {SERVERS[0]}"]
    device.whole()
    came = until(lambda: next((e for e in one.history() if e.kind == "connected"), None), 5)
    left = until(lambda: next((e for e in other.history() if e.kind == "down"), None), 5)
    assert came.at_ns < left.at_ns, "never without a connection"
    until(lambda: not other.presence() and other.connections() == 0, 5, "nothing is left on the backup")


def test_a_switch_back_to_another_port_of_the_same_server_succeeds_too(network: Network, authority: Path) -> None:
    """There the new registration ends the old connection before the new one is open."""
    server = Server(network, authority).start()
    server.add("SN1")
    outside = server.port + 100
    device = Device(network, managed_by(entry(server, port=outside), entry(server), switch_back=True)).start()
    assert f":{server.port}" in device.established()[0].detail
    network.map_port(outside, server.address, server.port)
    assert f":{outside}" in device.established(2)[1].detail
    device.whole()
    assert len(device.said("established")) == 2
    assert server.row().epoch == 2
