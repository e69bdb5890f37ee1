"""What a route map denies the transit router's filters leave out; what no node does is told at the site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from tests.unit.engine.stored_site import stored, with_keys

from twinspan.cli.site import load_site
from twinspan.engine.site_realisation import Planned, plan_site
from twinspan.model.resource import Resource
from twinspan.model.route_map import RouteMapSpec

EXAMPLE = Path(__file__).parents[3] / "examples" / "01-two-spans" / "site.yaml"
DC, OFFICE = "192.168.1.0/24", "172.16.0.0/12"


@pytest.fixture(scope="module")
def site() -> tuple[Resource, tuple[Resource, ...]]:
    return stored(with_keys(load_site(EXAMPLE)))


def planned(site: tuple[Resource, tuple[Resource, ...]], *rules: dict[str, Any]) -> Planned:
    own, resources = site
    (cen,) = [one for one in resources if one.kind == "Cen"]
    maps = [
        structs.replace(
            cen,
            kind="RouteMap",
            id=f"cenrmap-{number}",
            name="",
            site="",
            spec=RouteMapSpec(**{"cen": cen.id, "priority": number, "direction": "in", "result": "deny", **rule}),
        )
        for number, rule in enumerate(rules, start=1)
    ]
    return plan_site(own, (*resources, *maps))


def id_of(site: tuple[Resource, tuple[Resource, ...]], kind: str, name: str) -> str:
    return next(one.id for one in site[1] if (one.kind, one.name) == (kind, name))


def filters(plan: Planned, way: str) -> dict[str, set[str]]:
    """By session of the transit router: prefixes that it takes, or gives."""
    assert plan.configs is not None
    bgp = plan.configs["transit-router"].bgp
    assert bgp is not None
    return {peer.name: {one.prefix for one in getattr(peer, f"{way}_filters")} for peer in bgp.peers}


def lost(site: tuple[Resource, tuple[Resource, ...]], way: str, *rules: dict[str, Any]) -> set[tuple[str, str]]:
    """(Session, prefix) that the maps take away, where nothing is left undone."""
    before, after = planned(site), planned(site, *rules)
    assert after.problems == ()
    had, has = filters(before, way), filters(after, way)
    return {(name, prefix) for name in had for prefix in had[name] - has[name]}


def session_of(site: tuple[Resource, tuple[Resource, ...]], prefix: str, way: str = "import") -> set[str]:
    return {name for name, prefixes in filters(planned(site), way).items() if prefix in prefixes}


def test_without_route_maps_nothing_is_missing(site: tuple[Resource, tuple[Resource, ...]]) -> None:
    assert "vbr" in session_of(site, DC)
    assert len(session_of(site, DC)) == 2, "the data centre comes by the circuit and by the VPN"


def test_what_is_denied_on_the_way_in_is_not_taken_from_that_network(
    site: tuple[Resource, tuple[Resource, ...]],
) -> None:
    vbr = {"source_types": ("vbr",)}
    assert lost(site, "import", vbr) == {("vbr", DC)}
    assert lost(site, "import", {"match_prefixes": (DC,), "source_types": ("vpc",)}) == {
        (name, DC) for name in session_of(site, DC) - {"vbr"}
    }


def test_a_network_is_named_by_its_id(site: tuple[Resource, tuple[Resource, ...]]) -> None:
    office = id_of(site, "Vpc", "office")
    gone = {(name, OFFICE) for name in session_of(site, OFFICE)}
    assert lost(site, "import", {"source_instances": (office,)}) == gone


def test_a_map_that_permits_first_keeps_a_route(site: tuple[Resource, tuple[Resource, ...]]) -> None:
    kept = {"result": "permit", "match_prefixes": (DC,)}
    assert lost(site, "import", kept, {"source_types": ("vbr",)}) == set()
    assert lost(site, "import", kept | {"next_priority": 2}, {"source_types": ("vbr",)}) == {("vbr", DC)}


def test_what_is_denied_on_the_way_out_is_not_given(site: tuple[Resource, tuple[Resource, ...]]) -> None:
    out = {"direction": "out", "match_prefixes": (OFFICE,), "destination_types": ("vbr",)}
    assert lost(site, "export", out) == {("vbr", OFFICE)}
    assert lost(site, "import", out) == set()


def test_probes_pass_whatever_is_denied(site: tuple[Resource, tuple[Resource, ...]]) -> None:
    left = filters(planned(site, {}), "import")
    assert all(prefix.endswith("/32") or prefix == "100.64.0.0/10" for prefixes in left.values() for prefix in prefixes)
    assert any(prefix != "0.0.0.0/32" for prefixes in left.values() for prefix in prefixes)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"result": "permit", "preference": 20}, "sets preference"),
        ({"result": "permit", "prepend_as_path": (65009,), "communities": ("1:1",)}, "sets AS path and communities"),
        ({"transit_router_route_table": "vtb-elsewhere"}, "of a route table that is not the system's"),
    ],
)
def test_what_no_node_does_is_told(
    site: tuple[Resource, tuple[Resource, ...]], rule: dict[str, Any], said: str
) -> None:
    found = planned(site, rule)
    assert any(said in problem and "the nodes do not" in problem for problem in found.problems), found.problems
    assert found.configs == planned(site).configs


def test_what_is_denied_by_one_of_two_ways_is_given_and_told(site: tuple[Resource, tuple[Resource, ...]]) -> None:
    office = id_of(site, "Vpc", "office")
    found = planned(site, {"direction": "out", "source_types": ("vbr",), "destination_instances": (office,)})
    assert any(f"by which {DC} is given to office" in problem for problem in found.problems)
    assert found.configs == planned(site).configs


def test_a_map_of_another_region_does_nothing(
    site: tuple[Resource, tuple[Resource, ...]],
) -> None:
    assert lost(site, "import", {"region": "cn-beijing"}) == set()
