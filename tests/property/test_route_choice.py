"""Choosing among routes: what holds whatever is chosen from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twinspan.engine.route_choice import Candidate, Choice, choose, choose_by_weight

DESTINATION = "192.168.1.0/24"


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    """Routes to one destination, each with a next hop of its own."""
    return [
        Candidate(
            destination=DESTINATION,
            network=draw(st.sampled_from(["vpc", "vbr", "vpn"])),
            origin=draw(st.sampled_from(["static", "bgp"])),
            next_hop_kind=draw(st.sampled_from(["attachment", "vpn_gateway"])),
            next_hop=str(number),
            region=draw(st.sampled_from(["r1", "r2"])),
            as_path=tuple(range(draw(st.integers(1, 3)))),
            preference=draw(st.sampled_from([10, 50, 90])),
            usable=draw(st.booleans()),
            trouble="down",
            denied=draw(st.sampled_from(["", "", "policy"])),
            weight=draw(st.sampled_from([100, 0])),
        )
        for number in range(draw(st.integers(1, 6)))
    ]


def active(choices: tuple[Choice, ...]) -> list[Candidate]:
    return [choice.route for choice in choices if choice.status == "Active"]


@given(routes=candidates(), table=st.sampled_from(["transit_router", "vpc", "vbr"]))
def test_a_dead_way_is_used_only_where_every_way_is_dead(routes: list[Candidate], table: str) -> None:
    choices = choose(routes, table, "r1")  # type: ignore[arg-type]
    allowed = [route for route in routes if not route.denied]
    assert bool(active(choices)) == bool(allowed)
    if any(route.usable for route in allowed):
        assert all(route.usable for route in active(choices))


@given(routes=candidates(), table=st.sampled_from(["transit_router", "vpc", "vbr"]))
def test_every_route_comes_back_once_with_a_reason(routes: list[Candidate], table: str) -> None:
    choices = choose(routes, table, "r1")  # type: ignore[arg-type]
    assert sorted(choice.route.next_hop for choice in choices) == sorted(route.next_hop for route in routes)
    assert all(choice.reason for choice in choices)
    assert {choice.status == "Prohibited" for choice in choices if choice.route.denied} <= {True}


@given(routes=candidates(), data=st.data())
def test_the_order_of_arrival_does_not_matter(routes: list[Candidate], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(routes))
    one, other = (active(choose(given_, "transit_router", "r1")) for given_ in (routes, shuffled))
    assert sorted(route.next_hop for route in one) == sorted(route.next_hop for route in other)


@given(routes=candidates())
def test_only_equal_circuits_share_the_traffic(routes: list[Candidate]) -> None:
    found = active(choose(routes, "transit_router", "r1"))
    if len(found) > 1:
        assert len({(r.network, r.origin, len(r.as_path), r.region, r.preference) for r in found}) == 1
        assert found[0].network == "vbr"


@given(routes=candidates())
def test_by_weight_exactly_one_is_active(routes: list[Candidate]) -> None:
    (one,) = active(choose_by_weight(routes))
    better = [route for route in routes if route.usable and (route.weight or 0) > (one.weight or 0)]
    assert not better
