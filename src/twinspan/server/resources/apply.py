"""Apply a site file: all of what differs, in one unit of work, and exactly what was shown before.

In: a site file as data, an actor. Out: a `SitePlanned`. A plan has a name made of every change in it and of every
generation it rests on; who brings a name that is not the present plan's is told to look again. So two people who apply
overlapping sites never leave a mixture. Next: `apply_api.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from twinspan.engine.admission.admit import admit
from twinspan.engine.expand import expand
from twinspan.engine.lifecycle import settled
from twinspan.engine.site_assembly import export
from twinspan.engine.site_changes import Operation, SiteChanges, changes, with_ids
from twinspan.engine.site_drafts import OWN_KINDS, Draft, disassemble, own_half
from twinspan.engine.site_matching import wanted_keys
from twinspan.model.decode import decode
from twinspan.model.fields import DEFAULT_LIMITS, PROFILES, Limits
from twinspan.model.finding import Finding, has_errors, path_text
from twinspan.model.refusal import Refusal
from twinspan.model.resource import DELETED, Resource
from twinspan.model.site import Site, SiteFile
from twinspan.model.site_apply import ResourceChange, SitePlanned
from twinspan.server.resources.error import NotFound, ServiceError, of_findings
from twinspan.server.resources.new_keys import with_new_keys
from twinspan.server.resources.operations import Operations
from twinspan.wire.site_file_text import to_plain

SITE = "Site"


class Checked(NamedTuple):
    """A site that may be applied."""

    site: Site
    warnings: tuple[str, ...]
    kinds: frozenset[str] | None = None
    """What it is about; None: everything."""


def check_site(plain: dict[str, Any], *, only_data_center: bool = False, limits: Limits = DEFAULT_LIMITS) -> Checked:
    """Decode, expand, admit; `limits`: of the account. Raises ServiceError with every finding that is an error."""
    profile = next((one for one in PROFILES if one == plain.get("profile")), PROFILES[0])
    decoded = decode(SiteFile, plain, profile=profile, edge="site_file", limits=limits)
    if decoded.value is None:
        raise of_findings(decoded.findings)
    site = expand(decoded.value)
    findings = (*decoded.findings, *admit(site, limits))
    if has_errors(findings):
        raise of_findings(findings)
    warnings = tuple(_words(finding) for finding in findings if finding.severity == "warning")
    return Checked(own_half(site), warnings, OWN_KINDS) if only_data_center else Checked(site, warnings)


def plan_site(tx: Operations, checked: Checked) -> SitePlanned:
    """What `apply_site` would do, without trying it."""
    return _planned(checked.site.site, _changes(tx, checked), checked.warnings)


def apply_site(tx: Operations, checked: Checked, plan: str = "") -> SitePlanned:
    """Make the stored resources as the site says. `plan`: the one that was shown; empty: whatever is needed now."""
    return _carry_out(tx, checked.site.site, lambda: _changes(tx, checked), plan, checked.warnings)


def plan_removal(tx: Operations, name: str) -> SitePlanned:
    """What `destroy_site` would do."""
    return _planned(name, _removal(tx, name))


def destroy_site(tx: Operations, name: str, plan: str = "") -> SitePlanned:
    """Delete everything that is bound to the site, and the site."""
    return _carry_out(tx, name, lambda: _removal(tx, name), plan)


def export_site(tx: Operations, named: str) -> dict[str, Any]:
    """The site as it was declared, as data of a site file without its keys. Raises NotFound."""
    own = tx.get(SITE, named)
    everything = [settled(one, tx.now_ns) for one in tx.work.of_site(own.account, own.name)]
    assembled = export(own, everything)
    return to_plain(assembled.site, keys=False)


# ----------------------------------------------------------------------------------------------------------- inside


class _Found(NamedTuple):
    """What differs, and from what."""

    changes: SiteChanges
    stored: list[Resource]


def _stored(tx: Operations, name: str, kinds: frozenset[str] | None = None) -> list[Resource]:
    """What is bound to the site, and the site itself; of these kinds."""
    account = tx.actor.account
    bound = [one for one in tx.work.of_site(account, name) if one.site == name]
    sites = tx.work.find(account, SITE, name)
    found = {one.id: settled(one, tx.now_ns) for one in (*bound, *sites) if kinds is None or one.kind in kinds}
    return [one for one in found.values() if one.phase != DELETED]


def _changes(tx: Operations, checked: Checked) -> _Found:
    drafts = disassemble(checked.site)
    stored = _as_called(tx, _stored(tx, checked.site.site, checked.kinds), drafts)
    return _Found(changes(drafts, stored), stored)


def _as_called(tx: Operations, bound: list[Resource], drafts: tuple[Draft, ...]) -> list[Resource]:
    """What is bound to the site, and what hangs together with it and the file means, each with the name that the file
    has for it: what an export has written is found again, whoever made it. What the file does not mean and is not
    bound stays out, and so is never deleted."""
    own = next((one for one in bound if one.kind == SITE), None)
    if own is None:
        return bound
    everything = [settled(one, tx.now_ns) for one in tx.work.of_site(own.account, own.name)]
    keys = {resource_id: key for key, resource_id in export(own, everything).ids.items()}
    wanted = {draft.key for draft in drafts}
    called = {one: key for one, key in wanted_keys(drafts, everything, keys).items() if key in wanted}
    there = {one.id for one in bound}
    found = (*bound, *(one for one in everything if one.id in called and one.id not in there))
    return [_named(one, called[one.id]) if one.id in called else one for one in found]


def _named(resource: Resource, key: str) -> Resource:
    return msgspec.structs.replace(resource, name=key.partition(".")[2])


def _removal(tx: Operations, name: str) -> _Found:
    stored = _stored(tx, name)
    if not stored:
        raise NotFound(SITE, name)
    return _Found(changes((), stored), stored)


def _carry_out(
    tx: Operations, name: str, find: Callable[[], _Found], plan: str, warnings: tuple[str, ...] = ()
) -> SitePlanned:
    wanted = find()
    planned, found = _planned(name, wanted, warnings), wanted.changes
    if plan and plan != planned.plan:
        raise ServiceError("conflict", _OUTDATED)
    ids = dict(found.ids)
    for operation in found.operations:
        _do(tx, name, operation, ids)
    made = tuple(
        msgspec.structs.replace(change, id=ids.get(key, change.id))
        for change, key in zip(planned.changes, _keys(found), strict=True)
    )
    return msgspec.structs.replace(planned, changes=made, applied=True)


def _do(tx: Operations, site: str, operation: Operation, ids: dict[str, str]) -> None:
    if operation.verb == "create" and operation.spec is not None:
        spec = with_new_keys(with_ids(operation.spec, ids))
        made = tx.add(operation.kind, spec, name=operation.name, site="" if operation.kind == SITE else site)
        ids[operation.key] = made.id
    elif operation.verb == "update" and operation.spec is not None:
        tx.put(operation.kind, operation.id or ids[operation.key], with_ids(operation.spec, ids))
    else:
        tx.delete(operation.kind, operation.id)


def _keys(found: SiteChanges) -> list[str]:
    return [
        *(draft.key for draft in found.creates),
        *(update.draft.key for update in found.replaces),
        *(update.draft.key for update in found.updates),
        *("" for _ in found.deletes),
    ]


def _planned(name: str, wanted: _Found, warnings: tuple[str, ...] = ()) -> SitePlanned:
    found, stored = wanted
    shown = [
        *(ResourceChange(action="create", kind=one.kind, name=one.name) for one in found.creates),
        *(
            ResourceChange(
                action="replace",
                kind=one.draft.kind,
                name=one.draft.name,
                id=one.resource.id,
                fields=tuple(field.path for field in one.fields),
                reason="cannot be changed in place" if one.fields else "stands on what is made anew",
            )
            for one in found.replaces
        ),
        *(
            ResourceChange(
                action="update",
                kind=one.draft.kind,
                name=one.draft.name,
                id=one.resource.id,
                fields=tuple(field.path for field in one.fields),
            )
            for one in found.updates
        ),
        *(ResourceChange(action="delete", kind=one.kind, name=one.name, id=one.id) for one in found.deletes),
    ]
    touched = len(found.replaces) + len(found.updates) + len(found.deletes)
    return SitePlanned(
        site=name,
        changes=tuple(shown),
        unchanged=len(stored) - touched,
        plan=_name(shown, stored),
        warnings=warnings,
    )


def _name(shown: list[ResourceChange], stored: list[Resource]) -> str:
    """Of these changes to exactly this."""
    basis = [
        [[one.action, one.kind, one.name, one.fields] for one in shown],
        sorted([o.id, o.generation] for o in stored),
    ]
    return hashlib.sha256(msgspec.json.encode(basis)).hexdigest()[:32]


def _words(finding: Finding) -> str:
    return f"{path_text(finding.path)}: {finding.problem} ({finding.remedy})"


_OUTDATED = Refusal(
    code="plan.outdated",
    field="plan",
    rule="What is carried out is what was shown.",
    problem="the site was changed by somebody else meanwhile, or the file was",
    remedy="look at the changes again: twinspan diff",
)
