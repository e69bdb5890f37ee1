"""BGP inside IPsec: the inner /30s and the ASNs.

In: `Site`. Out: findings. Next: `destination_route.py`.
"""

from collections.abc import Iterator

from twinspan.engine import addressing
from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.finding import Path
from twinspan.model.ike import TunnelBgpSpec
from twinspan.model.site import Site

SOURCE = "CreateVpnConnection"
INNER_BLOCK = "169.254.0.0/16"
RESERVED_INNER = (*(f"169.254.{third}.0/30" for third in range(7)), "169.254.169.252/30")
"""Inner subnets that the cloud keeps for itself (CreateVpnConnection)."""


def _inner(site: Site) -> Iterator[tuple[str, Path, TunnelBgpSpec]]:
    """VPN gateway, place and BGP of every tunnel that has it."""
    for name, connection in site.ipsec_connections.items():
        path: Path = ("ipsec_connections", name)
        if connection.bgp is not None:
            yield connection.vpn_gateway, (*path, "bgp"), connection.bgp
        for index, tunnel in enumerate(connection.tunnels):
            if tunnel.bgp is not None:
                yield connection.vpn_gateway, (*path, "tunnels", index, "bgp"), tunnel.bgp


@rule("R-TBGP-001", "An inner subnet is a /30 of 169.254.0.0/16.", source=SOURCE)
def _block(site: Site) -> Iterator[Problem]:
    for _, path, bgp in _inner(site):
        if addressing.network(bgp.tunnel_cidr).prefixlen != 30 or not addressing.inside(bgp.tunnel_cidr, INNER_BLOCK):
            problem = "it is no /30 of 169.254.0.0/16"
            yield Problem((*path, "tunnel_cidr"), problem, "for example 169.254.10.0/30", bgp.tunnel_cidr)


@rule("R-TBGP-002", "An inner subnet is none of those that the cloud keeps for itself.", source=SOURCE)
def _reserved(site: Site) -> Iterator[Problem]:
    for _, path, bgp in _inner(site):
        if bgp.tunnel_cidr in RESERVED_INNER:
            remedy = "for example 169.254.10.0/30"
            yield Problem((*path, "tunnel_cidr"), "the cloud keeps this one for itself", remedy, bgp.tunnel_cidr)


@rule("R-TBGP-003", "Inner subnets of a VPN gateway differ.", source=SOURCE)
def _unique(site: Site) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for gateway, path, bgp in _inner(site):
        if (gateway, bgp.tunnel_cidr) in seen:
            problem = f"another tunnel of VPN gateway {gateway} has it"
            yield Problem((*path, "tunnel_cidr"), problem, "for example the next /30", bgp.tunnel_cidr)
        seen.add((gateway, bgp.tunnel_cidr))


@rule("R-TBGP-004", "The VPN gateway's inner address is a host of the inner subnet.", source=SOURCE)
def _local_ip(site: Site) -> Iterator[Problem]:
    for _, path, bgp in _inner(site):
        if not addressing.is_host(bgp.local_ip, bgp.tunnel_cidr):
            first = addressing.first_host(bgp.tunnel_cidr)
            problem = f"it is no host of {bgp.tunnel_cidr}"
            yield Problem((*path, "local_ip"), problem, f"write {first}, or leave it out", bgp.local_ip)


@rule("R-TBGP-005", "The VPN gateway's ASN is not the data centre's.", source="RFC 4271 5.1.2")
def _external(site: Site) -> Iterator[Problem]:
    for _, path, bgp in _inner(site):
        if bgp.local_asn == site.gateway.local_asn:
            problem = "the data centre has this ASN"
            yield Problem((*path, "local_asn"), problem, "write 45104, the cloud's own", bgp.local_asn)


@rule("R-TBGP-006", "Both tunnels of a connection speak BGP, or none.", source=SOURCE)
def _both(site: Site) -> Iterator[Problem]:
    for name, connection in site.ipsec_connections.items():
        speaking = [tunnel.bgp is not None for tunnel in connection.tunnels]
        if any(speaking) and not all(speaking):
            path = ("ipsec_connections", name, "tunnels", speaking.index(False))
            yield Problem(
                path, "the other tunnel speaks BGP and this one does not", "add bgp to it, or remove it there"
            )


RULES = (_block, _reserved, _unique, _local_ip, _external, _both)
