"""What route maps keep off the transit router's sessions, and what of them no node can carry out.

A route map denies or changes routes; here is worked out, prefix by prefix, what it denies, and the transit router's
filters leave that out. Changes (preference, AS path, communities) count where further maps look at them and in the
route tables that the APIs show; the nodes choose as without them, and the site says so.

In: a `Site` and the route maps of its CEN instance. Out: `Denials`. Next: `transit_router.py`, `site_realisation.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from twinspan.engine.route_choice import Candidate
from twinspan.engine.route_policy import apply_maps
from twinspan.engine.route_tables import attached_network, network_of, transit_router_table
from twinspan.model.route_map import RouteMapSpec
from twinspan.model.site import Site


class Denials(Struct, frozen=True, kw_only=True):
    """Attachment (its key) and prefix."""

    imports: frozenset[tuple[str, str]] = frozenset()
    """What the transit router does not take from an attached network."""
    exports: frozenset[tuple[str, str]] = frozenset()
    """What it does not give to one."""
    notes: tuple[str, ...] = ()
    """What the route maps say and no node does."""


NOTHING_DENIED = Denials()


def denials(site: Site, maps: Iterable[RouteMapSpec]) -> Denials:
    """What the maps deny. maps: of the site's CEN instance and region, with keys for ids."""
    system = {name for name, table in site.route_tables.items() if table.transit_router and table.system}
    rules, notes = [], []
    for rule in maps:
        if rule.transit_router_route_table in {"", *system}:
            rules.append(rule)
            notes += _of_changes(rule)
        else:
            notes.append(f"{_called(rule)} is of a route table that is not the system's")
    if not any(rule.result == "deny" for rule in rules):
        return Denials(notes=_told(notes))
    if len(system) != 1 or {*_tables(site)} - system:
        notes.append("route maps deny in one of several route tables, which are one here")
        return Denials(notes=_told(notes))
    routes = [choice.route for choice in transit_router_table(site, system.pop(), maps=rules)]
    exports, unclear = _not_given(site, routes, rules)
    return Denials(
        imports=frozenset((one.next_hop, one.destination) for one in routes if one.denied and not one.entry),
        exports=exports,
        notes=_told([*notes, *unclear]),
    )


def _not_given(
    site: Site, routes: list[Candidate], rules: list[RouteMapSpec]
) -> tuple[frozenset[tuple[str, str]], list[str]]:
    """(Attachment, prefix) that every route of that prefix is denied on its way to; what a filter of prefixes that are
    taken from several networks cannot express."""
    outgoing = [rule for rule in rules if rule.direction == "out"]
    denied, unclear = set(), []
    for key, attachment in site.attachments.items():
        to, target = network_of(attachment), attached_network(attachment)
        ways: dict[str, list[Candidate]] = {}
        for route in routes:
            if not route.denied and route.next_hop != key and route.source != target:
                ways.setdefault(route.destination, []).append(apply_maps(route, outgoing, to=to, target=target))
        for prefix, candidates in ways.items():
            refused = [one for one in candidates if one.denied]
            if len(refused) == len(candidates) and not any(one.entry for one in candidates):
                denied.add((key, prefix))
            elif refused:
                unclear.append(f"route maps deny some of the ways by which {prefix} is given to {target}")
    return frozenset(denied), unclear


def _of_changes(rule: RouteMapSpec) -> list[str]:
    if rule.result == "deny":
        return []
    set_here = {"preference": rule.preference, "AS path": rule.prepend_as_path, "communities": rule.communities}
    words = [word for word, value in set_here.items() if value]
    return [f"{_called(rule)} sets {' and '.join(words)}"] if words else []


def _called(rule: RouteMapSpec) -> str:
    return f"the route map of priority {rule.priority}, direction {rule.direction},"


def _told(notes: list[str]) -> tuple[str, ...]:
    return tuple(f"{note}: route tables show it, the nodes do not do it" for note in notes)


def _tables(site: Site) -> Iterator[str]:
    for attachment in site.attachments.values():
        yield from attachment.route_table_propagation or ()
        if attachment.route_table_association:
            yield attachment.route_table_association
