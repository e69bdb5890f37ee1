"""VPCs in the compatible API.

In: the kind Vpc. Out: `VPC`, `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Call, Create, Delete, Get, List, Step, Update
from twinspan.wire.alibaba.listing import by_ids, by_name, where
from twinspan.wire.alibaba.shape import More, shape
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.virtual_border_router import associated_cens, route_table_of
from twinspan.wire.alibaba.words import second

DEFAULT_CIDR_BLOCK = "172.16.0.0/12"
"""Of a VPC that is made without one (CreateVpc)."""


def router_id(resource: Resource, _: View) -> str:
    """Every VPC has one router, which nobody makes."""
    return f"vrt-{resource.id.removeprefix('vpc-')}"


def _vswitches(resource: Resource, view: View) -> list[str]:
    return [vswitch.id for vswitch in view.users("Vswitch", resource.id)]


def _tables(resource: Resource, view: View) -> list[str]:
    return [table.id for table in view.users("RouteTable", resource.id)]


def _ipv6(resource: Resource, _: View) -> bool:
    return bool(getattr(resource.spec, "ipv6_cidr_block", ""))


_BOTH: dict[str, More] = {
    "CreationTime": lambda resource, _: second(resource.created_ns),
    "RegionId": lambda _, view: view.region,
    "OwnerId": lambda resource, view: int(view.account_id(resource.account)),
    "VRouterId": router_id,
    "VSwitchIds.VSwitchId": _vswitches,
    "IsDefault": lambda _, __: False,
    "EnabledIpv6": _ipv6,
    "UserCidrs.UserCidr": lambda _, __: [],
    "SecondaryCidrBlocks.SecondaryCidrBlock": lambda _, __: [],
}

VPC = shape(
    "Vpc",
    id="VpcId",
    name="VpcName",
    absent="InvalidVpcId.NotFound",
    without=("account",),
    more={
        **_BOTH,
        "RouterTableIds.RouterTableIds": _tables,
        "CenStatus": lambda resource, view: "Attached" if associated_cens(resource, view) else "",
        "RouteTableId": lambda _, __: None,
    },
)
_MADE = shape(
    "Vpc",
    id="VpcId",
    name="VpcName",
    absent="InvalidVpcId.NotFound",
    without=("account",),
    more={"VRouterId": router_id, "RouteTableId": route_table_of},
)
_ATTRIBUTE = shape(
    "Vpc",
    id="VpcId",
    name="VpcName",
    absent="InvalidVpcId.NotFound",
    without=("account",),
    more={**_BOTH, "AssociatedCens.AssociatedCen": associated_cens},
)


def _prepared(spec: dict[str, Any], _: Call, __: View) -> dict[str, Any]:
    return {"cidr_block": DEFAULT_CIDR_BLOCK, **spec}


def _route_table(resource: Resource, _: View) -> tuple[Step, ...]:
    """The system table that a VPC is born with."""
    return (Step(verb="create", kind="RouteTable", spec={"vpc": resource.id, "system": True}),)


_IPAM = "addresses are given, not taken from a pool"
_IPV6 = "IPv6 comes with Ipv6CidrBlock"

ACTIONS: tuple[Action, ...] = (
    Action(
        name="CreateVpc",
        does=Create(
            _MADE, replies=("RouteTableId", "VRouterId", "ResourceGroupId"), prepare=_prepared, then=_route_table
        ),
        ignored={"EnableDnsHostname": "names are the DNS service's"},
        refused={
            "EnableIpv6": _IPV6,
            "Ipv6Isp": _IPV6,
            "Ipv6CidrMask": _IPAM,
            "Ipv4CidrMask": _IPAM,
            "Ipv4IpamPoolId": _IPAM,
            "Ipv6IpamPoolId": _IPAM,
            "UserCidr": "a VPC has no user CIDR here; routes say where other prefixes are",
        },
    ),
    Action(
        name="DescribeVpcs",
        does=List(
            VPC,
            into="Vpcs.Vpc",
            by={
                "VpcId": by_ids(),
                "VpcName": by_name(),
                "IsDefault": where(lambda _, __: "false"),
                "EnableIpv6": where(lambda resource, view: str(_ipv6(resource, view))),
                "VpcOwnerId": where(lambda resource, view: view.account_id(resource.account)),
                "DhcpOptionsSetId": where(lambda _, __: ""),
            },
        ),
    ),
    Action(
        name="DescribeVpcAttribute",
        does=Get(_ATTRIBUTE),
        ignored={"IsDefault": "the id says which VPC"},
    ),
    Action(
        name="ModifyVpcAttribute",
        does=Update(VPC),
        region=False,
        never=("ResourceGroupId",),
        ignored={"EnableDnsHostname": "names are the DNS service's"},
        refused={
            "CidrBlock": "a VPC's addresses cannot change later",
            "EnableIPv6": _IPV6,
            "Ipv6CidrBlock": "a VPC's addresses cannot change later",
            "Ipv6Isp": _IPV6,
        },
    ),
    Action(
        name="DeleteVpc",
        does=Delete(VPC),
        region=False,
        refused={"ForceDelete": "what is in a VPC is deleted first, by its own actions"},
    ),
)
