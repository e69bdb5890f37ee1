"""BGP peers: addresses, BFD, and that the circuit has one.

In: `Site`. Out: findings. Next: `bgp_network.py`.
"""

from collections.abc import Iterator, Mapping

from twinspan.engine import addressing
from twinspan.engine.admission.rule_book import Problem, counting_rule, rule
from twinspan.engine.quotas import limit_of
from twinspan.model.fields import SEED_PLANNING, SEED_STEP_1
from twinspan.model.site import Site


@rule("R-PEER-001", "A peer's address is of its group's family.", source=SEED_STEP_1)
def _peer_family(site: Site) -> Iterator[Problem]:
    for name, peer in site.bgp_peers.items():
        version = site.bgp_groups[peer.bgp_group].ip_version
        if peer.peer_ip and f"ipv{addressing.address(peer.peer_ip).version}" != version:
            path = ("bgp_peers", name, "peer_ip")
            yield Problem(path, f"group {peer.bgp_group} is {version}", f"write an {version} address", peer.peer_ip)


@rule("R-PEER-002", "With BFD the hop count is given.", source=SEED_STEP_1)
def _hop_count(site: Site) -> Iterator[Problem]:
    for name, peer in site.bgp_peers.items():
        if peer.enable_bfd and peer.bfd_hop_count is None:
            yield Problem(
                ("bgp_peers", name, "bfd_hop_count"),
                "BFD is on and no hop count is given",
                "write bfd_hop_count: 1 on a direct circuit, up to 255 across more devices; or enable_bfd: false",
            )


@rule("R-PEER-003", "On a direct session the peer is the VBR's customer side.", source=SEED_STEP_1)
def _peer_address(site: Site) -> Iterator[Problem]:
    for name, peer in site.bgp_peers.items():
        vbr = site.virtual_border_routers[site.bgp_groups[peer.bgp_group].virtual_border_router]
        direct = peer.bfd_hop_count == 1 if peer.enable_bfd else True
        if direct and peer.peer_ip not in {vbr.peer_gateway_ip, vbr.peer_ipv6_gateway_ip}:
            yield Problem(
                ("bgp_peers", name, "peer_ip"),
                f"the gateway's circuit port has {vbr.peer_gateway_ip}",
                f"write {vbr.peer_gateway_ip}, or leave it out; bfd_hop_count above 1 allows a loopback",
                peer.peer_ip,
            )


@rule("R-PEER-004", "An address is a peer only once per VBR.", source="CreateBgpPeer")
def _peer_once(site: Site) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    for name, peer in site.bgp_peers.items():
        vbr = site.bgp_groups[peer.bgp_group].virtual_border_router
        if (vbr, peer.peer_ip) in seen:
            problem = f"peer {seen[vbr, peer.peer_ip]} of the same VBR has this address"
            yield Problem(("bgp_peers", name, "peer_ip"), problem, "remove one of them", peer.peer_ip)
        seen.setdefault((vbr, peer.peer_ip), name)


@counting_rule("R-PEER-007", "A VBR has at most 8 BGP peers, or what an operator allows.", source="CreateBgpPeer")
def _peers_per_vbr(site: Site, limits: Mapping[str, int]) -> Iterator[Problem]:
    limit = limit_of("bgp_peers_per_vbr", limits)
    counts: dict[str, int] = {}
    for name, peer in site.bgp_peers.items():
        vbr = site.bgp_groups[peer.bgp_group].virtual_border_router
        counts[vbr] = counts.get(vbr, 0) + 1
        if counts[vbr] == limit + 1:
            yield Problem(("bgp_peers", name), f"VBR {vbr} has more than {limit} peers", "remove some", name)


@rule("R-PEER-005", "The active span's session has BFD.", source=SEED_STEP_1, severity="warning")
def _bfd(site: Site) -> Iterator[Problem]:
    active = {span.virtual_border_router for span in site.spans if span.kind == "circuit"}
    for name, peer in site.bgp_peers.items():
        group = site.bgp_groups[peer.bgp_group]
        if group.virtual_border_router in active and not peer.enable_bfd:
            yield Problem(
                ("bgp_peers", name, "enable_bfd"),
                f"without it a silent circuit is noticed after the hold time, {group.hold_time_s} s",
                "write enable_bfd: true and bfd_hop_count: 1",
                peer.enable_bfd,
            )


@rule("R-PEER-006", "The VBR of a circuit span speaks BGP over IPv4.", source=SEED_PLANNING)
def _speaks(site: Site) -> Iterator[Problem]:
    speaking = {
        group.virtual_border_router
        for peer in site.bgp_peers.values()
        if (group := site.bgp_groups[peer.bgp_group]).ip_version == "ipv4"
    }
    for index, span in enumerate(site.spans):
        if span.kind == "circuit" and span.virtual_border_router not in speaking:
            yield Problem(
                ("spans", index, "virtual_border_router"),
                f"VBR {span.virtual_border_router} has no IPv4 peer, and a circuit with a VPN standby needs BGP",
                "add a BGP group and peer with ip_version: ipv4",
                span.virtual_border_router,
            )


RULES = (
    _peer_family,
    _hop_count,
    _peer_address,
    _peer_once,
    _peers_per_vbr,
    _bfd,
    _speaks,
)
