"""`display ip routing-table` and its brother for IPv6.

In: a `DeviceReport` and the `DeviceConfig` it runs. Out: text: for every destination the route that packets take now.
The kernel chooses by table and metric; `Pre` says the same in the words of this device family, smaller first.
Next: whoever typed the command.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_interface, ip_network

import msgspec

from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import DeviceReport, LinkStatus, RouteStatus
from twinspan.model.kernel import MAIN_TABLE
from twinspan.wire.comware.display_layout import short_name, table

DIRECT, STATIC, BGP, STANDBY = 0, 60, 170, 255
"""Preferences. Static is the family's default and 255 what the seed gives its standby (seed 004, Step 4); BGP stands
between them, as it does in the kernel."""
_STANDBY_METRIC = 1 << 24
"""From here on a metric is that of a standby: the agent's own has 255 in its top byte."""
_PROTOCOLS = {"bgp": ("BGP", BGP), "dhcp": ("DHCP", 70), "ra": ("RA", 70)}
_LOOPBACK = "InLoop0"
_COLUMNS = (
    ("Destination/Mask", 19),
    ("Proto", 8),
    ("Pre", 4),
    ("Cost", 12),
    ("NextHop", 16),
    ("Interface", 9),
)
_Network = IPv4Network | IPv6Network


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table."""

    prefix: str
    protocol: str
    preference: int
    next_hop: str
    interface: str


def display_ip_routing_table(report: DeviceReport, config: DeviceConfig, names: Mapping[str, str]) -> str:
    """The IPv4 routes in force."""
    entries = routes_in_force(report, config, names, version=4)
    rows = ((e.prefix, e.protocol, e.preference, 0, e.next_hop, e.interface) for e in entries)
    return "\n".join(["", _count(entries), "", *table(_COLUMNS, rows)])


def display_ipv6_routing_table(report: DeviceReport, config: DeviceConfig, names: Mapping[str, str]) -> str:
    """The IPv6 routes in force, in the blocks that their length asks for."""
    entries = routes_in_force(report, config, names, version=6)
    blocks = (
        (
            "",
            f"{f'Destination: {e.prefix}':<60} Protocol  : {e.protocol}",
            f"{f'NextHop    : {e.next_hop}':<60} Preference: {e.preference}",
            f"{f'Interface  : {e.interface}':<60} Cost      : 0",
        )
        for e in entries
    )
    return "\n".join(["", _count(entries), *(line for block in blocks for line in block)])


def _count(entries: list[Entry]) -> str:
    return f"Destinations : {len({entry.prefix for entry in entries})}\tRoutes : {len(entries)}"


def routes_in_force(
    report: DeviceReport, config: DeviceConfig, names: Mapping[str, str], *, version: int
) -> list[Entry]:
    """Connected routes, and of the others those that packets take: an override before the main table, in it the
    smallest metric."""
    overrides = _chosen(report.routes, {_override_table(config)} - {None}, version)
    covered = [ip_network(prefix) for prefix in overrides]
    main = _chosen((*report.routes, *report.foreign_routes), {str(MAIN_TABLE)}, version)
    kept = {p: r for p, r in main.items() if not any(_contains(over, ip_network(p)) for over in covered)}
    own = {link.name: address for link in report.links for address in _addresses(link, version)[:1]}
    entries = [_entry(route, own, names, version) for route in (kept | overrides).values()]
    entries += [entry for link in report.links for entry in _connected(link, names, version)]
    return sorted(entries, key=lambda entry: (ip_network(entry.prefix), entry.preference, entry.next_hop))


def _override_table(config: DeviceConfig) -> str | None:
    wanted = config.failover.override_table if config.failover else None
    return next((str(table.table_id) for table in config.tables if table.name == wanted), None)


def _chosen(routes: Iterable[RouteStatus], tables: set[str | None], version: int) -> dict[str, RouteStatus]:
    """The route of the smallest metric for each prefix."""
    best: dict[str, RouteStatus] = {}
    for route in routes:
        if route.table in tables and ip_network(route.prefix).version == version:
            rival = best.get(route.prefix)
            if rival is None or route.metric < rival.metric:
                best[route.prefix] = route
    return best


def _contains(wide: _Network, narrow: _Network) -> bool:
    return wide.version == narrow.version and narrow.subnet_of(wide)  # type: ignore[arg-type]  # same version


def _entry(
    route: RouteStatus, own: Mapping[str, IPv4Interface | IPv6Interface], names: Mapping[str, str], version: int
) -> Entry:
    protocol, preference = _PROTOCOLS.get(route.protocol, ("Static", STATIC))
    if protocol == "Static" and route.metric >= _STANDBY_METRIC:
        preference = STANDBY
    here = own.get(route.device or "")
    nothing = "0.0.0.0" if version == 4 else "::"
    return Entry(
        prefix=route.prefix,
        protocol=protocol,
        preference=preference,
        next_hop=route.via or (str(here.ip) if here else nothing),
        interface=short_name(names, route.device) if route.device else "NULL0",
    )


def _connected(link: LinkStatus, names: Mapping[str, str], version: int) -> list[Entry]:
    """The network of each address, and the address itself, which leads to this device."""
    entries = []
    for address in _addresses(link, version) if link.up else []:
        loopback = link.kind == "loopback"
        interface = _LOOPBACK if loopback else short_name(names, link.name)
        here = str(address.ip)
        if address.network.prefixlen < address.max_prefixlen:
            entries.append(_direct(str(address.network), here, interface))
        entries.append(_direct(f"{here}/{address.max_prefixlen}", "127.0.0.1" if version == 4 else "::1", _LOOPBACK))
    return entries


def _direct(prefix: str, next_hop: str, interface: str) -> Entry:
    return Entry(prefix=prefix, protocol="Direct", preference=DIRECT, next_hop=next_hop, interface=interface)


def _addresses(link: LinkStatus, version: int) -> list[IPv4Interface | IPv6Interface]:
    return [found for address in link.addresses if (found := ip_interface(address)).version == version]
