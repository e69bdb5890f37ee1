"""Values as the compatible API writes them, and which parameter a field of a spec is."""

from __future__ import annotations

from typing import Any

import pytest

from twinspan.model.refusal import Refusal
from twinspan.wire.alibaba.bgp import GROUP
from twinspan.wire.alibaba.ipsec_connection import CONNECTION
from twinspan.wire.alibaba.ipsec_parts import other_address, read_bgp, read_health, read_ike, read_tunnels
from twinspan.wire.alibaba.refusals import fault_of
from twinspan.wire.alibaba.shape import parameter_of, read_tags
from twinspan.wire.alibaba.spelling import Wrong, asn, choice, comma_list, from_json, inverted, switch, whole
from twinspan.wire.alibaba.table import ABSENT
from twinspan.wire.alibaba.virtual_border_router import VBR, read_mask, read_mask6, write_mask


@pytest.mark.parametrize(
    ("read", "value", "found"),
    [
        (whole, "42", 42),
        (whole, "-1", -1),
        (asn, "123.456", 8061384),
        (asn, "65001", 65001),
        (switch, "True", True),
        (switch, "false", False),
        (inverted, "true", False),
        (comma_list, "10.0.0.0/8, 10.1.0.0/16", ["10.0.0.0/8", "10.1.0.0/16"]),
        (comma_list, ["a", "b"], ["a", "b"]),
        (comma_list, '["a","b"]', ["a", "b"]),
        (choice({"IPv4": "ipv4", "IPv6": "ipv6"}), "ipv6", "ipv6"),
        (choice({"100": 100, "0": 0}), "0", 0),
        (read_mask, "255.255.255.252", 30),
        (read_mask6, "2408:4004:cc:400::/56", 56),
        (read_mask6, "126", 126),
        (read_bgp, '{"EnableBgp": "true", "LocalAsn": "45104"}', {"local_asn": 45104}),
        (read_bgp, '{"EnableBgp": false, "LocalAsn": 1}', None),
        (read_health, '{"enable": "false"}', None),
        (read_health, '{"enable": true, "dip": "10.0.0.1", "retry": 3}', {"destination_ip": "10.0.0.1", "retries": 3}),
        (read_ike, '{"Psk": "k", "IkeVersion": "ikev2"}', {"psk": "k", "ike": {"version": "ikev2"}}),
        (read_ike, {"IkeLifetime": "60"}, {"ike": {"lifetime_s": 60}}),
    ],
)
def test_a_value_is_read(read: Any, value: Any, found: Any) -> None:
    assert read(value) == found


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (whole, "4.2"),
        (whole, "٤"),
        (whole, ""),
        (whole, {}),
        (asn, "1.65536"),
        (switch, "yes"),
        (comma_list, [{"a": "b"}]),
        (comma_list, "[1]"),
        (read_mask, "255.0.255.0"),
        (read_ike, "no json"),
        (read_ike, '{"Unknown": 1}'),
        (read_ike, "[]"),
        (from_json, "[" * 1000),
        (from_json, "[[[[[[1]]]]]]"),
        (choice({"a": 1}), "b"),
        (read_tunnels, [{"Role": "master", "EnableDpd": "true"}, {"Role": "slave", "EnableDpd": "false"}]),
    ],
)
def test_what_cannot_be_read_says_why(read: Any, value: Any) -> None:
    found = read(value)

    assert isinstance(found, Wrong)
    assert found.problem
    assert found.remedy


def test_a_mask_is_written_back() -> None:
    assert write_mask(30) == "255.255.255.252"


def test_the_other_end_of_a_tunnel_is_the_other_address() -> None:
    assert other_address("169.254.10.0/30", "") == "169.254.10.2"
    assert other_address("169.254.10.0/30", "169.254.10.2") == "169.254.10.1"
    assert other_address("nonsense", "") == ""


@pytest.mark.parametrize(
    ("shape", "path", "parameter"),
    [
        (VBR, "prefix_length", "PeeringSubnetMask"),
        (VBR, "name", "Name"),
        (VBR, "tags.team", "Tags"),
        (GROUP, "peer_asn", "PeerAsn"),
        (CONNECTION, "ike.lifetime_s", "IkeConfig.IkeLifetime"),
        (CONNECTION, "psk", "IkeConfig.Psk"),
        (CONNECTION, "bgp.tunnel_cidr", "BgpConfig.TunnelCidr"),
        (CONNECTION, "tunnels[1].ike.version", "TunnelOptionsSpecification.2.TunnelIkeConfig.IkeVersion"),
        (CONNECTION, "local_subnets[0]", "LocalSubnet.1"),
        (CONNECTION, "no_such_field", "no_such_field"),
    ],
)
def test_a_field_of_the_spec_is_named_as_its_parameter(shape: Any, path: str, parameter: str) -> None:
    assert parameter_of(shape, path) == parameter


def refusal(code: str, field: str = "") -> Refusal:
    return Refusal(code=code, field=field, rule="A rule.", problem="it is so", remedy="do otherwise")


@pytest.mark.parametrize(
    ("code", "field", "why", "expected", "status"),
    [
        ("VpnGateway.Configuring", "", "conflict", "VpnGateway.Configuring", 400),
        ("DependencyViolation.VirtualBorderRouter", "", "conflict", "DependencyViolation.Vbr", 400),
        ("IncorrectStatus.PhysicalConnection", "phase", "conflict", "IncorrectStatus.PhysicalConnection", 400),
        ("R-FIELD-002", "vlan_id", "invalid", "MissingParameter", 400),
        ("R-FIELD-004", "vlan_id", "invalid", "InvalidVlanId.ValueNotSupported", 400),
        ("R-FIELD-007", "local_gateway_ip", "invalid", "InvalidLocalGatewayIp.Malformed", 400),
        ("R-VBR-001", "vlan_id", "invalid", "InvalidVlanId.NotAllowed", 400),
        ("reference.absent", "physical_connection", "invalid", "InvalidPhysicalConnectionId.NotFound", 404),
        ("resource.absent", "", "absent", "InvalidVbrId.NotFound", 404),
        ("quota.x", "", "quota", "Resource.QuotaFull", 400),
        ("role", "", "forbidden", "Forbidden.RAM", 403),
        ("key.reused", "key", "key_reused", "IdempotentParameterMismatch", 400),
    ],
)
def test_a_refusal_has_the_cloud_s_code(code: str, field: str, why: str, expected: str, status: int) -> None:
    found = fault_of(refusal(code, field), why, VBR, ABSENT)

    assert (found.code, found.status) == (expected, status)
    assert "it is so (do otherwise)." in found.message


def test_a_tag_needs_a_key_and_has_it_once() -> None:
    assert read_tags("Tag", [{"Key": "a"}, {"Key": "b", "Value": "c"}]) == {"a": "", "b": "c"}
    for wrong in ([{"Value": "v"}], [{"Key": "a"}, {"Key": "a"}], "a", [{"Key": ["a"]}]):
        assert not isinstance(read_tags("Tag", wrong), dict)
