"""What must hold before something is written, and the refusals where it does not.

In: resources, actors, what the store counts. Out: `ServiceError`s. Next: `operations.py`, which asks in order.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from twinspan.engine.quotas import QUOTAS, Quota, exceeded, limit_of, of_kind
from twinspan.engine.spec_changes import spec_changes
from twinspan.model.field_check import Problem, characters, value_text
from twinspan.model.fields import ResourceSpec
from twinspan.model.kinds import STORED_KINDS, Kind
from twinspan.model.refusal import Refusal
from twinspan.model.resource import Actor, Resource
from twinspan.model.secret import MASK
from twinspan.server.resources.error import NotFound, ServiceError
from twinspan.server.resources.lookup import Lookup
from twinspan.server.resources.port import Query, ReadView
from twinspan.server.resources.spec_text import secrets_of

PARTS = ("name", "site", "spec", "tags")
"""What a patch may change."""
NAME_LENGTH = 128


def known_kind(name: str) -> Kind:
    """The kind. Raises NotFound."""
    kind = STORED_KINDS.get(name)
    if kind is None:
        raise NotFound("kind", name)
    return kind


def may_write(actor: Actor) -> None:
    """Raises ServiceError for a viewer, and for an administrator who does not say whose resources are meant."""
    if actor.role == "viewer":
        refusal = Refusal(
            code="role.viewer",
            rule="A viewer reads; operators and administrators change.",
            remedy="use a token with the role operator",
        )
        raise ServiceError("forbidden", refusal)


def owner(actor: Actor, spec: ResourceSpec) -> str:
    """Account that a new resource belongs to. Raises ServiceError."""
    if not actor.account:
        refusal = Refusal(
            code="account.missing",
            field="account",
            rule="A resource belongs to one account.",
            problem="an administrator creates for an account, and none is named",
            remedy="say which: ?account=NAME",
        )
        raise ServiceError("invalid", refusal)
    theirs: str = getattr(spec, "account", "current")
    foreign = actor.edge == "alibaba" and theirs not in {"", "current"} and type(spec).__name__.startswith("Virtual")
    return theirs if foreign else actor.account


def is_mapping(value: object, field: str) -> None:
    """Raises ServiceError unless it is a JSON object."""
    if not isinstance(value, dict):
        raise _wrong(field, "it is not an object", "send a JSON object of fields")


def known_parts(merge: dict[str, Any]) -> None:
    """Raises ServiceError for what a patch cannot change."""
    for part in merge:
        if part not in PARTS:
            near = difflib.get_close_matches(part, PARTS, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"a patch changes {', '.join(PARTS)}"
            raise _wrong(part, "a patch cannot change it", remedy)


def text_part(merge: dict[str, Any], part: str, before: str) -> str:
    """`name` or `site` of a patch. Raises ServiceError."""
    value = merge.get(part, before)
    if not isinstance(value, str):
        raise _wrong(part, "it is not a text", "send a text")
    return value


def name_is_fit(resource: Resource) -> None:
    """Raises ServiceError for a name that no door could write down."""
    name = resource.name
    if resource.kind == "Site" and not name:
        raise _wrong("name", "a site has no name", "give it a name: lower case letters, digits and hyphens")
    unseen = characters(name)
    if unseen is not None:
        raise ServiceError("invalid", _of_rule(unseen, "name", name))
    if len(name) > NAME_LENGTH or not (name == "" or name.isprintable()) or name.startswith(("http://", "https://")):
        raise _wrong("name", "it is no name", f"give up to {NAME_LENGTH} printable characters, and no link")


def _of_rule(problem: Problem, field: str, value: str) -> Refusal:
    return Refusal(
        code=problem.rule.id, field=field, value=value_text(value), rule=problem.rule.text, problem=problem.text,
        remedy=problem.remedy, source=problem.rule.source,
    )  # fmt: skip


def name_taken(resource: Resource, other: Resource) -> Refusal:
    """Two of one kind in a site."""
    return Refusal(
        code="name.taken",
        field="name",
        value=resource.name,
        rule="A name is unique in its site and kind.",
        problem=f"{other.id} has this name",
        remedy="choose another name, or change the resource that has it",
    )


def no_places_of_secrets(spec: ResourceSpec, actor: Actor) -> None:
    """A key comes as itself: a file or variable would be the server's own. Raises ServiceError."""
    del actor
    for source in secrets_of(spec):
        if source.file or source.env:
            raise _wrong(
                "spec", "a key names a file or a variable of the server", "send the key itself; the command line does"
            )
        if source.value is not None and source.value.reveal() == MASK:
            raise _wrong("spec", "a key is the mask that stands for one", "send the key itself, or leave it out")


def limits_of(view: ReadView, account: str, quotas: Iterable[Quota] = QUOTAS) -> dict[str, int]:
    """What an operator has set of these quotas."""
    found = {quota.name: view.quota(account, quota.name) for quota in quotas}
    return {name: limit for name, limit in found.items() if limit is not None}


def within_quota(lookup: Lookup, view: ReadView, resource: Resource) -> None:
    """Raises ServiceError where one more would be too many."""
    quotas = of_kind(resource.kind)
    if not quotas:
        return
    limits = limits_of(view, resource.account, quotas)
    if view.count(resource.account, resource.kind) < min(limit_of(quota.name, limits) for quota in quotas):
        return  # not even all of them together break one
    refusal = exceeded(resource, lookup.of_kind(resource), limits)
    if refusal is not None:
        raise ServiceError("quota", refusal)


def immutable_kept(before: Resource, after: Resource) -> None:
    """Raises ServiceError for what cannot change after creation."""
    if before.kind == "Site" and after.name != before.name:
        raise ServiceError("conflict", _immutable("name", before.name))
    if before.kind == "Site" and after.site != before.site:
        raise ServiceError("conflict", _immutable("site", before.site))
    changed = [change for change in spec_changes(before.spec, after.spec) if change.immutable]
    if changed:
        raise ServiceError("conflict", *(_immutable(change.path, change.before) for change in changed))


def unused_site(view: ReadView, resource: Resource) -> None:
    """Raises ServiceError for a site in which there still is something."""
    if resource.kind != "Site":
        return
    for kind in STORED_KINDS:
        if kind == "Site":
            continue
        page = view.list(Query(kind=kind, account=resource.account, site=resource.name, limit=1))
        if page.resources:
            other = page.resources[0]
            refusal = Refusal(
                code=f"DependencyViolation.{kind}",
                value=other.id,
                rule="Nothing that is used is deleted.",
                problem=f"{STORED_KINDS[kind].label} {other.name or other.id} is in the site",
                remedy="delete what is in the site first: twinspan destroy",
            )
            raise ServiceError("conflict", refusal)


def _immutable(field: str, was: str) -> Refusal:
    return Refusal(
        code="field.immutable",
        field=field,
        value=was,
        rule="What is set at creation and marked so does not change.",
        problem=f"it cannot change after creation; it is {was or 'empty'}",
        remedy="leave it, or delete the resource and create another",
    )


def _wrong(field: str, problem: str, remedy: str) -> ServiceError:
    refusal = Refusal(
        code="request.form", field=field, rule="A request has the form that the reference says.", problem=problem,
        remedy=remedy,
    )  # fmt: skip
    return ServiceError("invalid", refusal)
