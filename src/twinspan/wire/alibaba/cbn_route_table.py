"""Route tables of transit routers in the compatible API; which attachment asks which, and which learns whose routes.

Association (associated forwarding) and propagation (route learning) are fields of the attachment; while it changes, so
do they. In: the kinds RouteTable, Attachment. Out: `TABLE`, `ACTIONS`. Next: `cbn_route_entry.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twinspan.model.resource import CHANGING, CREATING, Resource
from twinspan.wire.alibaba.action import Action, Call, Compose, Compute, Create, Done, List, Plan, Step, Update
from twinspan.wire.alibaba.cbn import field, resource_of, row
from twinspan.wire.alibaba.cbn_attachment import VPC as ATTACHMENT
from twinspan.wire.alibaba.cbn_transit_router import ROUTER
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault, not_found
from twinspan.wire.alibaba.listing import TOKENS, by_ids, by_reference, tokened, where
from twinspan.wire.alibaba.shape import shape
from twinspan.wire.alibaba.spelling import spelled
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.words import CEN as WORDS
from twinspan.wire.alibaba.words import second, word

_ABSENT = "InvalidTransitRouterRouteTableId.NotFound"
SYSTEM, CUSTOM = "System", "Custom"


def table_type(table: Resource, _: View) -> str:
    """System: what the router was born with."""
    return SYSTEM if getattr(table.spec, "system", False) else CUSTOM


TABLE = shape(
    "RouteTable",
    id="TransitRouterRouteTableId",
    name="TransitRouterRouteTableName",
    absent=_ABSENT,
    reply_tags="Tags",
    status="TransitRouterRouteTableStatus",
    words=WORDS,
    differ=(
        spelled("description", "TransitRouterRouteTableDescription"),
        spelled("transit_router", "TransitRouterId"),
    ),
    without=("resource_group", "vpc", "virtual_border_router", "system", "entries"),
    more={
        "TransitRouterRouteTableType": table_type,
        "CreateTime": lambda table, _: second(table.created_ns),
        "RegionId": lambda _, view: view.region,
        "RouteTableOptions.MultiRegionECMP": lambda _, __: "disable",
    },
)


def table_named(parameter: str, table_id: Any, view: View) -> Resource | Fault:
    """A route table of a transit router; those of VPCs and VBRs are another product's."""
    table = by_id(TABLE, parameter, table_id, view)
    if isinstance(table, Fault) or field(table, "transit_router"):
        return table
    return not_found(_ABSENT, "route table of a transit router", table.id)


def _custom(spec: dict[str, Any], _: Call, __: View) -> dict[str, Any]:
    return {**spec, "system": False}


def _deleted(given: dict[str, Any], view: View) -> Plan | Fault:
    """DeleteTransitRouterRouteTable."""
    table = table_named(TABLE.id, given.get("table"), view)
    if isinstance(table, Fault):
        return table
    if table_type(table, view) == SYSTEM:
        return Fault(
            code="OperationUnsupported.SystemRouteTable",
            message=f"{TABLE.id}: {table.id} is the table that its transit router was born with (it goes with it).",
        )
    return Plan(steps=(Step(verb="delete", kind="RouteTable", id=table.id),), reply=_nothing)


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}


# ------------------------------------------------------------------------------------------------------ who asks whom


def _both(given: Mapping[str, Any], view: View) -> tuple[Resource, Resource] | Fault:
    """Attachment and table of a request; they are of one router."""
    attachment = by_id(ATTACHMENT, ATTACHMENT.id, given.get("attachment"), view)
    if isinstance(attachment, Fault):
        return attachment
    table = table_named(TABLE.id, given.get("table"), view)
    if isinstance(table, Fault):
        return table
    if field(table, "transit_router") != field(attachment, "transit_router"):
        return Fault(
            code="InvalidOperation.AttachmentAndRouteTable",
            message=f"{TABLE.id}: {table.id} is of another transit router (name a table of {ROUTER.id} "
            f"{field(attachment, 'transit_router')}).",
        )
    return attachment, table


Change = Callable[[Resource, Resource], dict[str, Any] | Fault]
"""Attachment and table to the patch of the attachment."""


def _change(change: Change) -> Callable[[dict[str, Any], View], Plan | Fault]:
    def plan(given: dict[str, Any], view: View) -> Plan | Fault:
        both = _both(given, view)
        if isinstance(both, Fault):
            return both
        attachment, table = both
        spec = change(attachment, table)
        if isinstance(spec, Fault):
            return spec
        step = Step(verb="patch", kind="Attachment", id=attachment.id, spec={"spec": spec})
        return Plan(steps=(step,), reply=_nothing)

    return plan


def _association(attachment: Resource) -> str:
    return field(attachment, "route_table_association")


def propagations(attachment: Resource) -> tuple[str, ...]:
    """Tables that learn its routes."""
    return tuple(getattr(attachment.spec, "route_table_propagation", None) or ())


def _associated(attachment: Resource, table: Resource) -> dict[str, Any] | Fault:
    if there := _association(attachment):
        return Fault(
            code="OperationFailed.AssociationExist",
            message=f"{attachment.id} is associated with {there} (an attachment asks one table; dissociate it first).",
        )
    return {"route_table_association": table.id}


def _replaced(_: Resource, table: Resource) -> dict[str, Any]:
    return {"route_table_association": table.id}


def _dissociated(attachment: Resource, table: Resource) -> dict[str, Any] | Fault:
    if _association(attachment) != table.id:
        return not_found("InvalidAssociation.NotFound", f"association of {attachment.id} with", table.id)
    return {"route_table_association": None}


def _enabled(attachment: Resource, table: Resource) -> dict[str, Any] | Fault:
    there = propagations(attachment)
    if table.id in there:
        return Fault(
            code="OperationFailed.PropagationExist",
            message=f"{table.id} learns the routes of {attachment.id} already (nothing is left to do).",
        )
    return {"route_table_propagation": [*there, table.id]}


def _disabled(attachment: Resource, table: Resource) -> dict[str, Any] | Fault:
    there = propagations(attachment)
    if table.id not in there:
        return not_found("InvalidPropagation.NotFound", f"propagation of {attachment.id} to", table.id)
    return {"route_table_propagation": [one for one in there if one != table.id]}


# ------------------------------------------------------------------------------------------------------ lists


def _listed(tables: Callable[[Resource], tuple[str, ...]], into: str, changing: str) -> Callable[..., Any]:
    """Rows of attachment and table; `changing`: the status while the attachment changes."""

    def answer(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
        rows = []
        for attachment in view.all("Attachment"):
            kind, resource = resource_of(attachment)
            status = changing if attachment.phase in {CREATING, CHANGING} else "Active"
            told = {"attachment": attachment.id, "resource": resource, "kind": kind, "status": status}
            for table in tables(attachment):
                same = {**told, "table": table}
                if all(given.get(name, value).lower() == value.lower() for name, value in same.items()):
                    rows.append(
                        {
                            "TransitRouterAttachmentId": attachment.id,
                            "TransitRouterRouteTableId": table,
                            "ResourceId": resource,
                            "ResourceType": kind,
                            "Status": status,
                        }
                    )
        return tokened(rows, given, into)

    return answer


def _one(attachment: Resource) -> tuple[str, ...]:
    return (_association(attachment),) if _association(attachment) else ()


_BOTH = (spelled("attachment", ATTACHMENT.id), spelled("table", TABLE.id))
_NEEDS = (ATTACHMENT.id, TABLE.id)
_LIST = (
    *_BOTH,
    spelled("resource", "TransitRouterAttachmentResourceId"),
    spelled("kind", "TransitRouterAttachmentResourceType"),
    spelled("status", "Status"),
    *TOKENS,
)
_CHANGES: dict[str, Change] = {
    "AssociateTransitRouterAttachmentWithRouteTable": _associated,
    "ReplaceTransitRouterRouteTableAssociation": _replaced,
    "DissociateTransitRouterAttachmentFromRouteTable": _dissociated,
    "EnableTransitRouterRouteTablePropagation": _enabled,
    "DisableTransitRouterRouteTablePropagation": _disabled,
}
_ECMP = {"RouteTableOptions": "a table has no options here: regions are not joined"}

ACTIONS: tuple[Action, ...] = (
    row(
        name="CreateTransitRouterRouteTable",
        does=Create(TABLE, prepare=_custom),
        needs=("TransitRouterId",),
        refused=_ECMP,
    ),
    row(
        name="ListTransitRouterRouteTables",
        does=List(
            TABLE,
            into="TransitRouterRouteTables",
            by={
                "TransitRouterId": by_reference(),
                "TransitRouterRouteTableIds": by_ids(),
                "TransitRouterRouteTableNames": where(lambda table, _: table.name),
                "TransitRouterRouteTableType": where(table_type),
                "TransitRouterRouteTableStatus": where(lambda table, _: word(WORDS, table.phase)),
            },
            paging="tokens",
            max_size=100,
            only=lambda table: bool(field(table, "transit_router")),
        ),
        needs=("TransitRouterId",),
        refused=_ECMP,
    ),
    row(name="UpdateTransitRouterRouteTable", does=Update(TABLE), refused=_ECMP),
    row(name="DeleteTransitRouterRouteTable", does=Compose((spelled("table", TABLE.id),), _deleted, shape=TABLE)),
    *(
        row(name=name, does=Compose(_BOTH, _change(change), shape=ATTACHMENT), needs=_NEEDS)
        for name, change in _CHANGES.items()
    ),
    row(
        name="ListTransitRouterRouteTableAssociations",
        does=Compute(_LIST, _listed(_one, "TransitRouterAssociations", "Associating")),
    ),
    row(
        name="ListTransitRouterRouteTablePropagations",
        does=Compute(_LIST, _listed(propagations, "TransitRouterPropagations", "Enabling")),
    ),
)
