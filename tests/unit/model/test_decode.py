"""Decoding plain data into declared structs."""

from typing import Any

import pytest

from twinspan.model.attachment import AttachmentSpec
from twinspan.model.bgp_group import BgpGroupSpec
from twinspan.model.decode import decode, make
from twinspan.model.fields import Profile
from twinspan.model.finding import path_text
from twinspan.model.ipsec_connection import IpsecConnectionSpec
from twinspan.model.virtual_border_router import VirtualBorderRouterSpec

CLOUD_BFD = [
    ("min_tx_interval_ms", 200, 1000),
    ("min_rx_interval_ms", 200, 1000),
    ("detect_multiplier", 3, 10),
]


def findings_of(cls: type, plain: Any, profile: Profile = "edge") -> list[tuple[str, str]]:
    return [(finding.rule.id, path_text(finding.path)) for finding in decode(cls, plain, profile=profile).findings]


def test_a_value_comes_out_when_nothing_is_wrong() -> None:
    decoded = decode(VirtualBorderRouterSpec, {"vlan_id": 7}, profile="edge")
    assert decoded.value == VirtualBorderRouterSpec(vlan_id=7)
    assert decoded.findings == ()


def test_every_mistake_is_told_not_only_the_first() -> None:
    wrong = {"vlan_id": 3000, "vlan": 1, "mtu": "big", "local_gateway_ip": "10.0.0"}
    assert sorted(findings_of(VirtualBorderRouterSpec, wrong)) == [
        ("R-FIELD-001", "vlan"),
        ("R-FIELD-003", "mtu"),
        ("R-FIELD-004", "vlan_id"),
        ("R-FIELD-007", "local_gateway_ip"),
    ]


@pytest.mark.parametrize(("field", "low", "high"), CLOUD_BFD)
def test_the_cloud_profile_holds_bfd_to_the_clouds_limits(field: str, low: int, high: int) -> None:
    for good in (low, high):
        assert findings_of(VirtualBorderRouterSpec, {field: good}, "cloud") == []
    for bad in (low - 1, high + 1):
        assert findings_of(VirtualBorderRouterSpec, {field: bad}, "cloud") == [("R-FIELD-005", field)]


@pytest.mark.parametrize(("field", "low", "high"), CLOUD_BFD)
def test_the_edge_profile_allows_what_our_nodes_can_do(field: str, low: int, high: int) -> None:
    assert findings_of(VirtualBorderRouterSpec, {field: low - 1}, "edge") == []
    assert findings_of(VirtualBorderRouterSpec, {field: high + 1}, "edge") == []


def test_a_default_follows_the_profile() -> None:
    for profile, interval in (("edge", 300), ("cloud", 1000)):
        decoded = decode(VirtualBorderRouterSpec, {}, profile=profile)
        assert decoded.value is not None
        assert decoded.value.min_tx_interval_ms == interval
        assert make(VirtualBorderRouterSpec, profile) == decoded.value


@pytest.mark.parametrize("asn", [45104, 64512, 65024, 65026, 65534, 4200000000, 4294967294])
def test_a_local_asn_of_the_clouds_set_is_taken(asn: int) -> None:
    assert findings_of(BgpGroupSpec, {"local_asn": asn}) == []


@pytest.mark.parametrize("asn", [0, 1, 45103, 45105, 64511, 65025, 65535, 4199999999, 4294967295])
def test_any_other_local_asn_is_refused(asn: int) -> None:
    assert [path for _, path in findings_of(BgpGroupSpec, {"local_asn": asn})] == ["local_asn"]


def test_a_misspelt_field_is_answered_with_the_right_one() -> None:
    (finding,) = decode(VirtualBorderRouterSpec, {"vlanid": 1}, profile="edge").findings
    assert finding.remedy == "did you mean vlan_id?"


@pytest.mark.parametrize("wrong", [[], "text", 5, True])
def test_what_is_no_mapping_is_no_resource(wrong: object) -> None:
    assert findings_of(VirtualBorderRouterSpec, wrong) == [("R-FIELD-003", "")]


def test_nothing_means_all_defaults() -> None:
    assert decode(VirtualBorderRouterSpec, None, profile="edge").value == VirtualBorderRouterSpec()


def test_true_is_no_number_and_one_is_no_truth() -> None:
    assert findings_of(VirtualBorderRouterSpec, {"vlan_id": True}) == [("R-FIELD-003", "vlan_id")]
    assert findings_of(VirtualBorderRouterSpec, {"enable_ipv6": 1}) == [("R-FIELD-003", "enable_ipv6")]


def test_a_key_is_a_text_or_a_place_to_read_it_from() -> None:
    for given, file, env in (("k", "", ""), ({"file": "a"}, "a", ""), ({"env": "B"}, "", "B")):
        decoded = decode(IpsecConnectionSpec, {"psk": given}, profile="edge").value
        assert decoded is not None
        assert decoded.psk is not None
        assert (decoded.psk.file, decoded.psk.env) == (file, env)


@pytest.mark.parametrize("wrong", [5, [], {"file": "a", "env": "b"}, {"path": "x"}, {"file": ""}, ""])
def test_anything_else_is_no_key_and_is_not_shown(wrong: object) -> None:
    (finding,) = decode(IpsecConnectionSpec, {"psk": wrong}, profile="edge").findings
    assert finding.rule.id == "R-FIELD-011"
    assert finding.value == ""


def test_a_key_never_shows_in_a_representation() -> None:
    decoded = decode(IpsecConnectionSpec, {"psk": "hush-hush"}, profile="edge").value
    assert decoded is not None
    assert "hush" not in repr(decoded)
    assert "hush" not in str(decoded)


def test_an_error_text_shows_no_control_characters_and_no_novels() -> None:
    (finding,) = decode(VirtualBorderRouterSpec, {"mtu": "\x1b[2J" + "x" * 500}, profile="edge").findings
    assert "\x1b" not in finding.value
    assert len(finding.value) <= 60


def test_the_compatible_edge_leaves_route_learning_and_forwarding_off() -> None:
    """Its cloud ticks neither by default (CreateTransitRouterVpcAttachment); the site file does."""
    cloud = decode(AttachmentSpec, {"vpc": "v"}, profile="cloud", edge="alibaba").value
    site_file = decode(AttachmentSpec, {"vpc": "v"}, profile="cloud").value
    assert cloud is not None
    assert site_file is not None
    assert (cloud.route_table_association, cloud.route_table_propagation) == (None, ())
    assert (site_file.route_table_association, site_file.route_table_propagation) == ("", None)
