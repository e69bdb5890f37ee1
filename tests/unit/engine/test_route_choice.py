"""Which route is used, and why: each case cites the rule that it stands for."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from twinspan.engine.route_choice import Candidate, Choice, choose, choose_by_weight
from twinspan.engine.route_policy import apply_maps, hidden_denial
from twinspan.model.route_map import RouteMapSpec

PREFIX = "192.168.1.0/24"


def with_trouble(one: Candidate, trouble: str) -> Candidate:
    """The route as it is while what it leads to is dead."""
    return replace(one, usable=False, trouble=trouble)


def route(name: str, **fields: Any) -> Candidate:
    given = {"network": "vbr", "origin": "bgp", "next_hop_kind": "attachment", "as_path": (65001,), "region": "r1"}
    return Candidate(**{**given, "destination": PREFIX, "next_hop": name, **fields})


def vpn(name: str = "vpn", **fields: Any) -> Candidate:
    """The route of a VPN gateway that its VPC publishes."""
    return route(name, **{"network": "vpc", "origin": "static", "as_path": (), **fields})


def outcome(choices: tuple[Choice, ...]) -> dict[str, str]:
    return {choice.route.next_hop: choice.status for choice in choices}


def reasons(choices: tuple[Choice, ...]) -> dict[str, str]:
    return {choice.route.next_hop: choice.reason for choice in choices}


ECMP_PAGE = "cen/user-guide/ecmp-routing-for-vbrs-in-different-regions"
STANDBY_PAGE = "Active/standby connection with IPsec-VPN and Express Connect"


@pytest.mark.parametrize(
    ("source", "routes", "wanted"),
    [
        (STANDBY_PAGE, [vpn(), route("a")], {"a": "Active", "vpn": "Standby"}),
        (STANDBY_PAGE, [vpn(), with_trouble(route("a"), "down")], {"a": "Standby", "vpn": "Active"}),
        (ECMP_PAGE, [route("static", origin="static"), route("bgp")], {"bgp": "Active", "static": "Standby"}),
        (ECMP_PAGE, [route("long", as_path=(1, 2)), route("short")], {"short": "Active", "long": "Standby"}),
        (ECMP_PAGE, [route("far", region="r0"), route("near")], {"near": "Active", "far": "Standby"}),
        (ECMP_PAGE, [route("worse", preference=60), route("better")], {"better": "Active", "worse": "Standby"}),
        (ECMP_PAGE, [route("b", region="b"), route("a", region="a")], {"a": "Active", "b": "Standby"}),
        (ECMP_PAGE, [route("one"), route("two")], {"one": "Active", "two": "Active"}),
        (
            "CreateCenRouteMap, Preference",
            [vpn(preference=10), route("a")],
            {"vpn": "Active", "a": "Standby"},
        ),
        (
            "CreateTransitRouterRouteEntry",
            [route("a"), route("entry", entry=True, origin="static")],
            {"entry": "Active", "a": "Standby"},
        ),
        (
            "ListTransitRouterRouteEntries, TransitRouterRouteEntryStatus",
            [route("a"), route("b", as_path=(1, 2)), vpn()],
            {"a": "Active", "b": "Standby", "vpn": "Candidate"},
        ),
        (
            "ListTransitRouterRouteEntries, TransitRouterRouteEntryStatus",
            [route("a"), route("own", network="vpc", origin="system")],
            {"own": "Active", "a": "Rejected"},
        ),
        (
            "ListTransitRouterRouteEntries, TransitRouterRouteEntryStatus",
            [route("a", denied="route map"), vpn()],
            {"vpn": "Active", "a": "Prohibited"},
        ),
    ],
)
def test_a_transit_router_chooses_as_its_pages_say(
    source: str, routes: list[Candidate], wanted: dict[str, str]
) -> None:
    assert outcome(choose(routes, "transit_router", "r1")) == wanted, source


def test_the_as_path_comes_before_preference() -> None:
    """P1 of the page before P3."""
    found = choose([route("long", as_path=(1, 2), preference=1), route("short")], "transit_router", "r1")
    assert outcome(found) == {"short": "Active", "long": "Standby"}


def test_if_every_way_is_down_the_active_one_stays() -> None:
    """Seed 004 Step 2 for connections, and the only sensible thing for circuits."""
    found = choose([with_trouble(route("a"), "no answer"), with_trouble(vpn(), "down")], "transit_router", "r1")
    assert outcome(found) == {"a": "Active", "vpn": "Standby"}
    assert reasons(found)["a"] == "every way is down; the active route stays: no answer"


def test_each_loser_knows_why() -> None:
    found = reasons(choose([route("a"), route("b", as_path=(1, 2)), vpn()], "transit_router", "r1"))
    assert found == {
        "a": "preferred",
        "b": "a shorter AS path wins",
        "vpn": "a route of an Express Connect circuit comes before one of a VPN",
    }


@pytest.mark.parametrize(
    ("source", "routes", "wanted"),
    [
        (
            "doc 170235, and the seed's note on office VPCs: a published VPN route pulls the traffic for good",
            [route("cen"), vpn("gateway", next_hop_kind="vpn_gateway")],
            {"gateway": "Active", "cen": "Standby"},
        ),
        (
            "seed 004, CIDR block planning: with BGP on both spans the circuit is preferred",
            [vpn("gateway", next_hop_kind="vpn_gateway", origin="bgp"), route("cen")],
            {"cen": "Active", "gateway": "Standby"},
        ),
        (
            "DescribeRouteEntryList: a system route gives way to nothing",
            [route("cen"), route("own", origin="system", next_hop_kind="local")],
            {"own": "Active", "cen": "Rejected"},
        ),
    ],
)
def test_a_vpc_prefers_system_then_custom_then_learned(
    source: str, routes: list[Candidate], wanted: dict[str, str]
) -> None:
    assert outcome(choose(routes, "vpc")) == wanted, source


@pytest.mark.parametrize(
    ("active_up", "standby_up", "used"),
    [(True, True, "a"), (False, True, "b"), (True, False, "a"), (False, False, "a")],
)
def test_weights_choose_among_connections(active_up: bool, standby_up: bool, used: str) -> None:
    """Seed 004 Step 2: 100 is active, 0 takes over, and with both down the active one stays."""
    routes = [
        route("b", weight=0, usable=standby_up, trouble="" if standby_up else "down"),
        route("a", weight=100, usable=active_up, trouble="" if active_up else "down"),
    ]
    assert [choice.route.next_hop for choice in choose_by_weight(routes) if choice.status == "Active"] == [used]


@pytest.mark.parametrize(
    ("source", "to", "denied"),
    [("vpn", "vbr", True), ("vbr", "vpn", True), ("vbr", "ccn", True), ("vpn", "vpc", False), ("vpc", "vbr", False)],
)
def test_with_a_vpn_attachment_nothing_passes_from_data_centre_to_data_centre(
    source: Any, to: Any, denied: bool
) -> None:
    """The policy of priority 5000 that the transit router adds by itself."""
    one = route("a", network=source)
    assert bool(hidden_denial(one, to, has_vpn_attachment=True)) is denied
    assert hidden_denial(one, to, has_vpn_attachment=False) == ""


def rule(priority: int, **fields: Any) -> RouteMapSpec:
    return RouteMapSpec(**{"cen": "c", "direction": "in", "result": "permit", "priority": priority, **fields})


def test_a_route_that_no_map_matches_passes() -> None:
    one = route("a")
    assert apply_maps(one, [rule(1, result="deny", match_prefixes=("10.0.0.0/8",))]) == one


def test_the_smaller_priority_is_asked_first_and_ends_it() -> None:
    found = apply_maps(route("a"), [rule(20, result="deny"), rule(10, preference=7)])
    assert (found.preference, found.denied) == (7, "")


def test_next_priority_goes_on() -> None:
    maps = [rule(10, preference=7, next_priority=20), rule(15, result="deny"), rule(20, prepend_as_path=(9, 9))]
    found = apply_maps(route("a"), maps)
    assert (found.preference, found.as_path, found.denied) == (7, (9, 9, 65001), "")


@pytest.mark.parametrize(
    ("fields", "matches"),
    [
        ({"match_prefixes": ("192.168.0.0/16",)}, True),
        ({"match_prefixes": ("192.168.0.0/16",), "prefix_match": "complete"}, False),
        ({"match_asns": (65001, 7)}, True),
        ({"match_asns": (65001, 7), "as_path_match": "complete"}, False),
        ({"source_types": ("vpc",)}, False),
        ({"route_types": ("bgp",)}, True),
        ({"source_instances": ("x",)}, False),
        ({"source_instances": ("x",), "source_instances_excluded": True}, True),
        ({"match_communities": ("1:1",)}, False),
    ],
)
def test_a_map_matches_what_it_lists(fields: dict[str, Any], matches: bool) -> None:
    assert bool(apply_maps(route("a", source="y"), [rule(1, result="deny", **fields)]).denied) is matches


def test_communities_are_added_or_replaced() -> None:
    one = route("a", communities=("1:1",))
    assert apply_maps(one, [rule(1, communities=("2:2",))]).communities == ("1:1", "2:2")
    replaced = apply_maps(one, [rule(1, communities=("2:2",), community_operation="replace")])
    assert replaced.communities == ("2:2",)
