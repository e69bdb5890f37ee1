"""The data centre's gateway: both spans end here, and this node decides between them.

In: `Facts` and the keys. Out: its `DeviceConfig`. Next: `vbr.py`, the circuit's other end.
"""

from __future__ import annotations

from twinspan.engine.compile.facts import (
    GATEWAY,
    Facts,
    bare,
    last_host,
    make_probe,
    probe_sizes,
    version,
)
from twinspan.engine.compile.keys import Keys
from twinspan.engine.compile.vpn import gateway_tunnels, tunnel_hops, tunnel_probes
from twinspan.model.device_config import (
    Bgp,
    BgpPeer,
    DeviceConfig,
    DhcpServer,
    DnsServer,
    Failover,
    FailoverSpan,
    Link,
    NextHop,
    Originate,
    PolicyRule,
    PrefixFilter,
    Probe,
    RouteTable,
    SpanProbe,
    StaticRoute,
)

OVERRIDE_TABLE, CIRCUIT_TABLE, VPN_TABLE = 8401, 8411, 8412
"""Kernel table ids; the 84 is Twinspan's protocol id, to be recognised in `ip rule`."""
PIN_PRIORITY, OVERRIDE_PRIORITY = 840, 850
"""Before main (32766): a pinned probe is pinned even while an override is in force."""


def circuit_link(facts: Facts) -> str:
    """The interface BGP runs on: the port itself, or its VLAN."""
    port = facts.site.gateway.ports.circuit
    return f"{port}.{facts.vbr.vlan_id}"[:15] if facts.vbr.vlan_id else port


def compile_gateway(facts: Facts, keys: Keys) -> DeviceConfig:
    """The node that decides between the spans."""
    site = facts.site
    probes, circuit_probes, vpn_probes = _probes(facts)
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
        failover=_failover(facts, circuit_probes, vpn_probes),
        dns=_dns(facts),
        dhcp=_dhcp(facts),
    )


def _links(facts: Facts) -> tuple[Link, ...]:
    site, vbr, ports = facts.site, facts.vbr, facts.site.gateway.ports
    lan: tuple[str, ...] = (f"{site.data_center.gateway_address}/{site.data_center.prefixes[0].rpartition('/')[2]}",)
    if site.data_center.ipv6_prefixes:
        lan += (f"{site.data_center.gateway_ipv6_address}/{site.data_center.ipv6_prefixes[0].rpartition('/')[2]}",)
    circuit: tuple[str, ...] = (f"{vbr.peer_gateway_ip}/{vbr.prefix_length}",)
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
    circuit = NextHop(link=circuit_link(facts), via=facts.vbr.local_gateway_ip)
    # Each tunnel end has its own route towards the ISP: a default route on the circuit would take the VPN down with it.
    ends = {t.cloud_public for t in facts.tunnels}
    underlay = [
        StaticRoute(prefix=f"{end}/32", next_hops=(NextHop(link=facts.site.gateway.ports.isp),)) for end in sorted(ends)
    ]
    return (
        *underlay,
        StaticRoute(prefix="0.0.0.0/0", table="pin-circuit", role="pinned", next_hops=(circuit,)),
        StaticRoute(prefix="0.0.0.0/0", table="pin-vpn", role="pinned", next_hops=tunnel_hops(facts)),
        *(
            StaticRoute(prefix=p, role="standby", next_hops=tunnel_hops(facts))
            for p in facts.cloud_prefixes
            if version(p) == 4
        ),
    )


def _bgp(facts: Facts, keys: Keys) -> Bgp:
    site = facts.site
    peers = [_circuit_peer(facts, keys, "ipv4")]
    if facts.vbr.enable_ipv6:
        peers.append(_circuit_peer(facts, keys, "ipv6"))
    peers += _vpn_peers(facts)
    spans = [site.circuit.name, *([site.vpn.name] if facts.vpn_speaks_bgp else [])]
    originate = []
    for span in spans:
        originate += [
            Originate(prefix=p, span=span) for p in facts.site_prefixes if span == site.circuit.name or version(p) == 4
        ]
        originate.append(Originate(prefix=facts.pins(span)[0], span=span, pinned=True))
    return Bgp(
        router_id=site.gateway.router_id, asn=site.gateway.local_asn, peers=tuple(peers), originate=tuple(originate)
    )


def _circuit_peer(facts: Facts, keys: Keys, family: str) -> BgpPeer:
    site, vbr = facts.site, facts.vbr
    name, group = next(
        (n, g)
        for n, g in site.bgp_groups.items()
        if g.virtual_border_router == site.circuit.virtual_border_router and g.ip_version == family
    )
    wanted = 4 if family == "ipv4" else 6
    sources = [f"{h.source_ip}/32" for h in site.health_checks.values()] if family == "ipv4" else []
    multihop = facts.bfd.hop_count if facts.bfd else 1
    prefixes = [p for p in facts.cloud_prefixes if version(p) == wanted]
    return BgpPeer(
        name="vbr" if family == "ipv4" else "vbr6",
        family="ipv4" if family == "ipv4" else "ipv6",
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
    prefixes = [p for p in facts.cloud_prefixes if version(p) == 4]
    return [
        BgpPeer(
            name=f"vpn_{t.name}",
            local_address=t.gateway_address,
            peer_address=t.cloud_address,
            local_asn=facts.site.gateway.local_asn,
            peer_asn=t.tunnel.bgp.local_asn,
            tunnel=t.name,
            span=facts.site.vpn.name,
            import_filters=tuple(PrefixFilter(prefix=p) for p in prefixes),
            export_filters=tuple(
                PrefixFilter(prefix=p) for p in (*facts.site_prefixes, facts.vpn_pin[0]) if version(p) == 4
            ),
            local_pref=50 - t.index,
        )
        for t in facts.tunnels
        if t.tunnel.bgp is not None
    ]


def _probes(facts: Facts) -> tuple[tuple[Probe, ...], tuple[SpanProbe, ...], tuple[SpanProbe, ...]]:
    """Probes of both spans: the same targets over each, small and large."""
    found: list[Probe] = []
    asked: dict[str, list[SpanProbe]] = {"circuit": [], "vpn": []}
    mtu = {"circuit": facts.vbr.mtu, "vpn": 1400}
    for way, (source, far_end) in (("circuit", facts.circuit_pin), ("vpn", facts.vpn_pin)):
        link = circuit_link(facts) if way == "circuit" else None
        tunnel = None if way == "circuit" else facts.tunnels[0].name
        for target, destination in _targets(facts, far_end):
            for suffix, size in (
                probe_sizes(facts, mtu[way]) if target == "far end" else probe_sizes(facts, mtu[way])[:1]
            ):
                name = f"{way}: {target}{suffix}"
                found.append(make_probe(facts, name, source, destination, link=link, tunnel=tunnel, size=size))
                asked[way].append(SpanProbe(probe=name, target=f"{target}{suffix}"))
    return tuple(found), tuple(asked["circuit"]), tuple(asked["vpn"])


def _targets(facts: Facts, far_end: str) -> list[tuple[str, str]]:
    """One address in every prefix, so that a single prefix that dies is seen, and the span's own far end."""
    in_prefixes = [(p, last_host(p)) for p in facts.cloud_prefixes if version(p) == 4]
    return [("far end", far_end), *in_prefixes, *((t, t) for t in facts.site.failover.probe.targets)]


def _failover(facts: Facts, circuit: tuple[SpanProbe, ...], vpn: tuple[SpanProbe, ...]) -> Failover:
    site = facts.site
    v6 = ("vbr6",) if facts.vbr.enable_ipv6 else ()
    ipv4 = tuple(p for p in facts.cloud_prefixes if version(p) == 4)
    return Failover(
        spans=(
            FailoverSpan(
                name=site.circuit.name,
                role="active",
                peers=("vbr", *v6),
                expected_prefixes=ipv4,
                next_hops=(NextHop(link=circuit_link(facts), via=facts.vbr.local_gateway_ip),),
                links=(circuit_link(facts),),
                probes=circuit,
            ),
            FailoverSpan(
                name=site.vpn.name,
                role="standby",
                peers=tuple(
                    f"vpn_{t.name}" for t in facts.tunnels if t.tunnel.bgp is not None and len(facts.tunnels) == 1
                ),
                next_hops=tunnel_hops(facts),
                probes=vpn,
            ),
        ),
        prefixes=ipv4,
        hold_down_s=site.failover.failback.hold_down_s,
        hold_down_max_s=site.failover.failback.max_hold_down_s,
    )


def _dns(facts: Facts) -> DnsServer | None:
    service = next((s for s in facts.site.dns_services.values() if s.method == "forward"), None)
    if service is None:
        return None
    return DnsServer(
        listen_addresses=(facts.site.data_center.gateway_address,),
        forward_suffix=service.suffixes[0],
        forwarders=service.servers,
    )


def _dhcp(facts: Facts) -> DhcpServer | None:
    site = facts.site
    service = next(iter(site.dhcp_services.values()), None)
    if service is None:
        return None
    length = service.prefix.rpartition("/")[2]
    return DhcpServer(
        link=site.gateway.ports.lan,
        range_start=service.pool_start,
        range_end=service.pool_end,
        netmask=_netmask(int(length)),
        router=site.data_center.gateway_address,
        dns_servers=service.dns_servers,
        lease_s=service.lease_time_s,
    )


def _netmask(length: int) -> str:
    mask = (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF
    return ".".join(str(mask >> shift & 255) for shift in (24, 16, 8, 0))
