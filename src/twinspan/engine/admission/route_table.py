"""Route tables and their custom entries.

In: `Site`. Out: findings. Next: `office_network.py`.
"""

from collections.abc import Iterator
from typing import NamedTuple

from twinspan.engine import addressing
from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.fields import SEED_PLANNING, SEED_STEP_1, SEED_STEP_2
from twinspan.model.finding import Path
from twinspan.model.route_table import RouteEntry, RouteTableSpec
from twinspan.model.site import Site

_OWNERS = ("vpc", "virtual_border_router", "transit_router")
_KINDS = {
    "vpc": ("attachment", "vpn_gateway"),
    "virtual_border_router": ("circuit", "vpc"),
    "transit_router": ("attachment", "blackhole"),
}
_SECTIONS = {
    "circuit": "physical_connections",
    "vpc": "vpcs",
    "attachment": "attachments",
    "vpn_gateway": "vpn_gateways",
}


class _Entry(NamedTuple):
    path: Path
    table: RouteTableSpec
    entry: RouteEntry


def _owner(table: RouteTableSpec) -> tuple[str, str]:
    return next(((field, getattr(table, field)) for field in _OWNERS if getattr(table, field)), ("", ""))


def _entries(site: Site) -> Iterator[_Entry]:
    for name, table in site.route_tables.items():
        for index, entry in enumerate(table.entries):
            yield _Entry(("route_tables", name, "entries", index), table, entry)


@rule("R-RT-001", "A route table belongs to exactly one VPC, VBR or transit router.", source=SEED_STEP_1)
def _one_owner(site: Site) -> Iterator[Problem]:
    for name, table in site.route_tables.items():
        owners = [field for field in _OWNERS if getattr(table, field)]
        if len(owners) != 1:
            problem = f"it names {' and '.join(owners) or 'no owner'}"
            yield Problem(("route_tables", name), problem, f"write exactly one of {', '.join(_OWNERS)}", name)


@rule("R-RT-002", "An owner has one system table, and a VBR no other.", source="CreateVirtualBorderRouter")
def _one_system(site: Site) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    for name, table in site.route_tables.items():
        owner = _owner(table)
        counts = table.system or owner[0] == "virtual_border_router"
        if counts and owner in seen:
            remedy = "add the entries there" if owner[0] == "virtual_border_router" else "write system: false"
            yield Problem(("route_tables", name), f"{owner[1]} has {seen[owner]}", remedy, name)
        if counts:
            seen.setdefault(owner, name)


@rule("R-RT-003", "A route's next hop is of a kind that its table can have.", source=SEED_STEP_1)
def _kind(site: Site) -> Iterator[Problem]:
    for path, table, entry in _entries(site):
        allowed = _KINDS.get(_owner(table)[0], ())
        if entry.next_hop_kind not in allowed:
            problem = f"a table of a {_owner(table)[0].replace('_', ' ')} cannot send there"
            yield Problem((*path, "next_hop_kind"), problem, f"write {' or '.join(allowed)}", entry.next_hop_kind)


@rule("R-RT-004", "A route's next hop exists.", source=SEED_STEP_1)
def _next_hop(site: Site) -> Iterator[Problem]:
    for path, _, entry in _entries(site):
        if entry.next_hop_kind == "blackhole":
            if entry.next_hop:
                yield Problem((*path, "next_hop"), "a blackhole has none", "leave it out", entry.next_hop)
        elif entry.next_hop not in getattr(site, _SECTIONS[entry.next_hop_kind]):
            section = _SECTIONS[entry.next_hop_kind]
            known = ", ".join(getattr(site, section)) or "nothing"
            yield Problem(
                (*path, "next_hop"), f"{section} has {known}", "write one of them", entry.next_hop or "(empty)"
            )


@rule("R-RT-005", "A destination stands once in a table.", source=SEED_STEP_1)
def _once(site: Site) -> Iterator[Problem]:
    for name, table in site.route_tables.items():
        seen: set[str] = set()
        for index, entry in enumerate(table.entries):
            if entry.destination in seen:
                path = ("route_tables", name, "entries", index, "destination")
                yield Problem(path, "the table has it already", "remove one of them", entry.destination)
            seen.add(entry.destination)


@rule("R-RT-006", "Custom routes form no loop.", source="RFC 1812 5.3.6")
def _loop(site: Site) -> Iterator[Problem]:
    """A VPC sends to the transit router what the transit router sends to that VPC."""
    entries = list(_entries(site))
    for path, table, entry in entries:
        attachment = site.attachments.get(entry.next_hop) if entry.next_hop_kind == "attachment" else None
        if not table.transit_router or attachment is None or not attachment.vpc:
            continue
        for other in entries:
            back = other.table.vpc == attachment.vpc and other.entry.next_hop_kind == "attachment"
            if back and other.entry.destination == entry.destination:
                problem = f"VPC {attachment.vpc} sends {entry.destination} back to the transit router"
                yield Problem((*path, "next_hop"), problem, "remove one of the two routes", entry.next_hop)


@rule("R-RT-007", "100.64.0.0/10 is not published to the CEN instance.", source="PublishRouteEntries")
def _services(site: Site) -> Iterator[Problem]:
    for path, _, entry in _entries(site):
        if entry.advertise and addressing.inside(entry.destination, "100.64.0.0/10"):
            problem = "the cloud refuses to publish it"
            yield Problem((*path, "advertise"), problem, "use an entry of the transit router's table", True)


@rule("R-RT-008", "A VPC sends to a VPN gateway that it holds.", source=SEED_STEP_2)
def _own_vpn_gateway(site: Site) -> Iterator[Problem]:
    for path, table, entry in _entries(site):
        gateway = site.vpn_gateways.get(entry.next_hop) if entry.next_hop_kind == "vpn_gateway" else None
        if gateway is not None and table.vpc and gateway.vpc != table.vpc:
            problem = f"it stands in VPC {gateway.vpc}"
            remedy = "send to this VPC's attachment: the transit router knows the way"
            yield Problem((*path, "next_hop"), problem, remedy, entry.next_hop)


@rule("R-RT-009", "A VBR's routes to the circuit leave the data centre's prefixes to BGP.", source=SEED_PLANNING)
def _static_circuit(site: Site) -> Iterator[Problem]:
    """A static route does not end with the circuit, so nothing would move to the standby."""
    for path, table, entry in _entries(site):
        if not table.virtual_border_router or entry.next_hop_kind != "circuit":
            continue
        if any(addressing.overlap(entry.destination, prefix) for prefix in site.data_center.prefixes):
            problem = "a static route stays when the circuit dies, and traffic with it"
            yield Problem((*path, "destination"), problem, "remove it: BGP brings it", entry.destination)


@rule("R-TR-001", "A transit router's CIDR blocks are /16 to /24.", source="CreateTransitRouterCidr")
def _router_blocks(site: Site) -> Iterator[Problem]:
    for name, router in site.transit_routers.items():
        for index, prefix in enumerate(router.cidr_blocks):
            if not 16 <= addressing.network(prefix).prefixlen <= 24:
                path = ("transit_routers", name, "cidr_blocks", index)
                yield Problem(path, "its length is not 16 to 24", "choose a /16 to /24", prefix)


RULES = (
    _one_owner,
    _one_system,
    _kind,
    _next_hop,
    _once,
    _loop,
    _services,
    _own_vpn_gateway,
    _static_circuit,
    _router_blocks,
)
