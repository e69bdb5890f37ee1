"""Names: each attempt asks anew, every address is tried, and a name that is nowhere is a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.topology.cloud.device import Device, entry, managed_by
from tests.topology.cloud.names import Names
from tests.topology.cloud.network import SERVER_6, SERVERS, Network
from tests.topology.cloud.server import Server

from twinspan.model.cloud_management import CloudServer

pytestmark = pytest.mark.topology
CLOUD = CloudServer(domain="cloud.test")


def test_a_name_that_moves_to_another_server_is_followed_once_the_old_one_dies(
    network: Network, authority: Path
) -> None:
    names = Names(network)
    one, other = Server(network, authority, SERVERS[0]).start(), Server(network, authority, SERVERS[1]).start()
    one.add("SN1")
    other.add("SN1")
    names.say(cloud=(SERVERS[0],))
    device = Device(network, managed_by(CLOUD)).start()
    assert SERVERS[0] in device.established()[0].detail
    names.say(cloud=(SERVERS[1],))
    assert device.alive(), "a connection that works is not touched"
    one.kill()
    back = device.established(2)[1].detail
    assert SERVERS[1] in back
    assert back.endswith("authenticated"), "the other server knows nothing of the ticket"
    device.whole()


def test_every_address_of_a_name_is_tried(network: Network, authority: Path) -> None:
    names = Names(network)
    server = Server(network, authority, SERVERS[2]).start()
    server.add("SN1")
    network.swallow(address=SERVERS[0])
    names.say(cloud=SERVERS[:3])
    device = Device(network, managed_by(CLOUD), step_s=1.0).start()
    assert SERVERS[2] in device.established()[0].detail
    assert not device.said("attempt failed"), "it was one attempt"


def test_a_server_whose_ipv4_address_is_dead_is_reached_by_ipv6(network: Network, authority: Path) -> None:
    names = Names(network)
    server = Server(network, authority, SERVER_6).start()
    server.add("SN1")
    names.say(cloud=(SERVERS[0], SERVER_6))
    device = Device(network, managed_by(CLOUD)).start()
    assert SERVER_6 in device.established()[0].detail
    device.whole()


def test_a_server_is_dialled_by_ipv6_alone_if_that_is_configured(network: Network, authority: Path) -> None:
    names = Names(network)
    four, six = Server(network, authority, SERVERS[0]).start(), Server(network, authority, SERVER_6).start()
    four.add("SN1")
    six.add("SN1")
    names.say(cloud=(SERVERS[0], SERVER_6))
    device = Device(network, managed_by(CloudServer(domain="cloud.test", ipv6=True))).start()
    assert SERVER_6 in device.established()[0].detail
    assert not four.presence()


def test_a_device_without_ipv6_tells_what_the_server_said_and_not_that_there_is_no_route(
    network: Network, authority: Path
) -> None:
    names = Names(network)
    Server(network, authority, SERVERS[0]).start()
    names.say(cloud=(SERVERS[0], SERVER_6))
    network.ip(network.device, "-6 route del default")
    device = Device(network, managed_by(CLOUD)).start()
    device.fails_with("not_admitted")
    assert device.status.failure == "not_admitted"


def test_a_name_that_never_resolves_is_a_reason_and_the_backup_takes_over(network: Network, authority: Path) -> None:
    names = Names(network)
    server = Server(network, authority).start()
    server.add("SN1")
    names.say(cloud=(SERVERS[0],))
    device = Device(network, managed_by(CloudServer(domain="nowhere.test"), entry(server, domain="cloud.test"))).start()
    assert "no such name" in device.fails_with("name")
    device.established()
    failed = [c for c in device.ask("examine").checks if c.passed is False]
    assert [(c.topic, c.subject) for c in failed] == [("dns", "nowhere.test port 19443")]


def test_without_a_dns_server_that_answers_it_says_so_and_returns_when_there_is_one(
    network: Network, authority: Path
) -> None:
    server = Server(network, authority).start()
    server.add("SN1")
    device = Device(network, managed_by(CLOUD)).start()
    assert "DNS server" in device.fails_with("name")
    Names(network).say(cloud=(SERVERS[0],))
    device.established()
