"""From where the device dials: a source address, a VPN instance; and what it says if there is no such thing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.topology.cloud.device import Device, entry, managed_by
from tests.topology.cloud.names import Names
from tests.topology.cloud.network import SERVERS, Network
from tests.topology.cloud.server import Server

pytestmark = pytest.mark.topology


@pytest.fixture
def server(network: Network, authority: Path) -> Server:
    made = Server(network, authority).start()
    made.add("SN1")
    return made


def test_without_a_wish_it_dials_from_its_first_address(network: Network, server: Server) -> None:
    Device(network, managed_by(server)).start().whole()
    assert server.row().address == "198.51.100.2"


def test_every_connection_leaves_from_the_source_address(network: Network, server: Server) -> None:
    device = Device(network, managed_by(entry(server, source_ip="10.1.0.3"))).start()
    assert device.whole().local_address == "10.1.0.3"
    assert server.row().address == "198.51.100.3"
    found = network.sockets(network.server, server.port)
    assert len(found) == 3
    assert {peer.rpartition(":")[0] for _, peer, _ in found} == {"198.51.100.3"}


def test_a_source_address_that_is_none_of_ours_is_a_reason(network: Network, server: Server) -> None:
    device = Device(network, managed_by(entry(server, source_ip="10.1.0.9"))).start()
    assert "10.1.0.9" in device.fails_with("source_address")
    failed = next(c for c in device.ask("examine").checks if c.passed is False)
    assert (failed.topic, "source-ip" in failed.remedy) == ("route", True)
    network.ip(network.device, "addr add 10.1.0.9/24 dev c0")
    network.nft(network.nat, "add element inet nat outside { 10.1.0.9 : 198.51.100.4 }")
    device.established()


def test_names_and_connections_go_by_the_vpn_instance(network: Network, server: Server) -> None:
    Names(network).say(cloud=(SERVERS[0],))
    network.ip(network.device, "link set c0 down")
    device = Device(network, managed_by(entry(server, domain="cloud.test", vpn_instance=network.vpn))).start()
    device.whole()
    assert server.row().address == "198.51.100.4"
    found = network.sockets(network.server, server.port)
    assert {peer.rpartition(":")[0] for _, peer, _ in found} == {"198.51.100.4"}


def test_a_vpn_instance_that_does_not_exist_is_a_reason_until_it_does(network: Network, server: Server) -> None:
    name = f"{network.vpn}-late"
    device = Device(network, managed_by(entry(server, vpn_instance=name))).start()
    assert name in device.fails_with("vpn_instance")
    failed = next(c for c in device.ask("examine").checks if c.passed is False)
    assert "VPN instance" in failed.detail
    assert "vpn-instance" in failed.remedy
    other = Path(f"/run/netns/{name}")
    other.symlink_to(f"/run/netns/{network.vpn}")
    try:
        device.established()
    finally:
        other.unlink()


def test_what_a_dead_vpn_instance_left_behind_is_a_reason_and_no_end(network: Network, server: Server) -> None:
    rest = Path(f"/run/netns/{network.vpn}-rest")
    rest.touch()
    try:
        device = Device(network, managed_by(entry(server, vpn_instance=rest.name), entry(server))).start()
        device.fails_with("vpn_instance")
        device.established()
    finally:
        rest.unlink()
