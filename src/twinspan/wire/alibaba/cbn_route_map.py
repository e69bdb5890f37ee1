"""Route maps of a CEN instance in the compatible API, and the one that a transit router adds by itself.

Once an IPsec connection is attached, nothing passes between VPNs, circuits and CCNs: a rule of priority 5000 behind all
that people write. It is listed and cannot be changed. In: the kind RouteMap. Out: `MAP`, `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Call, Compute, Create, Delete, Update
from twinspan.wire.alibaba.cbn import CEN, attachments_of, field, routers_of, row, tables_of
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault, missing, not_found, shown
from twinspan.wire.alibaba.listing import PAGES, paged
from twinspan.wire.alibaba.shape import item, shape
from twinspan.wire.alibaba.spelling import Read, Spelling, Wrong, as_text, choice, comma_list, spelled, whole, words_of
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.words import CEN as WORDS

HIDDEN_PRIORITY = 5000
HIDDEN = ("VBR", "VPN", "CCN")
_ABSENT = "InvalidRouteMapId.NotFound"
_DIRECTIONS = {"RegionIn": "in", "RegionOut": "out"}
_RESULTS = {"Permit": "permit", "Deny": "deny"}
_MODES = {"Include": "include", "Complete": "complete"}
_OPERATIONS = {"Additive": "additive", "Replace": "replace"}
_NETWORKS = {"VPC": "vpc", "VBR": "vbr", "CCN": "ccn", "VPN": "vpn"}
_TYPES = {"System": "system", "Custom": "custom", "BGP": "bgp"}


def _each(read: Read) -> Read:
    """Name.1, Name.2, each read alike."""

    def reading(value: Any) -> Any:
        found = []
        values = comma_list(value)
        if isinstance(values, Wrong):
            return values
        for part in values:
            one = read(part)
            if isinstance(one, Wrong):
                return one
            found.append(one)
        return found

    return reading


def _many(name: str, parameter: str, inner: str, words: Mapping[str, str] | None = None) -> Spelling:
    """A list, which answers wrap: MatchAsns.MatchAsn."""
    read = _each(choice(words)) if words else comma_list
    write = words_of(words) if words else as_text
    return spelled(name, parameter, read, lambda value: [write(one) for one in value], reply=f"{parameter}.{inner}")


def _numbers(name: str, parameter: str, inner: str) -> Spelling:
    return spelled(name, parameter, _each(whole), lambda value: [str(one) for one in value], f"{parameter}.{inner}")


def _word(name: str, parameter: str, words: Mapping[str, str]) -> Spelling:
    return spelled(name, parameter, choice(words), words_of(words))


_DIFFER = (
    _word("direction", "TransmitDirection", _DIRECTIONS),
    _word("result", "MapResult", _RESULTS),
    _word("prefix_match", "CidrMatchMode", _MODES),
    _word("as_path_match", "AsPathMatchMode", _MODES),
    _word("community_match", "CommunityMatchMode", _MODES),
    _word("community_operation", "CommunityOperateMode", _OPERATIONS),
    _many("match_prefixes", "DestinationCidrBlocks", "DestinationCidrBlock"),
    _numbers("match_asns", "MatchAsns", "MatchAsn"),
    _numbers("prepend_as_path", "PrependAsPath", "AsPath"),
    _many("match_communities", "MatchCommunitySet", "MatchCommunity"),
    _many("communities", "OperateCommunitySet", "OperateCommunity"),
    _many("route_types", "RouteTypes", "RouteType", _TYPES),
    _many("source_types", "SourceChildInstanceTypes", "SourceChildInstanceType", _NETWORKS),
    _many("destination_types", "DestinationChildInstanceTypes", "DestinationChildInstanceType", _NETWORKS),
    _many("source_instances", "SourceInstanceIds", "SourceInstanceId"),
    _many("destination_instances", "DestinationInstanceIds", "DestinationInstanceId"),
    _many("source_regions", "SourceRegionIds", "SourceRegionId"),
    _many("destination_regions", "DestinationRegionIds", "DestinationRegionId"),
    _many("source_route_tables", "SourceRouteTableIds", "SourceRouteTableId"),
    _many("destination_route_tables", "DestinationRouteTableIds", "DestinationRouteTableId"),
    # Prefixes are IPv4 here: the type says nothing that they do not say.
    spelled("", "MatchAddressType", choice({"IPv4": {}}), lambda _: "IPv4"),
)
MAP = shape(
    "RouteMap",
    id="RouteMapId",
    absent=_ABSENT,
    name="",
    tags="",
    reply_tags="",
    words=WORDS,
    differ=_DIFFER,
    without=("resource_group",),
    renamed={"CenRegionId": ""},
)


def _system_table(spec: Mapping[str, Any], view: View) -> str:
    """The table that a map is about where it names none."""
    for router in routers_of(str(spec.get("cen", "")), view):
        tables = tables_of(router.id, view)
        if tables:
            return tables[0].id
    return ""


def _prepared(spec: dict[str, Any], _: Call, view: View) -> dict[str, Any] | Fault:
    """A map without a table is about the system table of the region's router."""
    cen = by_id(CEN, "CenId", spec.get("cen"), view)
    if isinstance(cen, Fault):
        return cen
    if spec.get("region", view.region) != view.region:
        message = f"CenRegionId: {shown(spec['region'])} is not here (this server is the region {view.region})."
        return Fault(code="InvalidCenRegionId.NotFound", status=404, message=message)
    table = spec.get("transit_router_route_table") or _system_table(spec, view)
    return {**spec, "transit_router_route_table": table} if table else spec


# ------------------------------------------------------------------------------------------------------ the hidden one


def hidden_id(table: str) -> str:
    """Of the rule that a transit router adds by itself to a table."""
    return f"cenrmap-{hashlib.sha256(f'{table} {HIDDEN_PRIORITY}'.encode()).hexdigest()[:20]}"


def hidden(cen: str, view: View) -> Iterator[dict[str, Any]]:
    """The rules that nobody has written, as answers show them: one per table, once an IPsec connection is attached."""
    if not any(field(attachment, "ipsec_connection") for attachment in attachments_of(cen, view)):
        return
    for router in routers_of(cen, view):
        for table in tables_of(router.id, view):
            yield {
                "RouteMapId": hidden_id(table.id),
                "CenId": cen,
                "TransitRouterRouteTableId": table.id,
                "TransmitDirection": "RegionOut",
                "Priority": HIDDEN_PRIORITY,
                "MapResult": "Deny",
                "NextPriority": 0,
                "Preference": 0,
                "Status": "Active",
                "Description": "Nothing passes between VPNs, circuits and CCNs.",
                "SourceChildInstanceTypes": {"SourceChildInstanceType": list(HIDDEN)},
                "DestinationChildInstanceTypes": {"DestinationChildInstanceType": list(HIDDEN)},
            }


def _find(call: Call, view: View) -> Resource | Fault:
    map_id, cen = call.text("RouteMapId"), call.text("CenId")
    if not map_id:
        return missing("RouteMapId")
    if any(rule["RouteMapId"] == map_id for rule in hidden(cen, view)):
        return Fault(
            code="OperationUnsupported.SystemRouteMap",
            message=f"RouteMapId: {map_id} is the transit router's own rule (it goes with the last VPN attachment).",
        )
    found = view.get("RouteMap", map_id)
    return found if found is not None and field(found, "cen") == cen else not_found(_ABSENT, MAP.label, map_id)


def _describe(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DescribeCenRouteMaps: by priority, the router's own last."""
    cen = by_id(CEN, "CenId", given.get("cen"), view)
    if isinstance(cen, Fault):
        return cen
    rows = [item(MAP, one, view) for one in view.users("RouteMap", cen.id)]
    rows = [*sorted(rows, key=lambda one: (one["TransmitDirection"], one["Priority"])), *hidden(cen.id, view)]
    wanted = {"RouteMapId": "map", "TransmitDirection": "direction", "TransitRouterRouteTableId": "table"}
    fit = [
        one
        for one in rows
        if all(
            str(one.get(name, "")).lower() == str(given.get(key, one.get(name, ""))).lower()
            for name, key in wanted.items()
        )
    ]
    return paged(fit, given, "RouteMaps.RouteMap")


_REGION = {"CenRegionId": "this server is one region"}
_FOUND = ("RouteMapId", "CenId")

ACTIONS: tuple[Action, ...] = (
    row(
        name="CreateCenRouteMap",
        does=Create(MAP, prepare=_prepared),
        needs=("CenId", "CenRegionId", "MapResult", "Priority", "TransmitDirection"),
    ),
    row(
        name="DescribeCenRouteMaps",
        does=Compute(
            (
                spelled("cen", "CenId"),
                spelled("map", "RouteMapId"),
                spelled("direction", "TransmitDirection"),
                spelled("table", "TransitRouterRouteTableId"),
                *PAGES,
            ),
            _describe,
        ),
        needs=("CenId",),
        ignored=_REGION,
    ),
    row(
        name="ModifyCenRouteMap",
        does=Update(MAP, find=_find, found_by=_FOUND),
        needs=("CenId", "CenRegionId", "RouteMapId"),
        ignored=_REGION,
    ),
    row(
        name="DeleteCenRouteMap",
        does=Delete(MAP, find=_find, found_by=_FOUND),
        needs=("CenId", "CenRegionId", "RouteMapId"),
        ignored=_REGION,
    ),
)
