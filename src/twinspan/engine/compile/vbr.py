"""The circuit's cloud end: BGP and BFD with the gateway, and the health check of seed 004 Step 3.

In: `Facts` and the keys. Out: the VBR's `DeviceConfig`. Next: `transit_router.py`.
"""

from __future__ import annotations

from twinspan.engine.compile.attached import attachment_of, learned_by
from twinspan.engine.compile.cloud import VBR_CABLE, across, brings, inside, vbr_entries
from twinspan.engine.compile.facts import SMALL_PACKET, VBR, Facts, transit_pair, version
from twinspan.engine.compile.keys import Keys
from twinspan.model.device_config import (
    Bgp,
    BgpPeer,
    DeviceConfig,
    Family,
    HealthCheck,
    Link,
    NextHop,
    Originate,
    PrefixFilter,
    Probe,
    StaticRoute,
)

HEALTH_CHECK_RECOVER = 3
"""Answers in a row until a failed VBR health check counts as healed; the seed gives no figure."""


def vbr_link(facts: Facts) -> str:
    """The VBR's interface on the circuit: the port, or its VLAN."""
    return f"circ0.{facts.vbr.vlan_id}" if facts.vbr.vlan_id else "circ0"


def compile_vbr(facts: Facts, keys: Keys) -> DeviceConfig:
    """The circuit's cloud end."""
    site, checks = facts.site, facts.health_checks
    return DeviceConfig(
        node=VBR,
        role="vbr",
        site=site.site,
        profile=site.profile,
        forwarding=True,
        links=_links(facts),
        routes=_routes(facts),
        bgp=_bgp(facts, keys),
        probes=tuple(
            Probe(
                name=f"health check {n}",
                source=h.source_ip,
                destination=h.target_ip,
                link=vbr_link(facts),
                interval_ms=h.interval_s * 1000,
                lost_threshold=h.probe_packets,
                recover_threshold=HEALTH_CHECK_RECOVER,
                packet_size=SMALL_PACKET,
            )
            for n, h in checks.items()
        ),
        health_checks=tuple(
            HealthCheck(name=n, probe=f"health check {n}", span=site.circuit.name, change_route=h.change_route)
            for n, h in checks.items()
        ),
    )


def _links(facts: Facts) -> tuple[Link, ...]:
    vbr = facts.vbr
    circuit: tuple[str, ...] = (f"{vbr.local_gateway_ip}/{vbr.prefix_length}",)
    if vbr.enable_ipv6:
        circuit += (f"{vbr.local_ipv6_gateway_ip}/{vbr.ipv6_prefix_length}",)
    links = [
        Link(name="lo", kind="loopback", addresses=_sources(facts)),
        Link(name="circ0", addresses=() if vbr.vlan_id else circuit, mtu=vbr.mtu),
        Link(name="tr0", addresses=transit_pair(VBR_CABLE)[0]),
        facts.management(VBR),
    ]
    if vbr.vlan_id:
        links.append(
            Link(name=vbr_link(facts), kind="vlan", parent="circ0", vlan_id=vbr.vlan_id, addresses=circuit, mtu=vbr.mtu)
        )
    return tuple(links)


def _sources(facts: Facts) -> tuple[str, ...]:
    return tuple(f"{h.source_ip}/32" for h in facts.health_checks.values())


def _routes(facts: Facts) -> tuple[StaticRoute, ...]:
    """Custom entries of the VBR's route table: to the circuit or to a VPC (seed 004 Step 1)."""
    circuit = NextHop(link=vbr_link(facts), via=facts.vbr.peer_gateway_ip)
    return tuple(
        StaticRoute(
            prefix=e.destination,
            next_hops=(circuit if e.next_hop_kind == "circuit" else across(VBR_CABLE, 0, "tr0", e.destination),),
        )
        for e in vbr_entries(facts)
    )


def _bgp(facts: Facts, keys: Keys) -> Bgp:
    peers = [_gateway_peer(facts, keys, family) for family in facts.sessions]
    own = attachment_of(facts.site, "virtual_border_router", facts.vbr_name)
    learned = [p for a in learned_by(facts.site, own) for p in brings(facts, a)]
    cloud_side = (*facts.cloud_prefixes, facts.circuit_pin[1], facts.vpn_pin[1])
    peers += inside(
        facts,
        "tr",
        "tr0",
        VBR_CABLE,
        0,
        imports=tuple(p for p in cloud_side if p in learned),
        exports=brings(facts, own) if own is not None and own.route_table_propagation else (),
    )
    span = facts.site.circuit.name
    originate = [Originate(prefix=s, span=span, pinned=True) for s in _sources(facts)]
    originate += [Originate(prefix=n, span=span) for n in facts.bgp_networks]
    originate += [
        Originate(prefix=e.destination) for e in vbr_entries(facts) if e.next_hop_kind == "circuit" and e.advertise
    ]
    return Bgp(
        router_id=facts.vbr.local_gateway_ip, asn=facts.cloud_asn, peers=tuple(peers), originate=tuple(originate)
    )


def _gateway_peer(facts: Facts, keys: Keys, family: Family) -> BgpPeer:
    site, vbr = facts.site, facts.vbr
    name, group = facts.circuit_group(family)
    wanted = 4 if family == "ipv4" else 6
    exports = {*facts.cloud_prefixes, *facts.bgp_networks, *_sources(facts)}
    return BgpPeer(
        name="gateway" if family == "ipv4" else "gateway6",
        family=family,
        local_address=vbr.local_gateway_ip if family == "ipv4" else vbr.local_ipv6_gateway_ip,
        peer_address=vbr.peer_gateway_ip if family == "ipv4" else vbr.peer_ipv6_gateway_ip,
        local_asn=group.local_asn,
        peer_asn=group.peer_asn,
        link=vbr_link(facts),
        span=site.circuit.name,
        auth_key=keys.of_bgp_group(name),
        bfd=facts.bfd,
        ebgp_multihop=facts.bfd.hop_count if facts.bfd else 1,
        hold_time_s=group.hold_time_s,
        keepalive_interval_s=group.keepalive_interval_s,
        import_filters=tuple(
            PrefixFilter(prefix=p, pinned=p == facts.circuit_pin[0])
            for p in (*facts.site_prefixes, facts.circuit_pin[0])
            if version(p) == wanted
        ),
        export_filters=tuple(PrefixFilter(prefix=p) for p in sorted(exports) if version(p) == wanted),
        import_limit=group.route_quota,
    )
