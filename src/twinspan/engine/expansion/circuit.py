"""The circuit: physical connection, VBR, BGP groups and peers, BGP networks, VBR health check.

In: a site with its cloud networks. Out: the active span's resources. Next: `vpn.py`.
"""

from twinspan.engine import addressing
from twinspan.engine.expansion.draft import add, fill, free_name, only
from twinspan.model.bgp_group import BgpGroupSpec
from twinspan.model.bgp_peer import BgpPeerSpec
from twinspan.model.decode import make
from twinspan.model.health_check import SOURCE_POOL, HealthCheckSpec
from twinspan.model.physical_connection import PhysicalConnectionSpec
from twinspan.model.site import Site
from twinspan.model.virtual_border_router import VBR_BANDWIDTHS_MBPS, VirtualBorderRouterSpec

LINK_POOLS = ("10.0.0.0/24", "10.255.255.0/24", "172.31.255.0/24", "192.168.255.0/24")
"""Where a VBR's /30 comes from: the seed's example first, then corners that sites seldom use."""

IPV6_LINK_POOL = "fd00:a::/64"


def _own(spec: VirtualBorderRouterSpec) -> bool:
    return spec.account == "current"


def physical_connections(site: Site) -> Site:
    """A site without a circuit gets one, on the gateway's circuit port."""
    if site.physical_connections:
        return site
    spec = make(PhysicalConnectionSpec, site.profile, gateway_port=site.gateway.ports.circuit)
    return add(site, "physical_connections", "circuit", spec)


def virtual_border_routers(site: Site) -> Site:
    """A site without a VBR gets one; VLAN and bandwidth of a hosted circuit come from the circuit."""
    if not site.virtual_border_routers:
        site = add(site, "virtual_border_routers", "vbr", make(VirtualBorderRouterSpec, site.profile))
    return settle_virtual_border_routers(site)


def settle_virtual_border_routers(site: Site) -> Site:
    """The fields of VBRs that are left out."""
    for name, vbr in site.virtual_border_routers.items():
        site = fill(site, "virtual_border_routers", name, physical_connection=only(site.physical_connections))
        circuit = site.physical_connections.get(site.virtual_border_routers[name].physical_connection)
        if circuit is not None:
            site = fill(site, "virtual_border_routers", name, vlan_id=circuit.vlan_id if vbr.vlan_id == 0 else None)
            bandwidth = max((b for b in VBR_BANDWIDTHS_MBPS if b <= circuit.bandwidth_mbps), default=50)
            site = fill(site, "virtual_border_routers", name, bandwidth_mbps=bandwidth)
        site = _link_addresses(site, name)
    return site


def _link_addresses(site: Site, name: str) -> Site:
    vbr = site.virtual_border_routers[name]
    local, peer = vbr.local_gateway_ip, vbr.peer_gateway_ip
    if not local and not peer:
        taken = _taken(site)
        link = next(
            (free for pool in LINK_POOLS if (free := addressing.first_free(pool, vbr.prefix_length, taken))), None
        )
        if link is not None:
            local, peer = addressing.host(link, 1), addressing.host(link, 2)
    elif not local:
        local = addressing.link_peer(peer, vbr.prefix_length)
    elif not peer:
        peer = addressing.link_peer(local, vbr.prefix_length)
    site = fill(site, "virtual_border_routers", name, local_gateway_ip=local, peer_gateway_ip=peer)
    if not vbr.enable_ipv6:
        return site
    local6, peer6 = vbr.local_ipv6_gateway_ip, vbr.peer_ipv6_gateway_ip
    if not local6 and not peer6:
        taken6 = [
            f"{spec.local_ipv6_gateway_ip or '::'}/{spec.ipv6_prefix_length}"
            for spec in site.virtual_border_routers.values()
        ]
        link6 = addressing.first_free(IPV6_LINK_POOL, vbr.ipv6_prefix_length, taken6) or "fd00:a::/126"
        local6, peer6 = addressing.host(link6, 1), addressing.host(link6, 2)
    local6 = local6 or addressing.link_peer(peer6, vbr.ipv6_prefix_length)
    peer6 = peer6 or addressing.link_peer(local6, vbr.ipv6_prefix_length)
    return fill(site, "virtual_border_routers", name, local_ipv6_gateway_ip=local6, peer_ipv6_gateway_ip=peer6)


def _taken(site: Site) -> list[str]:
    """Prefixes that a link between gateway and VBR must keep off."""
    links = [
        f"{vbr.local_gateway_ip}/{vbr.prefix_length}"
        for vbr in site.virtual_border_routers.values()
        if vbr.local_gateway_ip
    ]
    links += [
        f"{vbr.peer_gateway_ip}/{vbr.prefix_length}"
        for vbr in site.virtual_border_routers.values()
        if vbr.peer_gateway_ip
    ]
    return [*site.data_center.prefixes, *(vpc.cidr_block for vpc in site.vpcs.values()), *links]


def bgp_groups(site: Site) -> Site:
    """Every VBR of this account has an IPv4 group, and an IPv6 group where it enables IPv6."""
    site = settle_bgp_groups(site)
    for vbr_name, vbr in site.virtual_border_routers.items():
        if not _own(vbr):
            continue
        families = {group.ip_version for group in site.bgp_groups.values() if group.virtual_border_router == vbr_name}
        if "ipv4" not in families and not families:
            name = free_name(vbr_name, site.bgp_groups)
            site = add(site, "bgp_groups", name, make(BgpGroupSpec, site.profile, virtual_border_router=vbr_name))
        if vbr.enable_ipv6 and "ipv6" not in families:
            name = free_name(f"{vbr_name}-ipv6", site.bgp_groups)
            group = make(BgpGroupSpec, site.profile, virtual_border_router=vbr_name, ip_version="ipv6")
            site = add(site, "bgp_groups", name, group)
    return settle_bgp_groups(site)


def settle_bgp_groups(site: Site) -> Site:
    """The fields of BGP groups that are left out."""
    default = only(site.virtual_border_routers, _own)
    for name in site.bgp_groups:
        site = fill(site, "bgp_groups", name, virtual_border_router=default, peer_asn=site.gateway.local_asn)
    return site


def bgp_peers(site: Site) -> Site:
    """Every group has a peer. One that is made here has a direct circuit, so its BFD counts one hop."""
    site = settle_bgp_peers(site)
    used = {peer.bgp_group for peer in site.bgp_peers.values()}
    for group_name in site.bgp_groups:
        if group_name not in used:
            peer = make(BgpPeerSpec, site.profile, bgp_group=group_name, bfd_hop_count=1)
            site = add(site, "bgp_peers", free_name(group_name, site.bgp_peers), peer)
    return settle_bgp_peers(site)


def settle_bgp_peers(site: Site) -> Site:
    """The fields of BGP peers that are left out."""
    for name in site.bgp_peers:
        site = fill(site, "bgp_peers", name, bgp_group=only(site.bgp_groups))
    for name, spec in site.bgp_peers.items():
        group = site.bgp_groups.get(spec.bgp_group)
        vbr = site.virtual_border_routers.get(group.virtual_border_router) if group is not None else None
        if group is not None and vbr is not None:
            ip = vbr.peer_gateway_ip if group.ip_version == "ipv4" else vbr.peer_ipv6_gateway_ip
            site = fill(site, "bgp_peers", name, peer_ip=ip)
    return site


def bgp_networks(site: Site) -> Site:
    """A BGP network belongs to the VPC that holds its prefix."""
    for name, network in site.bgp_networks.items():
        holder = next(
            (vpc for vpc, spec in site.vpcs.items() if addressing.inside(network.prefix, spec.cidr_block)), ""
        )
        default = only(site.virtual_border_routers, _own)
        site = fill(site, "bgp_networks", name, virtual_border_router=default, vpc=holder)
    return site


def health_checks(site: Site) -> Site:
    """Every VBR of this account is watched, from an automatic source address."""
    default = only(site.virtual_border_routers, _own)
    for name in site.health_checks:
        site = fill(site, "health_checks", name, virtual_border_router=default)
    watched = {check.virtual_border_router for check in site.health_checks.values()}
    for vbr_name, vbr in site.virtual_border_routers.items():
        if _own(vbr) and vbr_name not in watched:
            check = make(HealthCheckSpec, site.profile, virtual_border_router=vbr_name)
            site = add(site, "health_checks", free_name(vbr_name, site.health_checks), check)
    return settle_health_checks(site)


def settle_health_checks(site: Site) -> Site:
    """The fields of VBR health checks that are left out."""
    default = only(site.virtual_border_routers, _own)
    for name in site.health_checks:
        site = fill(site, "health_checks", name, virtual_border_router=default)
    for name, spec in site.health_checks.items():
        target = site.virtual_border_routers.get(spec.virtual_border_router)
        source = ""
        if spec.source_method == "automatic":
            taken = [check.source_ip for check in site.health_checks.values() if check.source_ip]
            source = addressing.first_free_address(SOURCE_POOL, taken) or ""
        site = fill(
            site,
            "health_checks",
            name,
            cen=only(site.cens),
            source_ip=source,
            target_ip=target.peer_gateway_ip if target is not None else "",
        )
    return site
