"""Which of several routes to a destination is used, and why the others are not: transit router, VPC, VPN gateway.

Longest prefix match comes before all of this; here are routes to one destination. Every candidate comes back with a
status and a reason, so that a table can be shown and a lost route explained.

In: `Candidate`s. Out: `Choice`s. Next: `route_tables.py`, which finds the candidates of a site.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

DEFAULT_PREFERENCE = 50
"""Of a route that no route map has touched (CreateCenRouteMap, Preference)."""

Network = Literal["vpc", "vbr", "vpn", "ccn"]
"""What sort of network a route comes from or goes to."""
Origin = Literal["system", "static", "bgp"]
"""system: its owner was born with it. static: people wrote it (custom). bgp: learned."""
Status = Literal["Active", "Standby", "Candidate", "Rejected", "Prohibited"]
"""Active: used. Standby: used when the active one goes. Candidate: behind that. Rejected: collides with what cannot
give way. Prohibited: a policy denies it."""


class Candidate(Struct, frozen=True, kw_only=True):
    """One route to a destination, as it came."""

    destination: str
    network: Network
    origin: Origin
    next_hop_kind: Literal["attachment", "blackhole", "circuit", "vpc", "vpn_gateway", "ipsec_connection", "local"]
    next_hop: str = ""
    """Key or id of that; empty for blackhole and local."""
    source: str = ""
    """Key or id of the network that brought it."""
    region: str = ""
    as_path: tuple[int, ...] = ()
    preference: int = DEFAULT_PREFERENCE
    communities: tuple[str, ...] = ()
    usable: bool = True
    """False: what it leads to is dead, as its health check, its session or its tunnel says."""
    trouble: str = ""
    """Why it is not usable."""
    denied: str = ""
    """The policy that denies it; empty: none."""
    entry: bool = False
    """It stands in this very table, written there by people."""
    weight: int | None = None
    """Of a route of a VPN gateway: 100 active, 0 standby."""


class Choice(Struct, frozen=True, kw_only=True):
    """A candidate and what became of it."""

    route: Candidate
    status: Status
    reason: str


def choose(
    candidates: Iterable[Candidate], table: Literal["transit_router", "vpc", "vbr"], region: str = ""
) -> tuple[Choice, ...]:
    """Every candidate of a table with its status; destinations in the order in which they first appear.

    region: where the table is; routes of it come before those of other regions.
    """
    grouped: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        grouped.setdefault(candidate.destination, []).append(candidate)
    found: list[Choice] = []
    for routes in grouped.values():
        denied = [route for route in routes if route.denied]
        allowed = [route for route in routes if not route.denied]
        found += _ranked(_in_vpc(allowed) if table == "vpc" else _in_transit_router(allowed, region))
        found += [Choice(route=route, status="Prohibited", reason=route.denied) for route in denied]
    return tuple(found)


class _Ranking(Struct, frozen=True, kw_only=True):
    """Routes to one destination, best first, each with the reason why it comes after the one before."""

    order: tuple[tuple[Candidate, str], ...]
    equal: int = 1
    """So many of the first share the traffic."""
    rejected: tuple[tuple[Candidate, str], ...] = ()


def _ranked(ranking: _Ranking) -> list[Choice]:
    """The first one that is usable is active; if none is, the first one stays: withdrawing all helps nobody."""
    order = ranking.order
    best = next((index for index, (route, _) in enumerate(order) if route.usable), 0)
    choices: list[Choice] = []
    standby_given = False
    for index, (route, reason) in enumerate(order):
        if index == best:
            choices.append(Choice(route=route, status="Active", reason=_why_active(order, best)))
        elif best == 0 and index < ranking.equal and route.usable:
            choices.append(Choice(route=route, status="Active", reason="equal cost: shares the traffic (ECMP)"))
        else:
            status: Status = "Candidate" if standby_given else "Standby"
            standby_given = True
            choices.append(Choice(route=route, status=status, reason=route.trouble or reason))
    choices += [Choice(route=route, status="Rejected", reason=reason) for route, reason in ranking.rejected]
    return choices


def _why_active(order: Sequence[tuple[Candidate, str]], best: int) -> str:
    route, _ = order[best]
    if not route.usable:
        return f"every way is down; the active route stays: {route.trouble}"
    if best > 0:
        return f"takes over: {order[0][0].trouble}"
    return "only route" if len(order) == 1 else "preferred"


# ------------------------------------------------------------------------------------------------- transit router


def _in_transit_router(routes: list[Candidate], region: str) -> _Ranking:
    """Entries of the table, then what is learned: by preference, and at equal preference circuits before VPNs."""
    entries = [route for route in routes if route.entry]
    learned = [route for route in routes if not route.entry]
    own = [route for route in learned if route.network == "vpc" and route.origin == "system"]
    if own:
        lost = "a VPC's own prefix is never led elsewhere"
        return _Ranking(
            order=tuple((route, "") for route in own),
            rejected=tuple((route, lost) for route in routes if route not in own),
        )
    circuits = sorted(
        (route for route in learned if route.network == "vbr"),
        key=lambda r: (*_circuit_key(r, region), r.next_hop),
    )
    others = sorted((route for route in learned if route.network != "vbr"), key=lambda r: (r.preference, r.next_hop))
    order = [(route, "") for route in entries]
    if circuits and others and others[0].preference < circuits[0].preference:
        order += [*_explained(others, region), *_explained(circuits, region, behind="a smaller preference wins")]
    else:
        order += [*_explained(circuits, region), *_explained(others, region, behind=_BEHIND_CIRCUIT)]
    if entries:
        order = [*order[: len(entries)], *((route, "an entry of the table comes first") for route, _ in order[1:])]
    equal = sum(_circuit_key(route, region) == _circuit_key(circuits[0], region) for route in circuits)
    return _Ranking(order=tuple(order), equal=equal if circuits and order[0][0] is circuits[0] else 1)


_BEHIND_CIRCUIT = "a route of an Express Connect circuit comes before one of a VPN"


def _explained(routes: list[Candidate], region: str, behind: str = "") -> list[tuple[Candidate, str]]:
    found = []
    for index, route in enumerate(routes):
        before = routes[index - 1] if index else None
        found.append((route, behind or (_why_behind(before, route, region) if before is not None else "")))
    return found


def _circuit_key(route: Candidate, region: str) -> tuple[object, ...]:
    """BGP before static, shorter AS path, own region, smaller preference, region by name (ECMP routing for VBRs)."""
    return (
        route.origin != "bgp",
        len(route.as_path),
        route.region != region,
        route.preference,
        route.region,
    )


def _why_behind(better: Candidate, worse: Candidate, region: str) -> str:
    if worse.network != "vbr":
        return "a smaller preference wins" if worse.preference != better.preference else "the other one came first"
    if better.origin != worse.origin:
        return "a route learned by BGP comes before a static one"
    if len(better.as_path) != len(worse.as_path):
        return "a shorter AS path wins"
    if (better.region == region) != (worse.region == region):
        return "a route of this region comes before one of another region"
    if better.preference != worse.preference:
        return "a smaller preference wins"
    return "regions are taken in the order of their names"


# ------------------------------------------------------------------------------------------------- VPC


def _in_vpc(routes: list[Candidate]) -> _Ranking:
    """System before static (custom) before learned; of the learned, the CEN instance's before the VPN's."""
    ordered = sorted(routes, key=_vpc_key)
    system = [route for route in ordered if route.origin == "system"]
    if system:
        lost = "it collides with a system route of the VPC"
        return _Ranking(
            order=tuple((route, "") for route in system),
            rejected=tuple((route, lost) for route in ordered if route.origin != "system"),
        )
    order = []
    for index, route in enumerate(ordered):
        reason = ""
        if index:
            better = ordered[index - 1]
            reason = (
                "a static route comes before a learned one"
                if _vpc_key(better)[0] != _vpc_key(route)[0]
                else "a route of the CEN instance comes before one that a VPN gateway learned"
                if _vpc_key(better)[1] != _vpc_key(route)[1]
                else "the other one came first"
            )
        order.append((route, reason))
    return _Ranking(order=tuple(order))


def _vpc_key(route: Candidate) -> tuple[int, int]:
    return {"system": 0, "static": 1, "bgp": 2}[route.origin], int(route.next_hop_kind != "attachment")


# ------------------------------------------------------------------------------------------------- VPN gateway


def choose_by_weight(routes: Iterable[Candidate]) -> tuple[Choice, ...]:
    """Routes of a VPN gateway to one destination: the active one while its connection is up, then the standby.

    If both are down the active one stays (seed 004 Step 2).
    """
    ordered = sorted(routes, key=lambda route: -(route.weight or 0))
    return tuple(_ranked(_Ranking(order=tuple((route, "weight 0: stands by") for route in ordered))))
