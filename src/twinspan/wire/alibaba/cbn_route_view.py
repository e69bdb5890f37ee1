"""Routes of a CEN instance as a whole and of what it joins, and where they collide, in the compatible API.

In: chosen routes. Out: `ACTIONS`. Next: `cbn_publication.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Compute
from twinspan.wire.alibaba.cbn import ATTACHED, CEN, cen_of, field, find_attachment, routers_of, row, tables_of
from twinspan.wire.alibaba.cbn_child_instance import KINDS, kind_of
from twinspan.wire.alibaba.cbn_route_entry import network_of
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault, not_found
from twinspan.wire.alibaba.listing import PAGES, paged
from twinspan.wire.alibaba.route_entry import entries_of
from twinspan.wire.alibaba.route_table import ROUTE_TABLE
from twinspan.wire.alibaba.spelling import spelled
from twinspan.wire.alibaba.view import Route, View

_TYPES = {"system": "System", "static": "Custom", "bgp": "BGP"}
_HOPS = {
    "local": "local",
    "attachment": "CEN",
    "circuit": "RouterInterface",
    "vpc": "VPC",
    "vpn_gateway": "VpnGateway",
    "ipsec_connection": "VpnGateway",
    "blackhole": "BlackHole",
}


def route_type(route: Route) -> str:
    """System, Custom, BGP; CEN: the transit router has put it there."""
    return "CEN" if route.next_hop_kind == "attachment" and not route.entry else _TYPES[route.origin]


def child_table(given: Mapping[str, Any], view: View) -> Resource | Fault:
    """The route table of a VPC or VBR that a request means: by its id, or the one that it was born with."""
    kind = kind_of(given.get("type"))
    if isinstance(kind, Fault):
        return kind
    child = str(given.get("child", ""))
    if view.get(kind, child) is None:
        return not_found("ParameterInstanceId", str(given.get("type")), child)
    asked = str(given.get("table", ""))
    for table in view.users("RouteTable", child):
        if field(table, ATTACHED[kind]) == child and asked in {table.id, "" if _is_system(table) else table.id}:
            return table
    return not_found(ROUTE_TABLE.absent, f"route table of {child}", asked)


def _is_system(table: Resource) -> bool:
    return bool(getattr(table.spec, "system", False))


def published(table: Resource, view: View) -> dict[str, bool]:
    """Destinations of a table and whether the CEN instance is told of them: by itself, or because somebody said so."""
    found = {entry.destination: entry.published or entry.type == "System" for entry in entries_of(table, view)}
    for route in view.routes(table):
        if route_type(route) == "BGP":
            found.setdefault(route.destination, True)
        found.setdefault(route.destination, False)
    return found


# ------------------------------------------------------------------------------------------------------ collisions


def conflicts(cen: str, child: str, destination: str, view: View) -> Iterator[dict[str, Any]]:
    """Routes of other networks to the same destination, of which one cannot be where the other is."""
    for router in routers_of(cen, view):
        for table in tables_of(router.id, view):
            rows = [(route, *network_of(route, view)) for route in view.routes(table)]
            same = [one for one in rows if one[0].destination == destination and one[2]]
            lost = any(route.status == "Rejected" for route, _, network in same if network == child)
            for route, word, network in same:
                if network != child and (lost or route.status == "Rejected"):
                    yield {
                        "DestinationCidrBlock": destination,
                        "InstanceId": network,
                        "InstanceType": word,
                        "RegionId": view.region,
                        "Status": "conflict",
                    }


def _conflict(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DescribeRouteConflict."""
    table = child_table(given, view)
    if isinstance(table, Fault):
        return table
    child = str(given["child"])
    rows: list[dict[str, Any]] = []
    for attachment in view.users("Attachment", child):
        rows += conflicts(cen_of(attachment, view), child, str(given.get("destination", "")), view)
    return paged(rows, given, "RouteConflicts.RouteConflict")


# ------------------------------------------------------------------------------------------------------ lists


def _of_region(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DescribeCenRegionDomainRouteEntries: the tables that the routers of the CEN instance were born with."""
    cen = by_id(CEN, "CenId", given.get("cen"), view)
    if isinstance(cen, Fault):
        return cen
    tables = [table for router in routers_of(cen.id, view) for table in tables_of(router.id, view) if _is_system(table)]
    rows = []
    for table in tables:
        for route in view.routes(table):
            word, network = network_of(route, view)
            rows.append(
                {
                    **_common(route, view),
                    "NextHopType": word or _HOPS[route.next_hop_kind],
                    "NextHopInstanceId": network,
                    "Preference": route.preference,
                    "Type": "CEN" if not route.entry else "Custom",
                    "ToOtherRegionStatus": route.status,
                    "CenOutRouteMapRecords": {"CenOutRouteMapRecord": []},
                }
            )
    return paged(_with_status(rows, given), given, "CenRouteEntries.CenRouteEntry")


def _common(route: Route, view: View) -> dict[str, Any]:
    return {
        "DestinationCidrBlock": route.destination,
        "NextHopRegionId": view.region,
        "Status": route.status,
        "AsPaths": {"AsPath": [str(asn) for asn in route.as_path]},
        "Communities": {"Community": list(route.communities)},
        "CenRouteMapRecords": {"CenRouteMapRecord": []},
    }


def _with_status(rows: list[dict[str, Any]], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    wanted = str(given.get("status", "")).lower()
    return [one for one in rows if wanted in {"", one["Status"].lower()}]


def _of_child(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DescribeCenChildInstanceRouteEntries: a table of a VPC or VBR, with what the transit router puts into it."""
    table = child_table(given, view)
    if isinstance(table, Fault):
        return table
    cen, child = str(given.get("cen", "")), str(given["child"])
    attachment = find_attachment(cen, KINDS[str(given["type"]).upper()], child, view)
    if isinstance(attachment, Fault):
        return attachment
    told = published(table, view)
    rows = [
        {
            **_common(route, view),
            "NextHopType": _HOPS[route.next_hop_kind],
            "NextHopInstanceId": route.next_hop or route.source,
            "RouteTableId": table.id,
            "Type": route_type(route),
            "PublishStatus": "Published" if told.get(route.destination) else "NonPublished",
            "OperationalMode": False,
            "Conflicts": {"Conflict": list(conflicts(cen, child, route.destination, view))},
        }
        for route in view.routes(table)
    ]
    return paged(_with_status(rows, given), given, "CenRouteEntries.CenRouteEntry")


CHILD = (
    spelled("child", "ChildInstanceId"),
    spelled("type", "ChildInstanceType"),
    spelled("table", "ChildInstanceRouteTableId"),
)
NEEDS = ("ChildInstanceId", "ChildInstanceRegionId", "ChildInstanceType")
REGION = {"ChildInstanceRegionId": "this server is one region"}
_STATUS = spelled("status", "Status")

ACTIONS: tuple[Action, ...] = (
    row(
        name="DescribeCenRegionDomainRouteEntries",
        does=Compute((spelled("cen", "CenId"), _STATUS, *PAGES), _of_region),
        needs=("CenId", "CenRegionId"),
        ignored={"CenRegionId": "this server is one region"},
    ),
    row(
        name="DescribeCenChildInstanceRouteEntries",
        does=Compute((spelled("cen", "CenId"), *CHILD, _STATUS, *PAGES), _of_child),
        needs=("CenId", *NEEDS),
        ignored=REGION,
    ),
    row(
        name="DescribeRouteConflict",
        does=Compute((*CHILD, spelled("destination", "DestinationCidrBlock"), *PAGES), _conflict),
        needs=(*NEEDS, "ChildInstanceRouteTableId", "DestinationCidrBlock"),
        ignored=REGION,
    ),
)
