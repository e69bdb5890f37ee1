"""Lists of routes in the compatible API.

In: the routes of `route_entry.py`. Out: `ACTIONS`. Next: `route_publication.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twinspan.model.resource import READY
from twinspan.wire.alibaba.action import Action, Compute
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault
from twinspan.wire.alibaba.listing import PAGES, paged, tokened
from twinspan.wire.alibaba.route_entry import Entry, entries_of
from twinspan.wire.alibaba.route_table import ROUTE_TABLE, owner_of, router_id, router_type, table_type
from twinspan.wire.alibaba.spelling import comma_list, spelled, whole
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.words import second


def _hops(entry: Entry, view: View) -> list[dict[str, Any]]:
    hop = {"NextHopId": entry.next_hop, "NextHopType": entry.next_hop_type, "Enabled": 1, "Weight": 0}
    return [{**hop, "NextHopRegionId": view.region}]


def describe(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DescribeRouteEntryList: lists routes of a table."""
    table = by_id(ROUTE_TABLE, "RouteTableId", given.get("table"), view)
    if isinstance(table, Fault):
        return table
    rows = [
        {
            "RouteEntryId": entry.id,
            "RouteTableId": entry.table,
            "DestinationCidrBlock": entry.destination,
            "Type": entry.type,
            "Status": entry.status,
            "IpVersion": "ipv6" if ":" in entry.destination else "ipv4",
            "GmtModified": second(entry.at_ns),
            "Description": "",
            "RouteEntryName": "",
            "NextHops": {"NextHop": _hops(entry, view)},
        }
        for entry in entries_of(table, view)
        if _asked_for(entry, given)
    ]
    given = {**given, "max_results": given.get("max_results", 10)}
    answer = tokened(rows, given, "RouteEntrys.RouteEntry")
    if not isinstance(answer, Fault):
        answer.pop("MaxResults")
    return answer


def _asked_for(entry: Entry, given: Mapping[str, Any]) -> bool:
    told = {
        "entry": entry.id,
        "destination": entry.destination,
        "next_hop": entry.next_hop,
        "word": entry.next_hop_type,
        "type": entry.type,
        "family": "ipv6" if ":" in entry.destination else "ipv4",
    }
    same = all(given[name].lower() == value.lower() for name, value in told.items() if given.get(name))
    return same and entry.destination in (given.get("destinations") or [entry.destination])


def describe_tables(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DescribeRouteTables: lists tables with their routes."""
    rows: list[dict[str, Any]] = []
    for table in view.all("RouteTable"):
        told = {
            "table": table.id,
            "router": router_id(table, view),
            "router_type": router_type(table, view),
            "type": table_type(table, view),
            "name": table.name,
        }
        other = any(given.get(name) not in (None, "", has) for name, has in told.items())
        if other or owner_of(table)[0] == "TransitRouter":
            continue
        rows.append(
            {
                "RouteTableId": table.id,
                "RouteTableType": told["type"],
                "VRouterId": told["router"],
                "CreationTime": second(table.created_ns),
                "Status": "Available" if table.phase == READY else "Pending",
                "ResourceGroupId": table.spec.resource_group,
                "VSwitchIds": {"VSwitchId": []},
                "RouteEntrys": {"RouteEntry": [_short(entry, view) for entry in entries_of(table, view)]},
            }
        )
    return paged(rows, given, "RouteTables.RouteTable")


def _short(entry: Entry, view: View) -> dict[str, Any]:
    hops = [{name: part for name, part in hop.items() if name != "NextHopRegionId"} for hop in _hops(entry, view)]
    return {
        "RouteEntryId": entry.id,
        "RouteTableId": entry.table,
        "DestinationCidrBlock": entry.destination,
        "InstanceId": entry.next_hop,
        "NextHopType": entry.next_hop_type,
        "Type": entry.type,
        "Status": entry.status,
        "NextHops": {"NextHop": hops},
    }


_TABLE, _DESTINATION = spelled("table", "RouteTableId"), spelled("destination", "DestinationCidrBlock")

ACTIONS: tuple[Action, ...] = (
    Action(
        name="DescribeRouteEntryList",
        does=Compute(
            (
                _TABLE, _DESTINATION, spelled("next_hop", "NextHopId"), spelled("word", "NextHopType"),
                spelled("entry", "RouteEntryId"), spelled("type", "RouteEntryType"), spelled("family", "IpVersion"),
                spelled("destinations", "DestCidrBlockList", comma_list), spelled("next_token", "NextToken"),
                spelled("max_results", "MaxResult", whole),
            ),
            describe,
        ),
        needs=("RouteTableId",),
        ignored={"RouteEntryName": "routes have no name here", "ServiceType": "no route is hosted"},
    ),
    Action(
        name="DescribeRouteTables",
        does=Compute(
            (
                _TABLE, spelled("router", "VRouterId"), spelled("router", "RouterId"),
                spelled("router_type", "RouterType"), spelled("type", "Type"),
                spelled("name", "RouteTableName"), *PAGES,
            ),
            describe_tables,
        ),
        region=False,
        ignored={"ResourceGroupId": "tables belong with their owner"},
    ),
)  # fmt: skip
