"""From what a site shall be to the operations that make it so, in an order in which each of them is allowed.

What differs in a field that cannot change is made anew, with everything that stands on it. Route tables and the site
itself name things that need them first, so they are made without those names and completed at the end; before something
goes, its name is taken out of them.

In: drafts, stored resources. Out: `SiteChanges`; empty where nothing differs. Next: the service carries them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from twinspan.engine.reference_walk import references, rename
from twinspan.engine.site_drafts import ORDER, Draft, key_of
from twinspan.engine.site_gaps import with_gaps_filled
from twinspan.engine.spec_changes import FieldChange, spec_changes, with_made_keys
from twinspan.model.destination_route import DestinationRouteSpec
from twinspan.model.fields import ResourceSpec
from twinspan.model.policy_route import PolicyRouteSpec
from twinspan.model.resource import DELETED, DELETING, Resource
from twinspan.model.route_table import RouteTableSpec
from twinspan.model.site import SiteSpec
from twinspan.model.virtual_border_router import VirtualBorderRouterSpec

_MAKING = ("Site", *(kind for kind in ORDER if kind != "Site"))
"""The site first: what is bound to it needs it."""
_RANK = {kind: number for number, kind in enumerate(_MAKING)}


class Update(Struct, frozen=True, kw_only=True):
    """A resource that stays and changes."""

    draft: Draft
    resource: Resource
    fields: tuple[FieldChange, ...]


class Operation(Struct, frozen=True, kw_only=True):
    """One step."""

    verb: Literal["create", "update", "delete"]
    kind: str
    name: str
    key: str
    id: str = ""
    """Of what is updated or deleted."""
    spec: ResourceSpec | None = None
    """What it shall be; references are keys (see `with_ids`). None: it is deleted."""


class SiteChanges(Struct, frozen=True, kw_only=True):
    """Everything that differs."""

    creates: tuple[Draft, ...] = ()
    updates: tuple[Update, ...] = ()
    replaces: tuple[Update, ...] = ()
    """Deleted and made again; `fields` says why, empty where it goes along with something it stands on."""
    deletes: tuple[Resource, ...] = ()
    operations: tuple[Operation, ...] = ()
    """All of it, in order."""
    ids: Mapping[str, str] = {}
    """Key to id of what is stored. Whoever carries the operations out writes there what it creates."""

    @property
    def count(self) -> int:
        return len(self.creates) + len(self.updates) + len(self.replaces) + len(self.deletes)


def with_ids(spec: ResourceSpec, ids: Mapping[str, str]) -> ResourceSpec:
    """The spec of an operation as the store has it. `ids`: those of `SiteChanges`, and of what was created since."""
    return rename(spec, lambda _, key: ids.get(key, key))


def changes(wanted: Iterable[Draft], stored: Iterable[Resource]) -> SiteChanges:
    """What to do so that `stored`, the resources bound to the site and the site itself, is as `wanted`.

    No drafts at all: everything goes.
    """
    drafts = {draft.key: draft for draft in wanted}
    there = {_key(one): one for one in stored if one.phase not in {DELETING, DELETED}}
    keys = {one.id: key for key, one in there.items()}
    specs = {key: rename(one.spec, lambda _, text: keys.get(text, text)) for key, one in there.items()}
    drafts = {key: _with_kept_keys(draft, specs.get(key)) for key, draft in drafts.items()}
    completed = with_gaps_filled(drafts, there, specs)
    differing = {key: spec_changes(completed[key], draft.spec) for key, draft in drafts.items() if key in specs}
    anew = _anew(drafts, specs, differing)
    updates = {key: fields for key, fields in differing.items() if fields and key not in anew}
    gone = [key for key in there if key not in drafts]
    return SiteChanges(
        creates=tuple(draft for key, draft in drafts.items() if key not in there),
        updates=tuple(Update(draft=drafts[key], resource=there[key], fields=updates[key]) for key in updates),
        replaces=tuple(
            Update(draft=drafts[key], resource=there[key], fields=differing[key]) for key in drafts if key in anew
        ),
        deletes=tuple(there[key] for key in gone),
        operations=_operations(drafts, there, specs, set(updates), anew, set(gone)),
        ids={key: one.id for key, one in there.items()},
    )


def _key(resource: Resource) -> str:
    return key_of(resource.kind, resource.name or resource.id)


def _with_kept_keys(draft: Draft, stored: ResourceSpec | None) -> Draft:
    return draft if stored is None else replace(draft, spec=with_made_keys(draft.spec, stored))


def _anew(
    drafts: Mapping[str, Draft], specs: Mapping[str, ResourceSpec], differing: Mapping[str, tuple[FieldChange, ...]]
) -> set[str]:
    """Keys of what must be made again."""
    anew = {key for key, fields in differing.items() if any(field.immutable for field in fields)}
    anew |= {key for key in differing if _loses_ipv6(specs[key], drafts[key].spec)}
    anew |= _reweighted(drafts, specs, differing)
    while True:
        along = {
            key for key in differing if key not in anew and any(target in anew for target in _stands_on(specs[key]))
        }
        if not along:
            return anew
        anew |= along


def _stands_on(spec: ResourceSpec) -> list[str]:
    """What cannot be made again without this."""
    if isinstance(spec, SiteSpec):
        return []
    mentions = references(spec)
    if isinstance(spec, RouteTableSpec):
        return [mention.target for mention in mentions if not mention.path.startswith("entries")]
    return [mention.target for mention in mentions]


def _loses_ipv6(before: ResourceSpec, after: ResourceSpec) -> bool:
    """IPv6 of a VBR cannot be switched off again (seed 004 Step 1)."""
    both = isinstance(before, VirtualBorderRouterSpec) and isinstance(after, VirtualBorderRouterSpec)
    return both and getattr(before, "enable_ipv6", False) and not getattr(after, "enable_ipv6", False)


def _reweighted(
    drafts: Mapping[str, Draft], specs: Mapping[str, ResourceSpec], differing: Mapping[str, tuple[FieldChange, ...]]
) -> set[str]:
    """A weight changes only while the route's partner is away (seed 004 Step 2): both are made again."""
    found = set()
    for key, fields in differing.items():
        if any(field.path == "weight" for field in fields):
            twins = {other for other in specs if other != key and _same_way(specs[other], specs[key])}
            found |= {key, *(twins & set(drafts))} if twins else set()
    return found


def _same_way(one: ResourceSpec, other: ResourceSpec) -> bool:
    if not isinstance(one, DestinationRouteSpec | PolicyRouteSpec) or type(one) is not type(other):
        return False
    fields = ("destination", "route_source")
    return all(getattr(one, field, "") == getattr(other, field, "") for field in fields)


def _operations(
    drafts: Mapping[str, Draft],
    there: Mapping[str, Resource],
    specs: Mapping[str, ResourceSpec],
    updates: set[str],
    anew: set[str],
    gone: set[str],
) -> tuple[Operation, ...]:
    vanishing = anew | gone
    staying = [key for key in there if key not in vanishing]
    used = {target for key in staying for target in _stands_on(specs[key]) if target in gone}
    released = {key: _without(specs[key], lambda target: target in vanishing) for key in there}
    released = {key: spec for key, spec in released.items() if spec != specs[key]}
    made = [key for key in drafts if key not in there or key in anew]
    halves = {key: _without(drafts[key].spec, lambda target: target in made) for key in made}
    late = [key for key in made if halves[key] != drafts[key].spec]
    finals = [*(key for key in staying if key in updates or key in released), *late]
    steps = [_step("update", there[key], spec=spec) for key, spec in released.items()]
    steps += [_step("delete", there[key]) for key in _sorted(vanishing - used, there, backwards=True)]
    steps += [_create(drafts[key], halves[key]) for key in _sorted(made, drafts)]
    steps += [_complete(drafts[key], there.get(key), key in anew) for key in _sorted(finals, drafts)]
    steps += [_step("delete", there[key]) for key in _sorted(used, there, backwards=True)]
    return tuple(steps)


def _sorted(keys: Iterable[str], of: Mapping[str, Any], *, backwards: bool = False) -> list[str]:
    """By the order of kinds, and within a kind as they stand."""
    places = {key: number for number, key in enumerate(of)}
    return sorted(keys, key=lambda key: (_RANK.get(of[key].kind, len(_RANK)), places[key]), reverse=backwards)


def _create(draft: Draft, spec: ResourceSpec) -> Operation:
    return Operation(verb="create", kind=draft.kind, name=draft.name, key=draft.key, spec=spec)


def _complete(draft: Draft, resource: Resource | None, anew: bool) -> Operation:
    resource_id = resource.id if resource is not None and not anew else ""
    return Operation(verb="update", kind=draft.kind, name=draft.name, key=draft.key, id=resource_id, spec=draft.spec)


def _step(verb: Literal["update", "delete"], resource: Resource, spec: ResourceSpec | None = None) -> Operation:
    key = _key(resource)
    return Operation(verb=verb, kind=resource.kind, name=resource.name, key=key, id=resource.id, spec=spec)


def _without(spec: ResourceSpec, gone: Callable[[str], bool]) -> ResourceSpec:
    """A route table without its entries to what is not there, a site whose spans do not name it."""
    if isinstance(spec, RouteTableSpec):
        return replace(spec, entries=tuple(entry for entry in spec.entries if not gone(entry.next_hop)))
    if isinstance(spec, SiteSpec):
        blank = rename(spec, lambda _, target: "" if gone(target) else target)
        spans = tuple(
            replace(span, ipsec_connections=tuple(name for name in span.ipsec_connections if name))
            for span in blank.spans
        )
        return replace(blank, spans=spans)
    return spec
