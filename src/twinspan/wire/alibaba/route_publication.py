"""Publishing routes of a VPC to the CEN instance in the compatible API.

A VPC's routes whose next hop is a VPN gateway are not published by themselves: somebody must (seed 004, Step 3). In:
the kinds RouteTable, DestinationRoute, PolicyRoute. Out: `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Compose, Compute, Done, Plan, Step
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault, malformed, missing, not_found
from twinspan.wire.alibaba.listing import TOKENS, tokened
from twinspan.wire.alibaba.route_entry import Entry, entries_of
from twinspan.wire.alibaba.route_table import ROUTE_TABLE
from twinspan.wire.alibaba.spelling import list_of, spelled, structure
from twinspan.wire.alibaba.view import View

MOST_AT_ONCE = 50
TARGETS = ("Cen", "CEN", "ECR")


def _targets(table: Resource, view: View) -> list[tuple[str, str]]:
    """CEN instance and kind of target, of every transit router that attaches the VPC."""
    found = []
    for attachment in view.users("Attachment", str(getattr(table.spec, "vpc", ""))):
        router = view.get("TransitRouter", getattr(attachment.spec, "transit_router", ""))
        if router is not None:
            found.append((str(getattr(router.spec, "cen", "")), "CEN"))
    return found


def changed(table: Resource, entries: tuple[Entry, ...], publish: bool, view: View) -> tuple[Step, ...] | Fault:
    """The steps that publish or withdraw entries of one table."""
    own = {entry.destination for entry in entries if not entry.source[0]}
    steps = []
    for entry in entries:
        kind = entry.source[0]
        if entry.type == "System":
            problem = f"{entry.destination} is a route that every VPC has"
            return malformed("RouteEntries", problem, "leave it out; it is published by itself")
        if kind:
            for one in _same(entry, view):
                patch = {"spec": {"advertise_to_cen": publish}}
                steps.append(Step(verb="patch", kind=one.kind, id=one.id, spec=patch))
    if own:
        lines = [
            {
                "destination": line.destination,
                "next_hop_kind": line.next_hop_kind,
                "next_hop": line.next_hop,
                "advertise": publish if line.destination in own else line.advertise,
            }
            for line in getattr(table.spec, "entries", ())
        ]
        steps.append(Step(verb="patch", kind="RouteTable", id=table.id, spec={"spec": {"entries": lines}}))
    return tuple(steps)


def _same(entry: Entry, view: View) -> list[Resource]:
    """The VPN route that is the entry."""
    kind, route_id = entry.source
    route = view.get(kind, route_id)
    return [route] if route is not None else []


def _plan(given: dict[str, Any], view: View, publish: bool) -> Plan | Fault:
    wanted: dict[str, list[str]] = {}
    for one in given.get("entries", []):
        if not one.get("table") or not one.get("destination"):
            return missing(
                "RouteEntries.N.RouteTableId" if not one.get("table") else "RouteEntries.N.DestinationCidrBlock"
            )
        wanted.setdefault(one["table"], []).append(one["destination"])
    if not wanted:
        return missing("RouteEntries.1.RouteTableId")
    if sum(map(len, wanted.values())) > MOST_AT_ONCE:
        return malformed("RouteEntries", f"it has more than {MOST_AT_ONCE}", "send fewer in one request")
    steps: list[Step] = []
    for table_id, destinations in wanted.items():
        table = by_id(ROUTE_TABLE, "RouteEntries.N.RouteTableId", table_id, view)
        if isinstance(table, Fault):
            return table
        entries = _named(table, destinations, view)
        if isinstance(entries, Fault):
            return entries
        found = changed(table, entries, publish, view)
        if isinstance(found, Fault):
            return found
        steps += found
    return Plan(steps=tuple(steps), reply=_nothing)


def _named(table: Resource, destinations: list[str], view: View) -> tuple[Entry, ...] | Fault:
    there = {entry.destination: entry for entry in reversed(tuple(entries_of(table, view)))}
    absent = [destination for destination in destinations if destination not in there]
    if absent:
        return not_found("InvalidRouteEntry.NotFound", "route to", absent[0])
    return tuple(there[destination] for destination in dict.fromkeys(destinations))


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}


def publish(given: dict[str, Any], view: View) -> Plan | Fault:
    """PublishVpcRouteEntries: lets the CEN instance know routes of a VPC."""
    return _plan(given, view, True)


def withdraw(given: dict[str, Any], view: View) -> Plan | Fault:
    """WithdrawVpcPublishedRouteEntries: takes them back from the CEN instance."""
    return _plan(given, view, False)


def published(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """ListVpcPublishedRouteEntries: lists routes that the CEN instance knows."""
    table = by_id(ROUTE_TABLE, "RouteTableId", given.get("table"), view)
    if isinstance(table, Fault):
        return table
    targets = [target for target in _targets(table, view) if given.get("target", target[0]) == target[0]]
    rows = [
        _row(entry, targets)
        for entry in entries_of(table, view)
        if given.get("destination", entry.destination) == entry.destination
        and (entry.published or entry.type == "System")
    ]
    answer = tokened(rows, given, "RouteEntries")
    if isinstance(answer, Fault):
        return answer
    return {name: part for name, part in answer.items() if name in {"RouteEntries", "NextToken"}}


def _row(entry: Entry, targets: list[tuple[str, str]]) -> Mapping[str, Any]:
    return {
        "RouteEntryId": entry.id,
        "RouteTableId": entry.table,
        "DestinationCidrBlock": entry.destination,
        "RoutePublishTargets": [
            {"PublishTargetInstanceId": cen, "PublishTargetType": kind, "PublishStatus": "Published"}
            for cen, kind in targets
        ],
    }


_LINES = structure((spelled("table", "RouteTableId"), spelled("destination", "DestinationCidrBlock")))
_READS = (
    spelled("entries", "RouteEntries", list_of(_LINES)),
    spelled("target", "TargetInstanceId"),
    spelled("target_type", "TargetType"),
)
_NEEDS = ("RouteEntries", "TargetInstanceId", "TargetType")

ACTIONS: tuple[Action, ...] = (
    Action(name="PublishVpcRouteEntries", does=Compose(_READS, publish), needs=_NEEDS, region=False),
    Action(name="WithdrawVpcPublishedRouteEntries", does=Compose(_READS, withdraw), needs=_NEEDS, region=False),
    Action(
        name="ListVpcPublishedRouteEntries",
        does=Compute(
            (
                spelled("table", "RouteTableId"),
                spelled("destination", "DestinationCidrBlock"),
                spelled("target", "TargetInstanceId"),
                spelled("target_type", "TargetType"),
                *TOKENS,
            ),
            published,
        ),
        needs=("RouteTableId", "TargetType"),
        region=False,
    ),
)
