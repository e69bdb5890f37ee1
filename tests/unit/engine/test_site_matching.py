"""What a site file means where names do not say it."""

from __future__ import annotations

from typing import Any

import pytest

from twinspan.engine.site_drafts import Draft, key_of
from twinspan.engine.site_matching import wanted_keys
from twinspan.model.bgp_peer import BgpPeerSpec
from twinspan.model.fields import ResourceSpec
from twinspan.model.resource import Resource
from twinspan.model.route_table import RouteTableSpec


def resource(kind: str, resource_id: str, spec: ResourceSpec, name: str = "") -> Resource:
    return Resource(kind=kind, id=resource_id, name=name, account="acme", spec=spec, created_ns=0, updated_ns=0)


def draft(kind: str, name: str, spec: ResourceSpec) -> Draft:
    return Draft(kind=kind, name=name, spec=spec)


def matched(stored: list[Resource], drafts: list[Draft]) -> dict[str, str]:
    keys: dict[str, Any] = {one.id: key_of(one.kind, one.name or one.id) for one in stored}
    keys["vpc-1"] = "vpcs.user"
    return {one: key for one, key in wanted_keys(drafts, stored, keys).items() if key != keys[one]}


@pytest.mark.parametrize("name", ["", "my-table"])
def test_a_system_table_is_its_owner_s_whatever_it_is_called(name: str) -> None:
    stored = [resource("RouteTable", "vtb-1", RouteTableSpec(vpc="vpc-1"), name)]
    wanted = [draft("RouteTable", "user-routes", RouteTableSpec(vpc="vpcs.user"))]
    assert matched(stored, wanted) == {"vtb-1": "route_tables.user-routes"}


def test_a_table_that_somebody_made_is_known_by_its_name_alone() -> None:
    stored = [resource("RouteTable", "vtb-1", RouteTableSpec(vpc="vpc-1", system=False))]
    wanted = [draft("RouteTable", "own", RouteTableSpec(vpc="vpcs.user", system=False))]
    assert matched(stored, wanted) == {}


@pytest.mark.parametrize(("name", "found"), [("", {"bgp-1": "bgp_peers.new"}), ("old", {})])
def test_a_name_that_was_given_counts_and_one_that_was_not_does_not(name: str, found: dict[str, str]) -> None:
    stored = [resource("BgpPeer", "bgp-1", BgpPeerSpec(bgp_group="g", peer_ip="10.0.0.2"), name)]
    wanted = [draft("BgpPeer", "new", BgpPeerSpec(bgp_group="g", peer_ip="10.0.0.2"))]
    assert matched(stored, wanted) == found


def test_two_of_the_same_are_not_told_apart() -> None:
    spec = BgpPeerSpec(bgp_group="g", peer_ip="10.0.0.2")
    stored = [resource("BgpPeer", f"bgp-{one}", spec) for one in "12"]
    assert matched(stored, [draft("BgpPeer", "new", spec)]) == {}


def test_what_a_draft_names_is_what_it_names() -> None:
    spec = BgpPeerSpec(bgp_group="g", peer_ip="10.0.0.2")
    assert matched([resource("BgpPeer", "bgp-1", spec)], [draft("BgpPeer", "bgp-1", spec)]) == {}
