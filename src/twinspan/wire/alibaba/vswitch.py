"""vSwitches in the compatible API.

In: the kind Vswitch. Out: `VSWITCH`, `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Call, Create, Delete, Get, List, Update
from twinspan.wire.alibaba.fault import Fault
from twinspan.wire.alibaba.listing import by_ids, by_name, by_reference, where
from twinspan.wire.alibaba.region import zone_read, zone_shown
from twinspan.wire.alibaba.shape import shape
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.virtual_border_router import route_table_of
from twinspan.wire.alibaba.words import second

TAKEN_BY_THE_CLOUD = 4
"""The first address of a vSwitch and its last three (CreateVSwitch)."""


def available(resource: Resource, _: View) -> int:
    """Addresses that hosts can have."""
    block = ipaddress.IPv4Network(getattr(resource.spec, "cidr_block", "0.0.0.0/32"))
    return max(0, block.num_addresses - TAKEN_BY_THE_CLOUD)


def _table(resource: Resource, view: View) -> dict[str, Any]:
    """That of its VPC: there is no other for a vSwitch here."""
    vpc = view.get("Vpc", getattr(resource.spec, "vpc", ""))
    return {"RouteTableId": route_table_of(vpc, view) if vpc is not None else "", "RouteTableType": "System"}


def zone_of(resource: Resource, view: View) -> str:
    """As DescribeZones calls it."""
    return zone_shown(str(getattr(resource.spec, "zone", "")), view.region)


def _in_a_zone(spec: dict[str, Any], call: Call, view: View) -> dict[str, Any] | Fault:
    zone = zone_read("ZoneId", call.parameters["ZoneId"], view.region)
    return zone if isinstance(zone, Fault) else {**spec, "zone": zone}


VSWITCH = shape(
    "Vswitch",
    id="VSwitchId",
    name="VSwitchName",
    absent="InvalidVSwitchId.NotFound",
    more={
        "ZoneId": zone_of,
        "CreationTime": lambda resource, _: second(resource.created_ns),
        "OwnerId": lambda resource, view: int(view.account_id(resource.account)),
        "AvailableIpAddressCount": available,
        "RouteTable": _table,
        "IsDefault": lambda _, __: False,
        "EnabledIpv6": lambda _, __: False,
    },
)
_IPV6 = "vSwitches are IPv4 here"

ACTIONS: tuple[Action, ...] = (
    Action(
        name="CreateVSwitch",
        does=Create(VSWITCH, prepare=_in_a_zone),
        needs=("CidrBlock", "VpcId", "ZoneId"),
        never=("ResourceGroupId",),
        region=False,
        refused={
            "CidrMask": "write the whole CidrBlock",
            "Ipv6CidrBlock": _IPV6,
            "Ipv6CidrMask": _IPV6,
            "VpcIpv6CidrBlock": _IPV6,
        },
    ),
    Action(
        name="DescribeVSwitches",
        does=List(
            VSWITCH,
            into="VSwitches.VSwitch",
            by={
                "VSwitchId": by_ids(),
                "VSwitchName": by_name(),
                "VpcId": by_reference(),
                "ZoneId": where(zone_of),
                "IsDefault": where(lambda _, __: "false"),
                "EnableIpv6": where(lambda _, __: "false"),
                "RouteTableId": where(lambda resource, view: str(_table(resource, view)["RouteTableId"])),
                "VSwitchOwnerId": where(lambda resource, view: view.account_id(resource.account)),
            },
        ),
        region=False,
    ),
    Action(name="DescribeVSwitchAttributes", does=Get(VSWITCH), region=False),
    Action(
        name="ModifyVSwitchAttribute",
        does=Update(VSWITCH),
        region=False,
        never=("ResourceGroupId",),
        refused={
            "EnableIPv6": _IPV6,
            "Ipv6CidrBlock": _IPV6,
            "Ipv6CidrMask": _IPV6,
            "VpcIpv6CidrBlock": _IPV6,
        },
    ),
    Action(name="DeleteVSwitch", does=Delete(VSWITCH), region=False),
)
