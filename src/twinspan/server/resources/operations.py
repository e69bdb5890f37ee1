"""What can be done to resources, inside one unit of work: the one implementation for all kinds and all doors.

Decisions come from elsewhere: types and ranges from `model.decode`, phases and dependencies from `engine.lifecycle`,
numbers from `engine.quotas`, rules between resources from `engine.resource_rules`. Here they are asked in order, with
what the store knows.

In: an actor, plain data. Out: resources, or a `ServiceError` and nothing changed. Next: `service.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from twinspan.engine.chosen_addresses import ADDRESSED, chosen_on_create
from twinspan.engine.lifecycle import begin, may, settled
from twinspan.engine.quotas import QUOTAS
from twinspan.engine.resource_rules import judge, twin_routes
from twinspan.model.decode import decode
from twinspan.model.field_plan import fields_of
from twinspan.model.fields import PROFILES, Profile, ResourceSpec
from twinspan.model.kinds import STORED_KINDS, Kind
from twinspan.model.refusal import Refusal
from twinspan.model.resource import CHANGING, CREATING, DELETED, DELETING, READY, Actor, Resource
from twinspan.model.site import SiteSpec
from twinspan.server.resources import checks
from twinspan.server.resources.error import ServiceError, of_findings
from twinspan.server.resources.ids import new_id
from twinspan.server.resources.lookup import Lookup
from twinspan.server.resources.port import Page, Query, Reference, StaleWrite, Work
from twinspan.server.resources.spec_text import KeptSecrets, merge_patch, null_fields, without_gaps

_IMPLIED: dict[tuple[str, str], dict[str, Any]] = {
    (kind, verb): {"advertise_to_vpc": verb == "publish"}
    for kind in ("DestinationRoute", "PolicyRoute")
    for verb in ("publish", "withdraw")
}
"""What a verb changes in the spec by itself."""

REGION: str = fields_of(SiteSpec)["region"].default
"""Of what stands in no site."""


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the service behaves."""

    async_delay_ms: int = 1000
    """How long creating, changing and deleting last at the compatible edge; at the others they are over at once."""
    profile: Profile = "edge"
    """Which limits hold for resources without a site."""


class Operations:
    """One unit of work of one actor: several operations that happen together or not at all."""

    def __init__(self, work: Work, actor: Actor, now_ns: int, settings: ServiceSettings) -> None:
        self.work, self.actor, self.now_ns = work, actor, now_ns
        self._settings = settings
        self._begun: set[str] = set()
        """What this unit of work has made or changed."""
        self._lookup = Lookup(work, actor, now_ns)
        self._set_limits: dict[str, dict[str, int]] = {}
        self.leaving: list[Resource] = []
        """What goes for good at the end of its phase."""
        self._delay_ms = settings.async_delay_ms if actor.edge == "alibaba" else 0

    def for_account(self, account: str) -> Operations:
        """The same unit of work on resources of an account that has agreed to it; the audit still says who did it."""
        other = Operations(self.work, replace(self.actor, account=account), self.now_ns, self._settings)
        other._begun, other.leaving = self._begun, self.leaving
        return other

    # ------------------------------------------------------------------------------------------------ reading

    def get(self, kind: str, resource_id: str) -> Resource:
        """As it is now. Raises NotFound."""
        return self._lookup.get(kind, resource_id)

    def list(self, query: Query) -> Page:
        """One page of what the actor may see."""
        return self._lookup.page(query)

    def users_of(self, resource_id: str) -> tuple[Resource, ...]:
        """The resources of this actor that refer to it, oldest first."""
        return self._lookup.users_of(resource_id)

    def uses(self, kind: str, resource_id: str) -> tuple[Reference, ...]:
        """What refers to it."""
        return self._lookup.users(self.get(kind, resource_id))

    # ----------------------------------------------------------------------------------------------- changing

    def create(self, kind: str, plain_spec: dict[str, Any], *, name: str = "", site: str = "") -> Resource:
        """A new resource. Raises ServiceError."""
        declared = checks.known_kind(kind)
        checks.may_write(self.actor)
        _, profile = self._of_site(declared, site, plain_spec)
        return self.add(kind, self._decoded(declared, plain_spec, profile), name=name, site=site)

    def add(self, kind: str, spec: ResourceSpec, *, name: str = "", site: str = "") -> Resource:
        """`create` with a spec that is decoded already."""
        declared = checks.known_kind(kind)
        checks.may_write(self.actor)
        region, _ = self._of_site(declared, site, {})
        checks.no_places_of_secrets(spec, self.actor)
        spec = self._lookup.resolved(spec, site)
        made = Resource(
            kind=kind,
            id=new_id(declared, region),
            account=checks.owner(self.actor, spec),
            name=name or getattr(spec, "end_user_id", ""),  # a user is called by the logon name
            site=name if kind == "Site" else site,
            spec=spec,
            created_ns=self.now_ns,
            updated_ns=self.now_ns,
        )
        self._name_is_free(made)
        checks.within_quota(self._lookup, self.work, made)
        self._refuse(may(made, "create", self._related(made)))
        phase, until_ns = begin(kind, "create", self.now_ns, self._delay_ms, spec=spec, edge=self.actor.edge)
        if phase == "unconfirmed" and made.account == self.actor.account:
            phase, until_ns = READY, 0
        made = replace(made, phase=phase, phase_until_ns=until_ns)
        if kind in ADDRESSED:
            made = replace(made, spec=chosen_on_create(made, self._lookup.addressed(made)))
        self._judge(made, None)
        self.work.insert(made, self.actor)
        self._begun.add(made.id)
        return made

    def patch(self, kind: str, resource_id: str, merge: dict[str, Any], *, generation: int | None = None) -> Resource:
        """Change name, site or spec by a merge patch (RFC 7396). Raises ServiceError, StaleWrite."""
        before = self._writable(kind, resource_id, generation)
        after = self._merged(before, merge)
        if (after.name, after.site, after.spec) == (before.name, before.site, before.spec):
            return before
        return self._changed(before, after, "update")

    def put(self, kind: str, resource_id: str, spec: ResourceSpec) -> Resource:
        """Give it another spec, whole and decoded already. Raises ServiceError."""
        before = self._writable(kind, resource_id, None)
        checks.no_places_of_secrets(spec, self.actor)
        after = replace(before, spec=self._lookup.resolved(spec, before.site, before.spec))
        return before if after.spec == before.spec else self._changed(before, after, "update")

    def perform(
        self,
        kind: str,
        resource_id: str,
        verb: str,
        arguments: dict[str, Any] | None = None,
        *,
        generation: int | None = None,
    ) -> Resource:
        """Do what the kind has a verb for; `arguments` are a merge patch of the spec. Raises ServiceError."""
        before = self._writable(kind, resource_id, generation)
        patch = {**_IMPLIED.get((kind, verb), {}), **(arguments or {})}
        after = self._merged(before, {"spec": patch}) if patch else before
        return self._changed(before, after, verb)

    def delete(self, kind: str, resource_id: str, *, generation: int | None = None) -> Resource:
        """As it is when it goes. Raises ServiceError while something refers to it."""
        before = self._writable(kind, resource_id, generation)
        checks.unused_site(self.work, before)
        self._refuse(may(self._as_if_done(before), "delete", self._related(before)))
        self._delete_what_goes_along(before)
        phase, until_ns = begin(kind, "delete", self.now_ns, self._delay_ms)
        after = replace(before, phase=phase, phase_until_ns=until_ns, updated_ns=self.now_ns)
        if phase == DELETED:
            self.work.remove(before, self.actor)
            return after
        after = replace(after, generation=before.generation + 1)
        self.work.update(before, after, self.actor, "delete")
        self.leaving.append(after)
        return after

    # ------------------------------------------------------------------------------------------------- inside

    def _changed(self, before: Resource, after: Resource, verb: str) -> Resource:
        labelled = verb == "update" and _only_labels_differ(before, after)
        if not labelled:
            self._refuse(may(self._as_if_done(before), verb, self._related(before)))
        checks.immutable_kept(before, after)
        if after.name != before.name or after.site != before.site:
            self._name_is_free(after)
        phase, until_ns = before.phase, before.phase_until_ns
        if not labelled:
            phase, until_ns = begin(
                before.kind, verb, self.now_ns, self._delay_ms, spec=after.spec, edge=self.actor.edge
            )
            self._begun.add(after.id)
        after = replace(
            after,
            generation=before.generation + 1,
            phase=phase or before.phase,
            phase_until_ns=until_ns,
            updated_ns=self.now_ns,
        )
        neighbours = self._judge(after, before)
        self.work.update(before, after, self.actor, verb)
        if _withdrawn(before, after):
            self._withdraw_twins(after, neighbours)
        return after

    def _judge(self, resource: Resource, before: Resource | None) -> tuple[Resource, ...]:
        """Raises ServiceError for what stands against it; its neighbours. A whole site was judged when it came in."""
        if self.actor.edge == "site_file":
            return ()
        neighbours = self._lookup.neighbours(resource, frozenset(other.id for other in self.leaving))
        verdict = judge(
            resource,
            neighbours,
            before=before,
            site=self._lookup.site(resource.site) if resource.site and resource.kind != "Site" else None,
            edge=self.actor.edge,
            now_ns=self.now_ns,
            limits=self._limits(resource.account),
        )
        if verdict.refusals:
            raise ServiceError("quota" if _is_quota(verdict.refusals[0]) else "invalid", *verdict.refusals)
        return neighbours

    def _limits(self, account: str) -> dict[str, int]:
        """The quotas of fields and lists that an operator has set."""
        if account not in self._set_limits:
            self._set_limits[account] = checks.limits_of(self.work, account, (one for one in QUOTAS if not one.kind))
        return self._set_limits[account]

    def _withdraw_twins(self, route: Resource, neighbours: tuple[Resource, ...]) -> None:
        """The same destination in the gateway's other table is not advertised any more either (seed 004 Step 2)."""
        for twin in twin_routes(route, neighbours):
            spec = replace(twin.spec, advertise_to_vpc=False)
            after = replace(twin, spec=spec, generation=twin.generation + 1, updated_ns=self.now_ns)
            self.work.update(twin, after, self.actor, "withdraw")

    def _related(self, resource: Resource) -> tuple[Resource, ...]:
        """What `may` looks at: this unit of work does not wait for itself, and what it has deleted is gone."""
        gone = {other.id for other in self.leaving}
        return tuple(self._as_if_done(other) for other in self._lookup.related(resource) if other.id not in gone)

    def _as_if_done(self, resource: Resource) -> Resource:
        if resource.id not in self._begun or resource.phase not in {CREATING, CHANGING}:
            return resource
        return replace(resource, phase=READY, phase_until_ns=0)

    def _writable(self, kind: str, resource_id: str, generation: int | None) -> Resource:
        checks.may_write(self.actor)
        resource = self.get(kind, resource_id)
        if generation is not None and generation != resource.generation:
            raise StaleWrite(resource)
        return resource

    def _merged(self, before: Resource, merge: dict[str, Any]) -> Resource:
        checks.known_parts(merge)
        name = checks.text_part(merge, "name", before.name)
        site = checks.text_part(merge, "site", before.site)
        patch = merge.get("spec") or {}
        checks.is_mapping(patch, "spec")
        if "tags" in merge:
            patch = {**patch, "tags": merge["tags"]}
        declared = STORED_KINDS[before.kind]
        spec = before.spec
        if patch:
            kept = KeptSecrets(before.spec)
            merged = merge_patch(kept.plain, patch, null_fields(declared.spec))
            _, profile = self._of_site(declared, site, merged)
            spec = kept.restore(self._decoded(declared, kept.unmask(merged, kept.plain), profile, again=True))
            checks.no_places_of_secrets(spec, self.actor)
            spec = self._lookup.resolved(spec, site, before.spec)
        return replace(before, name=name, site=site, spec=spec)

    def _decoded(self, kind: Kind, plain: dict[str, Any], profile: Profile, *, again: bool = False) -> ResourceSpec:
        """`again`: everything is there already, so no default of the edge comes into it."""
        checks.is_mapping(plain, "spec")
        edge = "native" if again else self.actor.edge
        limits = self._limits(self.actor.account)
        decoded = decode(kind.spec, without_gaps(kind.spec, plain), profile=profile, edge=edge, limits=limits)
        if decoded.value is None:
            raise of_findings(decoded.findings)
        return decoded.value

    def _of_site(self, kind: Kind, site: str, plain: dict[str, Any]) -> tuple[str, Profile]:
        """Region and profile where it stands. Raises ServiceError if there is no such site."""
        if kind.name == "Site":
            named = plain.get("profile")
            return REGION, next((profile for profile in PROFILES if profile == named), self._settings.profile)
        if not site:
            return REGION, self._settings.profile
        spec = self._lookup.site(site).spec
        assert isinstance(spec, SiteSpec)
        return spec.region, spec.profile

    def _name_is_free(self, resource: Resource) -> None:
        checks.name_is_fit(resource)
        for other in self._same_name(resource):
            raise ServiceError("conflict", checks.name_taken(resource, other))

    def _same_name(self, resource: Resource) -> Iterator[Resource]:
        if not resource.name or not (resource.site or resource.kind == "Site"):
            return
        site = None if resource.kind == "Site" else resource.site
        for other in self.work.find(resource.account, resource.kind, resource.name, site):
            if other.id == resource.id:
                continue
            if settled(other, self.now_ns).phase == DELETED:
                self.work.remove(other, self.actor, "deleted")
            else:
                yield other

    def _delete_what_goes_along(self, owner: Resource) -> None:
        """The empty route table that it was born with, and tests of it that are over."""
        leaving = {gone.id for gone in self.leaving}
        for use in self._lookup.users(owner):
            user = self.work.get(use.source_id)
            if user is not None and user.id not in leaving:
                self.work.remove(user, self.actor)

    def _refuse(self, refusal: Any) -> None:
        if refusal is not None:
            raise ServiceError("conflict", refusal)


def _only_labels_differ(before: Resource, after: Resource) -> bool:
    """Tags and resource groups change nothing that anybody would have to wait for (TagResources)."""
    spec = replace(after.spec, tags=before.spec.tags, resource_group=before.spec.resource_group)
    same = (spec, after.name, after.site) == (before.spec, before.name, before.site)
    return same and before.phase not in {DELETING, DELETED}


def _withdrawn(before: Resource, after: Resource) -> bool:
    return bool(getattr(before.spec, "advertise_to_vpc", False)) and not getattr(after.spec, "advertise_to_vpc", True)


def _is_quota(refusal: Refusal) -> bool:
    return refusal.code.startswith("QuotaExceeded.")
