"""Kernel messages about links and routes, recorded from a kernel, whole and mutilated."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinspan.wire.rtnetlink import LinkChanged, RouteChanged, decode, encode_link_question

LINES = (Path(__file__).parents[2] / "golden" / "rtnetlink" / "recorded.txt").read_text().splitlines()
RECORDED = {name: bytes.fromhex(data) for name, data in (line.split() for line in LINES if line[0] != "#")}
EVENTS = {
    "link_made": LinkChanged(name="c0", ifindex=3, exists=True, admin_up=False, carrier=False),
    "link_up": LinkChanged(name="c0", ifindex=3, exists=True, admin_up=True, carrier=True),
    "carrier_lost": LinkChanged(name="c0", ifindex=3, exists=True, admin_up=True, carrier=False),
    "link_removed": LinkChanged(name="c0", ifindex=3, exists=False, admin_up=False, carrier=False),
    "route_in_a_large_table": RouteChanged(prefix="10.9.0.0/16", table_id=1000, protocol=84, ifindex=3, added=True),
    "route_removed": RouteChanged(prefix="10.9.0.0/16", table_id=1000, protocol=84, ifindex=3, added=False),
    "unreachable": RouteChanged(prefix="10.8.0.0/16", table_id=254, protocol=84, ifindex=None, added=True),
    "default": RouteChanged(prefix="0.0.0.0/0", table_id=254, protocol=3, ifindex=3, added=True),
    "two_next_hops": RouteChanged(prefix="10.7.0.0/16", table_id=254, protocol=3, ifindex=None, added=True),
    "ipv6": RouteChanged(prefix="fd02::/64", table_id=254, protocol=84, ifindex=3, added=True),
    "ipv6_default_unreachable": RouteChanged(prefix="::/0", table_id=254, protocol=84, ifindex=1, added=True),
}
ROUTE = RECORDED["route_in_a_large_table"]
ROUTE_HEADER = 16 + 12


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def attribute(kind: int, value: bytes, length: int | None = None) -> bytes:
    head = struct.pack("=HH", 4 + len(value) if length is None else length, kind)
    return head + value + bytes(-len(value) % 4)


def route_with(*attributes: bytes) -> bytes:
    return message(24, ROUTE[16:ROUTE_HEADER] + b"".join(attributes))


@pytest.mark.parametrize("name", EVENTS)
def test_a_recorded_message_says_what_the_kernel_meant(name: str) -> None:
    assert list(decode(RECORDED[name])) == [EVENTS[name]]


def test_one_read_may_hold_many_messages_and_foreign_ones_between_them() -> None:
    foreign = message(20, bytes(8))  # RTM_NEWADDR
    data = b"".join(message_ + foreign for message_ in RECORDED.values())
    assert list(decode(data)) == [EVENTS[name] for name in RECORDED]


@pytest.mark.parametrize("name", EVENTS)
def test_a_message_that_was_cut_off_is_passed_over(name: str) -> None:
    whole = RECORDED[name]
    for length in range(len(whole)):
        assert list(decode(RECORDED["link_up"] + whole[:length])) == [EVENTS["link_up"]]


@pytest.mark.parametrize("length", [0, 1, 15])
def test_a_length_that_cannot_be_ends_the_reading(length: int) -> None:
    assert list(decode(struct.pack("=IHHII", length, 16, 0, 0, 0) + RECORDED["link_up"])) == []


def test_a_body_too_short_for_its_kind_is_passed_over() -> None:
    for kind in (16, 17, 24, 25):
        assert list(decode(message(kind, bytes(8)) + RECORDED["link_up"])) == [EVENTS["link_up"]]


@pytest.mark.parametrize("kind", [1, 4, 15])
@pytest.mark.parametrize("size", [0, 1, 3, 5, 20])
def test_an_attribute_of_another_size_than_its_kind_has_hurts_nobody(kind: int, size: int) -> None:
    data = route_with(attribute(kind, bytes(size))) + RECORDED["link_up"]
    assert list(decode(data))[-1] == EVENTS["link_up"]


def test_an_attribute_that_claims_more_than_there_is_does_not_count() -> None:
    data = route_with(attribute(1, bytes([10, 9, 0, 0])), attribute(15, struct.pack("=I", 1000), length=200))
    (event,) = decode(data)
    assert isinstance(event, RouteChanged)
    assert (event.prefix, event.table_id) == ("10.9.0.0/16", 252)  # RT_TABLE_COMPAT of the fixed part


def test_an_address_of_the_other_family_makes_no_route() -> None:
    assert list(decode(route_with(attribute(1, bytes(16))))) == []


def test_routes_of_other_families_are_passed_over() -> None:
    mpls = bytes([28]) + ROUTE[17:]
    assert list(decode(ROUTE[:16] + mpls)) == []


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_without_an_exception(data: bytes) -> None:
    list(decode(data))


@given(
    name=st.sampled_from(sorted(RECORDED)),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
)
def test_recorded_messages_with_changed_bytes_are_read_without_an_exception(
    name: str, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(RECORDED[name])
    for position, value in changes:
        data[position % min(len(data), 120)] = value
    list(decode(bytes(data)))


def test_the_question_for_a_link_is_a_whole_message_with_its_name() -> None:
    question = encode_link_question("circuit0")
    length, kind, flags = struct.unpack_from("=IHH", question)
    assert (length, kind, flags) == (len(question), 18, 1)
    assert len(question) % 4 == 0
    assert question[32:45] == struct.pack("=HH", 13, 3) + b"circuit0\0"
