"""Seed 004, Preparations and CIDR block planning: the table's values reach the nodes that they are for."""

import pytest

PLANNED = "01-two-spans/site.yaml"


@pytest.fixture
def planned(complete, deploy):
    return deploy(complete(PLANNED))


def addresses(config, link):
    return next(one for one in config.links if one.name == link).addresses


def test_the_planned_site_is_accepted_without_a_word(complete) -> None:
    site = complete(PLANNED)
    assert [vpc.cidr_block for vpc in site.vpcs.values()] == ["172.16.0.0/12", "192.168.0.0/24"]
    assert site.data_center.prefixes == ("192.168.1.0/24",)


def test_the_cloud_computers_stand_in_of_the_office_prefix(planned) -> None:
    assert planned.configs["office-host"].links[0].addresses[0].startswith("172.16.")
    assert planned.cloud_endpoint.node == "office-host"


def test_the_vpn_gateway_is_in_the_user_vpc(complete) -> None:
    site = complete(PLANNED)
    assert [gateway.vpc for gateway in site.vpn_gateways.values()] == ["user"]


def test_the_circuit_is_plain_with_vlan_0_and_has_the_planned_addresses(planned) -> None:
    assert addresses(planned.configs["vbr"], "circ0") == ("10.0.0.1/30",)
    gateway = planned.configs["gateway"]
    port = next(one for one in gateway.links if "10.0.0.2/30" in one.addresses)
    assert port.kind == "physical"
    assert not [one for node in ("gateway", "vbr") for one in planned.configs[node].links if one.kind == "vlan"]


def test_the_gateway_and_the_vbr_peer_with_the_planned_asns(planned) -> None:
    (at_gateway,) = planned.configs["gateway"].bgp.peers
    at_vbr = next(peer for peer in planned.configs["vbr"].bgp.peers if peer.span)
    assert (at_gateway.local_asn, at_gateway.peer_asn, at_gateway.peer_address) == (65001, 45104, "10.0.0.1")
    assert (at_vbr.local_asn, at_vbr.peer_asn, at_vbr.peer_address) == (45104, 65001, "10.0.0.2")
    assert planned.configs["gateway"].bgp.router_id == "10.0.0.2"


def test_the_gateway_announces_the_data_centre(planned) -> None:
    announced = {one.prefix for one in planned.configs["gateway"].bgp.originate if not one.pinned}
    assert announced == {"192.168.1.0/24"}


def test_the_gateway_has_its_public_address_and_the_tunnel_ends_there(planned) -> None:
    gateway = planned.configs["gateway"]
    assert [tunnel.local_address for tunnel in gateway.tunnels] == ["198.18.0.154"]
    assert any(address.startswith("198.18.0.154/") for link in gateway.links for address in link.addresses)


def test_the_standby_is_static_and_below_bgp(planned) -> None:
    standby = {route.prefix: route for route in planned.configs["gateway"].routes if route.role == "standby"}
    assert set(standby) == {"172.16.0.0/12", "192.168.0.0/24", "100.64.0.0/10"}
    assert all(hop.tunnel for route in standby.values() for hop in route.next_hops)


def test_the_tunnel_does_not_ride_on_the_circuit(planned) -> None:
    gateway = planned.configs["gateway"]
    end = gateway.tunnels[0].remote_address
    (route,) = [one for one in gateway.routes if one.prefix == f"{end}/32"]
    assert [hop.link for hop in route.next_hops] != ["circuit"]


@pytest.mark.parametrize("version", ["ikev1", "ikev2"])
def test_the_tunnel_speaks_the_ike_version_that_the_gateway_has(complete, deploy, version: str) -> None:
    site = complete(
        gateway={"public_address": "198.18.0.154", "local_asn": 65001, "ike_versions": [version]},
        ipsec_connections={"vpn": {"ike": {"version": version}}},
    )
    both = deploy(site).configs
    assert {t.ike_version for node in ("gateway", "vpn-gateway") for t in both[node].tunnels} == {version}


def test_cen_office_network_and_every_attachment_are_there(complete) -> None:
    site = complete(PLANNED)
    assert len(site.cens) == 1
    assert len(site.office_networks) == 1
    assert {a.vpc for a in site.attachments.values() if a.vpc} == {"office", "user"}
    assert [a.virtual_border_router for a in site.attachments.values() if a.virtual_border_router] == ["vbr"]


def test_a_site_brings_its_own_prefixes(complete, deploy) -> None:
    site = complete(
        data_center={"prefixes": ["10.20.0.0/16"]},
        vpcs={"office": {"cidr_block": "172.20.0.0/16"}, "user": {"cidr_block": "192.168.7.0/24"}},
    )
    deployment = deploy(site)
    assert deployment.site_prefixes == ("10.20.0.0/16",)
    assert deployment.cloud_prefixes[:2] == ("172.20.0.0/16", "192.168.7.0/24")


def test_the_vpn_in_the_office_vpc_speaks_bgp_inside_the_tunnel(complete, deploy) -> None:
    gateway = deploy(complete("03-vpn-in-office-vpc/site.yaml")).configs["gateway"]
    assert [peer.span for peer in gateway.bgp.peers if peer.tunnel] == ["vpn"]


def test_the_vpn_in_a_user_vpc_may_speak_bgp_too(complete, deploy) -> None:
    site = complete(ipsec_connections={"vpn": {"bgp": {"tunnel_cidr": "169.254.10.0/30"}}})
    assert [peer.span for peer in deploy(site).configs["gateway"].bgp.peers if peer.tunnel] == ["vpn"]
