"""What users of a CEN instance meet: its times, its defaults, other accounts, and which route is used."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.inprocess import alibaba_networks as networks
from tests.inprocess.compatible import CloudClient, Refused, Server, made_state

from twinspan.model.resource import Actor
from twinspan.server.resources.port import Query
from twinspan.wire.alibaba.action import CBN

DELAY_MS = 400
REGION: dict[str, Any] = {"cen_region_id": "cn-hangzhou"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[Server]:
    """What is created, changed or deleted is so at once."""
    running = Server(made_state(tmp_path_factory.mktemp("cbn") / "state", authority), async_delay_ms=0)
    yield running
    running.close()


@pytest.fixture
def slow(tmp_path: Path, authority: Path) -> Iterator[Server]:
    """As in the cloud everything takes a moment."""
    running = Server(made_state(tmp_path / "state", authority), async_delay_ms=DELAY_MS)
    yield running
    running.close()


def cbn(cloud: CloudClient, action: str, **given: Any) -> Any:
    return cloud.call(CBN, action, **given)


def until(ask: Any, wanted: str) -> list[str]:
    """The states on the way, each once; the last is the wanted one."""
    seen: list[str] = []
    end = time.monotonic() + 10
    while not seen or seen[-1] != wanted:
        assert time.monotonic() < end, seen
        state = ask()
        if not seen or seen[-1] != state:
            seen.append(state)
        time.sleep(0.02)
    return seen


class Joined:
    """A CEN instance with a router, its tables and what is attached."""

    def __init__(self, cloud: CloudClient) -> None:
        self.cloud = cloud
        self.cen = cbn(cloud, "CreateCen").cen_id
        self.router = cbn(cloud, "CreateTransitRouter", cen_id=self.cen).transit_router_id
        (table,) = cbn(cloud, "ListTransitRouterRouteTables", transit_router_id=self.router).transit_router_route_tables
        self.table = table.transit_router_route_table_id

    def attach(self, noun: str, **network: Any) -> str:
        """Attached, and asked and taught by the system table."""
        made = cbn(
            self.cloud,
            f"CreateTransitRouter{noun}Attachment",
            transit_router_id=self.router,
            auto_publish_route_enabled=True,
            **network,
        ).transit_router_attachment_id
        both: dict[str, Any] = {
            "transit_router_attachment_id": made,
            "transit_router_route_table_id": self.table,
        }
        cbn(self.cloud, "AssociateTransitRouterAttachmentWithRouteTable", **both)
        cbn(self.cloud, "EnableTransitRouterRouteTablePropagation", **both)
        return str(made)

    def routes(self, destination: str) -> dict[str, tuple[str, str]]:
        """Network that brings it to status and reason."""
        found = cbn(
            self.cloud,
            "ListTransitRouterRouteEntries",
            transit_router_route_table_id=self.table,
            transit_router_route_entry_destination_cidr_block=destination,
            max_results=100,
        ).transit_router_route_entries
        return {
            one.transit_router_route_entry_next_hop_resource_id: (
                one.transit_router_route_entry_status,
                one.transit_router_route_entry_description,
            )
            for one in found
        }


def report(server: Server, statuses: dict[str, dict[str, Any]]) -> None:
    """As nodes do."""
    server.inside(lambda worker: worker.resources.store.write_status(statuses, time.time_ns()))


def site(server: Server, account: str) -> None:
    """The data centre's own half."""
    actor = Actor(account=account, label="test", role="operator")
    spec = {
        "data_center": {"prefixes": [networks.DC]},
        "gateway": {"public_address": "198.18.0.154", "local_asn": 65001},
    }
    server.inside(lambda worker: worker.resources.service.create(actor, "Site", spec, name="here"))


# ------------------------------------------------------------------------------------------------------ times


def test_a_router_and_its_attachments_take_their_time(slow: Server) -> None:
    cloud = slow.cloud()
    cen = cbn(cloud, "CreateCen").cen_id
    assert until(lambda: cbn(cloud, "DescribeCens").cens.cen[0].status, "Active") == ["Creating", "Active"]
    cbn(cloud, "CreateTransitRouter", cen_id=cen)
    vpc, vswitch = _slow_vpc(cloud)
    routers = lambda: cbn(cloud, "ListTransitRouters", cen_id=cen).transit_routers[0]  # noqa: E731
    until(lambda: routers().status, "Active")
    zones = [{"zone_id": "cn-hangzhou-a", "v_switch_id": vswitch}]
    made = cbn(cloud, "CreateTransitRouterVpcAttachment", cen_id=cen, vpc_id=vpc, zone_mappings=zones)
    attachments = lambda: cbn(cloud, "ListTransitRouterVpcAttachments", cen_id=cen).transit_router_attachments  # noqa: E731
    assert until(lambda: attachments()[0].status, "Attached") == ["Attaching", "Attached"]
    table = cbn(cloud, "ListTransitRouterRouteTables", transit_router_id=routers().transit_router_id)
    both: dict[str, Any] = {
        "transit_router_attachment_id": made.transit_router_attachment_id,
        "transit_router_route_table_id": table.transit_router_route_tables[0].transit_router_route_table_id,
    }
    cbn(cloud, "AssociateTransitRouterAttachmentWithRouteTable", **both)
    cbn(cloud, "EnableTransitRouterRouteTablePropagation", **both)  # side by side, as in the cloud
    associations = lambda: cbn(cloud, "ListTransitRouterRouteTableAssociations", **both).transit_router_associations  # noqa: E731
    propagations = lambda: cbn(cloud, "ListTransitRouterRouteTablePropagations", **both).transit_router_propagations  # noqa: E731
    assert until(lambda: associations()[0].status, "Active") == ["Associating", "Active"]
    assert until(lambda: propagations()[0].status, "Active")[-1] == "Active"
    cbn(
        cloud,
        "DeleteTransitRouterVpcAttachment",
        transit_router_attachment_id=made.transit_router_attachment_id,
        force=True,
    )
    assert attachments()[0].status == "Detaching"
    until(lambda: str(len(attachments())), "0")


def _slow_vpc(cloud: CloudClient) -> tuple[str, str]:
    vpc = cloud.vpc("CreateVpc", cidr_block=networks.USER).vpc_id
    until(lambda: cloud.vpc("DescribeVpcAttribute", vpc_id=vpc).status, "Available")
    vswitch = cloud.vpc("CreateVSwitch", vpc_id=vpc, cidr_block="192.168.0.0/25", zone_id="cn-hangzhou-a").v_switch_id
    until(lambda: cloud.vpc("DescribeVSwitchAttributes", v_switch_id=vswitch).status, "Available")
    return vpc, vswitch


def test_a_router_that_is_not_there_yet_attaches_nothing(slow: Server) -> None:
    cloud = slow.cloud()
    cen = cbn(cloud, "CreateCen").cen_id
    vpc, _ = _slow_vpc(cloud)
    until(lambda: cbn(cloud, "DescribeCens").cens.cen[0].status, "Active")
    cbn(cloud, "CreateTransitRouter", cen_id=cen)
    with pytest.raises(Refused, match=r"IncorrectStatus\.TransitRouterInstance"):
        cbn(cloud, "CreateTransitRouterVpcAttachment", cen_id=cen, vpc_id=vpc)


# ------------------------------------------------------------------------------------------------------ defaults


def test_an_attachment_asks_and_teaches_nobody_until_somebody_says_so(server: Server) -> None:
    cloud = server.cloud("plain")
    joined, (vpc, _) = Joined(cloud), networks.vpc(cloud)
    made = cbn(cloud, "CreateTransitRouterVpcAttachment", transit_router_id=joined.router, vpc_id=vpc)
    named: dict[str, Any] = {"transit_router_attachment_id": made.transit_router_attachment_id}
    assert cbn(cloud, "ListTransitRouterRouteTableAssociations", **named).total_count == 0
    assert cbn(cloud, "ListTransitRouterRouteTablePropagations", **named).total_count == 0
    (shown,) = cbn(cloud, "ListTransitRouterVpcAttachments", **named).transit_router_attachments
    assert shown.auto_publish_route_enabled is False
    assert joined.routes(networks.USER) == {}


def test_a_region_without_a_router_gets_one_with_the_first_attachment(server: Server) -> None:
    cloud = server.cloud("automatic")
    cen, (vpc, _), vbr = cbn(cloud, "CreateCen").cen_id, networks.vpc(cloud), networks.vbr(cloud)
    assert cbn(cloud, "ListTransitRouters", cen_id=cen).total_count == 0
    cbn(cloud, "CreateTransitRouterVbrAttachment", cen_id=cen, vbr_id=vbr)
    (router,) = cbn(cloud, "ListTransitRouters", cen_id=cen).transit_routers
    cbn(cloud, "CreateTransitRouterVpcAttachment", cen_id=cen, vpc_id=vpc)
    (again,) = cbn(cloud, "ListTransitRouters", cen_id=cen).transit_routers
    assert router.transit_router_id == again.transit_router_id
    tables = cbn(cloud, "ListTransitRouterRouteTables", transit_router_id=router.transit_router_id)
    assert [one.transit_router_route_table_type for one in tables.transit_router_route_tables] == ["System"]


def test_an_attachment_that_is_used_goes_only_by_force(server: Server) -> None:
    cloud = server.cloud("force")
    joined, (vpc, _) = Joined(cloud), networks.vpc(cloud)
    made = joined.attach("Vpc", vpc_id=vpc)
    cbn(
        cloud,
        "CreateTransitRouterRouteEntry",
        transit_router_route_table_id=joined.table,
        transit_router_route_entry_destination_cidr_block="100.64.0.0/10",
        transit_router_route_entry_next_hop_type="Attachment",
        transit_router_route_entry_next_hop_id=made,
    )
    named: dict[str, Any] = {"transit_router_attachment_id": made}
    both = {**named, "transit_router_route_table_id": joined.table}
    for code, action in (
        (r"OperationFailed\.RouteTableAssociationExist", "DissociateTransitRouterAttachmentFromRouteTable"),
        (r"OperationFailed\.RouteTablePropagationExist", "DisableTransitRouterRouteTablePropagation"),
    ):
        with pytest.raises(Refused, match=code):
            cbn(cloud, "DeleteTransitRouterVpcAttachment", **named)
        cbn(cloud, action, **both)
    with pytest.raises(Refused, match=r"OperationFailed\.RouteEntryExist"):
        cbn(cloud, "DeleteTransitRouterVpcAttachment", **named)
    cbn(cloud, "DeleteTransitRouterVpcAttachment", **named, force=True)
    assert joined.routes("100.64.0.0/10") == {}


# ------------------------------------------------------------------------------------------------------ accounts


def test_a_network_of_another_account_is_attached_with_its_owner_s_grant_alone(server: Server) -> None:
    owner, other = server.cloud("north"), server.cloud("south")
    joined, (vpc, switch) = Joined(owner), networks.vpc(other)
    number = int(other.vpc("DescribeVpcs").vpcs.vpc[0].owner_id)
    (router,) = cbn(owner, "ListTransitRouters", cen_id=joined.cen).transit_routers
    where = {"zone_mappings": [{"zone_id": "cn-hangzhou-a", "v_switch_id": switch}]}
    named: dict[str, Any] = {"transit_router_id": joined.router, "vpc_id": vpc}
    with pytest.raises(Refused):
        cbn(owner, "CreateTransitRouterVpcAttachment", **named, vpc_owner_id=number)
    rule: dict[str, Any] = {
        "cen_id": joined.cen,
        "cen_owner_id": int(router.ali_uid),
        "instance_id": vpc,
        "instance_type": "VPC",
    }
    cbn(other, "GrantInstanceToTransitRouter", **rule)
    with pytest.raises(Refused, match="VpcOwnerId"):
        cbn(owner, "CreateTransitRouterVpcAttachment", **named)
    made = joined.attach("Vpc", vpc_id=vpc, vpc_owner_id=number, **where)
    (shown,) = cbn(owner, "ListTransitRouterVpcAttachments", cen_id=joined.cen).transit_router_attachments
    assert (shown.transit_router_attachment_id, shown.vpc_owner_id) == (made, number)
    assert joined.routes(networks.USER)[vpc][0] == "Active"
    with pytest.raises(Refused, match=r"InvalidOperation\.AttachedChildInstanceExist"):
        cbn(other, "RevokeInstanceFromTransitRouter", **rule)
    with pytest.raises(Refused, match="DependencyViolation"):
        other.vpc("DeleteVpc", vpc_id=vpc)
    with pytest.raises(Refused, match="DependencyViolation"):
        other.vpc("DeleteVSwitch", v_switch_id=switch)
    cbn(owner, "DeleteTransitRouterVpcAttachment", transit_router_attachment_id=made, force=True)
    cbn(other, "RevokeInstanceFromTransitRouter", **rule)


def test_a_vbr_of_another_account_is_attached_and_watched(server: Server) -> None:
    owner, other = server.cloud("west"), server.cloud("west-lines")
    joined, vbr = Joined(owner), networks.vbr(other)
    networks.vpc(other)
    number = int(other.vpc("DescribeVpcs").vpcs.vpc[0].owner_id)
    (router,) = cbn(owner, "ListTransitRouters", cen_id=joined.cen).transit_routers
    cbn(
        other,
        "GrantInstanceToTransitRouter",
        cen_id=joined.cen,
        cen_owner_id=int(router.ali_uid),
        instance_id=vbr,
        instance_type="ExpressConnect",
    )
    joined.attach("Vbr", vbr_id=vbr, vbr_owner_id=number)
    named: dict[str, Any] = {
        "cen_id": joined.cen,
        "vbr_instance_id": vbr,
        "vbr_instance_region_id": "cn-hangzhou",
        "vbr_instance_owner_id": number,
    }
    cbn(owner, "EnableCenVbrHealthCheck", **named, health_check_target_ip="10.0.0.2")
    assert cbn(owner, "DescribeCenVbrHealthCheck", **named).total_count == 1
    child = {"cen_id": joined.cen, "child_instance_id": vbr, "child_instance_type": "VBR"}
    shown = cbn(owner, "DescribeCenAttachedChildInstanceAttribute", **child, child_instance_region_id="cn-hangzhou")
    assert (shown.child_instance_owner_id, shown.status) == (number, "Attached")


def test_a_grant_names_a_cen_instance_and_its_owner_that_belong_together(server: Server) -> None:
    cloud = server.cloud("east")
    vpc, _ = networks.vpc(cloud)
    with pytest.raises(Refused, match="ParameterCenInstanceId"):
        cbn(
            cloud,
            "GrantInstanceToTransitRouter",
            cen_id="cen-of-nobody",
            cen_owner_id=1234567890123456,
            instance_id=vpc,
            instance_type="VPC",
        )


# ------------------------------------------------------------------------------------------------------ routes


def test_the_circuit_carries_and_the_vpn_stands_by_until_the_health_check_fails(server: Server) -> None:
    """The seed's two spans, as the table of its transit router shows them."""
    cloud = server.cloud("spans")
    site(server, "spans")
    joined = Joined(cloud)
    (user, _), vbr = networks.vpc(cloud), networks.vbr(cloud)
    gateway, connection = networks.connection(cloud, user)
    joined.attach("Vpc", vpc_id=user)
    joined.attach("Vbr", vbr_id=vbr)
    cloud.vpc(
        "CreateVpnRouteEntry",
        vpn_gateway_id=gateway,
        next_hop=connection,
        route_dest=networks.DC,
        weight=100,
        publish_vpc=True,
    )
    assert {network: status for network, (status, _) in joined.routes(networks.DC).items()} == {vbr: "Active"}
    _publish(cloud, joined.cen, user)
    found = joined.routes(networks.DC)
    assert (found[vbr][0], found[user][0]) == ("Active", "Standby")
    assert found[user][1] == "a route of an Express Connect circuit comes before one of a VPN"
    named = {"cen_id": joined.cen, "vbr_instance_id": vbr, "vbr_instance_region_id": "cn-hangzhou"}
    cbn(cloud, "EnableCenVbrHealthCheck", **named, health_check_target_ip="10.0.0.2")
    check = _stored(server, "spans", "HealthCheck")
    report(server, {check: {"healthy": False, "route_moved": True}})
    found = joined.routes(networks.DC)
    assert (found[vbr][0], found[user][0]) == ("Standby", "Active")
    report(server, {check: {"healthy": True, "route_moved": False}})
    assert joined.routes(networks.DC)[vbr][0] == "Active"
    peer = cloud.vpc("DescribeBgpPeers").bgp_peers.bgp_peer[0].bgp_peer_id
    report(server, {peer: {"bgp_state": "Idle"}})
    assert {network: status for network, (status, _) in joined.routes(networks.DC).items()} == {user: "Active"}


def _publish(cloud: CloudClient, cen: str, vpc: str) -> None:
    table = cloud.vpc("DescribeRouteTableList", vpc_id=vpc).router_table_list.router_table_list_type[0]
    cbn(
        cloud,
        "PublishRouteEntries",
        cen_id=cen,
        child_instance_id=vpc,
        child_instance_type="VPC",
        child_instance_region_id="cn-hangzhou",
        child_instance_route_table_id=table.route_table_id,
        destination_cidr_block=networks.DC,
    )


def _stored(server: Server, account: str, kind: str) -> str:
    actor = Actor(account=account, label="test", role="viewer")
    query = Query(kind=kind, account=account)
    return server.inside(lambda worker: worker.resources.service.list(actor, query)).resources[0].id


def test_a_route_map_turns_the_preference_round(server: Server) -> None:
    cloud = server.cloud("maps")
    site(server, "maps")
    joined = Joined(cloud)
    (user, _), vbr = networks.vpc(cloud), networks.vbr(cloud)
    gateway, connection = networks.connection(cloud, user)
    joined.attach("Vpc", vpc_id=user)
    joined.attach("Vbr", vbr_id=vbr)
    cloud.vpc(
        "CreateVpnRouteEntry",
        vpn_gateway_id=gateway,
        next_hop=connection,
        route_dest=networks.DC,
        weight=100,
        publish_vpc=True,
    )
    _publish(cloud, joined.cen, user)
    made = cbn(
        cloud,
        "CreateCenRouteMap",
        **REGION,
        cen_id=joined.cen,
        priority=10,
        transmit_direction="RegionIn",
        map_result="Permit",
        source_instance_ids=[user],
        preference=20,
    ).route_map_id
    found = joined.routes(networks.DC)
    assert (found[vbr][0], found[user][0]) == ("Standby", "Active")
    cbn(cloud, "ModifyCenRouteMap", **REGION, cen_id=joined.cen, route_map_id=made, map_result="Deny", priority=10)
    found = joined.routes(networks.DC)
    assert (found[vbr][0], found[user][0]) == ("Active", "Prohibited")


def test_the_rule_between_vpn_and_vbr_is_there_as_long_as_a_vpn_attachment_is(server: Server) -> None:
    cloud = server.cloud("hidden")
    joined, (vpc, _) = Joined(cloud), networks.vpc(cloud)
    _, connection = networks.connection(cloud, vpc)
    maps = lambda: cbn(cloud, "DescribeCenRouteMaps", cen_id=joined.cen).route_maps.route_map  # noqa: E731
    assert maps() == []
    made = joined.attach("Vpn", vpn_id=connection)
    (rule,) = maps()
    assert (rule.priority, rule.map_result, rule.transmit_direction) == (5000, "Deny", "RegionOut")
    with pytest.raises(Refused, match=r"OperationUnsupported\.SystemRouteMap"):
        cbn(cloud, "DeleteCenRouteMap", **REGION, cen_id=joined.cen, route_map_id=rule.route_map_id)
    cbn(cloud, "DeleteTransitRouterVpnAttachment", transit_router_attachment_id=made, force=True)
    assert maps() == []


def test_two_route_maps_of_one_priority_are_refused(server: Server) -> None:
    cloud = server.cloud("twice")
    joined = Joined(cloud)
    named: dict[str, Any] = {
        **REGION,
        "cen_id": joined.cen,
        "priority": 10,
        "transmit_direction": "RegionIn",
        "map_result": "Permit",
    }
    cbn(cloud, "CreateCenRouteMap", **named)
    with pytest.raises(Refused, match="Priority"):
        cbn(cloud, "CreateCenRouteMap", **named)
    cbn(cloud, "CreateCenRouteMap", **{**named, "transmit_direction": "RegionOut"})


def test_a_health_check_needs_a_vbr_that_is_attached(server: Server) -> None:
    cloud = server.cloud("check")
    joined, vbr = Joined(cloud), networks.vbr(cloud)
    named: dict[str, Any] = {
        "cen_id": joined.cen,
        "vbr_instance_id": vbr,
        "vbr_instance_region_id": "cn-hangzhou",
        "health_check_target_ip": "10.0.0.2",
    }
    with pytest.raises(Refused, match=r"InvalidOperation\.VbrNotAttachedToCen"):
        cbn(cloud, "EnableCenVbrHealthCheck", **named)
    joined.attach("Vbr", vbr_id=vbr)
    cbn(cloud, "EnableCenVbrHealthCheck", **named)
    (shown,) = cbn(
        cloud, "DescribeCenVbrHealthCheck", vbr_instance_region_id="cn-hangzhou"
    ).vbr_health_checks.vbr_health_check
    assert shown.health_check_source_ip.startswith("100.96.")
    with pytest.raises(Refused, match="HealthyThreshold"):
        cbn(cloud, "EnableCenVbrHealthCheck", **named, healthy_threshold=9)
    cbn(cloud, "EnableCenVbrHealthCheck", **named, health_check_source_ip="172.16.9.9", health_check_only=True)
    (shown,) = cbn(
        cloud, "DescribeCenVbrHealthCheck", vbr_instance_region_id="cn-hangzhou"
    ).vbr_health_checks.vbr_health_check
    assert (shown.health_check_source_ip, shown.health_check_only) == ("172.16.9.9", True)
