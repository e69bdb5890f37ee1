"""Put a site together from stored resources: names instead of ids, and only what belongs to it.

A resource belongs to a site if it is bound to it, or if it is bound to none and hangs together with it by references.
Where an account has one site only, everything unbound is its, but for VPCs that nothing refers to. What is not there
yet or no more (a circuit that is not enabled, a VBR that is terminated), what refers to that, and what a running
failover test takes out, stays away.

In: the site's resource and those of its account, settled. Out: `Assembled`. Next: `admission`, `compile`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from twinspan.engine.admission.names import name_fault
from twinspan.engine.phases import CANCELED, REJECTED, TERMINATED, TERMINATING, TESTING, UNBUILT
from twinspan.engine.reference_walk import references, rename
from twinspan.engine.settle import settle
from twinspan.engine.site_drafts import key_of
from twinspan.model.failover_test_job import FailoverTestJobSpec
from twinspan.model.fields import ResourceSpec
from twinspan.model.health_check import HealthCheckSpec
from twinspan.model.kinds import KINDS
from twinspan.model.resource import DELETED, DELETING, Resource
from twinspan.model.route_table import RouteTableSpec
from twinspan.model.site import Site, SiteSpec

ABSENT = frozenset({DELETING, DELETED, TERMINATING, TERMINATED, REJECTED, CANCELED, *UNBUILT})
"""Phases in which a resource does nothing."""

_BY_ITSELF = frozenset({"Vpc", "Vswitch", "RouteTable"})
"""A network that nothing else refers to is of no use to a site, and an account may have thousands of them."""


class Assembled(Struct, frozen=True, kw_only=True):
    """A site and where its parts are stored."""

    site: Site
    ids: Mapping[str, str]
    """Key of a resource (vpcs.user) to its id; sites.NAME is the site itself. BGP peers that a failover test silences
    are here and not in the site."""


def assemble(site: Resource, resources: Iterable[Resource]) -> Assembled:
    """The site as it shall be now, with every gap filled that has one sensible filling. It may be far from complete.

    resources: at least those bound to the site and those bound to none; other sites and what is theirs may be among
    them. In the order in which they were made, which is the order within a section.
    """
    everything = list(resources)
    members = _members(site, everything)
    present, silenced = _present(members, _taken_out(everything))
    found = put_together(site, present)
    silent = {key_of(one.kind, one.name or one.id): one.id for one in silenced}
    return Assembled(site=settle(found.site), ids=silent | dict(found.ids))


def export(site: Resource, resources: Iterable[Resource]) -> Assembled:
    """The site as it was declared, for a site file: nothing is filled and nothing is left away that is not deleted."""
    members = [one for one in _members(site, list(resources)) if one.phase not in {DELETING, DELETED}]
    return put_together(site, members)


def _members(site: Resource, resources: list[Resource]) -> list[Resource]:
    """What belongs to the site, in the order in which it was made."""
    candidates = [one for one in resources if one.kind in KINDS and one.site in {"", site.name}]
    candidates.sort(key=lambda one: one.created_ns)
    neighbours: dict[str, set[str]] = {one.id: set() for one in candidates}
    for one in candidates:
        for mention in references(one.spec):
            if mention.target in neighbours:
                neighbours[one.id].add(mention.target)
                neighbours[mention.target].add(one.id)
    reached = {one.id for one in candidates if one.site}
    reached |= {mention.target for mention in references(site.spec)} & set(neighbours)
    others = {one.site for one in resources if one.site} | {one.name for one in resources if one.kind == "Site"}
    if not others - {site.name}:
        reached |= {one.id for one in candidates if one.kind not in _BY_ITSELF}
    edge = list(reached)
    while edge:
        fresh = neighbours[edge.pop()] - reached
        reached |= fresh
        edge += fresh
    return [one for one in candidates if one.id in reached]


def _taken_out(resources: list[Resource]) -> frozenset[str]:
    """Circuits, VBRs and BGP peers that a failover test has out at present."""
    running = (one.spec for one in resources if one.kind == "FailoverTestJob" and one.phase == TESTING)
    return frozenset(out for job in running if isinstance(job, FailoverTestJobSpec) for out in job.resources)


def _present(members: list[Resource], out: frozenset[str]) -> tuple[list[Resource], list[Resource]]:
    """Those that do something (not absent themselves, and everything they refer to is there), and BGP peers that would
    but for a test."""
    there = {one.id: one for one in members if one.phase not in ABSENT}
    while True:
        gone = [one.id for one in there.values() if any(m.target not in there for m in _needs(one))]
        for one in gone:
            del there[one]
        if not gone:
            break
    silent = [one for one in there.values() if one.kind == "BgpPeer" and _out_of_order(one, there, out)]
    return [one for one in members if one.id in there and one not in silent], silent


def _needs(resource: Resource) -> list[Any]:
    """Mentions without which a resource is nothing; a route table lives on without one of its entries."""
    mentions = references(resource.spec)
    if isinstance(resource.spec, RouteTableSpec):
        return [mention for mention in mentions if not mention.path.startswith("entries")]
    return list(mentions)


def _out_of_order(peer: Resource, there: Mapping[str, Resource], out: frozenset[str]) -> bool:
    """A test of a circuit or VBR silences every session over it: that is how the cloud takes it out."""
    chain = {peer.id}
    edge = [peer]
    while edge:
        for mention in references(edge.pop().spec):
            if mention.target in there and mention.target not in chain:
                chain.add(mention.target)
                edge.append(there[mention.target])
    return bool(chain & out)


def put_together(site: Resource, members: list[Resource]) -> Assembled:
    """The site of exactly these members, with the gaps that they have. Raises TypeError if `site` is none."""
    if not isinstance(site.spec, SiteSpec):
        raise TypeError(f"{site.id} is no site")
    names = _names(members)
    sections: dict[str, dict[str, Any]] = {kind.section: {} for kind in KINDS.values()}
    for one in members:
        sections[KINDS[one.kind].section][names[one.id]] = _as_named(one, names, site.account)
    own = rename(site.spec, lambda _, text: names.get(text, ""))
    fields: dict[str, Any] = sections | {field: getattr(own, field) for field in SiteSpec.__struct_fields__}
    fields["spans"] = tuple(
        replace(span, ipsec_connections=tuple(name for name in span.ipsec_connections if name)) for span in own.spans
    )
    automatic = {
        f"health_checks.{name}.source_ip"
        for name, check in sections["health_checks"].items()
        if isinstance(check, HealthCheckSpec) and check.source_method == "automatic"
    }
    ids = {key_of(one.kind, names[one.id]): one.id for one in members} | {key_of("Site", site.name): site.id}
    return Assembled(site=Site(**fields, site=site.name, made=frozenset(automatic)), ids=ids)


def _names(members: list[Resource]) -> dict[str, str]:
    """Id to key within its section: the name where it is the only one of its kind with it and a site file may have it,
    else the id. What is bound to the site has its name before what is not."""
    bound = {(one.kind, one.name) for one in members if one.site}
    counts = Counter((one.kind, one.name) for one in members if not one.site)

    def fit(one: Resource) -> bool:
        alone = one.site or (counts[one.kind, one.name] == 1 and (one.kind, one.name) not in bound)
        return bool(alone and one.name and not name_fault(KINDS[one.kind], one.name))

    return {one.id: one.name if fit(one) else one.id for one in members}


def _as_named(resource: Resource, names: Mapping[str, str], viewer: str) -> ResourceSpec:
    """With names for ids, and its account as `viewer` would say it."""
    spec = resource.spec
    if isinstance(spec, RouteTableSpec):
        kept = tuple(entry for entry in spec.entries if not entry.next_hop or entry.next_hop in names)
        spec = replace(spec, entries=kept)
    named = getattr(spec, "account", "")
    owner = resource.account if named == "current" else named
    if named and (shown := "current" if owner == viewer else owner) != named:
        spec = replace(spec, account=shown)
    return rename(spec, lambda _, text: names.get(text, text))
