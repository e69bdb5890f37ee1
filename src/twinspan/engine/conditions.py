"""Conditions of one node that somebody should know of, besides those of the failover decision; pure.

In: a node's config, its BGP sessions, its probes, and what keeps it from converging. Out: `Condition`s.
Next: `agent.alarms` keeps them as alarms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from twinspan.engine.failover import Condition
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import BgpStatus

QUOTA_SHARE = 0.8
"""Share of a route quota from which on headroom is too small: a fifth is to stay free."""


def node_conditions(
    config: DeviceConfig, sessions: Iterable[BgpStatus], probes_up: Mapping[str, bool | None], problem: str
) -> tuple[Condition, ...]:
    """Everything that is wrong on this node now."""
    limits = {p.name: p.import_limit for p in (config.bgp.peers if config.bgp else ())}
    found = []
    for session in sessions:
        limit = limits.get(session.peer)
        if limit and session.imported + session.dropped >= QUOTA_SHARE * limit:
            dropped = f", {session.dropped} dropped" if session.dropped else ""
            detail = f"{session.imported} of {limit} routes{dropped}"
            found.append(Condition(name="quota_high", subject=session.peer, detail=detail))
    found += _dead_tunnels(config, probes_up)
    if problem:
        found.append(Condition(name="cannot_converge", subject=config.node, detail=problem))
    return tuple(found)


def _dead_tunnels(config: DeviceConfig, probes_up: Mapping[str, bool | None]) -> list[Condition]:
    """Next hops whose own probe is lost; whether another of the same route is left."""
    dead: dict[str, bool] = {}
    for route in config.routes:
        left = any(h.track is None or probes_up.get(h.track) is not False for h in route.next_hops)
        for hop in route.next_hops:
            if hop.track and probes_up.get(hop.track) is False:
                dead[hop.track] = left and dead.get(hop.track, True)
    return [
        Condition(
            name="tunnel_dead",
            subject=name,
            detail="its probe is lost; " + ("another tunnel carries" if dead[name] else "no other tunnel is left"),
        )
        for name in sorted(dead)
    ]
