"""Physical connections (circuits) in the compatible API.

A customer asks for one, the provider builds it, and only then can a VBR be on it: EnablePhysicalConnection is done by
whoever runs this server. In: the kind PhysicalConnection. Out: `CIRCUIT`, `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Create, Delete, List, Perform, Update
from twinspan.wire.alibaba.listing import by_ids, by_name, where
from twinspan.wire.alibaba.shape import shape
from twinspan.wire.alibaba.spelling import as_text, choice, spelled, whole, words_of
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.words import CIRCUIT as WORDS
from twinspan.wire.alibaba.words import minute, word

_TYPES = {"VPC": "dedicated", "VPConn": "hosted"}
"""The cloud's only Type is VPC; a hosted circuit has the product type VirtualPhysicalConnection there."""
_BUILDING = "how the circuit is built does not show here"
_IGNORED = {
    "LineOperator": _BUILDING,
    "PeerLocation": _BUILDING,
    "PortType": _BUILDING,
    "RedundantPhysicalConnectionId": "redundancy is that of the spans: circuit and VPN",
}


def _status(resource: Resource, _: View) -> str:
    return word(WORDS, resource.phase, capital=True)


CIRCUIT = shape(
    "PhysicalConnection",
    id="PhysicalConnectionId",
    absent="InvalidPhysicalConnectionId.NotFound",
    reply_tags="Tags.tags",
    words=WORDS,
    capital=True,
    differ=(
        spelled("type", "Type", choice(_TYPES), words_of(_TYPES)),
        spelled("bandwidth_mbps", "bandwidth", whole, reply="Bandwidth"),
        spelled("vlan_id", "", write=as_text, reply="VlanId"),
    ),
    more={
        "CreationTime": lambda resource, _: minute(resource.created_ns),
        "EnabledTime": lambda resource, _: minute(resource.updated_ns) if resource.phase == "ready" else None,
        "BusinessStatus": lambda _, __: "Normal",
        "ProductType": lambda resource, _: (
            "VirtualPhysicalConnection" if getattr(resource.spec, "type", "") == "hosted" else "PhysicalConnection"
        ),
        "VirtualPhysicalConnectionCount": lambda _, __: 0,
    },
)

ACTIONS: tuple[Action, ...] = (
    Action(
        name="CreatePhysicalConnection",
        does=Create(CIRCUIT),
        needs=("AccessPointId", "LineOperator"),
        ignored={**_IGNORED, "DeviceAdvancedCapacity": _BUILDING, "OpticalModuleModel": _BUILDING},
    ),
    Action(
        name="DescribePhysicalConnections",
        does=List(
            CIRCUIT,
            into="PhysicalConnectionSet.PhysicalConnectionType",
            keys={
                "PhysicalConnectionId": by_ids(),
                "Name": by_name(),
                "Status": where(_status),
                "AccessPointId": where(lambda resource, _: getattr(resource.spec, "access_point", "")),
                "Type": where(lambda _, __: "VPC"),
            },
            tags="Tags",
        ),
        ignored={"IncludeReservationData": "nothing is ordered or billed here"},
    ),
    Action(
        name="ModifyPhysicalConnectionAttribute",
        does=Update(CIRCUIT),
        ignored=_IGNORED,
        never=("AccessPointId", "Type", "ResourceGroupId"),
        refused={"DownDelayTime": "a port that is down is down at once"},
    ),
    Action(name="ConfirmPhysicalConnection", does=Perform(CIRCUIT, "confirm")),
    Action(
        name="EnablePhysicalConnection",
        does=Perform(CIRCUIT, "enable"),
        administrator=True,
        ignored={"ByPassSp": "nobody else has a say here"},
    ),
    Action(name="CancelPhysicalConnection", does=Perform(CIRCUIT, "cancel")),
    Action(name="TerminatePhysicalConnection", does=Perform(CIRCUIT, "terminate")),
    Action(name="DeletePhysicalConnection", does=Delete(CIRCUIT)),
)
