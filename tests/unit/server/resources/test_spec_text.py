"""Specs as plain data: patches, gaps, and secrets that stay where they are."""

from __future__ import annotations

from typing import Any

import pytest

from twinspan.model.attachment import AttachmentSpec
from twinspan.model.decode import decode
from twinspan.model.ipsec_connection import IpsecConnectionSpec
from twinspan.model.secret import MASK, Secret
from twinspan.model.virtual_border_router import VirtualBorderRouterSpec
from twinspan.model.vpc import VpcSpec
from twinspan.server.resources.sealed_spec import holds_secrets
from twinspan.server.resources.spec_text import (
    KeptSecrets,
    merge_patch,
    null_fields,
    secrets_of,
    without_gaps,
)


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [  # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_its_rfc_says(target: Any, patch: Any, merged: Any) -> None:
    assert merge_patch(target, patch) == merged


def test_where_null_is_a_value_it_is_kept() -> None:
    kept = null_fields(AttachmentSpec)
    assert "route_table_association" in kept
    assert merge_patch({}, {"route_table_association": None}, kept) == {"route_table_association": None}


def test_what_is_as_empty_as_its_default_says_nothing() -> None:
    plain = {"local_gateway_ip": "", "bandwidth_mbps": 0, "vlan_id": 0, "enable_ipv6": False, "unknown": ""}
    assert without_gaps(VirtualBorderRouterSpec, plain) == {"vlan_id": 0, "enable_ipv6": False, "unknown": ""}


def _connection() -> IpsecConnectionSpec:
    plain = {
        "vpn_gateway": "vpn-1",
        "tunnels": [{"role": "master", "psk": "first-key"}, {"role": "slave", "psk": "second-key"}],
    }
    found = decode(IpsecConnectionSpec, plain, profile="edge").value
    assert found is not None
    return found


def test_secrets_come_back_from_their_marks_also_inside_lists() -> None:
    spec = _connection()
    kept = KeptSecrets(spec)
    assert "first-key" not in repr(kept.plain)
    sent = {"tunnels": [{"role": "master", "psk": MASK}, {"role": "slave", "psk": "a-new-key"}]}
    merged = kept.unmask(merge_patch(kept.plain, sent), kept.plain)
    decoded = decode(IpsecConnectionSpec, without_gaps(IpsecConnectionSpec, merged), profile="edge").value
    assert decoded is not None
    after = kept.restore(decoded)
    assert isinstance(after, IpsecConnectionSpec)
    keys = [tunnel.psk.value for tunnel in after.tunnels if tunnel.psk is not None]
    assert keys == [Secret("first-key"), Secret("a-new-key")]


def test_which_specs_can_hold_secrets_is_known() -> None:
    assert holds_secrets(IpsecConnectionSpec)
    assert not holds_secrets(VpcSpec)
    assert len(secrets_of(_connection())) == 2
