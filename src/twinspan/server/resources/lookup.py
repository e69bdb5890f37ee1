"""What an actor can find in the store, as it is now: by id, by name, through references.

In: a view of the store, an actor, the time. Out: settled resources of that actor alone. Next: `checks.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from twinspan.engine.lifecycle import GATEWAY_FAMILY, gateway_of, settled
from twinspan.engine.neighbourhood import ASKED_BY_NAME, ASKED_WHOLE, neighbourhood
from twinspan.engine.reference_walk import Mention, references, rename
from twinspan.model.attachment_grant import AttachmentGrantSpec
from twinspan.model.fields import ResourceSpec
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.refusal import Refusal
from twinspan.model.resource import DELETED, Actor, Resource
from twinspan.server.resources.error import NotFound, ServiceError
from twinspan.server.resources.port import Page, Query, ReadView, Reference

_GRANTED = ("Vpc", "VirtualBorderRouter", "IpsecConnection")
"""What an account lets others attach."""
MAX_GRANTS = 1000


class Lookup:
    """For one question, or one unit of work (then `view` is its Work)."""

    def __init__(self, view: ReadView, actor: Actor, now_ns: int) -> None:
        self._view, self._actor, self._now_ns = view, actor, now_ns

    @property
    def _everything(self) -> bool:
        """Whoever is for the whole server and has not said an account sees all of them."""
        return not self._actor.account

    def get(self, kind: str, id_or_name: str) -> Resource:
        """As it is now. Raises NotFound."""
        resource = self._view.get(id_or_name)
        if resource is not None and resource.kind == kind and may_see(self._actor, resource):
            now = settled(resource, self._now_ns)
            if now.phase != DELETED:
                return now
        elif self._actor.edge != "alibaba" and self._actor.account:
            named = self._named(kind, id_or_name, "")
            if len(named) == 1:
                return named[0]
        raise NotFound(kind, id_or_name)

    def page(self, query: Query) -> Page:
        """One page. What is gone by now and not cleared away yet is left out."""
        if not self._everything:
            query = replace(query, account=self._actor.account)
        page = self._view.list(query)
        now = tuple(settled(resource, self._now_ns) for resource in page.resources)
        if all(resource.phase != DELETED for resource in now):
            return replace(page, resources=now)
        there = tuple(resource for resource in now if resource.phase != DELETED)
        return replace(page, resources=there, total=page.total - len(now) + len(there))

    def site(self, name: str) -> Resource:
        """The site of that name. Raises ServiceError."""
        found = self._view.find(self._actor.account, "Site", name)
        now = [site for site in (settled(one, self._now_ns) for one in found) if site.phase != DELETED]
        if now:
            return now[0]
        refusal = Refusal(
            code="reference.absent",
            field="site",
            value=name,
            rule="A site that is named exists.",
            problem=f"there is no site {name}",
            remedy="make the site first, or leave the field out",
        )
        raise ServiceError("invalid", refusal)

    def resolved(self, spec: ResourceSpec, site: str, before: ResourceSpec | None = None) -> ResourceSpec:
        """The spec with ids where it had names. Raises ServiceError for what it mentions and is not there.

        What stood there before is left alone: it was looked at when it came in.
        """
        known = {(mention.path, mention.target) for mention in references(before)} if before is not None else set()
        ids: dict[tuple[str, str], str] = {}
        refusals = []
        for mention in references(spec):
            if (mention.path, mention.target) in known:
                ids[mention.kind, mention.target] = mention.target
                continue
            found = self._mentioned(mention, spec, site)
            if isinstance(found, Refusal):
                refusals.append(found)
            else:
                ids[mention.kind, mention.target] = found
        if refusals:
            raise ServiceError("invalid", *refusals)
        return rename(spec, lambda kind, text: ids[kind, text])

    def related(self, resource: Resource) -> list[Resource]:
        """What refers to it, what it refers to, and for the VPN gateway's family the whole family; as they are now."""
        found: dict[str, Resource] = {}
        self._gather(found, (mention.target for mention in references(resource.spec)))
        self._gather(found, (use.source_id for use in self._view.referring_to(resource.id)))
        if resource.kind in GATEWAY_FAMILY:
            for other in [one for one in found.values() if one.kind == "IpsecConnection"]:
                self._gather(found, (mention.target for mention in references(other.spec)))
            self._gather_family(found, gateway_of(resource, found))
        return list(found.values())

    def neighbours(self, resource: Resource, gone: frozenset[str]) -> tuple[Resource, ...]:
        """What must be looked at to judge it, without what is `gone`; as it is now."""

        def get(one: str) -> Resource | None:
            found = self._view.get(one) if one not in gone else None
            return settled(found, self._now_ns) if found is not None else None

        near = neighbourhood(resource, get, lambda one: [use.source_id for use in self._view.referring_to(one)])
        if resource.kind == "Attachment":  # a grant mentions no reference: it may be for anybody
            foreign = [one for one in near if one.account != resource.account and one.kind in _GRANTED]
            near = (*near, *(grant for network in foreign for grant in self._grants_of(network)))
        further: Iterable[Resource] = ()
        if resource.kind in ASKED_WHOLE:
            further = self.of_kind(resource)
        elif resource.kind in ASKED_BY_NAME:
            alike = self._view.find(resource.account, resource.kind, resource.name)
            further = (settled(one, self._now_ns) for one in alike)
        every = {one.id: one for one in (*near, *further) if one.id not in gone | {resource.id}}
        return tuple(every.values())

    def addressed(self, resource: Resource) -> list[Resource]:
        """Whose addresses one that is being made keeps off: all of its kind, and the account's sites."""
        sites = self._view.list(Query(kind="Site", account=resource.account, limit=500)).resources
        return [*self.of_kind(resource), *sites]

    def of_kind(self, resource: Resource) -> list[Resource]:
        """All of its kind in its account, and what those and it refer to, two steps far: what quotas count."""
        found: dict[str, Resource] = {}
        after: tuple[str, str] | None = None
        while True:
            page = self._view.list(Query(kind=resource.kind, account=resource.account, limit=500, after=after))
            found |= {one.id: settled(one, self._now_ns) for one in page.resources}
            after = page.next
            if after is None:
                break
        for _ in range(2):
            near = [resource, *found.values()]
            self._gather(found, [mention.target for one in near for mention in references(one.spec)])
        return list(found.values())

    def users(self, resource: Resource) -> tuple[Reference, ...]:
        """What refers to it and is there now."""
        uses = []
        for use in self._view.referring_to(resource.id):
            user = self._view.get(use.source_id)
            if user is not None and settled(user, self._now_ns).phase != DELETED:
                uses.append(use)
        return tuple(uses)

    def users_of(self, resource_id: str) -> tuple[Resource, ...]:
        """The resources that refer to it, as they are now, oldest first; of this actor alone."""
        visible = (one for one in self._view.users_of(resource_id) if may_see(self._actor, one))
        now = (settled(one, self._now_ns) for one in visible)
        return tuple(one for one in now if one.phase != DELETED)

    # ------------------------------------------------------------------------------------------------- inside

    def _named(self, kind: str, name: str, site: str) -> list[Resource]:
        """Those of that name; in the site, if there is one in it."""
        for where in (site, None) if site else (None,):
            found = self._view.find(self._actor.account, kind, name, where)
            now = [one for one in (settled(one, self._now_ns) for one in found) if one.phase != DELETED]
            if now:
                return now
        return []

    def _mentioned(self, mention: Mention, spec: ResourceSpec, site: str) -> str | Refusal:
        target = self._view.get(mention.target)
        if target is not None and target.kind == mention.kind:
            visible = may_see(self._actor, target) or self._granted(target, spec)
            if visible and settled(target, self._now_ns).phase != DELETED:
                return target.id
        named = self._named(mention.kind, mention.target, site) if self._actor.edge != "alibaba" else []
        if len(named) == 1:
            return named[0].id
        label = STORED_KINDS[mention.kind].label
        if named:
            problem = f"{len(named)} resources of the kind {label} have the name {mention.target}"
            return _absent(mention, problem, "give its id")
        return _absent(mention, f"there is no {label} {mention.target}", "make it first, or name one that is there")

    def _granted(self, target: Resource, spec: ResourceSpec) -> bool:
        """Whether the owner of `target`, whom the spec names, lets a CEN instance of this account attach it; of a
        VPC also its vSwitches."""
        if target.kind == "Vswitch":
            vpc = self._view.get(getattr(spec, "vpc", ""))
            return vpc is not None and getattr(target.spec, "vpc", "") == vpc.id and self._granted(vpc, spec)
        named = getattr(spec, "account", target.account)
        if target.kind not in _GRANTED or named != target.account:
            return False
        router = self._view.get(getattr(spec, "transit_router", ""))
        cen = getattr(spec if router is None else router.spec, "cen", "")
        return any(
            isinstance(grant.spec, AttachmentGrantSpec)
            and grant.spec.cen == cen
            and grant.spec.cen_account == self._actor.account
            for grant in self._grants_of(target)
        )

    def _grants_of(self, network: Resource) -> list[Resource]:
        grants = self._view.list(Query(kind="AttachmentGrant", account=network.account, limit=MAX_GRANTS)).resources
        return [grant for grant in grants if getattr(grant.spec, "instance", "") == network.id]

    def _gather(self, found: dict[str, Resource], ids: Iterable[str]) -> None:
        for one in ids:
            if one not in found:
                resource = self._view.get(one)
                if resource is not None:
                    found[one] = settled(resource, self._now_ns)

    def _gather_family(self, found: dict[str, Resource], gateway: str) -> None:
        if not gateway:
            return
        self._gather(found, (gateway,))
        users = self._view.referring_to(gateway)
        self._gather(found, (use.source_id for use in users))
        for use in users:
            if use.source_kind == "IpsecConnection":
                self._gather(found, (further.source_id for further in self._view.referring_to(use.source_id)))


def may_see(actor: Actor, resource: Resource) -> bool:
    """Its owner may, and whoever is for the whole server and has not said an account."""
    return resource.account == actor.account or not actor.account


def _absent(mention: Mention, problem: str, remedy: str) -> Refusal:
    return Refusal(
        code="reference.absent",
        field=mention.path,
        value=mention.target,
        rule="A reference names a resource that exists.",
        problem=problem,
        remedy=remedy,
    )
