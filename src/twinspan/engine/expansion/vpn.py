"""The VPN: VPN gateway, customer gateway, IPsec connections and the routes into them.

In: a site with its cloud networks and circuit. Out: the standby span's resources. Next: `data_center.py`.
"""

from msgspec.structs import replace

from twinspan.engine import addressing
from twinspan.engine.expansion.draft import add, fill, first, free_name, only
from twinspan.model.customer_gateway import CustomerGatewaySpec
from twinspan.model.decode import make
from twinspan.model.destination_route import DestinationRouteSpec
from twinspan.model.ike import TunnelBgpSpec
from twinspan.model.ipsec_connection import IpsecConnectionSpec, TunnelSpec
from twinspan.model.site import Site
from twinspan.model.vpn_gateway import VpnGatewaySpec
from twinspan.model.vswitch import VswitchSpec

VPN_UNDERLAY_POOL = "198.18.1.0/24"
"""Where the public addresses of a lab's VPN gateways come from."""

USER = "user"
"""The VPC that the VPN gateway prefers where several could have it."""

TUNNEL_BGP_CIDR = "169.254.10.0/30"


def vpn_gateways(site: Site) -> Site:
    """A site without a VPN gateway gets one, in the user VPC if there is one."""
    if not site.vpn_gateways:
        site = add(site, "vpn_gateways", "vpn-gateway", make(VpnGatewaySpec, site.profile))
    home = _home(site)
    for name in site.vpn_gateways:
        site = fill(site, "vpn_gateways", name, vpc=home)
        if _has_two_tunnels(site, name):
            site = _second_vswitch(site, name, site.vpn_gateways[name].vpc)
        site = _settled_gateway(site, name)
    return site


def settle_vpn_gateways(site: Site) -> Site:
    """The fields of VPN gateways that are left out."""
    home = _home(site)
    for name in site.vpn_gateways:
        site = _settled_gateway(fill(site, "vpn_gateways", name, vpc=home), name)
    return site


def _settled_gateway(site: Site, name: str) -> Site:
    site = fill(site, "vpn_gateways", name, vswitch=_first_vswitch(site, site.vpn_gateways[name].vpc))
    return _internet_addresses(site, name)


def _home(site: Site) -> str:
    """The VPC of a VPN gateway that names none."""
    users = [name for name, vpc in site.vpcs.items() if vpc.role == "user" and vpc.account == "current"]
    if USER in users:
        return USER
    return users[0] if len(users) == 1 else ("" if users else only(site.vpcs))


def _first_vswitch(site: Site, vpc: str) -> str:
    return first(site.vswitches, lambda switch: switch.vpc == vpc)


def _has_two_tunnels(site: Site, gateway: str) -> bool:
    alone = len(site.vpn_gateways) == 1
    return any(
        connection.tunnels and (connection.vpn_gateway == gateway or (alone and not connection.vpn_gateway))
        for connection in site.ipsec_connections.values()
    )


def _second_vswitch(site: Site, gateway: str, vpc: str) -> Site:
    """Two tunnels end in two zones (CreateVpnGateway, DisasterRecoveryVSwitchId)."""
    if site.vpn_gateways[gateway].disaster_recovery_vswitch or vpc not in site.vpcs:
        return site
    own = site.vpn_gateways[gateway].vswitch or _first_vswitch(site, vpc)
    zone = site.vswitches[own].zone if own in site.vswitches else "a"
    other = first(site.vswitches, lambda switch: switch.vpc == vpc and switch.zone != zone)
    if not other:
        taken = [switch.cidr_block for switch in site.vswitches.values() if switch.vpc == vpc]
        cidr = addressing.first_free(site.vpcs[vpc].cidr_block, 29, taken)
        if cidr is None:
            return site
        other = free_name(f"{vpc}-b", site.vswitches)
        site = add(site, "vswitches", other, VswitchSpec(vpc=vpc, cidr_block=cidr, zone="b" if zone != "b" else "a"))
    return fill(site, "vpn_gateways", gateway, disaster_recovery_vswitch=other)


def _internet_addresses(site: Site, name: str) -> Site:
    gateway = site.vpn_gateways[name]
    site = fill(site, "vpn_gateways", name, internet_ip=_free_internet_ip(site, gateway.internet_prefix_length))
    if _has_two_tunnels(site, name):
        address = _free_internet_ip(site, gateway.internet_prefix_length)
        site = fill(site, "vpn_gateways", name, disaster_recovery_internet_ip=address)
    return site


def _free_internet_ip(site: Site, length: int) -> str:
    taken = [f"{site.gateway.public_address}/{site.gateway.public_prefix_length}"]
    for gateway in site.vpn_gateways.values():
        addresses = (gateway.internet_ip, gateway.disaster_recovery_internet_ip)
        taken += [f"{text}/{gateway.internet_prefix_length}" for text in addresses if text]
    free = addressing.first_free(VPN_UNDERLAY_POOL, max(length, 24), taken)
    return addressing.host(free, 2) if free is not None else ""


def customer_gateways(site: Site) -> Site:
    """The data centre as the VPN gateway knows it: the gateway's public address and ASN."""
    if not site.customer_gateways:
        site = add(site, "customer_gateways", "customer-gateway", make(CustomerGatewaySpec, site.profile))
    return settle_customer_gateways(site)


def settle_customer_gateways(site: Site) -> Site:
    """The fields of customer gateways that are left out."""
    for name in site.customer_gateways:
        site = fill(site, "customer_gateways", name, ip_address=site.gateway.public_address, asn=site.gateway.local_asn)
    return site


def ipsec_connections(site: Site) -> Site:
    """A site without a connection gets one: static in a user VPC, with BGP in an office VPC as the seed demands."""
    if not site.ipsec_connections:
        site = add(site, "ipsec_connections", "vpn", make(IpsecConnectionSpec, site.profile, bgp=_made_bgp(site)))
    return settle_ipsec_connections(site)


def settle_ipsec_connections(site: Site) -> Site:
    """The fields of IPsec connections that are left out."""
    for name, connection in site.ipsec_connections.items():
        site = fill(
            site,
            "ipsec_connections",
            name,
            vpn_gateway=only(site.vpn_gateways),
            customer_gateway=connection.customer_gateway or only(site.customer_gateways),
        )
        site = _settle_inner_addresses(site, name)
    return site


def _made_bgp(site: Site) -> TunnelBgpSpec | None:
    gateway = site.vpn_gateways.get(only(site.vpn_gateways))
    vpc = site.vpcs.get(gateway.vpc) if gateway is not None else None
    return TunnelBgpSpec(tunnel_cidr=TUNNEL_BGP_CIDR) if vpc is not None and vpc.role == "office" else None


def _settle_inner_addresses(site: Site, name: str) -> Site:
    connection = site.ipsec_connections[name]
    settled = replace(
        connection,
        bgp=_with_local_ip(connection.bgp),
        tunnels=tuple(_settled_tunnel(connection, tunnel) for tunnel in connection.tunnels),
        health_check=_settled_health_check(site, connection),
    )
    if settled == connection:
        return site
    parts = {part for part in ("bgp", "tunnels", "health_check") if getattr(settled, part) != getattr(connection, part)}
    made = {f"ipsec_connections.{name}.{part}" for part in parts}
    return replace(site, ipsec_connections={**site.ipsec_connections, name: settled}, made=site.made | made)


def _settled_tunnel(connection: IpsecConnectionSpec, tunnel: TunnelSpec) -> TunnelSpec:
    gateway = tunnel.customer_gateway or connection.customer_gateway
    return replace(tunnel, customer_gateway=gateway, bgp=_with_local_ip(tunnel.bgp))


def _with_local_ip(bgp: TunnelBgpSpec | None) -> TunnelBgpSpec | None:
    if bgp is None or bgp.local_ip:
        return bgp
    return replace(bgp, local_ip=addressing.first_host(bgp.tunnel_cidr))


def _settled_health_check(site: Site, connection: IpsecConnectionSpec) -> object:
    check = connection.health_check
    if check is None:
        return None
    gateway = site.vpn_gateways.get(connection.vpn_gateway)
    vswitch = site.vswitches.get(gateway.vswitch) if gateway is not None else None
    source = addressing.host(vswitch.cidr_block, -3) if vswitch is not None else ""
    return replace(
        check,
        destination_ip=check.destination_ip or site.data_center.gateway_address,
        source_ip=check.source_ip or source,
    )


def destination_routes(site: Site) -> Site:
    """Without any route of their own, connections without BGP get one per prefix of the data centre.

    Of several connections of a VPN gateway the first is active (100), the second its standby (0).
    """
    if not site.destination_routes and not site.policy_routes:
        for connection, weight in _weighted(site):
            for number, prefix in enumerate(site.data_center.prefixes, start=1):
                name = free_name(f"data-center-{number}{'' if weight else '-standby'}", site.destination_routes)
                route = make(
                    DestinationRouteSpec,
                    site.profile,
                    ipsec_connection=connection,
                    destination=prefix,
                    weight=weight,
                )
                site = add(site, "destination_routes", name, route)
    return settle_vpn_routes(site)


def settle_vpn_routes(site: Site) -> Site:
    """The fields of destination- and policy-based routes that are left out."""
    for section in ("destination_routes", "policy_routes"):
        for name in getattr(site, section):
            site = fill(site, section, name, ipsec_connection=only(site.ipsec_connections))
    return site


def _weighted(site: Site) -> list[tuple[str, int]]:
    """Connections without BGP with the weight of their routes, two per VPN gateway."""
    by_gateway: dict[str, list[str]] = {}
    for name, spec in site.ipsec_connections.items():
        if not _speaks_bgp(spec):
            by_gateway.setdefault(spec.vpn_gateway, []).append(name)
    return [pair for names in by_gateway.values() for pair in zip(names, (100, 0), strict=False)]


def _speaks_bgp(connection: IpsecConnectionSpec) -> bool:
    return connection.bgp is not None or any(tunnel.bgp is not None for tunnel in connection.tunnels)
