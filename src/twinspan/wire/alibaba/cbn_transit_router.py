"""Transit routers in the compatible API: one per CEN instance and region.

Where an attachment needs one and there is none, it comes into being with it (`automatic`). In: the kind TransitRouter.
Out: `ROUTER`, `ACTIONS`, and how an action gets its router. Next: `cbn_attachment.py`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Call, Create, Delete, List, Made, Step, Update
from twinspan.wire.alibaba.cbn import CEN, field, routers_of, row, tables_of
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault, not_found
from twinspan.wire.alibaba.listing import by_ids, by_name, by_reference, where
from twinspan.wire.alibaba.shape import shape
from twinspan.wire.alibaba.spelling import Wrong, choice, list_of, spelled, structure, switch, words_of
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.words import CEN as WORDS
from twinspan.wire.alibaba.words import minute, word

_EDITIONS = {"Enterprise": "enterprise", "Basic": "basic"}
_BLOCK = structure(
    (
        spelled("cidr", "Cidr"),
        spelled("name", "Name"),
        spelled("description", "Description"),
        spelled("published", "PublishCidrRoute", switch),
    )
)


def _blocks(value: Any) -> Any:
    """Their prefixes; a name of one is shown nowhere."""
    found = list_of(_BLOCK)(value)
    if isinstance(found, Wrong):
        return found
    if not all(part.get("cidr") for part in found):
        return Wrong(problem="a block has no Cidr", remedy="write TransitRouterCidrList.1.Cidr")
    return [part["cidr"] for part in found]


def _written(blocks: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"Cidr": block, "Name": "", "Description": "", "PublishCidrRoute": True} for block in blocks]


ROUTER = shape(
    "TransitRouter",
    id="TransitRouterId",
    name="TransitRouterName",
    absent="InvalidTransitRouterId.NotFound",
    reply_tags="Tags",
    words=WORDS,
    differ=(
        spelled("description", "TransitRouterDescription"),
        spelled("edition", "", choice(_EDITIONS), words_of(_EDITIONS), reply="Type"),
        spelled("cidr_blocks", "TransitRouterCidrList", _blocks, _written),
    ),
    without=("resource_group",),
    more={
        "AliUid": lambda router, view: int(view.account_id(router.account)),
        "CreationTime": lambda router, _: minute(router.created_ns),
        "SupportMulticast": lambda _, __: False,
    },
)


def born(router: Resource, _: View) -> tuple[Step, ...]:
    """The system route table that a transit router is born with."""
    return (Step(verb="create", kind="RouteTable", spec={"transit_router": router.id, "system": True}),)


def _prepared(spec: dict[str, Any], call: Call, view: View) -> dict[str, Any] | Fault:
    """One per region; the region is that of the request."""
    cen = by_id(CEN, "CenId", call.parameters.get("CenId"), view)
    if isinstance(cen, Fault):
        return cen
    there = routers_of(cen.id, view)
    if there:
        return Fault(
            code="OperationFailed.TransitRouterExist",
            message=f"CenId: {cen.id} has the transit router {there[0].id} in {view.region} (use that one).",
        )
    return {**spec, "region": view.region}


class Router(Struct, frozen=True, kw_only=True):
    """The transit router that an action works with."""

    id: str | Made
    table: str | Made
    """Its system route table; empty: it has none."""
    first: tuple[Step, ...] = ()
    """What makes both, if they are not there."""


def automatic(cen: str, view: View, before: int = 0) -> Router | Fault:
    """The router of a CEN instance in this region, made if there is none (seed 004, Step 3).

    before: so many steps come first in the plan.
    """
    instance = by_id(CEN, "CenId", cen, view)
    if isinstance(instance, Fault):
        return instance
    routers = routers_of(instance.id, view)
    if routers:
        tables = tables_of(routers[0].id, view)
        return Router(id=routers[0].id, table=tables[0].id if tables else "")
    spec = {"cen": instance.id, "region": view.region}
    made = Made(before)
    return Router(
        id=made,
        table=Made(before + 1),
        first=(
            Step(verb="create", kind="TransitRouter", spec=spec, account=view.account),
            Step(verb="create", kind="RouteTable", spec={"transit_router": made, "system": True}, account=view.account),
        ),
    )


def router_for(call: Call, view: View) -> Router | Fault:
    """By TransitRouterId, or by CenId alone. Both together must fit."""
    asked, cen = call.text("TransitRouterId"), call.text("CenId")
    if not asked:
        return automatic(cen, view)
    router = view.get("TransitRouter", asked)
    if router is None or (cen and field(router, "cen") != cen):
        return not_found(ROUTER.absent, ROUTER.label, asked)
    return Router(id=router.id, table="")


_PRIVATE = {"SupportMulticast": "there is no multicast between attachments"}

ACTIONS: tuple[Action, ...] = (
    row(
        name="CreateTransitRouter",
        does=Create(ROUTER, prepare=_prepared, then=born),
        needs=("CenId",),
        region=True,
        refused=_PRIVATE,
    ),
    row(
        name="ListTransitRouters",
        does=List(
            ROUTER,
            into="TransitRouters",
            by={
                "CenId": by_reference(),
                "TransitRouterId": by_ids(),
                "TransitRouterName": by_name(),
                "Status": where(lambda router, _: word(WORDS, router.phase)),
                "Type": where(lambda router, _: words_of(_EDITIONS)(field(router, "edition"))),
            },
        ),
        needs=("CenId",),
        refused={"FeatureFilter": "no transit router has features that others lack"},
    ),
    row(name="UpdateTransitRouter", does=Update(ROUTER), never=("TransitRouterCidrList",)),
    row(name="DeleteTransitRouter", does=Delete(ROUTER)),
)
