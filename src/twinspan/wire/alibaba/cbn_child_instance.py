"""The older way to plug networks into a CEN instance in the compatible API: child instances, without route tables.

It comes to the same attachments; as this way has no words for association, propagation and publishing, all three are
on. A region without a transit router gets one. In: the kinds Attachment, Vpc, VirtualBorderRouter. Out: `ACTIONS`, and
the steps that office networks are attached by. Next: `cbn_route_view.py`, `ecd_cen.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Compose, Compute, Done, Made, Plan, Step
from twinspan.wire.alibaba.cbn import (
    ATTACHED,
    CEN,
    account_of,
    attachments_of,
    field,
    find_attachment,
    owner_of,
    resource_of,
    row,
)
from twinspan.wire.alibaba.cbn_attachment import managed_by, released, status
from twinspan.wire.alibaba.cbn_transit_router import automatic
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault, malformed, not_found, shown
from twinspan.wire.alibaba.listing import PAGES, paged
from twinspan.wire.alibaba.spelling import spelled
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.words import minute

KINDS = {"VPC": "Vpc", "VBR": "VirtualBorderRouter"}
"""A CCN is no network here."""


def kind_of(word: Any) -> str | Fault:
    """ChildInstanceType to the kind."""
    kind = KINDS.get(str(word).upper())
    return kind or malformed("ChildInstanceType", f"{shown(word)} is none here", f"write one of {', '.join(KINDS)}")


class Plug(Struct, frozen=True, kw_only=True):
    """What is plugged in."""

    kind: str
    network: str | Made
    """Id."""
    account: str = ""
    """Who has it, where it is not who has the CEN instance."""
    name: str = ""
    """Of the attachment."""
    before: int = 0
    """So many steps come first in the plan."""


def attach_steps(cen: str, plug: Plug, view: View) -> tuple[Step, ...] | Fault:
    """Steps that plug a network in so that it reaches all others at once. view: of who has the CEN instance."""
    router = automatic(cen, view, plug.before)
    if isinstance(router, Fault):
        return router
    spec: dict[str, Any] = {
        "transit_router": router.id,
        ATTACHED[plug.kind]: plug.network,
        "route_table_association": router.table or None,
        "route_table_propagation": [router.table] if router.table else [],
        "auto_publish_routes": True,
    }
    if plug.account:
        spec["account"] = plug.account
    return (*router.first, Step(verb="create", kind="Attachment", name=plug.name, spec=spec, account=view.account))


def _attach(given: dict[str, Any], view: View) -> Plan | Fault:
    """AttachCenChildInstance."""
    kind = kind_of(given.get("type"))
    if isinstance(kind, Fault):
        return kind
    account = account_of(given.get("owner"), "ChildInstanceOwnerId", view)
    if isinstance(account, Fault):
        return account
    network = str(given.get("child", ""))
    if not account and view.get(kind, network) is None:
        return not_found("ParameterInstanceId", str(given.get("type")), network)
    cen = by_id(CEN, "CenId", given.get("cen"), view)
    if isinstance(cen, Fault):
        return cen
    if any(resource_of(one)[1] == network for one in attachments_of(cen.id, view)):
        message = f"ChildInstanceId: {shown(network)} is attached to {cen.id} already (nothing is left to do)."
        return Fault(code="InvalidOperation.AttachedChildInstanceExist", message=message)
    steps = attach_steps(cen.id, Plug(kind=kind, network=network, account=account), view)
    return steps if isinstance(steps, Fault) else Plan(steps=steps, reply=_nothing)


def _detach(given: dict[str, Any], view: View) -> Plan | Fault:
    """DetachCenChildInstance: entries that lead to it go first."""
    attachment = _attachment(given, view)
    return attachment if isinstance(attachment, Fault) else Plan(steps=detach_steps(attachment, view), reply=_nothing)


def detach_steps(attachment: Resource, view: View) -> tuple[Step, ...]:
    """Steps that unplug a network. view: of who has the attachment."""
    gone = Step(verb="delete", kind="Attachment", id=attachment.id, account=attachment.account)
    return (*(replace(step, account=attachment.account) for step in released(attachment, view)), gone)


def _attachment(given: Mapping[str, Any], view: View) -> Resource | Fault:
    kind = kind_of(given.get("type"))
    if isinstance(kind, Fault):
        return kind
    cen = by_id(CEN, "CenId", given.get("cen"), view)
    if isinstance(cen, Fault):
        return cen
    return find_attachment(cen.id, kind, str(given.get("child", "")), view)


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}


# ------------------------------------------------------------------------------------------------------ questions


def _row(cen: str, attachment: Resource, view: View) -> dict[str, Any]:
    word, network = resource_of(attachment)
    return {
        "CenId": cen,
        "ChildInstanceId": network,
        "ChildInstanceType": word,
        "ChildInstanceRegionId": view.region,
        "ChildInstanceOwnerId": owner_of(attachment, view),
        "ChildInstanceAttachTime": minute(attachment.created_ns),
        "ManagedService": managed_by(attachment, view),
        "Status": status(attachment, view),
    }


def _list(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DescribeCenAttachedChildInstances."""
    cen = by_id(CEN, "CenId", given.get("cen"), view)
    if isinstance(cen, Fault):
        return cen
    rows = [_row(cen.id, attachment, view) for attachment in attachments_of(cen.id, view)]
    wanted = {"type": "ChildInstanceType", "region": "ChildInstanceRegionId"}
    fit = [
        one
        for one in rows
        if all(one[name].lower() == given.get(key, one[name]).lower() for key, name in wanted.items())
    ]
    return paged(fit, given, "ChildInstances.ChildInstance")


def _attribute(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DescribeCenAttachedChildInstanceAttribute."""
    attachment = _attachment(given, view)
    if isinstance(attachment, Fault):
        return attachment
    word, network = resource_of(attachment)
    owner = view.of(field(attachment, "account")) if field(attachment, "account") != "current" else view
    found = owner.get(KINDS[word], network)
    if found is None:
        return not_found("ParameterInstanceId", word, network)
    return {
        **_row(str(given["cen"]), attachment, view),
        "ChildInstanceName": found.name,
        "ChildInstanceAttributes": {
            "CidrBlock": field(found, "cidr_block"),
            "Ipv6CidrBlock": field(found, "ipv6_cidr_block"),
        },
    }


def _regions(_: dict[str, Any], view: View) -> dict[str, Any]:
    """DescribeChildInstanceRegions."""
    return {"Regions": {"Region": [{"RegionId": view.region, "LocalName": view.region}]}}


_CHILD = (
    spelled("cen", "CenId"),
    spelled("child", "ChildInstanceId"),
    spelled("type", "ChildInstanceType"),
)
_NEEDS = ("CenId", "ChildInstanceId", "ChildInstanceRegionId", "ChildInstanceType")
_REGION = {"ChildInstanceRegionId": "this server is one region"}
_OWNERS = {
    "CenOwnerId": "the access key says whose resources they are",
    "ChildInstanceOwnerId": "the attachment says whose network it is",
}

ACTIONS: tuple[Action, ...] = (
    row(
        name="AttachCenChildInstance",
        does=Compose((*_CHILD, spelled("owner", "ChildInstanceOwnerId")), _attach),
        needs=_NEEDS,
        ignored=_REGION,
    ),
    row(
        name="DetachCenChildInstance",
        does=Compose(_CHILD, _detach),
        needs=_NEEDS,
        ignored={**_REGION, **_OWNERS},
    ),
    row(
        name="DescribeCenAttachedChildInstances",
        does=Compute(
            (
                spelled("cen", "CenId"),
                spelled("type", "ChildInstanceType"),
                spelled("region", "ChildInstanceRegionId"),
                *PAGES,
            ),
            _list,
        ),
        needs=("CenId",),
    ),
    row(
        name="DescribeCenAttachedChildInstanceAttribute",
        does=Compute(_CHILD, _attribute),
        needs=_NEEDS,
        ignored=_REGION,
    ),
    row(
        name="DescribeChildInstanceRegions",
        does=Compute((), _regions),
        ignored={"ProductType": "every product of this server is in its region"},
    ),
)
