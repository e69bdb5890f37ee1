"""The native API of resources: /api/v1/KINDS, one implementation for all kinds.

In: calls. Out: resources as JSON with their secrets masked, the generation as ETag. Reading is done at once; what
changes something is awaited from the writer. Next: `operations.py` does it; `openapi.py` describes it.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import msgspec

from twinspan.model.errors import Retryable
from twinspan.model.kinds import STORED_KINDS, Kind
from twinspan.model.resource import Actor, Resource, Role
from twinspan.server.admin_route import Call, Result, Route
from twinspan.server.problem import ADMINISTRATOR_ONLY, ProblemRaised, problem
from twinspan.server.resources.api_query import cursor, list_query
from twinspan.server.resources.error import NotFound
from twinspan.server.resources.lookup import Lookup
from twinspan.server.resources.port import Change, Page, ReadView, Reference
from twinspan.server.resources.service import Once
from twinspan.server.resources.spec_text import shown
from twinspan.server.resources.writer import Writer

CHANGES, MAX_CHANGES = 100, 1000
_ETAG = re.compile(r'"?(\d{1,15})"?')


class NewResource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of a POST."""

    spec: dict[str, Any] = {}
    name: str = ""
    site: str = ""


class ResourcePage(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a list."""

    items: tuple[msgspec.Raw, ...]
    total: int
    """How many there are on all pages."""
    next: str | None
    """Give it as `cursor` for the next page; null: this was the last."""


class UsePage(msgspec.Struct, frozen=True, kw_only=True):
    items: tuple[Reference, ...]


class ChangePage(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first."""

    items: tuple[Change, ...]
    next_after: int | None
    """Give it as `after` for what follows; null: there is no more now."""


def actor_of(call: Call) -> Actor:
    """Who asks; an administrator says for which account: ?account=NAME.

    Raises ProblemRaised where somebody else names another account, or the account is not there.
    """
    own, named = call.principal.account, call.query.get("account", "")
    if own and named not in {"", own}:
        raise ProblemRaised(ADMINISTRATOR_ONLY)
    if not own and named and named not in call.office.accounts.names():
        remedy = "name one that is there: GET /api/v1/accounts; or make it first"
        raise ProblemRaised(problem(422, "query", f"there is no account {named}", field="account", remedy=remedy))
    account = own or named
    role: Role = "administrator" if call.principal.administrator else call.principal.role
    return Actor(account=account, label=call.principal.label, role=role, edge="native", address=call.address)


def service_of(call: Call) -> Writer:
    """Raises Retryable while the server has no resource service."""
    if call.office.resources is None:
        raise Retryable("the resource service has not started", delay_s=1.0, remedy="ask again in a moment")
    return call.office.resources


async def list_resources(kind: Kind, call: Call) -> Result:
    """GET /KINDS"""
    writer, actor = service_of(call), actor_of(call)
    query = list_query(call, kind, actor.account or None)
    page: Page = await writer.ask(lambda: writer.service.list(actor, query))
    items = tuple(msgspec.Raw(shown(resource)) for resource in page.resources)
    return Result(value=ResourcePage(items=items, total=page.total, next=cursor(query, page.next)))


async def create_resource(kind: Kind, call: Call) -> Result:
    """POST /KINDS"""
    wish, actor = call.read(NewResource), actor_of(call)
    made: Resource = await service_of(call).run(
        actor,
        lambda tx: tx.create(kind.name, wish.spec, name=wish.name, site=wish.site),
        dry_run=flag(call, "dry_run"),
        once=_once(call, ["create", kind.name, wish.name, wish.site, wish.spec]),
    )
    location = {} if flag(call, "dry_run") else {"location": f"/api/v1/{kind.path}/{made.id}"}
    return _answer(made, 200 if flag(call, "dry_run") else 201, location)


async def show_resource(kind: Kind, call: Call) -> Result:
    """GET /KINDS/{id}"""
    writer, actor, named = service_of(call), actor_of(call), call.names["id"]
    return _answer(await writer.ask(lambda: writer.service.get(actor, kind.name, named)))


async def patch_resource(kind: Kind, call: Call) -> Result:
    """PATCH /KINDS/{id}, a merge patch of name, site, spec and tags"""
    merge, generation, named = call.read(dict[str, Any]), _generation(call), call.names["id"]
    changed: Resource = await service_of(call).run(
        actor_of(call),
        lambda tx: tx.patch(kind.name, named, merge, generation=generation),
        dry_run=flag(call, "dry_run"),
        once=_once(call, ["patch", kind.name, named, generation, merge]),
    )
    return _answer(changed)


async def delete_resource(kind: Kind, call: Call) -> Result:
    """DELETE /KINDS/{id}"""
    generation, named = _generation(call), call.names["id"]
    gone: Resource = await service_of(call).run(
        actor_of(call),
        lambda tx: tx.delete(kind.name, named, generation=generation),
        dry_run=flag(call, "dry_run"),
        once=_once(call, ["delete", kind.name, named, generation]),
    )
    return _answer(gone)


async def perform_verb(kind: Kind, call: Call) -> Result:
    """POST /KINDS/{id}/{verb}"""
    arguments, named, verb = call.read(dict[str, Any]), call.names["id"], call.names["verb"]
    generation = _generation(call)
    changed: Resource = await service_of(call).run(
        actor_of(call),
        lambda tx: tx.perform(kind.name, named, verb, arguments, generation=generation),
        dry_run=flag(call, "dry_run"),
        once=_once(call, ["perform", kind.name, named, verb, generation, arguments]),
    )
    return _answer(changed)


async def show_uses(kind: Kind, call: Call) -> Result:
    """GET /KINDS/{id}/uses: what refers to it"""
    writer, actor, named = service_of(call), actor_of(call), call.names["id"]
    return Result(value=UsePage(items=await writer.ask(lambda: writer.service.uses(actor, kind.name, named))))


async def show_history(kind: Kind, call: Call) -> Result:
    """GET /KINDS/{id}/history: its changes, also when it is gone"""
    writer, actor, named = service_of(call), actor_of(call), call.names["id"]
    limit, after = call.number("limit", CHANGES, MAX_CHANGES), call.number("after", 0, 2**62, lowest=0)

    def ask(view: ReadView) -> tuple[Change, ...]:
        found = view.get(named)
        resource_id = named if found is not None else _id_of(view, actor, kind, named, call.now_ns)
        changes = view.changes(after=after, account=actor.account or None, resource_id=resource_id, limit=limit)
        if not changes and not after:
            raise NotFound(kind.name, named)
        return tuple(change for change in changes if change.kind == kind.name)

    changes = await writer.ask(lambda: writer.service.store.read(ask))
    return Result(value=ChangePage(items=changes, next_after=changes[-1].seq if len(changes) == limit else None))


def _id_of(view: ReadView, actor: Actor, kind: Kind, named: str, now_ns: int) -> str:
    """The id behind a name; what is no name of anything may be the id of something that is gone."""
    try:
        return Lookup(view, actor, now_ns).get(kind.name, named).id
    except NotFound:
        return named


def _answer(resource: Resource, status: int = 200, headers: dict[str, str] | None = None) -> Result:
    return Result(value=shown(resource), status=status, headers={"etag": f'"{resource.generation}"', **(headers or {})})


def flag(call: Call, name: str) -> bool:
    """A flag of the query: with no value it is on. Raises ProblemRaised."""
    text = call.query.get(name)
    if text not in {None, "", "true", "false"}:
        remedy = "write true or false, or the name alone"
        raise ProblemRaised(problem(422, "query", f"{name} is neither true nor false", field=name, remedy=remedy))
    return text is not None and text != "false"


def _generation(call: Call) -> int | None:
    """If-Match: the generation that the change is meant for."""
    text = call.headers.get("if-match", "*").strip()
    if text == "*":
        return None
    found = _ETAG.fullmatch(text)
    if found is None:
        remedy = 'send the ETag of the answer it was read with, for example "3"'
        raise ProblemRaised(problem(422, "header", "If-Match is no such tag", field="If-Match", remedy=remedy))
    return int(found.group(1))


def _once(call: Call, request: list[Any]) -> Once | None:
    key = call.headers.get("idempotency-key")
    return None if key is None else Once(key=key.strip('"'), request=request)


def _routes(kind: Kind) -> tuple[Route, ...]:
    all_, one = f"/{kind.path}", f"/{kind.path}/{{id}}"
    return (
        Route(method="GET", path=all_, function=partial(list_resources, kind)),
        Route(method="POST", path=all_, function=partial(create_resource, kind)),
        Route(method="GET", path=one, function=partial(show_resource, kind)),
        Route(method="PATCH", path=one, function=partial(patch_resource, kind)),
        Route(method="DELETE", path=one, function=partial(delete_resource, kind)),
        Route(method="GET", path=f"{one}/uses", function=partial(show_uses, kind)),
        Route(method="GET", path=f"{one}/history", function=partial(show_history, kind)),
        Route(method="POST", path=f"{one}/{{verb}}", function=partial(perform_verb, kind)),
    )


ROUTES: tuple[Route, ...] = tuple(route for kind in STORED_KINDS.values() for route in _routes(kind))
