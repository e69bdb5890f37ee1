"""The network of the cloud's own nodes: its cables, its inner BGP, and what each network brings to the others.

In: `Facts`. Out: parts of the nodes' configs. Between the nodes runs iBGP with route reflection and next-hop-self; what
the VPN brings carries the lower preference, so the circuit wins while it has a route. Next: `vbr.py`.
"""

from __future__ import annotations

import ipaddress
from typing import Literal

from twinspan.engine.compile.facts import (
    OFFICE_HOST,
    SERVICES,
    TRANSIT_ROUTER,
    VBR,
    VPN_GATEWAY,
    Facts,
    bare,
    transit_pair,
    version,
)
from twinspan.model.attachment import AttachmentSpec
from twinspan.model.device_config import BgpPeer, NextHop, PrefixFilter
from twinspan.model.dns_service import CLOUD_SERVICES_PREFIX
from twinspan.model.route_table import RouteEntry

VBR_CABLE = 0
"""Index of the cable between VBR and transit router; VPCs follow in order, then the VPN gateway's."""
NOTHING = {4: "0.0.0.0/32", 6: "::/128"}
"""Never a route: a session without any filter would admit everything."""
SERVICES_LINK = ("100.64.0.1/30", "100.64.0.2/30")


def vpn_cable(facts: Facts) -> int:
    """Index of the cable between the VPN gateway and its VPC: after those to the transit router."""
    return max(facts.vpc_cables.values(), default=1) + 1


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
    for name, node in facts.vpc_nodes.items():
        found.append(((TRANSIT_ROUTER, f"vpc{facts.vpc_cables[name]}"), (node, "tr0")))
        if name == facts.vpn_vpc:
            found.append(((VPN_GATEWAY, "vpc0"), (node, "vpn0")))
        if name == facts.services_vpc:
            found.append(((node, "svc0"), (SERVICES, "svc0")))
        if name == facts.office_vpc:
            found.append(((node, "host0"), (OFFICE_HOST, "eth0")))
    return found


def inside(  # noqa: PLR0913
    facts: Facts,
    name: str,
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
            local_asn=facts.cloud_asn,
            peer_asn=facts.cloud_asn,
            link=link,
            import_filters=_filters(imports, 4 + 2 * position),
            export_filters=_filters(exports, 4 + 2 * position),
            reflect=True,
        )
        for position, family, session in families
    ]


def _filters(prefixes: tuple[str, ...], wanted: int) -> tuple[PrefixFilter, ...]:
    admitted = [p for p in dict.fromkeys(prefixes) if version(p) == wanted]
    return tuple(PrefixFilter(prefix=p) for p in admitted or [NOTHING[wanted]])


def across(cable: int, side: int, link: str, prefix: str) -> NextHop:
    """The other end of a cable as the next hop for `prefix`."""
    return NextHop(link=link, via=transit_pair(cable, mask=False)[1 - side][version(prefix) == 6])


def brings(facts: Facts, attachment: AttachmentSpec) -> tuple[str, ...]:
    """What an attached network announces to the transit router."""
    if attachment.virtual_border_router:
        if attachment.virtual_border_router != facts.vbr_name:
            return ()
        entries = [e.destination for e in vbr_entries(facts) if e.next_hop_kind == "circuit" and e.advertise]
        return (*facts.site_prefixes, facts.circuit_pin[0], *entries)
    if not attachment.vpc:
        return ()  # an IPsec connection without a VPN gateway: no machine here is that
    return (*own_prefixes(facts, attachment.vpc), *published(facts, attachment.vpc))


def own_prefixes(facts: Facts, name: str) -> tuple[str, ...]:
    """What a VPC announces because it lives there."""
    vpc = facts.site.vpcs[name]
    found = [vpc.cidr_block, *([vpc.ipv6_cidr_block] if vpc.ipv6_cidr_block and facts.vbr.enable_ipv6 else [])]
    if name == facts.services_vpc:
        found.append(CLOUD_SERVICES_PREFIX)
    if name == facts.office_vpc:
        found += [facts.circuit_pin[1], facts.vpn_pin[1]]
    return tuple(found)


def published(facts: Facts, name: str) -> tuple[str, ...]:
    """What a VPC passes on: the VPN's side, and entries of its route tables that are to be published."""
    found = [e.destination for e in vpc_entries(facts, name) if e.advertise]
    if name == facts.vpn_vpc:
        found += vpn_routes(facts, to_cen=True)
    return tuple(found)


def vpn_routes(facts: Facts, *, to_cen: bool) -> tuple[str, ...]:
    """What of the data centre the VPN gateway gives to its VPC, and what of that the VPC publishes on."""
    found = [facts.vpn_pin[0]]
    if facts.vpn_speaks_bgp and facts.vpn_gateway.auto_propagate:
        found += [p for p in facts.site_prefixes if version(p) == 4]
    given = [r for r in facts.vpn_static_routes if r.advertise_to_vpc and (r.advertise_to_cen or not to_cen)]
    return tuple(dict.fromkeys((*found, *sorted(r.destination for r in given))))


def everything(facts: Facts) -> tuple[str, ...]:
    """All prefixes that cross the transit router: its filters choose among them."""
    found = [p for a in facts.site.attachments.values() for p in brings(facts, a)]
    return tuple(dict.fromkeys((*found, *(e.destination for e in transit_entries(facts)))))


def vbr_entries(facts: Facts) -> list[RouteEntry]:
    """Custom entries of the circuit's VBR (seed 004 Step 1)."""
    tables = [t for t in facts.site.route_tables.values() if t.virtual_border_router == facts.vbr_name]
    return [e for t in tables for e in t.entries]


def vpc_entries(facts: Facts, name: str) -> list[RouteEntry]:
    """Custom entries of a VPC's system table, which its vSwitches use."""
    tables = [t for t in facts.site.route_tables.values() if t.vpc == name and t.system]
    return [e for t in tables for e in t.entries]


def transit_entries(facts: Facts) -> list[RouteEntry]:
    """Custom entries of the transit router's tables, which the lab's router has as one."""
    return [e for t in facts.site.route_tables.values() if t.transit_router for e in t.entries]


def pins(facts: Facts) -> tuple[str, ...]:
    """Addresses of our own probes: no route table of the site keeps them away."""
    return (*facts.circuit_pin, *facts.vpn_pin)


def router_of(cable: int, side: int) -> str:
    """The IPv4 address at one end of a cable."""
    return bare(transit_pair(cable)[side][0])
