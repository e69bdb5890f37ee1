"""The address plan: what may not overlap.

In: `Site`. Out: findings. Next: `physical_connection.py`.
"""

from collections.abc import Iterator
from typing import NamedTuple

from twinspan.engine import addressing
from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.dns_service import CLOUD_SERVICES_PREFIX
from twinspan.model.fields import SEED_PLANNING, SEED_STEP_6, TWINSPAN
from twinspan.model.finding import Path
from twinspan.model.site import UNDERLAY_PREFIX, Site

RESERVED_BLOCKS = {
    "0.0.0.0/8": "means this network (RFC 1122)",
    CLOUD_SERVICES_PREFIX: "is where the cloud's services and health checks live (RFC 6598)",
    "127.0.0.0/8": "is loopback (RFC 1122)",
    "169.254.0.0/16": "is link-local (RFC 3927)",
    "224.0.0.0/4": "is multicast (RFC 5771)",
    "240.0.0.0/4": "is reserved (RFC 1112)",
}
"""Blocks that no network of a site may use, each with its reason."""

PRIVATE_BLOCKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""RFC 1918."""


class _Net(NamedTuple):
    path: Path
    prefix: str
    label: str


def data_center_nets(site: Site) -> list[_Net]:
    """The data centre's prefixes with their places."""
    center = site.data_center
    nets = [_Net(("data_center", "prefixes", i), prefix, "the data centre") for i, prefix in enumerate(center.prefixes)]
    nets += [
        _Net(("data_center", "ipv6_prefixes", i), prefix, "the data centre")
        for i, prefix in enumerate(center.ipv6_prefixes)
    ]
    return nets


def vpc_nets(site: Site) -> list[_Net]:
    """The VPCs' prefixes with their places."""
    nets = [_Net(("vpcs", name, "cidr_block"), vpc.cidr_block, f"VPC {name}") for name, vpc in site.vpcs.items()]
    nets += [
        _Net(("vpcs", name, "ipv6_cidr_block"), vpc.ipv6_cidr_block, f"VPC {name}")
        for name, vpc in site.vpcs.items()
        if vpc.ipv6_cidr_block
    ]
    return nets


def _router_nets(site: Site) -> list[_Net]:
    return [
        _Net(("transit_routers", name, "cidr_blocks", i), prefix, f"transit router {name}")
        for name, router in site.transit_routers.items()
        for i, prefix in enumerate(router.cidr_blocks)
    ]


def _link_nets(site: Site) -> list[_Net]:
    nets = []
    for name, vbr in site.virtual_border_routers.items():
        label = f"the circuit subnet of VBR {name}"
        path = ("virtual_border_routers", name)
        nets.append(_Net((*path, "local_gateway_ip"), f"{vbr.local_gateway_ip}/{vbr.prefix_length}", label))
        if vbr.enable_ipv6:
            prefix = f"{vbr.local_ipv6_gateway_ip}/{vbr.ipv6_prefix_length}"
            nets.append(_Net((*path, "local_ipv6_gateway_ip"), prefix, label))
    return nets


def _clashes(left: list[_Net], right: list[_Net]) -> Iterator[Problem]:
    for one in left:
        for other in right:
            if addressing.overlap(one.prefix, other.prefix):
                shown = str(addressing.network(other.prefix))
                yield Problem(
                    one.path,
                    f"{addressing.network(one.prefix)} of {one.label} overlaps {shown} of {other.label}",
                    "give one of them other addresses",
                    one.prefix,
                )


def _clashes_within(nets: list[_Net]) -> Iterator[Problem]:
    for index, net in enumerate(nets):
        yield from _clashes([net], nets[:index])


@rule("R-NET-001", "The data centre's prefixes do not overlap the cloud's networks.", source=SEED_PLANNING)
def _data_center_and_cloud(site: Site) -> Iterator[Problem]:
    yield from _clashes(data_center_nets(site), [*vpc_nets(site), *_router_nets(site)])


@rule("R-NET-002", "The cloud's networks do not overlap each other.", source=SEED_PLANNING)
def _cloud_and_cloud(site: Site) -> Iterator[Problem]:
    yield from _clashes_within([*vpc_nets(site), *_router_nets(site)])


@rule("R-NET-003", "The data centre's prefixes do not overlap each other.", source=SEED_PLANNING)
def _data_center_itself(site: Site) -> Iterator[Problem]:
    yield from _clashes_within(data_center_nets(site))


@rule(
    "R-NET-004", "The circuit's subnet overlaps no other network and no other circuit's subnet.", source=SEED_PLANNING
)
def _links(site: Site) -> Iterator[Problem]:
    links = _link_nets(site)
    yield from _clashes(links, [*data_center_nets(site), *vpc_nets(site), *_router_nets(site)])
    yield from _clashes_within(links)


@rule("R-NET-005", "No network uses a reserved block.", source=SEED_STEP_6)
def _reserved(site: Site) -> Iterator[Problem]:
    for net in [*data_center_nets(site), *vpc_nets(site), *_router_nets(site), *_link_nets(site)]:
        for block, reason in RESERVED_BLOCKS.items():
            if addressing.overlap(net.prefix, block):
                yield Problem(net.path, f"it overlaps {block}, which {reason}", "use RFC 1918 addresses", net.prefix)


@rule("R-NET-006", "No network overlaps the underlay, 198.18.0.0/15.", source=TWINSPAN)
def _underlay(site: Site) -> Iterator[Problem]:
    for net in [*data_center_nets(site), *vpc_nets(site), *_router_nets(site), *_link_nets(site)]:
        if addressing.overlap(net.prefix, UNDERLAY_PREFIX):
            problem = f"{net.label} overlaps {UNDERLAY_PREFIX}, where the lab's Internet and pinned probes live"
            yield Problem(net.path, problem, "use RFC 1918 addresses", net.prefix)


@rule("R-NET-007", "A VPC uses private addresses.", source="CreateVpc")
def _private_vpcs(site: Site) -> Iterator[Problem]:
    for name, vpc in site.vpcs.items():
        if not any(addressing.inside(vpc.cidr_block, block) for block in PRIVATE_BLOCKS):
            yield Problem(
                ("vpcs", name, "cidr_block"),
                "it is not inside one of the private blocks",
                f"choose a part of {', '.join(PRIVATE_BLOCKS)}",
                vpc.cidr_block,
            )


@rule("R-NET-008", "A vSwitch lies inside its VPC, and vSwitches of a VPC do not overlap.", source="CreateVSwitch")
def _vswitches(site: Site) -> Iterator[Problem]:
    before: list[tuple[str, str, str]] = []
    for name, vswitch in site.vswitches.items():
        path = ("vswitches", name, "cidr_block")
        block = site.vpcs[vswitch.vpc].cidr_block
        if not addressing.inside(vswitch.cidr_block, block):
            yield Problem(
                path, f"it is not inside {block} of VPC {vswitch.vpc}", f"choose a part of {block}", vswitch.cidr_block
            )
        for other, vpc, cidr in before:
            if vpc == vswitch.vpc and addressing.overlap(cidr, vswitch.cidr_block):
                free = addressing.first_free(
                    block, addressing.network(vswitch.cidr_block).prefixlen, [c for _, _, c in before]
                )
                remedy = f"for example {free}" if free else "make one of them smaller"
                yield Problem(path, f"it overlaps {cidr} of vSwitch {other}", remedy, vswitch.cidr_block)
        before.append((name, vswitch.vpc, vswitch.cidr_block))


RULES = (
    _data_center_and_cloud,
    _cloud_and_cloud,
    _data_center_itself,
    _links,
    _reserved,
    _underlay,
    _private_vpcs,
    _vswitches,
)
