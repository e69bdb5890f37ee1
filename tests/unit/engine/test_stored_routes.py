"""The routes of stored tables: with and without a site, with what the statuses say, by id."""

from __future__ import annotations

import itertools
from typing import Any

from msgspec.structs import replace
from tests.unit.engine.resource_samples import resource

from twinspan.engine.stored_routes import stored_routes
from twinspan.model.data_center import DataCenterSpec
from twinspan.model.gateway import GatewaySpec
from twinspan.model.resource import Resource
from twinspan.model.route_table import RouteEntry

DC, OTHER = "192.168.1.0/24", "192.168.2.0/24"


def site(name: str, prefix: str) -> Resource:
    return resource(
        "Site",
        f"site-{name}",
        name=name,
        data_center=DataCenterSpec(prefixes=(prefix,)),
        gateway=GatewaySpec(public_address="198.18.0.154", local_asn=65001),
    )


def cloud(at: str = "") -> list[Resource]:
    """A router with a VBR that speaks BGP and a VPC whose VPN route is published; `at`: the site it is bound to."""
    joined: dict[str, Any] = {"route_table_association": "vtb-tr", "route_table_propagation": ("vtb-tr",)}
    found = [
        resource("Cen", "cen-1"),
        resource("TransitRouter", "tr-1", cen="cen-1"),
        resource("RouteTable", "vtb-tr", transit_router="tr-1"),
        resource("Vpc", "vpc-1", cidr_block="192.168.0.0/24"),
        resource("RouteTable", "vtb-vpc", vpc="vpc-1"),
        resource("VpnGateway", "vpn-1", vpc="vpc-1"),
        resource("CustomerGateway", "cgw-1", ip_address="198.18.0.154"),
        resource("IpsecConnection", "vco-1", vpn_gateway="vpn-1", customer_gateway="cgw-1"),
        resource("DestinationRoute", "dbr-1", ipsec_connection="vco-1", destination=DC),
        resource("PhysicalConnection", "pc-1"),
        resource(
            "VirtualBorderRouter",
            "vbr-1",
            physical_connection="pc-1",
            local_gateway_ip="10.0.0.1",
            peer_gateway_ip="10.0.0.2",
            prefix_length=30,
        ),
        resource("BgpGroup", "bgpg-1", virtual_border_router="vbr-1", peer_asn=65001),
        resource("BgpPeer", "bgp-1", bgp_group="bgpg-1", peer_ip="10.0.0.2"),
        resource("HealthCheck", "hc-1", cen="cen-1", virtual_border_router="vbr-1"),
        resource("Attachment", "tr-attach-vpc", transit_router="tr-1", vpc="vpc-1", **joined),
        resource("Attachment", "tr-attach-vbr", transit_router="tr-1", virtual_border_router="vbr-1", **joined),
    ]
    clock = itertools.count()
    return [replace(one, site=at, created_ns=next(clock)) for one in found]


def shown(table: str, resources: list[Resource], destination: str = DC) -> dict[str, str]:
    """Source to status."""
    (found,) = (one for one in resources if one.id == table)
    choices = stored_routes(found, resources)
    return {choice.route.source: choice.status for choice in choices if choice.route.destination == destination}


def with_status(resources: list[Resource], resource_id: str, **status: Any) -> list[Resource]:
    return [replace(one, status=status) if one.id == resource_id else one for one in resources]


def test_the_data_centre_s_routes_come_from_the_site() -> None:
    resources = [*cloud(), site("here", DC)]

    assert shown("vtb-tr", resources) == {"vbr-1": "Active", "vpc-1": "Standby"}


def test_an_account_without_a_site_has_what_its_cloud_declares() -> None:
    assert shown("vtb-tr", cloud()) == {"vpc-1": "Active"}


def test_next_hops_are_ids() -> None:
    (table,) = (one for one in cloud() if one.id == "vtb-tr")
    hops = {choice.route.next_hop for choice in stored_routes(table, [*cloud(), site("here", DC)])}

    assert hops == {"tr-attach-vpc", "tr-attach-vbr"}


def test_a_table_is_of_the_site_that_it_is_bound_to() -> None:
    resources = [site("far", OTHER), *cloud(at="here"), site("here", DC)]

    assert shown("vtb-tr", resources) == {"vbr-1": "Active", "vpc-1": "Standby"}
    assert shown("vtb-tr", resources, OTHER) == {}


def test_a_health_check_that_moved_the_route_makes_the_standby_active() -> None:
    resources = with_status([*cloud(), site("here", DC)], "hc-1", healthy=False, route_moved=True)

    assert shown("vtb-tr", resources) == {"vbr-1": "Standby", "vpc-1": "Active"}


def test_a_session_that_is_not_established_brings_nothing() -> None:
    resources = with_status([*cloud(), site("here", DC)], "bgp-1", bgp_state="Active")

    assert shown("vtb-tr", resources) == {"vpc-1": "Active"}


def test_the_only_way_stays_when_its_connection_is_down() -> None:
    resources = with_status(cloud(), "vco-1", status="ike_sa_not_established")

    assert shown("vtb-tr", resources) == {"vpc-1": "Active"}


def test_a_route_map_of_another_cen_instance_or_table_does_nothing() -> None:
    rule: dict[str, Any] = {"direction": "in", "priority": 1, "result": "deny"}
    resources = [
        *cloud(),
        resource("Cen", "cen-2"),
        resource("RouteMap", "cenrmap-1", cen="cen-2", **rule),
        resource("RouteTable", "vtb-two", transit_router="tr-1", system=False),
        resource("RouteMap", "cenrmap-2", cen="cen-1", transit_router_route_table="vtb-two", **rule),
    ]

    assert shown("vtb-tr", resources) == {"vpc-1": "Active"}
    own = resource("RouteMap", "cenrmap-3", cen="cen-1", source_instances=("vpc-1",), **rule)
    assert shown("vtb-tr", [*resources, own]) == {"vpc-1": "Prohibited"}


def test_an_entry_comes_first_and_an_absent_table_has_no_routes() -> None:
    entry = RouteEntry(destination=DC, next_hop_kind="attachment", next_hop="tr-attach-vbr")
    tables = [
        replace(one, spec=replace(one.spec, entries=(entry,))) if one.id == "vtb-tr" else one  # type: ignore[call-arg]
        for one in cloud()
    ]

    assert shown("vtb-tr", tables) == {"": "Active", "vpc-1": "Standby"}
    gone = replace(tables[2], phase="deleting")
    assert stored_routes(gone, [*tables[:2], gone, *tables[3:]]) == ()
