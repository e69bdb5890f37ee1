"""What an operator has raised is admitted: a quota is a number of the account, not of the program."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs
from tests.unit.engine.stored_site import stored, with_keys

from twinspan.cli.site_file import check
from twinspan.engine.admission.admit import GROUNDWORK, RULES, admit
from twinspan.engine.quotas import BY_NAME
from twinspan.engine.site_realisation import plan_site
from twinspan.model.bgp_group import BgpGroupSpec
from twinspan.model.decode import decode
from twinspan.model.field_plan import fields_of, structs_in
from twinspan.model.fields import Limits
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.site import Site

ERRORS = Path(__file__).parents[2] / "golden" / "errors"
TOO_MANY = [
    ("bgp-peer-many", {"bgp_peers_per_vbr": 9}),
    ("tag-count", {"tags_per_resource": 21}),
    (
        "vpn-many-connections",
        {"connections_per_vpn_gateway": 11, "destination_routes_per_vpn_gateway": 42},
    ),
]


def errors(name: str, limits: Limits) -> list[str]:
    path = ERRORS / f"{name}.yaml"
    found = check(path.read_bytes(), path.name, limits).findings
    return [one.rule.id for one in found if one.severity == "error"]


def whole(name: str) -> Site:
    path = ERRORS / f"{name}.yaml"
    site = check(path.read_bytes(), path.name, limits=None).site
    assert site is not None
    return site


@pytest.mark.parametrize(("name", "raised"), TOO_MANY)
def test_a_site_is_admitted_up_to_what_an_operator_allows(name: str, raised: dict[str, int]) -> None:
    assert errors(name, {})
    assert errors(name, raised) == []
    for quota, limit in raised.items():
        assert errors(name, raised | {quota: limit - 1}), quota


@pytest.mark.parametrize(("name", "raised"), TOO_MANY)
def test_quotas_that_somebody_else_counts_are_not_counted(name: str, raised: dict[str, int]) -> None:
    assert errors(name, None) == []
    del raised


def test_rules_that_count_are_marked_and_no_others() -> None:
    counting = {entry.rule.id for entry in (*GROUNDWORK, *RULES) if entry.counts}
    assert counting == {"R-TAG-001", "R-PEER-007", "R-VPN-008", "R-DBR-012"}


@pytest.mark.parametrize(("allowed", "asked", "fits"), [(110, 110, True), (110, 111, False), (300, 300, True)])
def test_the_clouds_range_of_a_field_ends_where_the_quota_does(allowed: int, asked: int, fits: bool) -> None:
    limits = {"routes_per_bgp_peer": allowed}
    found = decode(BgpGroupSpec, {"route_quota": asked}, profile="cloud", limits=limits)
    assert (found.value is not None) == fits
    assert fits or "raise the quota routes_per_bgp_peer" in found.findings[0].remedy


def test_a_quota_changes_nothing_about_the_range_of_our_own_nodes() -> None:
    plain = {"route_quota": 1000}
    assert decode(BgpGroupSpec, plain, profile="edge", limits={"routes_per_bgp_peer": 50}).value is not None


def test_a_range_names_a_quota_whose_default_is_its_end() -> None:
    named = 0
    for kind in STORED_KINDS.values():
        for cls in structs_in(kind.spec):
            for field in fields_of(cls).values():
                if "quota" in field.extra:
                    named += 1
                    assert field.extra["limits"]["cloud"][1] == BY_NAME[field.extra["quota"]].limit
    assert named == 1


@pytest.mark.parametrize("name", ["bgp-peer-many", "tag-count"])
def test_what_is_stored_beyond_the_default_is_realised(name: str) -> None:
    site = structs.replace(with_keys(whole(name)), made=frozenset())
    assert any(finding.severity == "error" for finding in admit(site))
    own, resources = stored(site)
    planned = plan_site(own, resources)
    assert planned.problems == ()
    assert planned.configs is not None
