"""Virtual border routers in the compatible API.

In: the kind VirtualBorderRouter. Out: `VBR`, `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Call, Create, Delete, List, Perform, Step, Update
from twinspan.wire.alibaba.fault import Fault, missing, not_found, shown
from twinspan.wire.alibaba.listing import by_ids, by_name, by_reference, where
from twinspan.wire.alibaba.shape import shape
from twinspan.wire.alibaba.spelling import Wrong, as_text, spelled, whole
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.words import CIRCUIT, minute, word
from twinspan.wire.alibaba.words import VBR as WORDS

ABSENT_CIRCUIT = "InvalidPhysicalConnectionId.NotFound"


def read_mask(value: Any) -> Any:
    """255.255.255.252 -> 30."""
    try:
        return ipaddress.IPv4Network(f"0.0.0.0/{value}").prefixlen
    except ValueError:
        return Wrong(problem=f"{shown(value)} is not a mask", remedy="write 255.255.255.252, for example")


def write_mask(prefix_length: int) -> str:
    """30 -> 255.255.255.252."""
    return str(ipaddress.IPv4Network((0, prefix_length)).netmask)


def read_mask6(value: Any) -> Any:
    """/126 or 126; also with an address before it."""
    return whole(str(value).rpartition("/")[2])


def circuit_of(resource: Resource, view: View) -> Resource | None:
    """The physical connection under a VBR."""
    return view.get("PhysicalConnection", getattr(resource.spec, "physical_connection", ""))


def route_table_of(resource: Resource, view: View) -> str:
    """Id of the table that a VBR, VPC or transit router was born with; empty: it has none."""
    tables = view.users("RouteTable", resource.id)
    return next((table.id for table in tables if getattr(table.spec, "system", False)), "")


def circuit_status(resource: Resource, view: View) -> str:
    """Enabled, Terminated, ..."""
    circuit = circuit_of(resource, view)
    return word(CIRCUIT, circuit.phase, capital=True) if circuit is not None else ""


def access_point(resource: Resource, view: View) -> str:
    """The circuit's."""
    circuit = circuit_of(resource, view)
    return str(getattr(circuit.spec, "access_point", "")) if circuit is not None else ""


def circuit_code(resource: Resource, view: View) -> str:
    """The circuit's."""
    circuit = circuit_of(resource, view)
    return str(getattr(circuit.spec, "circuit_code", "")) if circuit is not None else ""


def circuit_owner(resource: Resource, view: View) -> str:
    """Number of the account that has the circuit."""
    circuit = circuit_of(resource, view)
    return view.account_id(circuit.account if circuit is not None else resource.account)


def associated_cens(resource: Resource, view: View) -> list[dict[str, Any]]:
    """The CEN instances whose transit routers attach it."""
    found = []
    for attachment in view.users("Attachment", resource.id):
        router = view.get("TransitRouter", getattr(attachment.spec, "transit_router", ""))
        if router is not None:
            cen = str(getattr(router.spec, "cen", ""))
            found.append({"CenId": cen, "CenOwnerId": int(view.account_id(router.account)), "CenStatus": "Attached"})
    return found


def _status(resource: Resource, _: View) -> str:
    return word(WORDS, resource.phase)


_DIFFER = (
    spelled("prefix_length", "PeeringSubnetMask", read_mask, write_mask),
    spelled("ipv6_prefix_length", "PeeringIpv6SubnetMask", read_mask6, as_text),
)

VBR = shape(
    "VirtualBorderRouter",
    id="VbrId",
    absent="InvalidVbrId.NotFound",
    tags="Tags",
    reply_tags="Tags.Tags",
    words=WORDS,
    differ=_DIFFER,
    without=("account",),
    more={
        "CreationTime": lambda resource, _: minute(resource.created_ns),
        "ActivationTime": lambda resource, _: minute(resource.created_ns),
        "PhysicalConnectionStatus": circuit_status,
        "PhysicalConnectionBusinessStatus": lambda _, __: "Normal",
        "PhysicalConnectionOwnerUid": circuit_owner,
        "AccessPointId": access_point,
        "CircuitCode": circuit_code,
        "RouteTableId": route_table_of,
        "AssociatedCens.AssociatedCen": associated_cens,
        "Type": lambda _, __: "1",
    },
)

VBR_OF_CIRCUIT = shape(
    "VirtualBorderRouter",
    id="VbrId",
    absent="InvalidVbrId.NotFound",
    name="VbrName",
    tags="",
    reply_tags="",
    words=WORDS,
    differ=_DIFFER,
    without=(
        "account", "description", "resource_group", "physical_connection", "min_tx_interval_ms", "min_rx_interval_ms",
        "detect_multiplier", "mtu",
    ),
    as_texts=("Bandwidth",),
    more={
        "CreationTime": lambda resource, _: minute(resource.created_ns),
        "ActivationTime": lambda resource, _: minute(resource.created_ns),
        "VbrOwnerUid": lambda resource, view: int(view.account_id(resource.account)),
        "Type": lambda _, __: "1",
    },
)  # fmt: skip


def _prepared(spec: dict[str, Any], call: Call, view: View) -> dict[str, Any] | Fault:
    """Whose VBR it is, and both addresses for the owner of the circuit."""
    owner = call.text("VbrOwnerId")
    if owner:
        account = view.account_named(owner)
        if account is None:
            return not_found("InvalidVbrOwnerId.NotFound", "account", owner)
        if account != view.account:
            return {**spec, "account": account}
    for name in ("LocalGatewayIp", "PeerGatewayIp", "PeeringSubnetMask"):
        if not call.text(name):
            return missing(name)
    return spec


def _route_table(resource: Resource, view: View) -> tuple[Step, ...]:
    """A VBR is born with one; a VBR of another account gets it when that account confirms it."""
    if resource.account != view.account:
        return ()
    spec = {"virtual_border_router": resource.id, "system": True}
    return (Step(verb="create", kind="RouteTable", spec=spec),)


_CIRCUIT_CODE = {"CircuitCode": "it is the circuit's: ModifyPhysicalConnectionAttribute sets it"}
_BY_KEY = {
    "VbrId": by_ids(),
    "PhysicalConnectionId": by_reference(),
    "Name": by_name(),
    "Status": where(_status),
    "AccessPointId": where(access_point),
    "Type": where(lambda _, __: "1"),
}

ACTIONS: tuple[Action, ...] = (
    Action(
        name="CreateVirtualBorderRouter",
        does=Create(VBR, prepare=_prepared, then=_route_table),
        needs=("PhysicalConnectionId", "VlanId"),
        reads=("VbrOwnerId",),
        ignored=_CIRCUIT_CODE,
        never=("MinTxInterval", "MinRxInterval", "DetectMultiplier", "Mtu"),
    ),
    Action(
        name="DescribeVirtualBorderRouters",
        does=List(VBR, into="VirtualBorderRouterSet.VirtualBorderRouterType", keys=_BY_KEY),
        ignored={"IncludeCrossAccountVbr": "an account is shown its own VBRs, whoever's circuit they are on"},
    ),
    Action(
        name="DescribeVirtualBorderRoutersForPhysicalConnection",
        does=List(
            VBR_OF_CIRCUIT,
            into="VirtualBorderRouterForPhysicalConnectionSet.VirtualBorderRouterForPhysicalConnectionType",
            by={"PhysicalConnectionId": by_reference()},
            keys=_BY_KEY,
        ),
        needs=("PhysicalConnectionId",),
    ),
    Action(
        name="ModifyVirtualBorderRouterAttribute",
        does=Update(VBR),
        never=("ResourceGroupId",),
        ignored=_CIRCUIT_CODE,
        refused={
            "AssociatedPhysicalConnections": "a VBR has one circuit here, the one it was made on",
            "SitelinkEnable": "there is no Express Connect Router here, over which sites would be linked",
        },
    ),
    Action(
        name="UpdateVirtualBorderBandwidth",
        does=Update(VBR, id="VirtualBorderRouterId", spellings=(spelled("bandwidth_mbps", "Bandwidth", whole),)),
        needs=("Bandwidth",),
        never=("Name",),
    ),
    Action(name="TerminateVirtualBorderRouter", does=Perform(VBR, "terminate")),
    Action(name="RecoverVirtualBorderRouter", does=Perform(VBR, "recover")),
    Action(name="ConfirmVirtualBorderRouter", does=Perform(VBR, "confirm", then=_route_table), ours=True),
    Action(name="DeleteVirtualBorderRouter", does=Delete(VBR)),
)
