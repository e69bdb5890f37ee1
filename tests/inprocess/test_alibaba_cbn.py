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


def _attachments(cbn: Cbn, ids: dict[str, str]) -> None:
    ids["vpc"], ids["vswitch"] = networks.vpc(cbn.cloud)
    ids["vbr"] = networks.vbr(cbn.cloud)
    ids["gateway"], ids["connection"] = networks.connection(cbn.cloud, ids["vpc"])
    zones = [{"zone_id": "a", "v_switch_id": ids["vswitch"]}]
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
        cbn(f"DeleteTransitRouter{noun}Attachment", transit_router_attachment_id=ids[noun])
    cbn("DeleteTransitRouter", transit_router_id=ids["router"])
    cbn("DeleteCen", cen_id=ids["cen"])


FROM_SDK = [action for (version, _), action in ACTIONS.items() if version == CBN and not action.ours]


@pytest.mark.parametrize("name", [action.name for action in FROM_SDK])
def test_the_sdk_has_called_the_action_and_its_answer_fits_the_sdk_s_model(walk: CloudClient, name: str) -> None:
    assert (CBN, name) in walk.called
