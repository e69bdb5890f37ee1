"""The data centre's gateway: both spans end here, and this node decides between them.

In: `Facts` and the keys. Out: its `DeviceConfig`. Next: `gateway_failover.py`.
"""

from __future__ import annotations

from twinspan.engine.compile.facts import (
    GATEWAY,
    VPN_LOCAL_PREF,
    Facts,
    bare,
    circuit_link,
    version,
)
from twinspan.engine.compile.gateway_failover import compile_failover
from twinspan.engine.compile.gateway_services import dhcp_server, forwarder
from twinspan.engine.compile.keys import Keys
from twinspan.engine.compile.vpn import gateway_tunnels, tunnel_hops, tunnel_probes
from twinspan.model.device_config import (
    Bgp,
    BgpPeer,
    DeviceConfig,
    Family,
    Link,
    NextHop,
    Originate,
    PolicyRule,
    PrefixFilter,
    RouteTable,
    StaticRoute,
)

OVERRIDE_TABLE, CIRCUIT_TABLE, VPN_TABLE = 8401, 8411, 8412
"""Kernel table ids; the 84 is Twinspan's protocol id, to be recognised in `ip rule`."""
PIN_PRIORITY, OVERRIDE_PRIORITY = 840, 850
"""Before main (32766): a pinned probe is pinned even while an override is in force."""


def compile_gateway(facts: Facts, keys: Keys) -> DeviceConfig:
    """The node that decides between the spans."""
    site = facts.site
    probes, failover = compile_failover(facts)
    return DeviceConfig(
        node=GATEWAY,
        role="gateway",
        site=site.site,
        profile=site.profile,
        forwarding=True,
        links=_links(facts),
        tables=(
            RouteTable(name="override", table_id=OVERRIDE_TABLE),
            RouteTable(name="pin-circuit", table_id=CIRCUIT_TABLE, guarded=True),
            RouteTable(name="pin-vpn", table_id=VPN_TABLE, guarded=True),
        ),
        rules=(
            PolicyRule(priority=PIN_PRIORITY, table="pin-circuit", source=bare(facts.circuit_pin[0])),
            PolicyRule(priority=PIN_PRIORITY + 1, table="pin-vpn", source=bare(facts.vpn_pin[0])),
            PolicyRule(priority=OVERRIDE_PRIORITY, table="override"),
        ),
        routes=_routes(facts),
        bgp=_bgp(facts, keys),
        tunnels=gateway_tunnels(facts, keys),
        probes=(*probes, *tunnel_probes(facts, at_gateway=True)),
        failover=failover,
        dns=forwarder(facts),
        dhcp=dhcp_server(facts),
    )


def _links(facts: Facts) -> tuple[Link, ...]:
    site, vbr, ports = facts.site, facts.vbr, facts.site.gateway.ports
    lan: tuple[str, ...] = (f"{site.data_center.gateway_address}/{site.data_center.prefixes[0].rpartition('/')[2]}",)
    if site.data_center.ipv6_prefixes:
        lan += (f"{site.data_center.gateway_ipv6_address}/{site.data_center.ipv6_prefixes[0].rpartition('/')[2]}",)
    circuit: tuple[str, ...] = (f"{vbr.peer_gateway_ip}/{vbr.prefix_length}",) if facts.has_circuit else ()
    if vbr.enable_ipv6:
        circuit += (f"{vbr.peer_ipv6_gateway_ip}/{vbr.ipv6_prefix_length}",)
    vlan = vbr.vlan_id != 0
    links = [
        Link(name="lo", kind="loopback", addresses=(facts.circuit_pin[0], facts.vpn_pin[0])),
        Link(name=ports.lan, addresses=lan),
        Link(name=ports.circuit, addresses=() if vlan else circuit, mtu=vbr.mtu),
        Link(name=ports.isp, addresses=(f"{site.gateway.public_address}/{site.gateway.public_prefix_length}",)),
        facts.management(GATEWAY),
    ]
    if vlan:
        links.append(
            Link(
                name=circuit_link(facts),
                kind="vlan",
                parent=ports.circuit,
                vlan_id=vbr.vlan_id,
                addresses=circuit,
                mtu=vbr.mtu,
            )
        )
    return tuple(links)


def _routes(facts: Facts) -> tuple[StaticRoute, ...]:
    circuit = (NextHop(link=circuit_link(facts), via=facts.vbr.local_gateway_ip),) if facts.has_circuit else ()
    # Each tunnel end has its own route towards the ISP: a default route on the circuit would take the VPN down with it.
    ends = {t.cloud_public for t in facts.tunnels}
    underlay = [
        StaticRoute(prefix=f"{end}/32", next_hops=(NextHop(link=facts.site.gateway.ports.isp),)) for end in sorted(ends)
    ]
    pins = (("pin-circuit", circuit), ("pin-vpn", tunnel_hops(facts)))
    return (
        *underlay,
        *(StaticRoute(prefix="0.0.0.0/0", table=t, role="pinned", next_hops=hops) for t, hops in pins if hops),
        *(
            StaticRoute(prefix=p, role="standby", next_hops=tunnel_hops(facts))
            for p in facts.standby_prefixes
            if facts.tunnels
        ),
    )


def _bgp(facts: Facts, keys: Keys) -> Bgp | None:
    site = facts.site
    peers = [_circuit_peer(facts, keys, family) for family in facts.sessions]
    peers += _vpn_peers(facts)
    if not peers:
        return None
    spans = [site.circuit.name] if facts.sessions else []
    spans += [site.vpn.name] if facts.vpn_speaks_bgp else []
    originate = []
    for span in spans:
        originate += [
            Originate(prefix=p, span=span) for p in facts.site_prefixes if span == site.circuit.name or version(p) == 4
        ]
        originate.append(Originate(prefix=facts.pins(span)[0], span=span, pinned=True))
    return Bgp(
        router_id=site.gateway.router_id or site.gateway.public_address,
        asn=site.gateway.local_asn,
        peers=tuple(peers),
        originate=tuple(originate),
    )


def _circuit_peer(facts: Facts, keys: Keys, family: Family) -> BgpPeer:
    site, vbr = facts.site, facts.vbr
    name, group = facts.circuit_group(family)
    wanted = 4 if family == "ipv4" else 6
    sources = [f"{h.source_ip}/32" for h in facts.health_checks.values()] if family == "ipv4" else []
    multihop = facts.bfd.hop_count if facts.bfd else 1
    prefixes = [p for p in (*facts.cloud_prefixes, *facts.bgp_networks) if version(p) == wanted]
    return BgpPeer(
        name="vbr" if family == "ipv4" else "vbr6",
        family=family,
        local_address=vbr.peer_gateway_ip if family == "ipv4" else vbr.peer_ipv6_gateway_ip,
        peer_address=vbr.local_gateway_ip if family == "ipv4" else vbr.local_ipv6_gateway_ip,
        local_asn=site.gateway.local_asn,
        peer_asn=group.local_asn,
        link=circuit_link(facts),
        span=site.circuit.name,
        auth_key=keys.of_bgp_group(name),
        bfd=facts.bfd,
        ebgp_multihop=multihop,
        hold_time_s=group.hold_time_s,
        keepalive_interval_s=group.keepalive_interval_s,
        import_filters=(
            *(PrefixFilter(prefix=p) for p in prefixes),
            *(PrefixFilter(prefix=p, pinned=True) for p in sources),
        ),
        export_filters=tuple(
            PrefixFilter(prefix=p) for p in (*facts.site_prefixes, facts.circuit_pin[0]) if version(p) == wanted
        ),
        import_limit=group.route_quota,
    )


def _vpn_peers(facts: Facts) -> list[BgpPeer]:
    return [
        BgpPeer(
            name=f"vpn_{t.name}",
            local_address=t.gateway_address,
            peer_address=t.cloud_address,
            local_asn=facts.site.gateway.local_asn,
            peer_asn=t.tunnel.bgp.local_asn,
            tunnel=t.name,
            span=facts.site.vpn.name,
            import_filters=tuple(PrefixFilter(prefix=p) for p in facts.standby_prefixes),
            export_filters=tuple(
                PrefixFilter(prefix=p) for p in (*facts.site_prefixes, facts.vpn_pin[0]) if version(p) == 4
            ),
            local_pref=VPN_LOCAL_PREF - t.index,
        )
        for t in facts.tunnels
        if t.tunnel.bgp is not None
    ]
