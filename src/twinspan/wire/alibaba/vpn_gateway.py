"""VPN gateways in the compatible API.

A gateway does one thing at a time: while a connection or a route of it changes, it is `updating`, too.
In: the kind VpnGateway. Out: `VPN_GATEWAY`, `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from typing import Any

from twinspan.model.resource import CHANGING, CREATING, DELETING, READY, Resource
from twinspan.wire.alibaba.action import Action, Call, Create, Delete, Get, List, Update
from twinspan.wire.alibaba.listing import by_ids, by_reference, where
from twinspan.wire.alibaba.shape import shape
from twinspan.wire.alibaba.spelling import spelled, switch, whole
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.words import VPN_GATEWAY as WORDS
from twinspan.wire.alibaba.words import milliseconds, word

_ON_THE_WAY = {CREATING, CHANGING, DELETING}


def state(resource: Resource, view: View) -> str:
    """updating as well while something that belongs to it is on its way."""
    if resource.phase == READY:
        for connection in view.users("IpsecConnection", resource.id):
            routes = (*view.users("DestinationRoute", connection.id), *view.users("PolicyRoute", connection.id))
            if any(one.phase in _ON_THE_WAY for one in (connection, *routes)):
                return "updating"
    return word(WORDS, resource.phase)


def address(resource: Resource, field: str) -> str:
    """A public address: the one that was given, or the one that it got."""
    return str(getattr(resource.spec, field, "") or resource.status.get(field, ""))


def _enabled(value: Any) -> str:
    return "enable" if value else "disable"


VPN_GATEWAY = shape(
    "VpnGateway",
    id="VpnGatewayId",
    absent="InvalidVpnGatewayInstanceId.NotFound",
    status="",
    differ=(
        spelled("vpc", "VpcId"),
        spelled("bandwidth_mbps", "Bandwidth", whole, lambda value: f"{value}M", reply="Spec"),
        spelled("enable_ipsec", "EnableIpsec", switch, _enabled, reply="IpsecVpn"),
        spelled("enable_ssl", "EnableSsl", switch, _enabled, reply="SslVpn"),
    ),
    without=("internet_ip", "disaster_recovery_internet_ip"),
    more={
        "Status": state,
        "InternetIp": lambda resource, _: address(resource, "internet_ip"),
        "DisasterRecoveryInternetIp": lambda resource, _: address(resource, "disaster_recovery_internet_ip"),
        "CreateTime": lambda resource, _: milliseconds(resource.created_ns),
        "BusinessStatus": lambda _, __: "Normal",
        "ChargeType": lambda _, __: "POSTPAY",
        "EnableBgp": lambda _, __: True,
        "GatewayType": lambda _, __: "Traditional",
        "VpnType": lambda _, __: "Normal",
    },
)
_BILL = "nothing is billed here"
_SAID = (
    "VpnGatewayId", "Name", "Description", "VpcId", "VSwitchId", "DisasterRecoveryVSwitchId", "InternetIp",
    "DisasterRecoveryInternetIp", "Spec", "Status", "BusinessStatus", "CreateTime", "EnableBgp", "AutoPropagate",
    "ResourceGroupId",
)  # fmt: skip


def _prepared(spec: dict[str, Any], _: Call, view: View) -> dict[str, Any]:
    """Without a vSwitch it goes into one of the VPC (CreateVpnGateway)."""
    if spec.get("vswitch"):
        return spec
    vswitches = view.users("Vswitch", str(spec.get("vpc", "")))
    return {**spec, "vswitch": vswitches[0].id} if vswitches else spec


ACTIONS: tuple[Action, ...] = (
    Action(
        name="CreateVpnGateway",
        does=Create(VPN_GATEWAY, replies=("Name",), prepare=_prepared),
        needs=("Bandwidth", "VpcId"),
        never=("Tag", "Description", "AutoPropagate"),
        ignored={
            "AutoPay": _BILL,
            "InstanceChargeType": _BILL,
            "Period": _BILL,
            "SslConnections": "there is no SSL-VPN to connect to",
            "VpnType": "every gateway is of the type Normal",
        },
    ),
    Action(
        name="DescribeVpnGateway", does=Get(VPN_GATEWAY), ignored={"IncludeReservationData": "nothing is ordered here"}
    ),
    Action(
        name="DescribeVpnGateways",
        does=List(
            VPN_GATEWAY,
            into="VpnGateways.VpnGateway",
            by={
                "VpnGatewayId": by_ids(),
                "VpcId": by_reference(),
                "Status": where(state),
                "BusinessStatus": where(lambda _, __: "Normal"),
                "GatewayType": where(lambda _, __: "Traditional"),
            },
        ),
        ignored={"IncludeReservationData": "nothing is ordered here"},
    ),
    Action(
        name="ModifyVpnGatewayAttribute",
        does=Update(VPN_GATEWAY, replies=_SAID),
        never=("Bandwidth", "EnableIpsec", "EnableSsl", "ResourceGroupId"),
    ),
    Action(name="DeleteVpnGateway", does=Delete(VPN_GATEWAY)),
)
