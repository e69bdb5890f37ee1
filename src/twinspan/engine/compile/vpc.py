"""VPCs: each one's router, with the answering address in its prefix and its route table.

In: `Facts`. Out: their `DeviceConfig`s. Next: `hosts.py`.
"""

from __future__ import annotations

from twinspan.engine.compile.attached import attachment_of
from twinspan.engine.compile.cloud import (
    SERVICES_LINK,
    across,
    brings,
    everything,
    inside,
    office_router,
    own_prefixes,
    vpc_entries,
    vpn_cable,
    vpn_routes,
)
from twinspan.engine.compile.facts import VPN_LOCAL_PREF, Facts, bare, last_host, transit_pair
from twinspan.model.device_config import Bgp, BgpPeer, DeviceConfig, Link, NextHop, Originate, StaticRoute
from twinspan.model.dns_service import CLOUD_SERVICES_PREFIX
from twinspan.model.route_table import RouteEntry


def compile_vpc(facts: Facts, name: str) -> DeviceConfig:
    """The router of one VPC."""
    node, vpc = facts.vpc_nodes[name], facts.site.vpcs[name]
    return DeviceConfig(
        node=node,
        role="office_vpc" if vpc.role == "office" else "user_vpc",
        site=facts.site.site,
        profile=facts.site.profile,
        forwarding=True,
        links=(*_links(facts, name), facts.management(node)),
        routes=_routes(facts, name),
        bgp=Bgp(
            router_id=facts.router_id(node),
            asn=facts.cloud_asn,
            peers=tuple(_peers(facts, name)),
            originate=_originate(facts, name),
        ),
    )


def _cable(facts: Facts, name: str) -> int:
    return facts.vpc_cables[name]


def _links(facts: Facts, name: str) -> list[Link]:
    loopback = [f"{last_host(facts.site.vpcs[name].cidr_block)}/32"]
    links = [Link(name="tr0", addresses=transit_pair(_cable(facts, name))[1])]
    if name == facts.vpn_vpc:
        links.append(Link(name="vpn0", addresses=transit_pair(vpn_cable(facts))[1]))
    if name == facts.services_vpc:
        links.append(Link(name="svc0", addresses=(SERVICES_LINK[0],)))
    if name == facts.office_vpc:
        loopback += [facts.circuit_pin[1], facts.vpn_pin[1]]
        links.append(Link(name="host0", addresses=office_router(facts)))
    return [Link(name="lo", kind="loopback", addresses=tuple(loopback)), *links]


def _routes(facts: Facts, name: str) -> tuple[StaticRoute, ...]:
    """The way to the services, and the VPC's custom entries: like every static route they beat what is learned."""
    routes = []
    if name == facts.services_vpc:
        hop = NextHop(link="svc0", via=bare(SERVICES_LINK[1]))
        routes.append(StaticRoute(prefix=CLOUD_SERVICES_PREFIX, next_hops=(hop,)))
    entries = vpc_entries(facts, name)
    return (*routes, *(StaticRoute(prefix=e.destination, next_hops=(_hop(facts, name, e),)) for e in entries))


def _hop(facts: Facts, name: str, entry: RouteEntry) -> NextHop:
    if entry.next_hop_kind == "vpn_gateway":
        return across(vpn_cable(facts), 1, "vpn0", entry.destination)
    return across(_cable(facts, name), 1, "tr0", entry.destination)


def _originate(facts: Facts, name: str) -> tuple[Originate, ...]:
    found = [Originate(prefix=p) for p in own_prefixes(facts, name)]
    for entry in vpc_entries(facts, name):
        if entry.advertise:
            by_vpn = entry.next_hop_kind == "vpn_gateway"
            found.append(Originate(prefix=entry.destination, local_pref=VPN_LOCAL_PREF if by_vpn else 100))
    return tuple(found)


def _peers(facts: Facts, name: str) -> list[BgpPeer]:
    own = attachment_of(facts.site, "vpc", name)
    peers: list[BgpPeer] = []
    if own is not None:
        exports = brings(facts, own)
        peers += inside(facts, "tr", "tr0", _cable(facts, name), 1, imports=everything(facts), exports=exports)
    if name == facts.vpn_vpc:
        cloud_side = (*facts.cloud_prefixes, facts.circuit_pin[1], facts.vpn_pin[1])
        given = vpn_routes(facts, to_cen=False)
        sessions = inside(facts, "vpn", "vpn0", vpn_cable(facts), 1, imports=given, exports=cloud_side)
        # The VPN carries IPv4 only.
        peers += [p for p in sessions if p.family == "ipv4"]
    return peers
