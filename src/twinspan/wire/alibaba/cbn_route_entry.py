"""Entries of a transit router's route tables in the compatible API: what people write, and what is learned.

Each candidate is listed with what the route choice made of it; the reason stands where the cloud has the description.
In: the kind RouteTable, chosen routes. Out: `ACTIONS`. Next: `cbn_route_view.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from twinspan.model.resource import CHANGING, CREATING, Resource
from twinspan.wire.alibaba.action import Action, Compose, Compute, Done, Plan, Step
from twinspan.wire.alibaba.cbn import field, resource_of, row
from twinspan.wire.alibaba.cbn_attachment import VPC as ATTACHMENT
from twinspan.wire.alibaba.cbn_route_table import TABLE, table_named
from twinspan.wire.alibaba.fault import Fault, malformed, missing, not_found, shown
from twinspan.wire.alibaba.listing import TOKENS, tokened
from twinspan.wire.alibaba.route_entry import entry_id
from twinspan.wire.alibaba.spelling import comma_list, spelled
from twinspan.wire.alibaba.view import Route, View
from twinspan.wire.alibaba.words import second

_ABSENT = "InvalidTransitRouterRouteEntryId.NotFound"
_HOPS = {"Attachment": "attachment", "BlackHole": "blackhole"}
_PREFIX = "TransitRouterRouteEntry"
NETWORKS = {"vpc": "VPC", "vbr": "VBR", "vpn": "VPN", "ccn": "CCN"}
ORIGINS = {"system": "System", "static": "Custom", "bgp": "BGP"}


def plain_entries(table: Resource) -> list[dict[str, Any]]:
    """What people wrote, as the service takes it."""
    names = ("destination", "next_hop_kind", "next_hop", "advertise")
    return [{name: getattr(entry, name) for name in names} for entry in getattr(table.spec, "entries", ())]


def _set(table: Resource, entries: list[dict[str, Any]]) -> Step:
    return Step(verb="patch", kind="RouteTable", id=table.id, spec={"spec": {"entries": entries}})


# ------------------------------------------------------------------------------------------------------ changes


def _next_hop(given: Mapping[str, Any], table: Resource, view: View) -> tuple[str, str] | Fault:
    """Kind and id: an attachment of the same router, or none."""
    word = str(given.get("hop_type", ""))
    kind = next((kind for name, kind in _HOPS.items() if name.lower() == word.lower()), None)
    if kind is None:
        remedy = f"write one of {', '.join(_HOPS)}"
        return malformed(f"{_PREFIX}NextHopType", f"{shown(word)} is none of a transit router", remedy)
    if kind == "blackhole":
        return kind, ""
    hop = str(given.get("hop", ""))
    if not hop:
        return missing(f"{_PREFIX}NextHopId")
    attachment = view.get("Attachment", hop)
    if attachment is None or field(attachment, "transit_router") != field(table, "transit_router"):
        return not_found(ATTACHMENT.absent, "attachment of the same transit router", hop)
    return kind, hop


def _create(given: dict[str, Any], view: View) -> Plan | Fault:
    """CreateTransitRouterRouteEntry."""
    table = table_named(TABLE.id, given.get("table"), view)
    if isinstance(table, Fault):
        return table
    hop = _next_hop(given, table, view)
    if isinstance(hop, Fault):
        return hop
    there, destination = plain_entries(table), str(given.get("destination", ""))
    if any(entry["destination"] == destination for entry in there):
        return Fault(
            code="OperationFailed.CreateRouteEntryWithSameDestinationCidrBlock",
            message=f"{_PREFIX}DestinationCidrBlock: {shown(destination)} has an entry in the table (delete it first).",
        )
    entry = {"destination": destination, "next_hop_kind": hop[0], "next_hop": hop[1], "advertise": False}
    made = entry_id(table.id, destination, hop[1])
    return Plan(steps=(_set(table, [*there, entry]),), reply=lambda _, __: {f"{_PREFIX}Id": made})


def _found(given: Mapping[str, Any], view: View) -> Iterator[tuple[Resource, int]]:
    """Tables and positions of the entries that a request means: by id, or by table, destination and next hop."""
    wanted_id, wanted_table = given.get("entry", ""), given.get("table", "")
    for table in view.all("RouteTable"):
        if not field(table, "transit_router") or wanted_table not in {"", table.id}:
            continue
        for number, entry in enumerate(plain_entries(table)):
            if wanted_id:
                same = entry_id(table.id, entry["destination"], entry["next_hop"]) == wanted_id
            else:
                same = entry["destination"] == given.get("destination")
                same = same and given.get("hop", "") in {"", entry["next_hop"]}
            if same:
                yield table, number


def _delete(given: dict[str, Any], view: View) -> Plan | Fault:
    """DeleteTransitRouterRouteEntry."""
    if not given.get("entry") and not (given.get("table") and given.get("destination")):
        return missing(f"{_PREFIX}Id")
    found = next(_found(given, view), None)
    if found is None:
        asked = str(given.get("entry") or given.get("destination"))
        return not_found(_ABSENT, "entry that somebody wrote", asked)
    table, number = found
    entries = plain_entries(table)
    return Plan(steps=(_set(table, entries[:number] + entries[number + 1 :]),), reply=_nothing)


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}


# ------------------------------------------------------------------------------------------------------ lists


def network_of(route: Route, view: View) -> tuple[str, str]:
    """The network that a route of a transit router leads to: the cloud's word, its id."""
    attachment = view.get("Attachment", route.next_hop)
    return resource_of(attachment) if attachment is not None else ("", "")


def _row(table: Resource, route: Route, view: View) -> dict[str, Any]:
    word, network = network_of(route, view)
    written = route.entry
    status = "Creating" if written and table.phase in {CREATING, CHANGING} else route.status
    return {
        f"{_PREFIX}Id": entry_id(table.id, route.destination, route.next_hop),
        f"{_PREFIX}DestinationCidrBlock": route.destination,
        f"{_PREFIX}NextHopType": "BlackHole" if route.next_hop_kind == "blackhole" else "Attachment",
        f"{_PREFIX}NextHopId": route.next_hop,
        f"{_PREFIX}NextHopResourceId": network,
        f"{_PREFIX}NextHopResourceType": word,
        f"{_PREFIX}OriginResourceId": "" if written else network,
        f"{_PREFIX}OriginResourceType": "" if written else word,
        f"{_PREFIX}Type": "Static" if written else "Propagated",
        f"{_PREFIX}Status": status,
        f"{_PREFIX}Description": route.reason,
        f"{_PREFIX}Name": "",
        "CreateTime": second(table.updated_ns if written else table.created_ns),
        "OperationalMode": False,
        "PathAttributes": {
            "AsPaths": [str(asn) for asn in route.as_path],
            "Communities": list(route.communities),
            "Preference": route.preference,
            "OriginInstanceId": "" if written else network,
            "OriginInstanceType": "" if written else word,
            "OriginRouteType": _origin(route),
        },
    }


def _origin(route: Route) -> str:
    if route.next_hop_kind == "blackhole":
        return "BlackHole"
    return "Static" if route.entry else ORIGINS.get(route.origin, "")


_TOLD = {
    "destination": f"{_PREFIX}DestinationCidrBlock",
    "hop": f"{_PREFIX}NextHopId",
    "hop_type": f"{_PREFIX}NextHopType",
    "hop_network": f"{_PREFIX}NextHopResourceId",
    "hop_word": f"{_PREFIX}NextHopResourceType",
    "origin": f"{_PREFIX}OriginResourceId",
    "origin_word": f"{_PREFIX}OriginResourceType",
    "status": f"{_PREFIX}Status",
    "type": f"{_PREFIX}Type",
}
"""What chooses among the rows, and the part of a row that it looks at."""


def _list(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """ListTransitRouterRouteEntries."""
    table = table_named(TABLE.id, given.get("table"), view)
    if isinstance(table, Fault):
        return table
    rows = [_row(table, route, view) for route in view.routes(table)]
    ids = given.get("ids") or []
    fit = [
        one
        for one in rows
        if (not ids or one[f"{_PREFIX}Id"] in ids)
        and all(given[key].lower() == one[name].lower() for key, name in _TOLD.items() if given.get(key))
    ]
    return tokened(fit, given, "TransitRouterRouteEntries")


_TABLE, _ENTRY = spelled("table", TABLE.id), spelled("entry", f"{_PREFIX}Id")
_DESTINATION = spelled("destination", f"{_PREFIX}DestinationCidrBlock")
_HOP, _HOP_TYPE = spelled("hop", f"{_PREFIX}NextHopId"), spelled("hop_type", f"{_PREFIX}NextHopType")
_NOTES = {
    f"{_PREFIX}Name": "entries have no name here",
    f"{_PREFIX}Description": "the description of an entry says what became of it",
}

ACTIONS: tuple[Action, ...] = (
    row(
        name="CreateTransitRouterRouteEntry",
        does=Compose((_TABLE, _DESTINATION, _HOP, _HOP_TYPE), _create, shape=TABLE),
        needs=(_DESTINATION.parameter, _HOP_TYPE.parameter, TABLE.id),
        ignored=_NOTES,
    ),
    row(
        name="ListTransitRouterRouteEntries",
        does=Compute(
            (
                _TABLE,
                spelled("ids", f"{_PREFIX}Ids", comma_list),
                *(spelled(key, name) for key, name in _TOLD.items()),
                *TOKENS,
            ),
            _list,
        ),
        needs=(TABLE.id,),
        ignored={f"{_PREFIX}Names": "entries have no name here"},
        refused={
            "PrefixListId": "there are no prefix lists here",
            "RouteFilter": "the other parameters choose, by the exact prefix",
        },
    ),
    row(
        name="DeleteTransitRouterRouteEntry",
        does=Compose((_ENTRY, _TABLE, _DESTINATION, _HOP, _HOP_TYPE), _delete, shape=TABLE),
    ),
)
