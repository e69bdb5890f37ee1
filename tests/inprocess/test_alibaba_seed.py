"""Seed 004, what its console does to a VBR, its BGP group and the routes of a VPN, done by the cloud's own SDK."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.inprocess import alibaba_networks as networks
from tests.inprocess.compatible import CloudClient, Refused, Server, made_state

from twinspan.server.alibaba.view import number_of
from twinspan.wire.alibaba.action import CBN

DC = "192.168.1.0/24"
ENDS = {"local_gateway_ip": "10.0.0.1", "peer_gateway_ip": "10.0.0.2", "peering_subnet_mask": "255.255.255.252"}
LABELLED = "VIRTUALBORDERROUTER"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[Server]:
    """What is created, changed or deleted is so at once."""
    running = Server(made_state(tmp_path_factory.mktemp("seed") / "state", authority), async_delay_ms=0)
    yield running
    running.close()


@pytest.fixture
def account(request: pytest.FixtureRequest) -> str:
    return f"s{abs(hash(request.node.nodeid)) % 10**9}"


@pytest.fixture
def cloud(server: Server, account: str) -> CloudClient:
    """An account of the test's own."""
    return server.cloud(account)


def made_vbr(cloud: CloudClient, **given: Any) -> str:
    """A VBR on a circuit of its own."""
    circuit = cloud.vpc("CreatePhysicalConnection", access_point_id="ap", line_operator="CT").physical_connection_id
    cloud.vpc("EnablePhysicalConnection", physical_connection_id=circuit)
    asked = {"physical_connection_id": circuit, "vlan_id": 0, **ENDS, **given}
    return str(cloud.vpc("CreateVirtualBorderRouter", **asked).vbr_id)


def made_gateway(cloud: CloudClient) -> tuple[str, list[str]]:
    """A VPN gateway and two IPsec connections to the data centre."""
    vpc, _ = networks.vpc(cloud)
    gateway, first = networks.connection(cloud, vpc)
    customer = cloud.vpc("CreateCustomerGateway", ip_address="198.18.0.158", asn="65001").customer_gateway_id
    subnets = {"local_subnet": "0.0.0.0/0", "remote_subnet": "0.0.0.0/0"}
    second = cloud.vpc(
        "CreateVpnConnection", vpn_gateway_id=gateway, customer_gateway_id=customer, **subnets
    ).vpn_connection_id
    return gateway, [first, second]


def vbr_of(cloud: CloudClient, vbr: str) -> Any:
    found = cloud.vpc("DescribeVirtualBorderRouters", filter=[{"key": "VbrId", "value": [vbr]}])
    return found.virtual_border_router_set.virtual_border_router_type[0]


def tags_of(cloud: CloudClient, vbr: str) -> dict[str, str]:
    found = cloud.vpc("ListTagResourcesForExpressConnect", resource_type=LABELLED, resource_id=[vbr])
    return {one.tag_key: one.tag_value for one in found.tag_resources.tag_resource}


def test_a_vbr_belongs_to_the_account_that_is_logged_on(server: Server, cloud: CloudClient, account: str) -> None:
    vbr = made_vbr(cloud)
    stored = server.worker.resources.store.get(vbr)
    assert stored is not None
    assert stored.account == account
    assert vbr_of(cloud, vbr).status == "active"


def test_a_vbr_is_in_the_resource_group_that_is_chosen_then_or_later(cloud: CloudClient) -> None:
    vbr = made_vbr(cloud, resource_group_id="rg-first")
    assert vbr_of(cloud, vbr).resource_group_id == "rg-first"
    cloud.vpc("ChangeResourceGroup", resource_type=LABELLED, resource_id=vbr, new_resource_group_id="rg-second")
    assert vbr_of(cloud, vbr).resource_group_id == "rg-second"


@pytest.mark.parametrize("value", ["", "v" * 128])
@pytest.mark.parametrize("key", ["k", "k" * 64])
def test_a_tag_of_a_vbr_has_a_key_of_64_and_a_value_of_128_characters(cloud: CloudClient, key: str, value: str) -> None:
    vbr = made_vbr(cloud, tags=[{"key": key, "value": value}])
    assert tags_of(cloud, vbr) == {key: value}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("k" * 65, "v"),
        ("aliyun-key", "v"),
        ("acs:key", "v"),
        ("a-http://-key", "v"),
        ("a-https://-key", "v"),
        ("k", "v" * 129),
        ("k", "aliyun-value"),
        ("k", "acs:value"),
        ("k", "to http://here"),
        ("k", "to https://here"),
    ],
)
def test_other_tags_are_refused_and_there_is_no_vbr(cloud: CloudClient, key: str, value: str) -> None:
    with pytest.raises(Refused, match="Tags"):
        made_vbr(cloud, tags=[{"key": key, "value": value}])
    assert cloud.vpc("DescribeVirtualBorderRouters").total_count == 0


def test_tags_of_a_vbr_are_added_changed_seen_and_taken_away_later(cloud: CloudClient) -> None:
    vbr = made_vbr(cloud)
    named: dict[str, Any] = {"resource_type": LABELLED, "resource_id": [vbr]}
    for value in ("net", "dc"):
        cloud.vpc("TagResourcesForExpressConnect", **named, tag=[{"key": "team", "value": value}])
        assert tags_of(cloud, vbr) == {"team": value}
    cloud.vpc("UntagResourcesForExpressConnect", **named, tag_key=["team"])
    assert tags_of(cloud, vbr) == {}


def test_ipv6_of_a_vbr_is_not_switched_off_again(cloud: CloudClient) -> None:
    ends = {"local_ipv_6gateway_ip": "fd00:a::1", "peer_ipv_6gateway_ip": "fd00:a::2"}
    vbr = made_vbr(cloud, enable_ipv_6=True, peering_ipv_6subnet_mask="126", **ends)
    assert vbr_of(cloud, vbr).enable_ipv_6 is True
    with pytest.raises(Refused, match="EnableIpv6"):
        cloud.vpc("ModifyVirtualBorderRouterAttribute", vbr_id=vbr, enable_ipv_6=False)
    assert vbr_of(cloud, vbr).enable_ipv_6 is True


def test_a_bgp_group_takes_110_routes_until_the_quota_is_raised(
    server: Server, cloud: CloudClient, account: str
) -> None:
    asked: dict[str, Any] = {"router_id": made_vbr(cloud), "peer_asn": 65001, "route_quota": 111}
    with pytest.raises(Refused, match="routes_per_bgp_peer"):
        cloud.vpc("CreateBgpGroup", **asked)
    server.worker.resources.store.change(lambda work: work.set_quota(account, "routes_per_bgp_peer", 111))
    group = cloud.vpc("CreateBgpGroup", **asked).bgp_group_id
    (shown,) = cloud.vpc("DescribeBgpGroups", bgp_group_id=group).bgp_groups.bgp_group
    assert shown.route_limit == "111"


@pytest.mark.parametrize("changed", [0, 1], ids=["active", "standby"])
def test_the_weight_of_one_route_is_changed_while_its_partner_is_away(cloud: CloudClient, changed: int) -> None:
    gateway, hops = made_gateway(cloud)
    pair: list[dict[str, Any]] = [
        {"vpn_gateway_id": gateway, "route_dest": DC, "next_hop": hop, "weight": weight}
        for hop, weight in zip(hops, (100, 0), strict=True)
    ]
    for route in pair:
        cloud.vpc("CreateVpnRouteEntry", **route, publish_vpc=True)
    one, partner = pair[changed], pair[1 - changed]
    with pytest.raises(Refused, match="delete"):
        cloud.vpc("ModifyVpnRouteEntryWeight", **one, new_weight=100 - one["weight"])
    cloud.vpc("DeleteVpnRouteEntry", **partner)
    cloud.vpc("ModifyVpnRouteEntryWeight", **one, new_weight=100 - one["weight"])
    cloud.vpc("CreateVpnRouteEntry", **{**partner, "weight": one["weight"]}, publish_vpc=True)
    shown = cloud.vpc("DescribeVpnRouteEntries", vpn_gateway_id=gateway).vpn_route_entries.vpn_route_entry
    assert {route.next_hop: route.weight for route in shown} == {
        one["next_hop"]: 100 - one["weight"],
        partner["next_hop"]: one["weight"],
    }


def test_connections_are_those_of_the_region_that_is_chosen(cloud: CloudClient) -> None:
    gateway, hops = made_gateway(cloud)
    shown = cloud.vpc("DescribeVpnConnections", vpn_gateway_id=gateway).vpn_connections.vpn_connection
    assert {one.vpn_connection_id for one in shown} == set(hops)
    with pytest.raises(Refused, match=r"InvalidRegionId\.NotFound"):
        cloud.vpc("DescribeVpnConnections", region_id="eu-nowhere")


def test_the_number_of_another_account_makes_the_vbr_theirs(server: Server, cloud: CloudClient, account: str) -> None:
    theirs = f"{account}x"
    other = server.cloud(theirs)
    vbr = made_vbr(cloud, vlan_id=100, vbr_owner_id=number_of(theirs))
    assert vbr_of(other, vbr).status == "unconfirmed"


def test_a_vswitch_is_in_one_of_the_zones_of_the_region(cloud: CloudClient) -> None:
    vpc = cloud.vpc("CreateVpc", cidr_block="192.168.0.0/24").vpc_id
    given: dict[str, Any] = {"vpc_id": vpc, "cidr_block": "192.168.0.0/25"}
    for zone in ("mars", "a", "cn-hangzhou-z", "cn-hangzhou-"):
        with pytest.raises(Refused, match=r"InvalidZoneId\.NotFound.*cn-hangzhou-b"):
            cloud.vpc("CreateVSwitch", zone_id=zone, **given)
    zones = [zone.zone_id for zone in cloud.vpc("DescribeZones").zones.zone]
    made = cloud.vpc("CreateVSwitch", zone_id=zones[1], **given).v_switch_id
    assert cloud.vpc("DescribeVSwitchAttributes", v_switch_id=made).zone_id == zones[1]
    assert cloud.vpc("DescribeVSwitches", zone_id=zones[1]).total_count == 1
    assert cloud.vpc("DescribeVSwitches", zone_id=zones[0]).total_count == 0


def test_a_zone_of_an_attachment_is_that_of_its_vswitch(cloud: CloudClient) -> None:
    vpc, vswitch = networks.vpc(cloud)
    cen = cloud.call(CBN, "CreateCen").cen_id
    cloud.call(CBN, "CreateTransitRouter", cen_id=cen)
    there, elsewhere = ([{"zone_id": f"cn-hangzhou-{one}", "v_switch_id": vswitch}] for one in "ab")
    with pytest.raises(Refused, match=r"ZoneMappings\.1\.ZoneId.*write cn-hangzhou-a"):
        cloud.call(CBN, "CreateTransitRouterVpcAttachment", cen_id=cen, vpc_id=vpc, zone_mappings=elsewhere)
    made = cloud.call(CBN, "CreateTransitRouterVpcAttachment", cen_id=cen, vpc_id=vpc, zone_mappings=there)
    attachment = made.transit_router_attachment_id
    change = "UpdateTransitRouterVpcAttachmentZones"
    with pytest.raises(Refused, match=r"AddZoneMappings\.1\.ZoneId"):
        cloud.call(CBN, change, transit_router_attachment_id=attachment, add_zone_mappings=elsewhere)


def test_the_asn_of_the_data_centre_is_one(cloud: CloudClient) -> None:
    vbr = made_vbr(cloud)
    for wrong in (0, 4294967296):
        with pytest.raises(Refused, match=r"InvalidPeerAsn\.ValueNotSupported"):
            cloud.vpc("CreateBgpGroup", router_id=vbr, peer_asn=wrong)
    group = cloud.vpc("CreateBgpGroup", router_id=vbr, peer_asn=4294967295).bgp_group_id
    with pytest.raises(Refused, match=r"InvalidPeerAsn\.ValueNotSupported"):
        cloud.vpc("ModifyBgpGroupAttribute", bgp_group_id=group, peer_asn=0)
    cloud.vpc("ModifyBgpGroupAttribute", bgp_group_id=group, peer_asn=1)
