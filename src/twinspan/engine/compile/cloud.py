"""The cloud's own nodes: VBR, transit router and VPCs.

In: `Facts` and the keys. Out: their `DeviceConfig`s. Between them runs iBGP with route reflection and next-hop-self;
what the VPN brings carries the lower preference, so the circuit wins while it has a route. Next: `hosts.py`.
"""

from __future__ import annotations

import ipaddress
from typing import Literal

from twinspan.engine.compile.facts import (
    OFFICE_HOST,
    SERVICES,
    SMALL_PACKET,
    TRANSIT_ROUTER,
    VBR,
    VPN_GATEWAY,
    Facts,
    last_host,
    transit_pair,
    version,
)
from twinspan.engine.compile.keys import Keys
from twinspan.engine.compile.vpn import vpn_cable
from twinspan.model.attachment import AttachmentSpec
from twinspan.model.device_config import (
    Bgp,
    BgpPeer,
    DeviceConfig,
    HealthCheck,
    Link,
    NextHop,
    Originate,
    PrefixFilter,
    Probe,
    StaticRoute,
)
from twinspan.model.dns_service import CLOUD_SERVICES_PREFIX

VBR_CABLE = 0
"""Index of the cable between VBR and transit router; VPCs follow in order."""
HEALTH_CHECK_RECOVER = 3
"""Answers in a row until a failed VBR health check counts as healed; the seed gives no figure."""
SERVICES_LINK = ("100.64.0.1/30", "100.64.0.2/30")


def vbr_link(facts: Facts) -> str:
    """The VBR's interface on the circuit: the port, or its VLAN."""
    return f"circ0.{facts.vbr.vlan_id}" if facts.vbr.vlan_id else "circ0"


def compile_vbr(facts: Facts, keys: Keys) -> DeviceConfig:
    """The circuit's cloud end, with the health check of seed 004 Step 3."""
    vbr, site = facts.vbr, facts.site
    checks = [
        (n, h) for n, h in site.health_checks.items() if h.virtual_border_router == site.circuit.virtual_border_router
    ]
    circuit: tuple[str, ...] = (f"{vbr.local_gateway_ip}/{vbr.prefix_length}",)
    if vbr.enable_ipv6:
        circuit += (f"{vbr.local_ipv6_gateway_ip}/{vbr.ipv6_prefix_length}",)
    links = [
        Link(name="lo", kind="loopback", addresses=tuple(f"{h.source_ip}/32" for _, h in checks)),
        Link(name="circ0", addresses=() if vbr.vlan_id else circuit, mtu=vbr.mtu),
        Link(name="tr0", addresses=transit_pair(VBR_CABLE)[0]),
        facts.management(VBR),
    ]
    if vbr.vlan_id:
        links.append(
            Link(name=vbr_link(facts), kind="vlan", parent="circ0", vlan_id=vbr.vlan_id, addresses=circuit, mtu=vbr.mtu)
        )
    return DeviceConfig(
        node=VBR,
        role="vbr",
        site=site.site,
        profile=site.profile,
        forwarding=True,
        links=tuple(links),
        routes=_vbr_routes(facts),
        bgp=_vbr_bgp(facts, keys, tuple(f"{h.source_ip}/32" for _, h in checks)),
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
            for n, h in checks
        ),
        health_checks=tuple(
            HealthCheck(name=n, probe=f"health check {n}", span=site.circuit.name, change_route=h.change_route)
            for n, h in checks
        ),
    )


def _vbr_routes(facts: Facts) -> tuple[StaticRoute, ...]:
    """Custom entries of the VBR's route table whose next hop is the circuit (seed 004 Step 1)."""
    hop = NextHop(link=vbr_link(facts), via=facts.vbr.peer_gateway_ip)
    tables = [
        t
        for t in facts.site.route_tables.values()
        if t.virtual_border_router == facts.site.circuit.virtual_border_router
    ]
    return tuple(
        StaticRoute(prefix=e.destination, next_hops=(hop,))
        for t in tables
        for e in t.entries
        if e.next_hop_kind == "circuit"
    )


def _vbr_bgp(facts: Facts, keys: Keys, sources: tuple[str, ...]) -> Bgp:
    asn = _cloud_asn(facts)
    peers = [_gateway_peer(facts, keys, "ipv4", sources)]
    if facts.vbr.enable_ipv6:
        peers.append(_gateway_peer(facts, keys, "ipv6", ()))
    learned = _learned(facts, "virtual_border_router", facts.site.circuit.virtual_border_router)
    to_cloud = (*facts.site_prefixes, facts.circuit_pin[0]) if learned else ()
    peers += _inside(facts, "tr", asn, "tr0", VBR_CABLE, 0, imports=_cloud_side(facts), exports=to_cloud)
    originate = tuple(Originate(prefix=s, span=facts.site.circuit.name, pinned=True) for s in sources)
    return Bgp(router_id=facts.vbr.local_gateway_ip, asn=asn, peers=tuple(peers), originate=originate)


def _gateway_peer(facts: Facts, keys: Keys, family: Literal["ipv4", "ipv6"], sources: tuple[str, ...]) -> BgpPeer:
    site, vbr = facts.site, facts.vbr
    name, group = next(
        (n, g)
        for n, g in site.bgp_groups.items()
        if g.virtual_border_router == site.circuit.virtual_border_router and g.ip_version == family
    )
    wanted = 4 if family == "ipv4" else 6
    networks = [
        n.prefix for n in site.bgp_networks.values() if n.virtual_border_router == site.circuit.virtual_border_router
    ]
    exports = {*facts.cloud_prefixes, *networks, *sources}
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


def compile_transit_router(facts: Facts) -> DeviceConfig:
    """The hub of the CEN instance: learns per propagation and hands out per association."""
    asn = _cloud_asn(facts)
    links = [Link(name="vbr0", addresses=transit_pair(VBR_CABLE)[1])]
    site_side, cloud_side = _site_side(facts), _cloud_side(facts)
    vbr = facts.site.circuit.virtual_border_router
    from_vbr = (*facts.site_prefixes, facts.circuit_pin[0]) if _learned(facts, "virtual_border_router", vbr) else ()
    to_vbr = cloud_side if _forwarded(facts, "virtual_border_router", vbr) else ()
    peers = _inside(facts, "vbr", asn, "vbr0", VBR_CABLE, 1, imports=from_vbr, exports=to_vbr)
    for index, name in enumerate(facts.vpc_nodes, start=1):
        link = f"vpc{index}"
        links.append(Link(name=link, addresses=transit_pair(index)[0]))
        attachment = _attachment(facts, "vpc", name)
        if attachment is None:
            continue
        imports = (*cloud_side, *site_side) if attachment.route_table_propagation else ()
        exports = (*cloud_side, *site_side) if attachment.route_table_association else ()
        peers += _inside(facts, f"vpc{index}", asn, link, index, 0, imports=imports, exports=exports)
    return DeviceConfig(
        node=TRANSIT_ROUTER,
        role="transit_router",
        site=facts.site.site,
        profile=facts.site.profile,
        forwarding=True,
        links=(*links, facts.management(TRANSIT_ROUTER)),
        bgp=Bgp(router_id=facts.router_id(TRANSIT_ROUTER), asn=asn, peers=tuple(peers)),
    )


def compile_vpc(facts: Facts, name: str) -> DeviceConfig:
    """The router of one VPC. It owns the answering address in its prefix, and carries its route table."""
    node, vpc, asn = facts.vpc_nodes[name], facts.site.vpcs[name], _cloud_asn(facts)
    index = 1 + list(facts.vpc_nodes).index(name)
    both = (*_cloud_side(facts), *_site_side(facts))
    loopback = [f"{last_host(vpc.cidr_block)}/32"]
    links = [Link(name="tr0", addresses=transit_pair(index)[1])]
    originate = [vpc.cidr_block, *([vpc.ipv6_cidr_block] if vpc.ipv6_cidr_block else [])]
    peers = _inside(facts, "tr", asn, "tr0", index, 1, imports=both, exports=both)
    routes: list[StaticRoute] = []
    if name == facts.vpn_vpc:
        links.append(Link(name="vpn0", addresses=transit_pair(vpn_cable(facts))[1]))
        from_vpn = tuple(p for p in (*facts.site_prefixes, facts.vpn_pin[0]) if version(p) == 4)
        peers += [
            p
            for p in _inside(
                facts, "vpn", asn, "vpn0", vpn_cable(facts), 1, imports=from_vpn, exports=_cloud_side(facts)
            )
            if p.family == "ipv4"
        ]
    if name == facts.services_vpc:
        links.append(Link(name="svc0", addresses=(SERVICES_LINK[0],)))
        originate.append(CLOUD_SERVICES_PREFIX)
        via = SERVICES_LINK[1].split("/")[0]
        routes.append(StaticRoute(prefix=CLOUD_SERVICES_PREFIX, next_hops=(NextHop(link="svc0", via=via),)))
    if name == facts.office_vpc:
        loopback += [facts.circuit_pin[1], facts.vpn_pin[1]]
        originate += [facts.circuit_pin[1], facts.vpn_pin[1]]
        links.append(Link(name="host0", addresses=office_router(facts)))
    return DeviceConfig(
        node=node,
        role="office_vpc" if vpc.role == "office" else "user_vpc",
        site=facts.site.site,
        profile=facts.site.profile,
        forwarding=True,
        links=(Link(name="lo", kind="loopback", addresses=tuple(loopback)), *links, facts.management(node)),
        routes=tuple(routes),
        bgp=Bgp(
            router_id=facts.router_id(node),
            asn=asn,
            peers=tuple(peers),
            originate=tuple(Originate(prefix=p) for p in originate),
        ),
    )


def office_subnet(facts: Facts) -> str:
    """The vSwitch of the office VPC where hosts live, or the VPC's first /24."""
    for vswitch in facts.site.vswitches.values():
        if vswitch.vpc == facts.office_vpc:
            return vswitch.cidr_block
    network = ipaddress.ip_network(facts.site.vpcs[facts.office_vpc].cidr_block)
    return f"{network.network_address}/{max(24, network.prefixlen)}"


def office_router(facts: Facts) -> tuple[str, ...]:
    """The VPC router's addresses in the office network."""
    network = ipaddress.ip_network(office_subnet(facts))
    v6 = facts.site.vpcs[facts.office_vpc].ipv6_cidr_block
    return (f"{network[1]}/{network.prefixlen}", *((f"{ipaddress.ip_network(v6)[1]}/64",) if v6 else ()))


def cables(facts: Facts) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Cables between cloud nodes as ((node, link), (node, link))."""
    found = [((VBR, "tr0"), (TRANSIT_ROUTER, "vbr0"))]
    for index, (name, node) in enumerate(facts.vpc_nodes.items(), start=1):
        found.append(((TRANSIT_ROUTER, f"vpc{index}"), (node, "tr0")))
        if name == facts.vpn_vpc:
            found.append(((VPN_GATEWAY, "vpc0"), (node, "vpn0")))
        if name == facts.services_vpc:
            found.append(((node, "svc0"), (SERVICES, "svc0")))
        if name == facts.office_vpc:
            found.append(((node, "host0"), (OFFICE_HOST, "eth0")))
    return found


def _inside(  # noqa: PLR0913
    facts: Facts,
    name: str,
    asn: int,
    link: str,
    cable: int,
    side: int,
    *,
    imports: tuple[str, ...],
    exports: tuple[str, ...],
) -> list[BgpPeer]:
    """iBGP over one cable, a session per family."""
    ends = transit_pair(cable, mask=False)
    families: list[tuple[int, Literal["ipv4", "ipv6"], str]] = [(0, "ipv4", name)]
    if facts.vbr.enable_ipv6:
        families.append((1, "ipv6", f"{name}_6"))
    return [
        BgpPeer(
            name=session,
            family=family,
            local_address=ends[side][position],
            peer_address=ends[1 - side][position],
            local_asn=asn,
            peer_asn=asn,
            link=link,
            import_filters=tuple(PrefixFilter(prefix=p) for p in imports if version(p) == 4 + 2 * position),
            export_filters=tuple(PrefixFilter(prefix=p) for p in exports if version(p) == 4 + 2 * position),
            reflect=True,
        )
        for position, family, session in families
    ]


def _cloud_side(facts: Facts) -> tuple[str, ...]:
    return (*facts.cloud_prefixes, facts.circuit_pin[1], facts.vpn_pin[1])


def _site_side(facts: Facts) -> tuple[str, ...]:
    return (*facts.site_prefixes, facts.circuit_pin[0], facts.vpn_pin[0])


def _cloud_asn(facts: Facts) -> int:
    return next(iter(facts.site.bgp_groups.values())).local_asn


def _attachment(facts: Facts, kind: str, name: str) -> AttachmentSpec | None:
    return next((a for a in facts.site.attachments.values() if getattr(a, kind) == name), None)


def _learned(facts: Facts, kind: str, name: str) -> bool:
    attachment = _attachment(facts, kind, name)
    return attachment is not None and bool(attachment.route_table_propagation)


def _forwarded(facts: Facts, kind: str, name: str) -> bool:
    attachment = _attachment(facts, kind, name)
    return attachment is not None and bool(attachment.route_table_association)
