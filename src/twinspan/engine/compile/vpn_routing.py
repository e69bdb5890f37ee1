"""The VPN gateway's own routes: destination-based ones with their weights, and policy-based ones that come before them.

In: `Facts`. Out: static routes, tables and rules of the VPN gateway. A route with weight 100 is used while its tunnel
works, then the one with weight 0 (seed 004 Step 2). Next: `cloud.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from twinspan.engine.compile.facts import Facts, TunnelFacts
from twinspan.model.destination_route import DestinationRouteSpec
from twinspan.model.device_config import NextHop, PolicyRule, RouteTable, StaticRoute
from twinspan.model.policy_route import PolicyRouteSpec

POLICY_TABLE = 8421
"""First kernel table of policy-based routes; the 84 is Twinspan's protocol id."""
POLICY_PRIORITY = 860
"""Priority of their first `ip rule`, before main (32766)."""
EVERYWHERE = "0.0.0.0/0"


def cloud_hops(facts: Facts, tunnels: Iterable[TunnelFacts]) -> tuple[NextHop, ...]:
    """Ways through these tunnels, the best first.

    With several, each is tracked by its own probe; `reserve_route` keeps a connection's routes whatever it says.
    """
    several = len(facts.tunnels) > 1
    return tuple(NextHop(tunnel=t.name, track=f"tunnel {t.name}" if several and _revokes(t) else None) for t in tunnels)


def _revokes(t: TunnelFacts) -> bool:
    check = t.connection.health_check
    return check is None or check.policy == "revoke_route"


def destination_routing(facts: Facts) -> tuple[StaticRoute, ...]:
    """One route per destination, through the connections that name it, by weight."""
    found: dict[str, list[DestinationRouteSpec | PolicyRouteSpec]] = {}
    for route in facts.vpn_static_routes:
        if isinstance(route, DestinationRouteSpec):
            found.setdefault(route.destination, []).append(route)
    return tuple(StaticRoute(prefix=p, next_hops=_by_weight(facts, twins)) for p, twins in sorted(found.items()))


def policy_routing(
    facts: Facts,
) -> tuple[tuple[RouteTable, ...], tuple[PolicyRule, ...], tuple[StaticRoute, ...]]:
    """A table for every priority and source, asked in the order of priorities, the longer source first."""
    found: dict[tuple[int, str], dict[str, list[DestinationRouteSpec | PolicyRouteSpec]]] = {}
    for route in facts.vpn_static_routes:
        if isinstance(route, PolicyRouteSpec):
            key = (route.priority, route.route_source)
            found.setdefault(key, {}).setdefault(route.destination, []).append(route)
    tables, rules, routes = [], [], []
    for index, (priority, source) in enumerate(sorted(found, key=_order)):
        name = f"policy-{index}"
        tables.append(RouteTable(name=name, table_id=POLICY_TABLE + index))
        rules.append(
            PolicyRule(priority=POLICY_PRIORITY + index, table=name, source=None if source == EVERYWHERE else source)
        )
        routes += [
            StaticRoute(prefix=p, table=name, next_hops=_by_weight(facts, twins))
            for p, twins in sorted(found[priority, source].items())
        ]
    return tuple(tables), tuple(rules), tuple(routes)


def _order(key: tuple[int, str]) -> tuple[int, int, str]:
    priority, source = key
    return priority, -int(source.rpartition("/")[2]), source


def _by_weight(facts: Facts, routes: list[DestinationRouteSpec | PolicyRouteSpec]) -> tuple[NextHop, ...]:
    order = [r.ipsec_connection for r in sorted(routes, key=lambda r: -r.weight)]
    return cloud_hops(facts, (t for name in order for t in facts.tunnels if t.connection_name == name))
