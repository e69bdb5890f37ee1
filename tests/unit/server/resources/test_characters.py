"""Characters that nobody sees, or that turn what is read, are refused at every edge, with field and way out."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.server.resources.conftest import ALICE, Made

from twinspan.model.field_check import characters
from twinspan.model.fields import Edge
from twinspan.model.resource import Actor
from twinspan.server.resources.error import ServiceError

UNSEEN = ["\x00", "\t", "\n", "\x1f", "\x7f", "\x9f", "\u202a", "\u202e", "\u2066", "\u2069", "\ud800", "\udfff"]
SEEN = [" ", "~", "\u00a0", "\u200b", "\u2029", "\u202f", "\u2065", "\u206a", "\u4e2d", "\U0001f40b"]
PLACES: dict[str, dict[str, Any]] = {
    "name": {"name": "bad{}name"},
    "description": {"spec": {"description": "bad{}text"}},
    "tags": {"spec": {"tags": {"bad{}key": "value"}}},
    "tags.key": {"spec": {"tags": {"key": "bad{}value"}}},
}


def filled(plain: Any, unseen: str) -> Any:
    if isinstance(plain, dict):
        return {key.format(unseen): filled(part, unseen) for key, part in plain.items()}
    return plain.format(unseen)


def refused(error: ServiceError, field: str) -> bool:
    (refusal,) = error.refusals
    return (refusal.code, refusal.field, bool(refusal.remedy)) == ("R-FIELD-012", field, True)


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_what_nobody_sees_is_found(unseen: str) -> None:
    found = characters(f"ab{unseen}c")
    assert found is not None
    assert f"character 3 is U+{ord(unseen):04X}" in found.text


@pytest.mark.parametrize("seen", SEEN, ids=ascii)
def test_every_other_character_is_a_character(seen: str) -> None:
    assert characters(f"ab{seen}c") is None


@pytest.mark.parametrize("unseen", ["\x07", "\u202e", "\ud800"], ids=ascii)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("edge", ["native", "alibaba"])
def test_each_edge_refuses_them_in_names_descriptions_and_tags(made: Made, edge: Edge, place: str, unseen: str) -> None:
    actor: Actor = replace(ALICE, edge=edge)
    given = filled(PLACES[place], unseen)
    vpc = made.vpc()
    with pytest.raises(ServiceError) as creating:
        made.make("Vpc", actor, given.get("name", ""), cidr_block="10.2.0.0/16", **given.get("spec", {}))
    assert refused(creating.value, place)
    with pytest.raises(ServiceError) as changing:
        made.service.patch(actor, "Vpc", vpc.id, given)
    assert refused(changing.value, place)


def test_a_field_of_a_resource_is_not_looked_for_in_a_site_file(made: Made) -> None:
    with pytest.raises(ServiceError) as wrong:
        made.service.patch(ALICE, "Vpc", made.vpc().id, {"spec": {"descripton": "x"}})
    assert "site file" not in wrong.value.refusals[0].problem
