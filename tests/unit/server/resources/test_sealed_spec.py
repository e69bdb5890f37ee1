"""Specs in the database: nothing is lost, no secret is readable, and older rows stay readable."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.contract.resources import bgp_group, connection, vpc

from twinspan.model.errors import Unavailable
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.resource import Resource
from twinspan.model.secret_source import SecretSource
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.sealed_spec import audit_text, holds_secrets, opened_spec, resealed_text, sealed_text


@pytest.fixture
def key(tmp_path: Path) -> SealKey:
    return SealKey.load_or_create(tmp_path / "seal.key")


@pytest.mark.parametrize("resource", [vpc("vpc-1"), bgp_group("g-1"), connection("c-1")])
def test_a_spec_comes_back_the_same(key: SealKey, resource: Resource) -> None:
    text = sealed_text(resource.spec, resource.id, key)
    assert opened_spec(resource.kind, text, resource.id, key) == resource.spec


def test_every_secret_is_sealed_however_deep_it_is(key: SealKey) -> None:
    text = sealed_text(connection("c-1").spec, "c-1", key)
    assert "very secret" not in text
    assert text.count('"sealed:') == 3


def test_a_place_of_a_secret_is_not_sealed(key: SealKey) -> None:
    group = bgp_group("g-1")
    spec = msgspec.structs.replace(group.spec, auth_key=SecretSource(env="BGP_KEY"))
    assert '"env":"BGP_KEY"' in sealed_text(spec, "g-1", key)
    assert opened_spec("BgpGroup", sealed_text(spec, "g-1", key), "g-1", key) == spec


def test_a_secret_that_was_moved_to_another_field_or_resource_does_not_open(key: SealKey) -> None:
    text = sealed_text(connection("c-1").spec, "c-1", key)
    with pytest.raises(Unavailable, match="altered"):
        opened_spec("IpsecConnection", text, "c-2", key)
    plain = msgspec.json.decode(text)
    first, second = plain["tunnels"]
    first["psk"], second["psk"] = second["psk"], first["psk"]
    with pytest.raises(Unavailable, match=r"c-1\.tunnels\[0\]\.psk was altered"):
        opened_spec("IpsecConnection", msgspec.json.encode(plain).decode(), "c-1", key)


def test_sealing_again_takes_the_new_key_and_only_if_it_must(key: SealKey) -> None:
    spec = connection("c-1").spec
    text = sealed_text(spec, "c-1", key)
    assert resealed_text("IpsecConnection", text, "c-1", key) is None
    key.add_key()
    again = resealed_text("IpsecConnection", text, "c-1", key)
    assert again is not None
    key.forget_old_keys()
    assert opened_spec("IpsecConnection", again, "c-1", SealKey(key.path)) == spec


def test_fields_that_are_known_no_more_are_left_out(key: SealKey) -> None:
    spec = connection("c-1").spec
    plain = msgspec.json.decode(sealed_text(spec, "c-1", key))
    plain["retired"] = {"a": 1}
    plain["ike"]["retired"] = True
    plain["tunnels"][1]["retired"] = [1]
    assert opened_spec("IpsecConnection", msgspec.json.encode(plain).decode(), "c-1", key) == spec


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"cidr_block": 5}', ""])
def test_a_row_that_cannot_be_read_says_which(key: SealKey, text: str) -> None:
    with pytest.raises(Unavailable, match="Vpc vpc-1"):
        opened_spec("Vpc", text, "vpc-1", key)


def test_a_kind_that_is_not_known_is_said(key: SealKey) -> None:
    with pytest.raises(Unavailable, match="has a Teapot"):
        opened_spec("Teapot", "{}", "t-1", key)


def test_the_audit_masks_secrets_and_leaves_out_what_was_seen() -> None:
    seen = msgspec.structs.replace(connection("c-1"), status={"state": "up"})
    text = audit_text(seen)
    assert "very secret" not in text
    assert text.count('"***"') == 3
    assert "status" not in msgspec.json.decode(text)
    assert audit_text(None) == "null"


def test_kinds_with_secrets_are_known_from_their_declarations() -> None:
    found = {name for name, kind in STORED_KINDS.items() if holds_secrets(kind.spec)}
    assert {"BgpGroup", "IpsecConnection", "CustomerGateway"} <= found | {"CustomerGateway"}
    assert "Vpc" not in found
