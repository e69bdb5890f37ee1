"""Publishing routes of VPCs and VBRs to the CEN instance in the compatible API, one at a time.

A VPC's routes whose next hop is a VPN gateway are not published by themselves, so no other network has the standby
until somebody does it. In: the kinds RouteTable, DestinationRoute, PolicyRoute. Out: `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from typing import Any

from twinspan.wire.alibaba.action import Action, Compose, Compute, Done, Plan
from twinspan.wire.alibaba.cbn import find_attachment, row
from twinspan.wire.alibaba.cbn_child_instance import KINDS
from twinspan.wire.alibaba.cbn_route_view import CHILD, NEEDS, REGION, child_table, conflicts, published, route_type
from twinspan.wire.alibaba.fault import Fault, not_found, shown
from twinspan.wire.alibaba.listing import PAGES, paged
from twinspan.wire.alibaba.route_entry import entries_of
from twinspan.wire.alibaba.route_publication import changed
from twinspan.wire.alibaba.spelling import spelled
from twinspan.wire.alibaba.view import View

_ABSENT = "InvalidRouteEntry.NotFound"


def _change(given: dict[str, Any], view: View, publish: bool) -> Plan | Fault:
    table = child_table(given, view)
    if isinstance(table, Fault):
        return table
    kind, child = KINDS[str(given["type"]).upper()], str(given["child"])
    attachment = find_attachment(str(given.get("cen", "")), kind, child, view)
    if isinstance(attachment, Fault):
        return attachment
    destination = str(given.get("destination", ""))
    entries = tuple(one for one in entries_of(table, view) if one.destination == destination)
    if not entries:
        return not_found(_ABSENT, f"route of {child} to", destination)
    if entries[0].type not in {"Custom", "System"}:
        message = f"DestinationCidrBlock: {shown(destination)} was learned; it is published by itself (leave it)."
        return Fault(code="InvalidOperation.CloudRouteStatusNotAllow", message=message)
    steps = changed(table, entries[:1], publish, view)
    return steps if isinstance(steps, Fault) else Plan(steps=steps, reply=_nothing)


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}


def _publish(given: dict[str, Any], view: View) -> Plan | Fault:
    """PublishRouteEntries."""
    return _change(given, view, True)


def _withdraw(given: dict[str, Any], view: View) -> Plan | Fault:
    """WithdrawPublishedRouteEntries."""
    return _change(given, view, False)


def _list(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DescribePublishedRouteEntries: every route of the table, published or not."""
    table = child_table(given, view)
    if isinstance(table, Fault):
        return table
    kind, child = KINDS[str(given["type"]).upper()], str(given["child"])
    attachment = find_attachment(str(given.get("cen", "")), kind, child, view)
    if isinstance(attachment, Fault):
        return attachment
    told, wanted = published(table, view), str(given.get("destination", ""))
    rows = [
        {
            "ChildInstanceRouteTableId": table.id,
            "DestinationCidrBlock": route.destination,
            "NextHopId": route.next_hop,
            "NextHopType": route.next_hop_kind,
            "RouteType": route_type(route),
            "PublishStatus": "Published" if told.get(route.destination) else "NonPublished",
            "OperationalMode": not route.entry and route_type(route) != "Custom",
            "Conflicts": {"Conflict": list(conflicts(str(given["cen"]), child, route.destination, view))},
        }
        for route in view.routes(table)
        if wanted in {"", route.destination}
    ]
    return paged(rows, given, "PublishedRouteEntries.PublishedRouteEntry")


_READS = (spelled("cen", "CenId"), *CHILD, spelled("destination", "DestinationCidrBlock"))

ACTIONS: tuple[Action, ...] = (
    row(
        name="PublishRouteEntries",
        does=Compose(_READS, _publish),
        needs=("CenId", *NEEDS, "ChildInstanceRouteTableId", "DestinationCidrBlock"),
        ignored=REGION,
    ),
    row(
        name="WithdrawPublishedRouteEntries",
        does=Compose(_READS, _withdraw),
        needs=("CenId", *NEEDS, "ChildInstanceRouteTableId", "DestinationCidrBlock"),
        ignored=REGION,
    ),
    row(
        name="DescribePublishedRouteEntries",
        does=Compute((*_READS, *PAGES), _list),
        needs=("CenId", *NEEDS),
        ignored=REGION,
    ),
)
