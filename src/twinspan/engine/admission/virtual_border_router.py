"""VBRs: the address pair of the circuit, in both families.

In: `Site`. Out: findings. Next: `bgp_group.py`.
"""

from collections.abc import Iterator

from twinspan.engine import addressing
from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.fields import SEED_STEP_1, TWINSPAN
from twinspan.model.site import Site


def _pairs(site: Site) -> Iterator[tuple[str, str, str, int, str]]:
    """Name, cloud side, customer side, length, and the part of the field names that tells the family."""
    for name, vbr in site.virtual_border_routers.items():
        yield name, vbr.local_gateway_ip, vbr.peer_gateway_ip, vbr.prefix_length, ""
        if vbr.enable_ipv6:
            yield name, vbr.local_ipv6_gateway_ip, vbr.peer_ipv6_gateway_ip, vbr.ipv6_prefix_length, "ipv6_"


@rule("R-VBR-007", "Both addresses of a circuit lie in one subnet.", source=SEED_STEP_1)
def _same_subnet(site: Site) -> Iterator[Problem]:
    for name, local, peer, length, family in _pairs(site):
        if not addressing.inside(peer, f"{local}/{length}"):
            subnet = addressing.network(f"{local}/{length}")
            yield Problem(
                ("virtual_border_routers", name, f"peer_{family}gateway_ip"),
                f"{peer} is not in {subnet}, the subnet of {local}",
                f"for example {addressing.link_peer(local, length)}",
                peer,
            )


@rule(
    "R-VBR-008",
    "An address of a circuit is neither the subnet's first (network) nor last (broadcast).",
    source=TWINSPAN,
)
def _usable(site: Site) -> Iterator[Problem]:
    for name, local, peer, length, family in _pairs(site):
        for field, ip in ((f"local_{family}gateway_ip", local), (f"peer_{family}gateway_ip", peer)):
            subnet = str(addressing.network(f"{ip}/{length}"))
            if not addressing.is_host(ip, subnet):
                yield Problem(
                    ("virtual_border_routers", name, field),
                    f"no host can have {ip} in {subnet}",
                    f"for example {addressing.first_host(subnet)}",
                    ip,
                )


@rule("R-VBR-009", "The two ends of a circuit have different addresses.", source=TWINSPAN)
def _different(site: Site) -> Iterator[Problem]:
    for name, local, peer, length, family in _pairs(site):
        if local == peer:
            remedy = f"for example {addressing.link_peer(local, length)}"
            path = ("virtual_border_routers", name, f"peer_{family}gateway_ip")
            yield Problem(path, "the VBR has the same address", remedy, peer)


@rule("R-VBR-010", "IPv6 addresses of a circuit are written only where IPv6 is enabled.", source=SEED_STEP_1)
def _ipv6_enabled(site: Site) -> Iterator[Problem]:
    for name, vbr in site.virtual_border_routers.items():
        for field in ("local_ipv6_gateway_ip", "peer_ipv6_gateway_ip"):
            if getattr(vbr, field) and not vbr.enable_ipv6:
                yield Problem(
                    ("virtual_border_routers", name, field),
                    "enable_ipv6 is false",
                    "write enable_ipv6: true (it cannot be switched off again), or remove the address",
                    getattr(vbr, field),
                )


RULES = (_same_subnet, _usable, _different, _ipv6_enabled)
