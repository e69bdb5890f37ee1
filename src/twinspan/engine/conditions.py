"""Conditions of one node that somebody should know of, besides those of the failover decision; pure.

In: a node's config, and what the node sees: BGP sessions, probes, links, what keeps it from converging. Out:
`Condition`s. Next: `agent.alarms` keeps them as alarms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from twinspan.engine.failover import NS_PER_S, Condition
from twinspan.model.device_config import BgpPeer, DeviceConfig
from twinspan.model.device_report import BgpStatus

QUOTA_SHARE = 0.8
"""Share of a route quota from which on headroom is too small: a fifth is to stay free."""


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    """What the node sees."""

    sessions: Iterable[BgpStatus] = ()
    down_for_ns: Mapping[str, int] = {}
    """For each BGP peer whose session is not Established: since how long."""
    dead_spans: frozenset[str] = frozenset()
    """Spans of which the failover decision itself says that they are dead."""
    probes_up: Mapping[str, bool | None] = {}
    links: frozenset[str] = frozenset()
    """Every link of the machine; empty before the first look, for a loopback there always is."""
    problem: str = ""
    """What keeps the node from converging."""


def node_conditions(config: DeviceConfig, seen: NodeView) -> tuple[Condition, ...]:
    """Everything that is wrong on this node now."""
    peers = {p.name: p for p in (config.bgp.peers if config.bgp else ())}
    known = [(peers[s.peer], s) for s in seen.sessions if s.peer in peers]
    found = _full_quotas(known)
    found += _dead_tunnels(config, seen.probes_up)
    found += _dead_sessions(config, known, seen)
    found += [
        Condition(name="link_missing", subject=name, detail=f"this machine has no link {name}")
        for name in sorted(_missing_links(config, seen))
    ]
    if seen.problem:
        found.append(Condition(name="cannot_converge", subject=config.node, detail=seen.problem))
    return tuple(found)


def _full_quotas(known: Iterable[tuple[BgpPeer, BgpStatus]]) -> list[Condition]:
    found = []
    for peer, session in known:
        limit = peer.import_limit
        if limit and session.imported + session.dropped >= QUOTA_SHARE * limit:
            dropped = f", {session.dropped} dropped" if session.dropped else ""
            detail = f"{session.imported} of {limit} routes{dropped}"
            found.append(Condition(name="quota_high", subject=peer.name, detail=detail))
    return found


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


def _dead_sessions(config: DeviceConfig, known: Iterable[tuple[BgpPeer, BgpStatus]], seen: NodeView) -> list[Condition]:
    """Sessions that stay down although their span, tunnel and link, as far as they have any, are alive."""
    hops = [hop for route in config.routes for hop in route.next_hops]
    dead_tunnels = {h.tunnel for h in hops if h.track and seen.probes_up.get(h.track) is False} - {None}
    missing = _missing_links(config, seen)
    return [
        Condition(name="bgp_down", subject=peer.name, detail=f"no session with {peer.peer_address}: {_why(session)}")
        for peer, session in known
        if session.state != "Established"
        and seen.down_for_ns.get(peer.name, 0) > peer.hold_time_s * NS_PER_S
        and peer.span not in seen.dead_spans
        and peer.tunnel not in dead_tunnels
        and peer.link not in missing
    ]


def _why(session: BgpStatus) -> str:
    return ", ".join(filter(None, (session.state, session.last_error)))


def _missing_links(config: DeviceConfig, seen: NodeView) -> frozenset[str]:
    if not seen.links:
        return frozenset()
    return frozenset(link.name for link in config.links if link.kind == "physical") - seen.links
