"""Adding, changing and deleting routes of a table in the compatible API.

In: the kind RouteTable. Out: `ACTIONS`. Next: `route_entry_list.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Compose, Done, Plan, Step
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault, malformed, missing, not_found, shown
from twinspan.wire.alibaba.route_entry import HOPS, entry_id
from twinspan.wire.alibaba.route_table import ROUTE_TABLE
from twinspan.wire.alibaba.spelling import list_of, spelled, structure, text, whole
from twinspan.wire.alibaba.view import View

_ABSENT = "InvalidRouteEntry.NotFound"


def _table(given: Mapping[str, Any], view: View) -> Resource | Fault:
    return by_id(ROUTE_TABLE, "RouteTableId", given.get("table"), view)


def _plain(table: Resource) -> list[dict[str, Any]]:
    """Its entries as the service takes them."""
    return [
        {
            "destination": entry.destination,
            "next_hop_kind": entry.next_hop_kind,
            "next_hop": entry.next_hop,
            "advertise": entry.advertise,
        }
        for entry in getattr(table.spec, "entries", ())
    ]


def _hop_kind(next_hop: str, word: str, view: View) -> str | Fault:
    """Which next hop an id is; the word of the request must fit it."""
    for hop_kind, (api_word, kind) in HOPS.items():
        if kind and view.get(kind, next_hop) is not None:
            if word and word.lower() not in {api_word.lower(), kind.lower()}:
                problem = f"{shown(next_hop)} is no {shown(word)}"
                return malformed("NextHopType", problem, f"write {api_word}, or another NextHopId")
            return hop_kind
    if word.lower() == "blackhole" and not next_hop:
        return "blackhole"
    return not_found("InvalidNextHopId.NotFound", "next hop", next_hop or "(empty)")


def _set(table: Resource, entries: list[dict[str, Any]]) -> Step:
    return Step(verb="patch", kind="RouteTable", id=table.id, spec={"spec": {"entries": entries}})


def _new(there: list[dict[str, Any]], given: Mapping[str, Any], view: View) -> dict[str, Any] | Fault:
    """The plain entry that a request asks for, beside those that are there."""
    destination, next_hop = str(given.get("destination", "")), str(given.get("next_hop", ""))
    if not destination:
        return missing("DestinationCidrBlock")
    if any(entry["destination"] == destination for entry in there):
        return Fault(
            code="InvalidCIDRBlock.Duplicate",
            message=f"DestinationCidrBlock: the table has a route to {shown(destination)} (delete it first).",
        )
    hop_kind = _hop_kind(next_hop, str(given.get("word", "")), view)
    if isinstance(hop_kind, Fault):
        return hop_kind
    return {"destination": destination, "next_hop_kind": hop_kind, "next_hop": next_hop, "advertise": False}


def _entry_id(table: Resource, plain: Mapping[str, Any]) -> str:
    return entry_id(table.id, plain["destination"], plain["next_hop"])


def create(given: dict[str, Any], view: View) -> Plan | Fault:
    """CreateRouteEntry: adds a route to a table."""
    table = _table(given, view)
    if isinstance(table, Fault):
        return table
    entry = _new(_plain(table), given, view)
    if isinstance(entry, Fault):
        return entry
    return Plan(
        steps=(_set(table, [*_plain(table), entry]),),
        reply=lambda _, __: {"RouteEntryId": _entry_id(table, entry)},
    )


def create_many(given: dict[str, Any], view: View) -> Plan | Fault:
    """CreateRouteEntries: adds what can be added and reports the rest."""
    tables: dict[str, Resource] = {}
    wanted: dict[str, list[dict[str, Any]]] = {}
    ids: list[str] = []
    failed: list[dict[str, Any]] = []
    for one in given.get("entries", []):
        table = _table(one, view)
        if isinstance(table, Fault):
            failed.append(_failure(one, table))
            continue
        there = wanted.get(table.id, _plain(table))
        entry = _new(there, one, view)
        if isinstance(entry, Fault):
            failed.append(_failure(one, entry))
            continue
        tables[table.id], wanted[table.id] = table, [*there, entry]
        ids.append(_entry_id(table, entry))
    return _many(tables, wanted, failed, {"RouteEntryIds": ids, "SuccessCount": len(ids)})


def _failure(one: Mapping[str, Any], fault: Fault) -> dict[str, Any]:
    found = {
        "DstCidrBlock": one.get("destination", ""),
        "NextHop": one.get("next_hop", ""),
        "FailedCode": fault.code,
        "FailedMessage": fault.message,
    }
    return found | ({"RouteEntryId": one["entry"]} if "entry" in one else {})


def _many(
    tables: Mapping[str, Resource],
    wanted: Mapping[str, list[dict[str, Any]]],
    failed: list[dict[str, Any]],
    answer: dict[str, Any],
) -> Plan:
    steps = tuple(_set(tables[table_id], entries) for table_id, entries in wanted.items())
    body = {**answer, "FailedCount": len(failed), "FailedRouteEntries": failed}
    return Plan(steps=steps, reply=lambda _, __: body)


def find(given: Mapping[str, Any], view: View) -> tuple[Resource, int] | Fault:
    """Table and position of an entry: by its id, or by table, destination and next hop."""
    wanted, table_id = given.get("entry", ""), given.get("table", "")
    if not wanted and not table_id:
        return missing("RouteEntryId")
    if table_id:
        table = _table(given, view)
        if isinstance(table, Fault):
            return table
        tables: tuple[Resource, ...] = (table,)
    else:
        tables = view.all("RouteTable")
    for table in tables:
        for number, plain in enumerate(_plain(table)):
            same = _entry_id(table, plain) == wanted if wanted else plain["destination"] == given.get("destination")
            if same and given.get("next_hop", plain["next_hop"]) in {"", plain["next_hop"]}:
                return table, number
    return not_found(_ABSENT, "route that somebody added", str(wanted or given.get("destination", "")))


def delete(given: dict[str, Any], view: View) -> Plan | Fault:
    """DeleteRouteEntry: takes a route out of its table."""
    found = find(given, view)
    if isinstance(found, Fault):
        return found
    table, number = found
    entries = _plain(table)
    return Plan(steps=(_set(table, entries[:number] + entries[number + 1 :]),), reply=_nothing)


def delete_many(given: dict[str, Any], view: View) -> Plan | Fault:
    """DeleteRouteEntries: takes out what is there and reports the rest."""
    tables: dict[str, Resource] = {}
    gone: dict[str, set[int]] = {}
    failed: list[dict[str, Any]] = []
    for one in given.get("entries", []):
        found = find(one, view)
        if isinstance(found, Fault):
            failed.append(_failure(one, found))
        else:
            table, number = found
            tables[table.id] = table
            gone.setdefault(table.id, set()).add(number)
    wanted = {
        table_id: [entry for number, entry in enumerate(_plain(tables[table_id])) if number not in numbers]
        for table_id, numbers in gone.items()
    }
    return _many(tables, wanted, failed, {"SuccessCount": sum(map(len, gone.values()))})


def modify(given: dict[str, Any], view: View) -> Plan | Fault:
    """ModifyRouteEntry: gives a route another next hop."""
    found = find(given, view)
    if isinstance(found, Fault):
        return found
    table, number = found
    entries = _plain(table)
    if "new_hop" in given:
        hop_kind = _hop_kind(given["new_hop"], given.get("new_word", ""), view)
        if isinstance(hop_kind, Fault):
            return hop_kind
        entries[number] = {**entries[number], "next_hop_kind": hop_kind, "next_hop": given["new_hop"]}
    return Plan(steps=(_set(table, entries),), reply=_nothing)


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}


_TABLE, _DESTINATION = spelled("table", "RouteTableId"), spelled("destination", "DestinationCidrBlock")
_HOP, _WORD, _ENTRY = spelled("next_hop", "NextHopId"), spelled("word", "NextHopType"), spelled("entry", "RouteEntryId")
_NOTES = {
    "Description": "routes have no description here",
    "RouteEntryName": "routes have no name here",
}
_ECMP = {"NextHopList": "a route has one next hop here"}
_IN_MANY = structure(
    (
        spelled("table", "RouteTableId"),
        spelled("destination", "DstCidrBlock"),
        spelled("next_hop", "NextHop"),
        spelled("word", "NextHopType"),
        spelled("entry", "RouteEntryId"),
        spelled("name", "Name", text),
        spelled("description", "Description", text),
        spelled("version", "IpVersion", whole),
    )
)
_MANY = spelled("entries", "RouteEntries", list_of(_IN_MANY))

ACTIONS: tuple[Action, ...] = (
    Action(
        name="CreateRouteEntry",
        does=Compose((_TABLE, _DESTINATION, _HOP, _WORD), create),
        needs=("DestinationCidrBlock", "RouteTableId"),
        region=False,
        ignored=_NOTES,
        refused=_ECMP,
    ),
    Action(name="CreateRouteEntries", does=Compose((_MANY,), create_many), needs=("RouteEntries",)),
    Action(
        name="DeleteRouteEntry",
        does=Compose((_TABLE, _DESTINATION, _HOP, _ENTRY), delete),
        region=False,
        refused=_ECMP,
    ),
    Action(name="DeleteRouteEntries", does=Compose((_MANY,), delete_many), needs=("RouteEntries",)),
    Action(
        name="ModifyRouteEntry",
        does=Compose(
            (_TABLE, _DESTINATION, _ENTRY, spelled("new_hop", "NewNextHopId"), spelled("new_word", "NewNextHopType")),
            modify,
        ),
        ignored=_NOTES,
    ),
)
