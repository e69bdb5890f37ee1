"""Route tables of VPCs and VBRs in the compatible API; their entries are in `route_entry.py`.

In: the kind RouteTable. Out: `ROUTE_TABLE`, `ACTIONS`. Next: `route_entry.py`.
"""

from __future__ import annotations

from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Call, Create, Delete, List, Update
from twinspan.wire.alibaba.listing import by_ids, by_name, by_reference, where
from twinspan.wire.alibaba.shape import shape
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.words import second


def owner_of(table: Resource) -> tuple[str, str]:
    """Kind and id of what the table belongs to."""
    for kind, field in (
        ("Vpc", "vpc"),
        ("VirtualBorderRouter", "virtual_border_router"),
        ("TransitRouter", "transit_router"),
    ):
        owner = getattr(table.spec, field, "")
        if owner:
            return kind, str(owner)
    return "", ""


def router_type(table: Resource, _: View) -> str:
    """VRouter: of a VPC. VBR."""
    return "VBR" if owner_of(table)[0] == "VirtualBorderRouter" else "VRouter"


def router_id(table: Resource, _: View) -> str:
    """A VBR is its own router; a VPC's router has an id of its own."""
    kind, owner = owner_of(table)
    return f"vrt-{owner.removeprefix('vpc-')}" if kind == "Vpc" else owner


def table_type(table: Resource, _: View) -> str:
    """System: what a VPC or VBR was born with."""
    return "System" if getattr(table.spec, "system", False) else "Custom"


def is_system(table: Resource) -> bool:
    """Whether the owner was born with it."""
    return bool(getattr(table.spec, "system", False))


def _vswitches(table: Resource, view: View) -> list[str]:
    """Those of the VPC use its system table."""
    if not is_system(table):
        return []
    return [vswitch.id for vswitch in view.users("Vswitch", str(getattr(table.spec, "vpc", "")))]


ROUTE_TABLE = shape(
    "RouteTable",
    id="RouteTableId",
    name="RouteTableName",
    absent="InvalidRouteTableId.NotFound",
    without=("transit_router", "virtual_border_router", "entries"),
    more={
        "RouterId": router_id,
        "RouterType": router_type,
        "RouteTableType": table_type,
        "VSwitchIds.VSwitchId": _vswitches,
        "AssociateType": lambda _, __: "VSwitch",
        "CreationTime": lambda table, _: second(table.created_ns),
        "OwnerId": lambda table, view: int(view.account_id(table.account)),
        "RoutePropagationEnable": lambda _, __: True,
    },
)


def _prepared(spec: dict[str, Any], _: Call, __: View) -> dict[str, Any]:
    return {**spec, "system": False}


ACTIONS: tuple[Action, ...] = (
    Action(
        name="CreateRouteTable",
        does=Create(ROUTE_TABLE, prepare=_prepared),
        needs=("VpcId",),
        never=("ResourceGroupId",),
        refused={"AssociateType": "a custom table is for vSwitches"},
    ),
    Action(
        name="DescribeRouteTableList",
        does=List(
            ROUTE_TABLE,
            into="RouterTableList.RouterTableListType",
            by={
                "RouteTableId": by_ids(),
                "RouteTableName": by_name(),
                "VpcId": by_reference(),
                "RouterId": where(router_id),
                "RouterType": where(router_type),
                "RouteTableType": where(table_type),
            },
            only=lambda table: not getattr(table.spec, "transit_router", ""),
        ),
    ),
    Action(
        name="ModifyRouteTableAttributes",
        does=Update(ROUTE_TABLE),
        never=("ResourceGroupId",),
        refused={"RoutePropagationEnable": "what an attachment learns is said at the attachment"},
    ),
    Action(name="DeleteRouteTable", does=Delete(ROUTE_TABLE)),
)
