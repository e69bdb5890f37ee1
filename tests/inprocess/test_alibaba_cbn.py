"""Every action of the CEN product, called by the cloud's own SDK over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.inprocess import alibaba_networks as networks
from tests.inprocess.compatible import CloudClient, Server, made_state

from twinspan.wire.alibaba.action import CBN
from twinspan.wire.alibaba.table import ACTIONS


class Cbn:
    """The CEN product of a client."""

    def __init__(self, cloud: CloudClient) -> None:
        self.cloud = cloud

    def __call__(self, action: str, **given: Any) -> Any:
        return self.cloud.call(CBN, action, **given)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[Server]:
    """What is created, changed or deleted is so at once."""
    running = Server(made_state(tmp_path_factory.mktemp("cbn") / "state", authority), async_delay_ms=0)
    yield running
    running.close()


@pytest.fixture(scope="module")
def walk(server: Server) -> CloudClient:
    """A client that has called every action once, in an order that makes sense."""
    cloud = server.cloud()
    cbn, ids = Cbn(cloud), {}
    _routers(cbn, ids)
    _attachments(cbn, ids)
    _tables(cbn, ids)
    _routes(cbn, ids)
    _older_way(cbn)
    _labels(cbn, ids)
    _maps(cbn, ids)
    _checks(cbn, ids)
    _grants(cbn, ids, server.cloud("bravo"))
    _away(cbn, ids)
    return cloud


def _routers(cbn: Cbn, ids: dict[str, str]) -> None:
    cen = ids["cen"] = cbn("CreateCen", name="cen", tag=[{"key": "team", "value": "net"}]).cen_id
    cbn("ModifyCenAttribute", cen_id=cen, description="joins all")
    shown = cbn("DescribeCens", filter=[{"key": "CenId", "value": [cen]}]).cens.cen
    assert [(one.cen_id, one.status, one.protection_level, one.description) for one in shown] == [
        (cen, "Active", "REDUCED", "joins all")
    ]
    blocks = [{"cidr": "10.10.0.0/24", "publish_cidr_route": True}]
    router = ids["router"] = cbn(
        "CreateTransitRouter", cen_id=cen, transit_router_name="router", transit_router_cidr_list=blocks
    ).transit_router_id
    cbn("UpdateTransitRouter", transit_router_id=router, transit_router_description="of the region")
    (found,) = cbn("ListTransitRouters", cen_id=cen, type="Enterprise", status="active").transit_routers
    assert (found.transit_router_id, found.region_id, found.transit_router_cidr_list[0].cidr) == (
        router,
        "cn-hangzhou",
        "10.10.0.0/24",
    )

    _blocks(cbn, router)


def _blocks(cbn: Cbn, router: str) -> None:
    cbn("CheckTransitRouterService")
    cbn("OpenTransitRouterService")
    assert cbn("ListTransitRouterAvailableResource").available_zones[0] == "cn-hangzhou-a"
    made = cbn("CreateTransitRouterCidr", transit_router_id=router, cidr="10.11.0.0/24").transit_router_cidr_id
    shown = cbn("ListTransitRouterCidr", transit_router_id=router).cidr_lists
    assert [(one.cidr, one.transit_router_cidr_id == made) for one in shown] == [
        ("10.10.0.0/24", False),
        ("10.11.0.0/24", True),
    ]
    cbn("DeleteTransitRouterCidr", transit_router_id=router, transit_router_cidr_id=made)
    assert len(cbn("ListTransitRouterCidr", transit_router_id=router).cidr_lists) == 1


def _attachments(cbn: Cbn, ids: dict[str, str]) -> None:
    ids["vpc"], ids["vswitch"] = networks.vpc(cbn.cloud)
    ids["vbr"] = networks.vbr(cbn.cloud)
    ids["gateway"], ids["connection"] = networks.connection(cbn.cloud, ids["vpc"])
    zones = [{"zone_id": "cn-hangzhou-a", "v_switch_id": ids["vswitch"]}]
    made = {
        "Vpc": cbn("CreateTransitRouterVpcAttachment", cen_id=ids["cen"], vpc_id=ids["vpc"], zone_mappings=zones),
        "Vbr": cbn("CreateTransitRouterVbrAttachment", transit_router_id=ids["router"], vbr_id=ids["vbr"]),
        "Vpn": cbn("CreateTransitRouterVpnAttachment", transit_router_id=ids["router"], vpn_id=ids["connection"]),
    }
    for noun, answer in made.items():
        attachment = ids[noun] = answer.transit_router_attachment_id
        named: dict[str, Any] = {"transit_router_attachment_id": attachment}
        (shown,) = cbn(f"ListTransitRouter{noun}Attachments", cen_id=ids["cen"]).transit_router_attachments
        assert (shown.transit_router_attachment_id, shown.status) == (attachment, "Attached")
        assert shown.auto_publish_route_enabled is (noun == "Vpn")
        cbn(f"UpdateTransitRouter{noun}AttachmentAttribute", **named, transit_router_attachment_name=f"{noun}-way")
    named = {"transit_router_attachment_id": ids["Vpc"]}
    cbn("UpdateTransitRouterVpcAttachmentZones", **named, remove_zone_mappings=zones)
    cbn("UpdateTransitRouterVpcAttachmentZones", **named, add_zone_mappings=zones)
    (shown,) = cbn("ListTransitRouterVpcAttachments", vpc_id=ids["vpc"]).transit_router_attachments
    assert [one.v_switch_id for one in shown.zone_mappings] == [ids["vswitch"]]
    assert shown.transit_router_attachment_name == "Vpc-way"


def _tables(cbn: Cbn, ids: dict[str, str]) -> None:
    (system,) = cbn("ListTransitRouterRouteTables", transit_router_id=ids["router"]).transit_router_route_tables
    assert (system.transit_router_route_table_type, system.transit_router_route_table_status) == ("System", "Active")
    ids["table"] = system.transit_router_route_table_id
    custom = cbn("CreateTransitRouterRouteTable", transit_router_id=ids["router"]).transit_router_route_table_id
    cbn("UpdateTransitRouterRouteTable", transit_router_route_table_id=custom, transit_router_route_table_name="second")
    both: dict[str, Any] = {"transit_router_attachment_id": ids["Vpc"], "transit_router_route_table_id": ids["table"]}
    assert cbn("ListTransitRouterRouteTableAssociations").transit_router_associations == []
    cbn("AssociateTransitRouterAttachmentWithRouteTable", **both)
    cbn("ReplaceTransitRouterRouteTableAssociation", **{**both, "transit_router_route_table_id": custom})
    (found,) = cbn("ListTransitRouterRouteTableAssociations", status="Active").transit_router_associations
    assert (found.transit_router_route_table_id, found.resource_id, found.resource_type) == (custom, ids["vpc"], "VPC")
    cbn("DissociateTransitRouterAttachmentFromRouteTable", **{**both, "transit_router_route_table_id": custom})
    cbn("EnableTransitRouterRouteTablePropagation", **both)
    (learns,) = cbn("ListTransitRouterRouteTablePropagations", **both).transit_router_propagations
    assert learns.status == "Active"
    cbn("DisableTransitRouterRouteTablePropagation", **both)
    assert cbn("ListTransitRouterRouteTablePropagations", **both).total_count == 0
    cbn("DeleteTransitRouterRouteTable", transit_router_route_table_id=custom)


def _routes(cbn: Cbn, ids: dict[str, str]) -> None:
    table: dict[str, Any] = {"transit_router_route_table_id": ids["table"]}
    for noun in ("Vpc", "Vbr"):
        both = {**table, "transit_router_attachment_id": ids[noun]}
        cbn("AssociateTransitRouterAttachmentWithRouteTable", **both)
        cbn("EnableTransitRouterRouteTablePropagation", **both)
    entry: dict[str, Any] = {
        **table,
        "transit_router_route_entry_destination_cidr_block": "100.64.0.0/10",
        "transit_router_route_entry_next_hop_type": "Attachment",
        "transit_router_route_entry_next_hop_id": ids["Vpc"],
    }
    made = cbn("CreateTransitRouterRouteEntry", **entry).transit_router_route_entry_id
    shown = cbn("ListTransitRouterRouteEntries", **table).transit_router_route_entries
    assert [
        (one.transit_router_route_entry_destination_cidr_block, one.transit_router_route_entry_type) for one in shown
    ] == [("100.64.0.0/10", "Static"), (networks.USER, "Propagated")]
    assert {one.transit_router_route_entry_status for one in shown} == {"Active"}
    domain = cbn("DescribeCenRegionDomainRouteEntries", cen_id=ids["cen"], cen_region_id="cn-hangzhou")
    assert {one.next_hop_instance_id for one in domain.cen_route_entries.cen_route_entry} == {ids["vpc"]}
    cbn("DeleteTransitRouterRouteEntry", transit_router_route_entry_id=made)
    assert cbn("ListTransitRouterRouteEntries", **table, transit_router_route_entry_type="Static").total_count == 0
    _publication(cbn, ids)


def _publication(cbn: Cbn, ids: dict[str, str]) -> None:
    """The standby's route is in the VPC and not beyond until somebody publishes it."""
    cbn.cloud.vpc(
        "CreateVpnRouteEntry",
        vpn_gateway_id=ids["gateway"],
        next_hop=ids["connection"],
        route_dest=networks.DC,
        weight=100,
        publish_vpc=True,
    )
    child: dict[str, Any] = {
        "cen_id": ids["cen"],
        "child_instance_id": ids["vpc"],
        "child_instance_type": "VPC",
        "child_instance_region_id": "cn-hangzhou",
    }
    table = cbn.cloud.vpc("DescribeRouteTableList", vpc_id=ids["vpc"]).router_table_list.router_table_list_type[0]
    route = {**child, "child_instance_route_table_id": table.route_table_id, "destination_cidr_block": networks.DC}
    (before,) = cbn("DescribePublishedRouteEntries", **route).published_route_entries.published_route_entry
    assert (before.publish_status, before.route_type) == ("NonPublished", "Custom")
    cbn("PublishRouteEntries", **route)
    (after,) = cbn("DescribePublishedRouteEntries", **route).published_route_entries.published_route_entry
    assert after.publish_status == "Published"
    named: dict[str, Any] = {"transit_router_route_table_id": ids["table"]}
    learned = cbn("ListTransitRouterRouteEntries", **named).transit_router_route_entries
    assert networks.DC in [one.transit_router_route_entry_destination_cidr_block for one in learned]
    rows = cbn("DescribeCenChildInstanceRouteEntries", **child).cen_route_entries.cen_route_entry
    assert {one.destination_cidr_block for one in rows} >= {networks.DC, networks.USER}
    route.pop("cen_id")
    assert cbn("DescribeRouteConflict", **route).total_count == 0
    cbn("WithdrawPublishedRouteEntries", **route, cen_id=ids["cen"])


def _older_way(cbn: Cbn) -> None:
    """Attaching a child instance makes a transit router where there is none, and everybody reaches everybody."""
    cen, (vpc, _) = cbn("CreateCen").cen_id, networks.vpc(cbn.cloud, "10.20.0.0/16", "older")
    region = cbn("DescribeChildInstanceRegions").regions.region[0].region_id
    child: dict[str, Any] = {
        "cen_id": cen,
        "child_instance_id": vpc,
        "child_instance_type": "VPC",
        "child_instance_region_id": region,
    }
    cbn("AttachCenChildInstance", **child)
    (shown,) = cbn("DescribeCenAttachedChildInstances", cen_id=cen).child_instances.child_instance
    assert (shown.child_instance_id, shown.status) == (vpc, "Attached")
    assert cbn("DescribeCenAttachedChildInstanceAttribute", **child).child_instance_attributes.cidr_block == (
        "10.20.0.0/16"
    )
    (router,) = cbn("ListTransitRouters", cen_id=cen).transit_routers
    (attachment,) = cbn("ListTransitRouterVpcAttachments", vpc_id=vpc).transit_router_attachments
    assert attachment.transit_router_id == router.transit_router_id
    assert cbn(
        "ListTransitRouterRouteTablePropagations",
        transit_router_attachment_id=attachment.transit_router_attachment_id,
    ).total_count
    cbn("DetachCenChildInstance", **child)
    cbn("DeleteTransitRouter", transit_router_id=router.transit_router_id)
    cbn("DeleteCen", cen_id=cen)


def _labels(cbn: Cbn, ids: dict[str, str]) -> None:
    named: dict[str, Any] = {"resource_type": "cen", "resource_id": [ids["cen"]]}
    cbn("TagResources", **named, tag=[{"key": "k", "value": "v"}])
    listed = cbn("ListTagResources", **named, page_size=50).tag_resources.tag_resource
    assert {(one.tag_key, one.tag_value) for one in listed} == {("team", "net"), ("k", "v")}
    cbn("UntagResources", **named, tag_key=["k"])
    cbn("MoveResourceGroup", resource_type="cen", resource_id=ids["cen"], new_resource_group_id="rg-1")
    assert cbn("DescribeCens", resource_group_id="rg-1").total_count == 1


def _maps(cbn: Cbn, ids: dict[str, str]) -> None:
    named: dict[str, Any] = {"cen_id": ids["cen"], "cen_region_id": "cn-hangzhou"}
    made = cbn(
        "CreateCenRouteMap",
        **named,
        map_result="Permit",
        priority=20,
        transmit_direction="RegionIn",
        source_child_instance_types=["VBR", "VPN"],
        destination_cidr_blocks=[networks.DC],
        match_asns=[65001],
        preference=40,
    ).route_map_id
    cbn("ModifyCenRouteMap", **named, route_map_id=made, map_result="Permit", priority=30, preference=60)
    (shown,) = cbn("DescribeCenRouteMaps", **named, route_map_id=made).route_maps.route_map
    assert (shown.priority, shown.preference, shown.status) == (30, 60, "Active")
    assert shown.match_asns.match_asn == ["65001"]
    assert shown.source_child_instance_types.source_child_instance_type == ["VBR", "VPN"]
    cbn("DeleteCenRouteMap", **named, route_map_id=made)


def _checks(cbn: Cbn, ids: dict[str, str]) -> None:
    named: dict[str, Any] = {
        "cen_id": ids["cen"],
        "vbr_instance_id": ids["vbr"],
        "vbr_instance_region_id": "cn-hangzhou",
    }
    cbn("EnableCenVbrHealthCheck", **named, health_check_target_ip="10.0.0.2")
    (shown,) = cbn("DescribeCenVbrHealthCheck", **named).vbr_health_checks.vbr_health_check
    assert (shown.health_check_interval, shown.healthy_threshold, shown.health_check_only) == (2, 8, False)
    cbn("EnableCenVbrHealthCheck", **named, health_check_target_ip="10.0.0.2", healthy_threshold=3)
    (shown,) = cbn("DescribeCenVbrHealthCheck", **named).vbr_health_checks.vbr_health_check
    assert shown.healthy_threshold == 3
    cbn("DisableCenVbrHealthCheck", **named)
    assert cbn("DescribeCenVbrHealthCheck", **named).total_count == 0


def _grants(cbn: Cbn, ids: dict[str, str], bravo: CloudClient) -> None:
    """acme grants its VPC to a CEN instance of bravo."""
    other = Cbn(bravo)
    cen = other("CreateCen").cen_id
    given = {"cen_id": cen, "cen_owner_id": _number(other, bravo)}
    named: dict[str, Any] = {**given, "instance_id": ids["vpc"], "instance_type": "VPC"}
    cbn("GrantInstanceToTransitRouter", **named)
    (rule,) = cbn("DescribeGrantRulesToResource", product_type="VPC", resource_id=ids["vpc"]).grant_rules
    assert rule.cen_id == cen
    (told,) = other("DescribeGrantRulesToCen", cen_id=cen, product_type="VPC").grant_rules.grant_rule
    assert (told.child_instance_id, told.child_instance_type) == (ids["vpc"], "VPC")
    (vswitch,) = other("ListGrantVSwitchesToCen", cen_id=cen, vpc_id=ids["vpc"]).v_switches
    assert vswitch.v_switch_id == ids["vswitch"]
    cbn("RevokeInstanceFromTransitRouter", **named)
    assert other("DescribeGrantRulesToCen", cen_id=cen, product_type="VPC").total_count == 0
    cbn.cloud.called |= bravo.called


def _number(other: Cbn, bravo: CloudClient) -> int:
    """An account sees its number at what it has."""
    cen = other("CreateCen").cen_id
    other("CreateTransitRouter", cen_id=cen)
    (router,) = other("ListTransitRouters", cen_id=cen).transit_routers
    del bravo
    return int(router.ali_uid)


def _away(cbn: Cbn, ids: dict[str, str]) -> None:
    for noun in ("Vpc", "Vbr", "Vpn"):
        cbn(f"DeleteTransitRouter{noun}Attachment", transit_router_attachment_id=ids[noun], force=True)
    cbn("DeleteTransitRouter", transit_router_id=ids["router"])
    cbn("DeleteCen", cen_id=ids["cen"])


FROM_SDK = [action for (version, _), action in ACTIONS.items() if version == CBN and not action.ours]


@pytest.mark.parametrize("name", [action.name for action in FROM_SDK])
def test_the_sdk_has_called_the_action_and_its_answer_fits_the_sdk_s_model(walk: CloudClient, name: str) -> None:
    assert (CBN, name) in walk.called
