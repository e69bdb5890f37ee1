"""What the gateway watches and what it may move: probes of both spans and the failover policy.

In: `Facts`. Out: probes and the `Failover` part of the gateway's config. Next: `gateway_services.py`.

IPv6 has no standby. It shares the circuit's fate and its verdict: when the circuit is left, the gateway refuses the
cloud's IPv6 prefixes and stops announcing the site's, so that hosts at both ends get "unreachable" at once and fall
back to IPv4, rather than wait for a span that may be dead for IPv6 too. It returns with the rest. Its own session
decides nothing: a dead IPv6 session must not move healthy IPv4 traffic.
"""

from __future__ import annotations

from msgspec import structs

from twinspan.engine.compile.facts import Facts, circuit_link, last_host, make_probe, probe_sizes, version
from twinspan.engine.compile.vpn import TUNNEL_MTU, tunnel_hops, tunnel_probes
from twinspan.model.device_config import Failover, FailoverSpan, NextHop, Probe, SpanProbe


def compile_failover(facts: Facts) -> tuple[tuple[Probe, ...], Failover | None]:
    """Probes of both spans, and the policy that reads them; nothing to decide while there are not two spans."""
    if not facts.sessions or not facts.tunnels:
        return (), None
    circuit, vpn = _circuit_probes(facts), _vpn_probes(facts)
    failover = Failover(
        spans=(_circuit_span(facts, circuit), _vpn_span(facts, vpn)),
        prefixes=facts.standby_prefixes,
        refused=facts.circuit_only_prefixes,
        hold_down_s=facts.site.failover.failback.hold_down_s,
        hold_down_max_s=facts.site.failover.failback.max_hold_down_s,
    )
    return tuple(p for _, p in (*circuit, *vpn)), failover


def _circuit_span(facts: Facts, probes: list[tuple[str, Probe]]) -> FailoverSpan:
    link = circuit_link(facts)
    return FailoverSpan(
        name=facts.site.circuit.name,
        role="active",
        peers=("vbr",),
        expected_prefixes=tuple(p for p in facts.cloud_prefixes if version(p) == 4),
        next_hops=(NextHop(link=link, via=facts.vbr.local_gateway_ip),),
        # A VLAN's parent tells of a pulled cable first.
        links=tuple(dict.fromkeys((link, facts.site.gateway.ports.circuit))),
        probes=_asked(probes),
    )


def _vpn_span(facts: Facts, probes: list[tuple[str, Probe]]) -> FailoverSpan:
    sessions = [f"vpn_{t.name}" for t in facts.tunnels if t.tunnel.bgp is not None]
    return FailoverSpan(
        name=facts.site.vpn.name,
        role="standby",
        # Of two tunnels one may be down: then its session says nothing of the span.
        peers=tuple(sessions) if len(facts.tunnels) == 1 else (),
        next_hops=tunnel_hops(facts),
        probes=_asked(probes),
    )


def _asked(probes: list[tuple[str, Probe]]) -> tuple[SpanProbe, ...]:
    return tuple(SpanProbe(probe=probe.name, target=target) for target, probe in probes)


def _circuit_probes(facts: Facts) -> list[tuple[str, Probe]]:
    """(target, probe) of the circuit, bound to its interface."""
    source, far_end = facts.circuit_pin
    return [
        (
            target,
            make_probe(facts, f"circuit: {target}", source, address, link=circuit_link(facts), tunnel=None, size=size),
        )
        for target, address, size in _targets(facts, far_end, facts.vbr.mtu)
    ]


def _vpn_probes(facts: Facts) -> list[tuple[str, Probe]]:
    """(target, probe) of the VPN, bound to its tunnel.

    With several tunnels a probe is bound to none: it follows the tunnel in use by the rule for its source, and the far
    end knows that source by the VPN only. It waits until both ends have had the time to change tunnels, so that one
    dead tunnel of two is not taken for a dead span.
    """
    source, far_end = facts.vpn_pin
    several = len(facts.tunnels) > 1
    found = []
    for target, address, size in _targets(facts, far_end, TUNNEL_MTU):
        tunnel = None if several else facts.tunnels[0].name
        probe = make_probe(facts, f"vpn: {target}", source, address, link=None, tunnel=tunnel, size=size)
        found.append((target, _patient(facts, probe) if several else probe))
    return found


def _patient(facts: Facts, probe: Probe) -> Probe:
    ends = (*tunnel_probes(facts, at_gateway=True), *tunnel_probes(facts, at_gateway=False))
    change_ms = max(end.interval_ms * (end.lost_threshold + 1) for end in ends)
    lost_threshold = probe.lost_threshold + -(-change_ms // probe.interval_ms)
    return structs.replace(probe, lost_threshold=lost_threshold)


def _targets(facts: Facts, far_end: str, mtu: int) -> list[tuple[str, str, int]]:
    """(name, address, packet size): the span's far end, small and large, and an address in every prefix.

    So a single prefix that dies is seen. The same names over both spans, for a target that no span reaches is at fault.
    """
    found = [(f"far end{suffix}", far_end, size) for suffix, size in probe_sizes(facts, mtu)]
    others = [(p, last_host(p)) for p in facts.cloud_prefixes if version(p) == 4]
    others += [(t, t) for t in facts.site.failover.probe.targets]
    return found + [(name, address, probe_sizes(facts, mtu)[0][1]) for name, address in others]
