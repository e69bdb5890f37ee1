"""Address blocks of transit routers and the service as such, in the compatible API.

A block is a line of its router; its id is made of router and prefix. In: the kind TransitRouter. Out: `ACTIONS`. Next:
`table.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Compose, Compute, Done, Plan, Step
from twinspan.wire.alibaba.cbn import row
from twinspan.wire.alibaba.cbn_transit_router import ROUTER
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault, malformed, not_found, shown
from twinspan.wire.alibaba.region import ZONES
from twinspan.wire.alibaba.spelling import spelled
from twinspan.wire.alibaba.view import View

_ABSENT = "InvalidTransitRouterCidrId.NotFound"


def cidr_id(router: str, block: str) -> str:
    """The same as long as the block is the router's."""
    return f"cidr-{hashlib.sha256(f'{router} {block}'.encode()).hexdigest()[:20]}"


def _blocks(router: Resource) -> list[str]:
    return list(getattr(router.spec, "cidr_blocks", ()))


def _set(router: Resource, blocks: list[str], reply: Callable[[Done, View], dict[str, Any]]) -> Plan:
    spec = {"spec": {"cidr_blocks": blocks}}
    return Plan(steps=(Step(verb="patch", kind="TransitRouter", id=router.id, spec=spec),), reply=reply)


def _create(given: dict[str, Any], view: View) -> Plan | Fault:
    """CreateTransitRouterCidr."""
    router = by_id(ROUTER, ROUTER.id, given.get("router"), view)
    if isinstance(router, Fault):
        return router
    block = str(given["cidr"])
    if block in _blocks(router):
        return malformed("Cidr", f"{shown(block)} is the router's already", "choose another")
    made = cidr_id(router.id, block)
    return _set(router, [*_blocks(router), block], lambda _, __: {"TransitRouterCidrId": made})


def _delete(given: dict[str, Any], view: View) -> Plan | Fault:
    """DeleteTransitRouterCidr."""
    router = by_id(ROUTER, ROUTER.id, given.get("router"), view)
    if isinstance(router, Fault):
        return router
    kept = [block for block in _blocks(router) if cidr_id(router.id, block) != given.get("block")]
    if len(kept) == len(_blocks(router)):
        return not_found(_ABSENT, f"address block of {router.id}", str(given.get("block", "")))
    return _set(router, kept, lambda _, __: {})


def _list(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """ListTransitRouterCidr."""
    router = by_id(ROUTER, ROUTER.id, given.get("router"), view)
    if isinstance(router, Fault):
        return router
    rows = [
        {
            "TransitRouterCidrId": cidr_id(router.id, block),
            "TransitRouterId": router.id,
            "Cidr": block,
            "Family": "IPv4",
            "Name": "",
            "Description": "",
            "PublishCidrRoute": True,
        }
        for block in _blocks(router)
    ]
    return {"CidrLists": [one for one in rows if given.get("block", "") in {"", one["TransitRouterCidrId"]}]}


def _zones(_: dict[str, Any], view: View) -> dict[str, Any]:
    """ListTransitRouterAvailableResource: a transit router is wherever its region is."""
    zones = [f"{view.region}-{letter}" for letter in ZONES]
    return {"AvailableZones": zones, "MasterZones": zones, "SlaveZones": zones, "SupportMulticast": False}


_ROUTER, _BLOCK = spelled("router", ROUTER.id), spelled("block", "TransitRouterCidrId")
_NEEDS = (ROUTER.id,)

ACTIONS: tuple[Action, ...] = (
    row(
        name="CreateTransitRouterCidr",
        does=Compose((_ROUTER, spelled("cidr", "Cidr")), _create, shape=ROUTER),
        needs=("Cidr", *_NEEDS),
        region=True,
        ignored={
            "Name": "blocks have no name here",
            "Description": "blocks have no description here",
            "PublishCidrRoute": "nothing is reached by the addresses of a transit router itself",
        },
    ),
    row(name="ListTransitRouterCidr", does=Compute((_ROUTER, _BLOCK), _list), needs=_NEEDS, region=True),
    row(
        name="DeleteTransitRouterCidr",
        does=Compose((_ROUTER, _BLOCK), _delete, shape=ROUTER),
        needs=("TransitRouterCidrId", *_NEEDS),
        region=True,
    ),
    row(
        name="ListTransitRouterAvailableResource",
        does=Compute((), _zones),
        region=True,
        ignored={"SupportMulticast": "there is no multicast between attachments"},
    ),
    row(name="CheckTransitRouterService", does=Compute((), lambda _, __: {"Enabled": "true"})),
    row(name="OpenTransitRouterService", does=Compute((), lambda _, __: {"OrderId": "0"})),
)
