"""Static routes, the tables beside the main one, and the rules that choose among tables.

In: lines of system view, or the routes of a config. Out: the other. Lines of one prefix are its ways in their order:
the first usable one is taken. Preference above 60 makes a standby, which any BGP route beats. A way to NULL0 refuses
the prefix. Next: `commands_bgp.py`.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import cast

import msgspec

from twinspan.model.device_config import DeviceConfig, NextHop, PolicyRule, RouteRole, RouteTable, StaticRoute
from twinspan.wire.comware.command import SYSTEM, Command
from twinspan.wire.comware.document import Line
from twinspan.wire.comware.reading import Notes
from twinspan.wire.comware.writing import Export

STANDBY_PREFERENCE, FIXED_PREFERENCE = 200, 60
_VIA4 = "{ <via:ipv4> | <interface:interface> [ <via:ipv4> ] }"
_VIA6 = "{ <via:ipv6> | <interface:interface> [ <via:ipv6> ] }"
_MORE = "[ track <track:int:1-1024> ] [ preference <preference:int:1-255> ] [ twinspan-role { primary | pinned } ]"
_KEY = ("table", "prefix", "length", "interface", "via")
_HELP = {
    "preference": "60 by default; above it a standby",
    "track": "The way is usable only while the track entry is positive",
    "twinspan-role": "What the route is for, where preference cannot say it",
}

COMMANDS = (
    Command(
        view=SYSTEM,
        id="route",
        pattern=f"ip route-static <prefix:ipv4> <length:masklen> {_VIA4} {_MORE}",
        key=_KEY,
        undo=("ip route-static <prefix:ipv4> <length:masklen> [ <interface:interface> [ <via:ipv4> ] | <via:ipv4> ]",),
        help=_HELP,
    ),
    Command(
        view=SYSTEM,
        id="route",
        pattern=f"ipv6 route-static <prefix:ipv6> <length:int:0-128> {_VIA6} {_MORE}",
        key=_KEY,
        undo=(
            "ipv6 route-static <prefix:ipv6> <length:int:0-128> [ <interface:interface> [ <via:ipv6> ] | <via:ipv6> ]",
        ),
        help=_HELP,
    ),
    Command(
        view=SYSTEM,
        id="route",
        pattern=f"twinspan route-static table <table:str:1-31> <whole:prefix> "
        f"{{ <via:ip> | <interface:interface> [ <via:ip> ] }} {_MORE}",
        key=("table", "whole", "interface", "via"),
        undo=(
            "twinspan route-static table <table:str:1-31> <whole:prefix> "
            "[ <interface:interface> [ <via:ip> ] | <via:ip> ]",
        ),
        help=_HELP,
    ),
    Command(
        view=SYSTEM,
        id="table",
        pattern="twinspan table <name:str:1-31> id <number:int:1-4294967295> [ guarded ]",
        key=("name",),
        undo=("twinspan table <name:str:1-31>",),
        help={"guarded": "Nothing falls through to another table"},
    ),
    Command(
        view=SYSTEM,
        id="rule",
        pattern="twinspan rule <priority:int:0-32765> table <table:str:1-31> [ source <source:str:1-49> ]",
        key=("priority", "table", "source"),
        undo=("twinspan rule <priority:int:0-32765>",),
    ),
)


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """Tables, rules and static routes of a config."""

    tables: tuple[RouteTable, ...]
    rules: tuple[PolicyRule, ...]
    routes: tuple[StaticRoute, ...]


def read_routing(document: Line, notes: Notes) -> Routing:
    """What the lines say."""
    tables = tuple(
        RouteTable(name=x.args["name"], table_id=int(x.args["number"]), guarded=x.text.endswith(" guarded"))
        for x in document.every("table")
    )
    rules = tuple(
        PolicyRule(priority=int(x.args["priority"]), table=x.args["table"], source=x.args.get("source"))
        for x in document.every("rule")
    )
    known = {"main", *(table.name for table in tables)}
    ways: dict[tuple[str, str, RouteRole], list[NextHop]] = {}
    for line in document.every("route"):
        _read_way(line, known, notes, ways)
    routes = tuple(
        StaticRoute(prefix=prefix, next_hops=tuple(hops), role=role, table=table)
        for (prefix, table, role), hops in ways.items()
    )
    return Routing(tables=tables, rules=rules, routes=routes)


def _read_way(line: Line, known: set[str], notes: Notes, ways: dict[tuple[str, str, RouteRole], list[NextHop]]) -> None:
    table = line.args.get("table", "main")
    prefix = line.args.get("whole")
    if prefix is None:
        prefix = str(ip_network(f"{line.args['prefix']}/{line.args['length']}", strict=False))
    if table not in known:
        notes.wait(f"route to {prefix}: the table {table} is not defined")
        return
    key = (prefix, table, _role(line))
    if line.args.get("interface") == "NULL0":
        ways.setdefault(key, [])
        return
    hop = notes.next_hop(line, f"route to {prefix}")
    if hop is not None:
        ways.setdefault(key, []).append(hop)


def _role(line: Line) -> RouteRole:
    words = line.text.split()
    if "twinspan-role" in words:
        return cast("RouteRole", words[words.index("twinspan-role") + 1])
    return "standby" if int(line.args.get("preference", FIXED_PREFERENCE)) > FIXED_PREFERENCE else "fixed"


def write_tables(config: DeviceConfig, export: Export) -> list[str]:
    """Tables and rules."""
    lines = [
        f"twinspan table {export.word(table.name)} id {table.table_id}{' guarded' if table.guarded else ''}"
        for table in config.tables
    ]
    for rule in config.rules:
        source = f" source {export.word(rule.source)}" if rule.source is not None else ""
        lines.append(f"twinspan rule {rule.priority} table {export.word(rule.table)}{source}")
    return lines


def write_routes(config: DeviceConfig, export: Export) -> list[str]:
    """One line for each way."""
    lines: list[str] = []
    seen: set[tuple[str, str, str]] = set()
    for route in config.routes:
        what = f"the route to {route.prefix} in {route.table}"
        key = (route.prefix, route.table, route.role)
        if key in seen:
            export.skip(f"{what}: another one has the same prefix and role")
            continue
        seen.add(key)
        if not route.next_hops:
            lines.append(_route_line(route, "NULL0", "", export))
        for hop in route.next_hops:
            words = export.next_hop(hop, what)
            if words is not None:
                way, _, track = words.partition(" track ")
                lines.append(_route_line(route, way, f" track {track}" if track else "", export))
    return lines


def _route_line(route: StaticRoute, way: str, track: str, export: Export) -> str:
    network = ip_network(route.prefix)
    address = f"{network.network_address} {network.prefixlen}"
    head = f"ip route-static {address}" if network.version == 4 else f"ipv6 route-static {address}"
    if route.table != "main":
        head = f"twinspan route-static table {export.word(route.table)} {route.prefix}"
    role = f" preference {STANDBY_PREFERENCE}" if route.role == "standby" else ""
    if route.role in {"primary", "pinned"}:
        role = f" twinspan-role {route.role}"
    return f"{head} {way}{track}{role}"
