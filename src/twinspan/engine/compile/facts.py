"""Facts of a site that several nodes' configs need, worked out once: names, underlay addresses, prefixes, probes.

In: a `Site`, complete or with parts that are not made yet. Out: `Facts`. Next: `gateway.py`.
"""

from __future__ import annotations

import ipaddress

import msgspec

from twinspan.engine.compile.attached import attachment_of, learned_by
from twinspan.engine.compile.route_map import NOTHING_DENIED, Denials
from twinspan.model.bgp_group import BgpGroupSpec
from twinspan.model.destination_route import DestinationRouteSpec
from twinspan.model.device_config import Bfd, Family, Link, Probe
from twinspan.model.dns_service import CLOUD_SERVICES_PREFIX
from twinspan.model.health_check import HealthCheckSpec
from twinspan.model.ipsec_connection import IpsecConnectionSpec, Tunnel, tunnels_of
from twinspan.model.policy_route import PolicyRouteSpec
from twinspan.model.site import Site
from twinspan.model.virtual_border_router import VirtualBorderRouterSpec
from twinspan.model.vpc import VpcSpec
from twinspan.model.vpn_gateway import VpnGatewaySpec

GATEWAY, VBR, VPN_GATEWAY, TRANSIT_ROUTER = "gateway", "vbr", "vpn-gateway", "transit-router"
SERVICES, PC, OFFICE_HOST = "services", "pc", "office-host"

TRANSIT_BASE = ipaddress.ip_address("198.18.128.0")
"""First of the /30s between cloud nodes; the underlay 198.18.0.0/15 is free in every site (RFC 2544)."""
TRANSIT_BASE_V6 = ipaddress.ip_address("fd00:7477:696e::")
MANAGEMENT_PREFIX = "198.19.0.0/24"
"""Management bridge; never routed into data."""
INNER_BASE = ipaddress.ip_address("169.254.10.0")
"""Tunnel addresses where the site gives none: the first /30s that the cloud's TunnelCidr rule leaves free."""
VPN_LOCAL_PREF = 50
"""Below BGP's usual 100: by default the cloud prefers what it learned from the circuit (CEN route choice)."""
SMALL_PACKET = 84
"""56 bytes of ICMP data, as ping sends."""
IKE_PORT, NAT_T_PORT, PORT_STEP = 500, 4500, 10
"""Further tunnels of a node get IKE ports of their own: one IKE daemon per tunnel."""


class TunnelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One tunnel and everything both ends must agree on."""

    name: str
    connection_name: str
    connection: IpsecConnectionSpec
    tunnel: Tunnel
    index: int
    cloud_public: str
    gateway_public: str
    cloud_inner: str
    """With prefix length, e.g. "169.254.10.1/30"."""
    gateway_inner: str

    @property
    def cloud_address(self) -> str:
        return bare(self.cloud_inner)

    @property
    def gateway_address(self) -> str:
        return bare(self.gateway_inner)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    site: Site
    vbr: VirtualBorderRouterSpec
    """The circuit's; one without addresses where there is none (`has_circuit`)."""
    vpn_gateway: VpnGatewaySpec
    """The VPN span's; one without an address where there is none (`has_vpn_gateway`)."""
    has_circuit: bool = True
    has_vpn_gateway: bool = True
    site_prefixes: tuple[str, ...]
    cloud_prefixes: tuple[str, ...]
    """Prefixes of attached VPCs, and the services network: what the data centre reaches over the spans."""
    tunnels: tuple[TunnelFacts, ...]
    bfd: Bfd | None
    circuit_pin: tuple[str, str]
    """(gateway's /32, cloud's /32) for probes over the circuit."""
    vpn_pin: tuple[str, str]
    node_index: dict[str, int]
    """For management addresses and router ids."""
    vpc_nodes: dict[str, str]
    """VPC name to node name."""
    denials: Denials = NOTHING_DENIED
    """What route maps keep off the transit router's sessions."""

    def management(self, node: str) -> Link:
        base = ipaddress.ip_network(MANAGEMENT_PREFIX)
        return Link(name="mgmt0", addresses=(f"{base[10 + self.node_index[node]]}/{base.prefixlen}",), management=True)

    def router_id(self, node: str) -> str:
        return str(ipaddress.ip_network(MANAGEMENT_PREFIX)[10 + self.node_index[node]])

    def pins(self, span: str) -> tuple[str, str]:
        return self.circuit_pin if span == self.site.circuit.name else self.vpn_pin

    def attached_vpcs(self) -> dict[str, VpcSpec]:
        attached = {a.vpc for a in self.site.attachments.values() if a.vpc}
        return {name: vpc for name, vpc in self.site.vpcs.items() if name in attached}

    def circuit_group(self, family: Family) -> tuple[str, BgpGroupSpec]:
        """The BGP group of the circuit's VBR for that family, with its name; empty where there is none."""
        if not self.has_circuit:
            return "", BgpGroupSpec()
        mine = ((n, g) for n, g in self.site.bgp_groups.items() if g.virtual_border_router == self.vbr_name)
        return next(((n, g) for n, g in mine if g.ip_version == family), ("", BgpGroupSpec(ip_version=family)))

    @property
    def sessions(self) -> tuple[Family, ...]:
        """Families that the circuit speaks BGP for: those with a group that has a peer."""
        peered = {peer.bgp_group for peer in self.site.bgp_peers.values()}
        families: tuple[Family, ...] = ("ipv4", "ipv6") if self.vbr.enable_ipv6 else ("ipv4",)
        return tuple(family for family in families if self.circuit_group(family)[0] in peered)

    @property
    def vpn_vpc(self) -> str:
        """Name of the VPC that holds the VPN gateway."""
        return self.vpn_gateway.vpc

    @property
    def vbr_name(self) -> str:
        return self.site.circuit.virtual_border_router

    @property
    def cloud_asn(self) -> int:
        return self.circuit_group("ipv4")[1].local_asn

    @property
    def health_checks(self) -> dict[str, HealthCheckSpec]:
        """Those of the circuit's VBR."""
        return {n: h for n, h in self.site.health_checks.items() if h.virtual_border_router == self.vbr_name}

    @property
    def bgp_networks(self) -> tuple[str, ...]:
        """Prefixes that the circuit's VBR announces by itself, besides those of whole VPCs."""
        mine = {n.prefix for n in self.site.bgp_networks.values() if n.virtual_border_router == self.vbr_name}
        return tuple(sorted(mine - set(self.cloud_prefixes)))

    @property
    def standby_prefixes(self) -> tuple[str, ...]:
        """What of the cloud the VPN can carry: IPv4."""
        return tuple(p for p in self.cloud_prefixes if version(p) == 4)

    @property
    def circuit_only_prefixes(self) -> tuple[str, ...]:
        """The rest: no standby."""
        return tuple(p for p in self.cloud_prefixes if p not in self.standby_prefixes)

    @property
    def vpn_static_routes(self) -> tuple[DestinationRouteSpec | PolicyRouteSpec, ...]:
        """Destination- and policy-based routes over this span's connections."""
        routes: list[DestinationRouteSpec | PolicyRouteSpec] = [*self.site.destination_routes.values()]
        routes += self.site.policy_routes.values()
        return tuple(r for r in routes if r.ipsec_connection in self.site.vpn.ipsec_connections)

    @property
    def services_vpc(self) -> str:
        """The VPC through which 100.64.0.0/10 is reached: the user's (seed 004 Step 6). Empty: there is no VPC."""
        for vpcs in (self.attached_vpcs(), self.site.vpcs):
            if vpcs:
                return next((n for n, v in vpcs.items() if v.role == "user"), next(iter(vpcs)))
        return ""

    @property
    def office_vpc(self) -> str:
        """The VPC of cloud computers. Empty: there is none."""
        offices = [n for vpcs in (self.attached_vpcs(), self.site.vpcs) for n, v in vpcs.items() if v.role == "office"]
        return offices[0] if offices else ""

    @property
    def vpc_cables(self) -> dict[str, int]:
        """Number of the cable between the transit router and each VPC: from 1, which is the office VPC's also while
        there is none."""
        first = 1 if "office-vpc" in self.vpc_nodes.values() else 2
        return {name: index for index, name in enumerate(self.vpc_nodes, start=first)}

    @property
    def vpn_speaks_bgp(self) -> bool:
        return any(t.tunnel.bgp is not None for t in self.tunnels)


def gather(site: Site) -> Facts:
    """Work the facts out."""
    own_vbr = site.virtual_border_routers.get(site.circuit.virtual_border_router)
    own_gateway = site.vpn_gateways.get(_vpn_gateway(site))
    vbr, vpn_gateway = own_vbr or VirtualBorderRouterSpec(), own_gateway or VpnGatewaySpec()
    vpc_nodes = _vpc_nodes(site)
    nodes = [GATEWAY, VBR, VPN_GATEWAY, TRANSIT_ROUTER, *vpc_nodes.values(), SERVICES, PC, OFFICE_HOST]
    circuit = attachment_of(site, "virtual_border_router", site.circuit.virtual_border_router)
    attached = {a.vpc for a in learned_by(site, circuit)} - {""}
    cloud = [v.cidr_block for n, v in site.vpcs.items() if n in attached]
    cloud += [
        v.ipv6_cidr_block for n, v in site.vpcs.items() if n in attached and v.ipv6_cidr_block and vbr.enable_ipv6
    ]
    return Facts(
        site=site,
        vbr=vbr,
        vpn_gateway=vpn_gateway,
        has_circuit=own_vbr is not None,
        has_vpn_gateway=own_gateway is not None,
        site_prefixes=(*site.data_center.prefixes, *(site.data_center.ipv6_prefixes if vbr.enable_ipv6 else ())),
        cloud_prefixes=(*cloud, CLOUD_SERVICES_PREFIX),
        tunnels=_tunnels(site),
        bfd=_bfd(site, vbr),
        circuit_pin=(f"{site.circuit.probe_local_ip}/32", f"{site.circuit.probe_remote_ip}/32"),
        vpn_pin=(f"{site.vpn.probe_local_ip}/32", f"{site.vpn.probe_remote_ip}/32"),
        node_index={name: index for index, name in enumerate(nodes)},
        vpc_nodes=vpc_nodes,
    )


def transit_pair(index: int, mask: bool = True) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Addresses of both ends of the `index`th cloud-internal cable, IPv4 and IPv6."""
    v4, v6 = TRANSIT_BASE + 4 * index, TRANSIT_BASE_V6 + 4 * index
    suffix4, suffix6 = ("/30", "/126") if mask else ("", "")
    return (f"{v4 + 1}{suffix4}", f"{v6 + 1}{suffix6}"), (f"{v4 + 2}{suffix4}", f"{v6 + 2}{suffix6}")


def circuit_link(facts: Facts) -> str:
    """The interface BGP runs on: the port itself, or its VLAN."""
    port = facts.site.gateway.ports.circuit
    return f"{port}.{facts.vbr.vlan_id}"[:15] if facts.vbr.vlan_id else port


def last_host(prefix: str, *, from_end: int = 1) -> str:
    """The last usable address of a prefix, or one `from_end` before it."""
    network = ipaddress.ip_network(prefix)
    return str(network.broadcast_address - from_end)


def bare(prefix: str) -> str:
    """The address of a prefix or interface address."""
    return prefix.partition("/")[0]


def version(prefix: str) -> int:
    """4 or 6."""
    return ipaddress.ip_interface(prefix).version


def probe_sizes(facts: Facts, mtu: int) -> tuple[tuple[str, int], ...]:
    """(suffix of the target's name, packet size): small ones, and full-size ones where the site asks for them."""
    small = (("", SMALL_PACKET),)
    return (*small, (" large", mtu)) if facts.site.failover.probe.large else small


def make_probe(  # noqa: PLR0913
    facts: Facts, name: str, source: str, destination: str, *, link: str | None, tunnel: str | None, size: int
) -> Probe:
    """A probe with the site's timing."""
    policy = facts.site.failover.probe
    return Probe(
        name=name,
        source=bare(source),
        destination=bare(destination),
        link=link,
        tunnel=tunnel,
        interval_ms=policy.interval_ms,
        lost_threshold=policy.lost_threshold,
        recover_threshold=policy.recover_threshold,
        packet_size=size,
    )


def _connections(site: Site) -> list[tuple[str, IpsecConnectionSpec]]:
    """The VPN span's connections, the active one (weight 100) first."""
    weights = {r.ipsec_connection: r.weight for r in site.destination_routes.values()}
    names = sorted(site.vpn.ipsec_connections, key=lambda n: -weights.get(n, 100))
    whole = [(name, site.ipsec_connections[name]) for name in names if _is_whole(site, site.ipsec_connections[name])]
    return [(name, spec) for name, spec in whole if spec.vpn_gateway == whole[0][1].vpn_gateway]


def _is_whole(site: Site, connection: IpsecConnectionSpec) -> bool:
    """Whether both its ends are there."""
    ends = {tunnel.customer_gateway for tunnel in tunnels_of(connection)}
    return connection.vpn_gateway in site.vpn_gateways and ends <= set(site.customer_gateways)


def _vpn_gateway(site: Site) -> str:
    """The VPN span's, or the first one while it has no connection; empty: there is none."""
    connections = _connections(site)
    return connections[0][1].vpn_gateway if connections else next(iter(site.vpn_gateways), "")


def _tunnels(site: Site) -> tuple[TunnelFacts, ...]:
    found: list[TunnelFacts] = []
    for name, connection in _connections(site):
        gateway = site.vpn_gateways[connection.vpn_gateway]
        for tunnel in tunnels_of(connection):
            index = len(found)
            second = tunnel.index == 1 and gateway.disaster_recovery_internet_ip
            cloud_inner, gateway_inner = _inner(tunnel, index)
            found.append(
                TunnelFacts(
                    name=f"t{index + 1}",
                    connection_name=name,
                    connection=connection,
                    tunnel=tunnel,
                    index=index,
                    cloud_public=gateway.disaster_recovery_internet_ip if second else gateway.internet_ip,
                    gateway_public=site.customer_gateways[tunnel.customer_gateway].ip_address,
                    cloud_inner=cloud_inner,
                    gateway_inner=gateway_inner,
                )
            )
    return tuple(found)


def _inner(tunnel: Tunnel, index: int) -> tuple[str, str]:
    """Inner addresses (cloud's, gateway's) of a tunnel."""
    if tunnel.bgp is not None:
        network = ipaddress.ip_network(tunnel.bgp.tunnel_cidr)
        local = ipaddress.ip_address(tunnel.bgp.local_ip)
        other = next(h for h in network.hosts() if h != local)
        return f"{local}/{network.prefixlen}", f"{other}/{network.prefixlen}"
    base = INNER_BASE + 4 * index
    return f"{base + 1}/30", f"{base + 2}/30"


def _bfd(site: Site, vbr: VirtualBorderRouterSpec) -> Bfd | None:
    groups = {n for n, g in site.bgp_groups.items() if g.virtual_border_router == site.circuit.virtual_border_router}
    peer = next((p for p in site.bgp_peers.values() if p.bgp_group in groups), None)
    if peer is None or not peer.enable_bfd:
        return None
    return Bfd(
        min_tx_interval_ms=vbr.min_tx_interval_ms,
        min_rx_interval_ms=vbr.min_rx_interval_ms,
        detect_multiplier=vbr.detect_multiplier,
        hop_count=peer.bfd_hop_count or 1,
    )


def _vpc_nodes(site: Site) -> dict[str, str]:
    """Canonical node names for the first VPC of each role; others carry their own name and number.

    A node's name is that of its port in a segment too: at most 15 characters. Office VPCs come first, whoever was made
    first: cables are numbered in this order, and a machine's cables stay where they are.
    """
    nodes: dict[str, str] = {}
    for index, (name, vpc) in enumerate(site.vpcs.items(), start=1):
        canonical = f"{vpc.role or 'user'}-vpc"
        nodes[name] = canonical if canonical not in nodes.values() else f"vpc{index}-{name}"[:15].rstrip("-")
    first = ("office-vpc", "user-vpc")
    return dict(sorted(nodes.items(), key=lambda item: first.index(item[1]) if item[1] in first else len(first)))
