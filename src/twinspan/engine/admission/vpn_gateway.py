"""VPN gateways: where they live, how they are reached, and what that means for routing.

In: `Site`. Out: findings. Next: `customer_gateway.py`.
"""

from collections.abc import Iterator, Mapping

from twinspan.engine import addressing
from twinspan.engine.admission.overlap import PRIVATE_BLOCKS, RESERVED_BLOCKS
from twinspan.engine.admission.rule_book import Problem, counting_rule, rule
from twinspan.engine.quotas import limit_of
from twinspan.model.fields import SEED_PLANNING, TWINSPAN
from twinspan.model.ipsec_connection import tunnels_of
from twinspan.model.site import Site


@rule(
    "R-VPN-001",
    "A VPN gateway in an office VPC speaks BGP, as the VBR does; in a user VPC it may be static.",
    source=SEED_PLANNING,
)
def _static_or_bgp(site: Site) -> Iterator[Problem]:
    for name, connection in site.ipsec_connections.items():
        gateway = site.vpn_gateways[connection.vpn_gateway]
        static = any(tunnel.bgp is None for tunnel in tunnels_of(connection))
        if static and site.vpcs[gateway.vpc].role == "office":
            yield Problem(
                ("ipsec_connections", name, "bgp"),
                f"VPN gateway {connection.vpn_gateway} is in office VPC {gateway.vpc}, where a static VPN route would "
                "beat the circuit's routes for good",
                "write bgp: {tunnel_cidr: 169.254.10.0/30}, or move the VPN gateway to a user VPC",
            )


@rule("R-VPN-002", "Two tunnels end in two zones of the VPN gateway's VPC.", source="CreateVpnGateway")
def _two_zones(site: Site) -> Iterator[Problem]:
    for name, gateway in site.vpn_gateways.items():
        path = ("vpn_gateways", name, "disaster_recovery_vswitch")
        connections = [spec for spec in site.ipsec_connections.values() if spec.vpn_gateway == name]
        other = gateway.disaster_recovery_vswitch
        if any(spec.tunnels for spec in connections) and not other:
            yield Problem(
                path, "a connection has two tunnels and the gateway one zone", "name a vSwitch of another zone"
            )
        elif other and site.vswitches[other].zone == site.vswitches[gateway.vswitch].zone:
            problem = f"vSwitch {other} is in the same zone as {gateway.vswitch}"
            yield Problem(path, problem, "name a vSwitch of another zone", other)


@rule("R-VPN-003", "A VPN gateway's vSwitches belong to its VPC.", source="CreateVpnGateway")
def _own_vswitch(site: Site) -> Iterator[Problem]:
    for name, gateway in site.vpn_gateways.items():
        for field in ("vswitch", "disaster_recovery_vswitch"):
            vswitch = getattr(gateway, field)
            if vswitch and site.vswitches[vswitch].vpc != gateway.vpc:
                fitting = [other for other, spec in site.vswitches.items() if spec.vpc == gateway.vpc]
                problem = f"it belongs to VPC {site.vswitches[vswitch].vpc}, the gateway to {gateway.vpc}"
                remedy = f"one of {', '.join(fitting)}" if fitting else f"add a vSwitch to VPC {gateway.vpc}"
                yield Problem(("vpn_gateways", name, field), problem, remedy, vswitch)


@rule("R-VPN-004", "The tunnel's end is reached without the circuit.", source=TWINSPAN)
def _without_circuit(site: Site) -> Iterator[Problem]:
    by_circuit = _brought_by_circuit(site)
    for name, gateway in site.vpn_gateways.items():
        for field in ("internet_ip", "disaster_recovery_internet_ip"):
            ip = getattr(gateway, field)
            for prefix, owner in by_circuit:
                if ip and addressing.inside(ip, prefix):
                    yield Problem(
                        ("vpn_gateways", name, field),
                        f"the circuit brings {prefix} ({owner}), so the tunnel would ride on it and die with it",
                        "give the gateway an address outside, or narrow that prefix",
                        ip,
                    )


def _brought_by_circuit(site: Site) -> list[tuple[str, str]]:
    brought = [(vpc.cidr_block, f"VPC {name}") for name, vpc in site.vpcs.items()]
    brought += [(network.prefix, f"BGP network {name}") for name, network in site.bgp_networks.items()]
    for name, router in site.transit_routers.items():
        brought += [(prefix, f"transit router {name}") for prefix in router.cidr_blocks]
    for name, table in site.route_tables.items():
        if table.transit_router or table.virtual_border_router:
            brought += [(entry.destination, f"route table {name}") for entry in table.entries]
    return brought


@rule("R-VPN-005", "A public VPN gateway has a public address.", source="CreateVpnGateway")
def _public(site: Site) -> Iterator[Problem]:
    for name, gateway in site.vpn_gateways.items():
        for field in ("internet_ip", "disaster_recovery_internet_ip"):
            ip = getattr(gateway, field)
            block = next((b for b in (*PRIVATE_BLOCKS, *RESERVED_BLOCKS) if ip and addressing.inside(ip, b)), None)
            if block and gateway.network_type == "public":
                remedy = "leave it out in a lab; else write the address that the cloud shows"
                yield Problem(("vpn_gateways", name, field), f"{block} is not routed in the Internet", remedy, ip)


@rule("R-VPN-006", "Every tunnel end has an address and subnet of its own.", source=TWINSPAN)
def _own_address(site: Site) -> Iterator[Problem]:
    gateway = site.gateway
    seen = [(f"{gateway.public_address}/{gateway.public_prefix_length}", "the gateway")]
    for name, spec in site.vpn_gateways.items():
        for field in ("internet_ip", "disaster_recovery_internet_ip"):
            ip = getattr(spec, field)
            if not ip:
                continue
            prefix = f"{ip}/{spec.internet_prefix_length}"
            owner = next((owner for other, owner in seen if addressing.overlap(other, prefix)), None)
            if owner is not None:
                problem = f"its subnet {addressing.network(prefix)} is also that of {owner}"
                yield Problem(("vpn_gateways", name, field), problem, "leave it out, or choose another address", ip)
            seen.append((prefix, f"VPN gateway {name}"))


@rule("R-VPN-007", "IPsec is on where an IPsec connection uses the gateway.", source="CreateVpnGateway")
def _ipsec_on(site: Site) -> Iterator[Problem]:
    used = {connection.vpn_gateway for connection in site.ipsec_connections.values()}
    for name, gateway in site.vpn_gateways.items():
        if name in used and not gateway.enable_ipsec:
            problem = "IPsec connections use this gateway"
            yield Problem(
                ("vpn_gateways", name, "enable_ipsec"), problem, "write enable_ipsec: true", gateway.enable_ipsec
            )


@counting_rule(
    "R-VPN-008",
    "A VPN gateway has at most 10 IPsec connections, or what an operator allows.",
    source="Quotas of VPN Gateway",
)
def _connection_count(site: Site, limits: Mapping[str, int]) -> Iterator[Problem]:
    for name in site.vpn_gateways:
        count = sum(connection.vpn_gateway == name for connection in site.ipsec_connections.values())
        if count > limit_of("connections_per_vpn_gateway", limits):
            yield Problem(("vpn_gateways", name), f"it has {count}", "remove some, or add a VPN gateway", name)


RULES = (
    _static_or_bgp,
    _two_zones,
    _own_vswitch,
    _without_circuit,
    _public,
    _own_address,
    _ipsec_on,
    _connection_count,
)
