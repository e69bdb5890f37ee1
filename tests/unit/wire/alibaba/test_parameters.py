"""Flat text to nested data, with bounds."""

from __future__ import annotations

from urllib.parse import quote, unquote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinspan.wire.alibaba.fault import Fault
from twinspan.wire.alibaba.parameters import MAX_INDEX, MAX_PARAMETERS, nested, read_form, read_pairs
from twinspan.wire.alibaba.percent import decoded, encoded


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=40), max_size=8))
def test_what_a_client_encodes_is_read_back(pairs: dict[str, str]) -> None:
    assert read_pairs(urlencode(pairs)) == pairs


@given(st.text())
def test_percent_encoding_is_that_of_the_sdks(text: str) -> None:
    assert encoded(text) == quote(text, safe="~")
    assert decoded(encoded(text)) == text


@given(st.text(alphabet="abc+%20C3BC", max_size=12))
def test_decoding_agrees_with_the_standard_library_or_refuses(text: str) -> None:
    found = decoded(text)

    assert found is None or found == unquote_plus(text)


@pytest.mark.parametrize("text", ["%", "%4", "%zz", "%ff", "a=%C3"])
def test_half_an_escape_is_refused(text: str) -> None:
    assert isinstance(read_pairs(f"Name={text}"), Fault)


def test_numbers_make_lists_and_names_make_structures() -> None:
    flat = {"Tag.2.Key": "b", "Tag.1.Key": "a", "Tag.1.Value": "", "Options.Ike.Psk": "k", "VpcId": "vpc-1"}

    assert nested(flat) == {
        "Tag": [{"Key": "a", "Value": ""}, {"Key": "b"}],
        "Options": {"Ike": {"Psk": "k"}},
        "VpcId": "vpc-1",
    }


def test_lists_stand_in_the_order_of_their_numbers() -> None:
    flat = {f"Id.{n}": str(n) for n in (10, 9, 1, 100)}

    assert nested(flat) == {"Id": ["1", "9", "10", "100"]}


@pytest.mark.parametrize(
    "flat",
    [
        {"Tag": "a", "Tag.1.Key": "b"},
        {"Tag.1": "a", "Tag.1.Key": "b"},
        {"Tag.1.Key": "a", "Tag.Key": "b"},
        {"a.b.c.d.e.f.g": "too deep"},
        {"a..b": "empty part"},
        {".a": "empty part"},
        {"a.99999": "number too long"},
    ],
)
def test_what_has_no_structure_is_refused(flat: dict[str, str]) -> None:
    found = nested(flat)

    assert isinstance(found, Fault)
    assert found.code == "InvalidParameter"


def test_a_number_beyond_the_most_is_a_name() -> None:
    assert nested({f"a.{MAX_INDEX + 1}": "x"}) == {"a": {str(MAX_INDEX + 1): "x"}}


@pytest.mark.parametrize("text", ["&".join(f"a{n}=" for n in range(MAX_PARAMETERS + 1)), "x" * 201 + "=1", "a=1&a=2"])
def test_too_much_or_twice_is_refused(text: str) -> None:
    assert isinstance(read_pairs(text), Fault)


def test_only_a_form_has_parameters_in_its_body() -> None:
    assert read_form("application/x-www-form-urlencoded; charset=utf-8", b"a=1") == {"a": "1"}
    assert read_form("application/json", b"a=1") == {}
    assert isinstance(read_form("application/x-www-form-urlencoded", b"a=\xff"), Fault)
