"""The native API of whole sites: POST /apply, POST /sites/{id}/destroy, GET /sites/{id}/export.

In: calls. Out: plans, sites as data. Next: `apply.py` does it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from twinspan.model.resource import Actor
from twinspan.model.site_apply import ApplyRequest, SitePlanned
from twinspan.server.admin_route import Call, Result, Route
from twinspan.server.resources import apply
from twinspan.server.resources.api import actor_of, flag, service_of
from twinspan.server.resources.operations import Operations


async def apply_site(call: Call) -> Result:
    """POST /apply, a whole site file as JSON; with ?dry_run the changes that it would make"""
    wish = call.read(ApplyRequest)
    service, account = service_of(call), actor_of(call).account
    limits = await service.ask(lambda: service.service.limits(account))
    checked = apply.check_site(wish.site, only_data_center=wish.only_data_center, limits=limits)
    if flag(call, "dry_run"):
        return await _tried(call, lambda tx: apply.plan_site(tx, checked), lambda tx: apply.apply_site(tx, checked))
    done = await service_of(call).run(_actor(call), lambda tx: apply.apply_site(tx, checked, wish.plan))
    return Result(value=done)


async def destroy_site(call: Call) -> Result:
    """POST /sites/{id}/destroy: the site and everything that is bound to it; with ?dry_run what that is"""
    name, plan = call.names["id"], call.query.get("plan", "")
    if flag(call, "dry_run"):
        return await _tried(call, lambda tx: apply.plan_removal(tx, name), lambda tx: apply.destroy_site(tx, name))
    done = await service_of(call).run(_actor(call), lambda tx: apply.destroy_site(tx, name, plan))
    return Result(value=done)


async def export_site(call: Call) -> Result:
    """GET /sites/{id}/export: the site as a site file's data, without its keys"""
    name = call.names["id"]
    return Result(value=await service_of(call).run(_actor(call), lambda tx: apply.export_site(tx, name), dry_run=True))


async def _tried(
    call: Call, plan: Callable[[Operations], SitePlanned], do: Callable[[Operations], SitePlanned]
) -> Result:
    """The plan. Who may write is told as well if it could not be carried out: it is tried and undone."""
    writer, actor = service_of(call), _actor(call)
    planned = await writer.run(actor, plan, dry_run=True)
    if actor.role != "viewer" and planned.changes:
        await writer.run(actor, do, dry_run=True)
    return Result(value=planned)


def _actor(call: Call) -> Actor:
    """At this door what is left out has the defaults of a site file."""
    return msgspec.structs.replace(actor_of(call), edge="site_file")


ROUTES = (
    Route(method="POST", path="/apply", function=apply_site),
    Route(method="POST", path="/sites/{id}/destroy", function=destroy_site),
    Route(method="GET", path="/sites/{id}/export", function=export_site),
)
