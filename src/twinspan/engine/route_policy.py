"""Policies of a transit router: route maps that people write, and the one that it adds by itself.

In: route maps, routes. Out: routes with their preference, AS path and communities changed, or denied.
Next: `route_tables.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from twinspan.engine import addressing
from twinspan.engine.route_choice import Candidate, Network
from twinspan.model.route_map import RouteMapSpec

HIDDEN_PRIORITY = 5000
"""Behind every route map (their priorities end at 100)."""
_THROUGH = frozenset({"vpn", "vbr", "ccn"})


def hidden_denial(route: Candidate, to: Network, *, has_vpn_attachment: bool) -> str:
    """Why the transit router does not give a route away although no route map says so; empty: it does.

    Once a VPN attachment exists it lets no data centre reach another one, or itself, through the cloud.
    """
    if has_vpn_attachment and route.network in _THROUGH and to in _THROUGH:
        names = {"vpn": "VPN", "vbr": "VBR", "ccn": "CCN"}
        return f"policy {HIDDEN_PRIORITY}: nothing passes from {names[route.network]} to {names[to]}"
    return ""


def apply_maps(
    route: Candidate, maps: Iterable[RouteMapSpec], *, to: Network | None = None, target: str = ""
) -> Candidate:
    """The route after the maps of one direction, smaller priority first; what none matches passes.

    to, target: sort and id of the network that it is given to, with direction out.
    """
    ordered = sorted(maps, key=lambda rule: rule.priority)
    position = 0
    while position < len(ordered):
        rule = ordered[position]
        if not _matches(rule, route, to, target):
            position += 1
            continue
        if rule.result == "deny":
            return replace(route, denied=f"route map of priority {rule.priority} denies it")
        route = _changed(rule, route)
        following = [i for i in range(position + 1, len(ordered)) if ordered[i].priority >= rule.next_priority]
        if not rule.next_priority or not following:
            break
        position = following[0]
    return route


def _changed(rule: RouteMapSpec, route: Candidate) -> Candidate:
    communities = rule.communities
    if rule.community_operation == "additive":
        communities = tuple(dict.fromkeys((*route.communities, *communities)))
    return replace(
        route,
        preference=rule.preference or route.preference,
        as_path=(*rule.prepend_as_path, *route.as_path),
        communities=communities if rule.communities else route.communities,
    )


def _matches(rule: RouteMapSpec, route: Candidate, to: Network | None, target: str) -> bool:
    sorts = {"system": "system", "static": "custom", "bgp": "bgp"}
    return (
        _prefix_matches(rule, route.destination)
        and _set_matches(rule.match_asns, route.as_path, rule.as_path_match)
        and _set_matches(rule.match_communities, route.communities, rule.community_match)
        and (not rule.route_types or sorts[route.origin] in rule.route_types)
        and (not rule.source_types or route.network in rule.source_types)
        and (not rule.destination_types or to in rule.destination_types)
        and (not rule.source_regions or route.region in rule.source_regions)
        and _one_of(route.source, rule.source_instances, rule.source_instances_excluded)
        and _one_of(target, rule.destination_instances, rule.destination_instances_excluded)
    )


def _prefix_matches(rule: RouteMapSpec, destination: str) -> bool:
    if not rule.match_prefixes:
        return True
    if rule.prefix_match == "complete":
        return destination in rule.match_prefixes
    return any(addressing.inside(destination, prefix) for prefix in rule.match_prefixes)


def _set_matches(wanted: tuple[object, ...], got: tuple[object, ...], mode: str) -> bool:
    if not wanted:
        return True
    return set(wanted) == set(got) if mode == "complete" else bool(set(wanted) & set(got))


def _one_of(name: str, listed: tuple[str, ...], excluded: bool) -> bool:
    return not listed or (name in listed) != excluded
