"""Questions for addresses and the answers to them."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinspan.wire.dns_message import AAAA, A, DnsAnswer, decode_answer, encode_question

ID, NAME = 0x1234, "cloud.example"
QUESTION = encode_question(ID, NAME, A)
HERE = b"\xc0\x0c"
"""Pointer to the name in the question."""


def name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def record(owner: bytes, kind: int, data: bytes, network: int = 1) -> bytes:
    return owner + struct.pack("!HHIH", kind, network, 60, len(data)) + data


def answer(*records: bytes, flags: int = 0x8180, question: bytes = QUESTION, count: int | None = None) -> bytes:
    number = len(records) if count is None else count
    return question[:2] + struct.pack("!5H", flags, 1, number, 0, 0) + question[12:] + b"".join(records)


def read(data: bytes) -> DnsAnswer | None:
    return decode_answer(data, ID, NAME, A)


def test_a_question_is_one_name_and_wants_recursion() -> None:
    assert bytes.fromhex("1234 0100 0001 0000 0000 0000 05 636c6f7564 07 6578616d706c65 00 0001 0001") == QUESTION


def test_all_addresses_come_in_their_order_and_once() -> None:
    records = [record(HERE, A, bytes([192, 0, 2, last])) for last in (9, 3, 9, 7)]
    assert read(answer(*records)) == DnsAnswer(response_code=0, addresses=("192.0.2.9", "192.0.2.3", "192.0.2.7"))


def test_ipv6_addresses_are_read_as_such() -> None:
    packed = ipaddress.ip_address("2001:db8::7").packed
    data = answer(record(HERE, AAAA, packed), question=encode_question(ID, NAME, AAAA))
    assert decode_answer(data, ID, NAME, AAAA) == DnsAnswer(response_code=0, addresses=("2001:db8::7",))


def test_an_alias_is_followed_and_other_names_are_not_believed() -> None:
    data = answer(
        record(HERE, 5, name("edge.example.net")),
        record(name("Edge.example.net"), A, b"\xc0\0\2\1"),
        record(name("other.example"), A, b"\xc0\0\2\2"),
        record(HERE, A, b"\xc0\0\2\3", network=3),
    )
    assert read(data) == DnsAnswer(response_code=0, addresses=("192.0.2.1",))


def test_aliases_in_a_circle_end() -> None:
    data = answer(record(HERE, 5, name("b.example")), record(name("b.example"), 5, HERE))
    assert read(data) == DnsAnswer(response_code=0)


def test_an_unknown_name_and_a_truncated_answer_are_told_apart() -> None:
    assert read(answer(flags=0x8183)) == DnsAnswer(response_code=3)
    assert read(answer(flags=0x8380, count=9)) == DnsAnswer(response_code=0, truncated=True)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        QUESTION,
        answer()[:20],
        answer(question=encode_question(ID + 1, NAME, A)),
        answer(question=encode_question(ID, "other.example", A)),
        answer(question=encode_question(ID, NAME, AAAA)),
        answer(record(HERE, A, b"\xc0\0\2\1"), count=2),
        answer(record(HERE, A, b"\xc0\0\2\1")[:-1], count=1),
        answer(record(b"\xc0\x1f", A, b"\xc0\0\2\1")),
        answer(record(b"\xc0\xff", A, b"\xc0\0\2\1")),
        answer(record(b"\x80", A, b"\xc0\0\2\1")),
        answer(record(HERE, 5, b"\x09short")),
    ],
)
def test_what_is_no_answer_to_the_question_is_none(data: bytes) -> None:
    assert read(data) is None


def test_an_address_of_the_wrong_length_is_left_out() -> None:
    assert read(answer(record(HERE, A, b"\xc0\0\2"))) == DnsAnswer(response_code=0)


@given(st.binary(max_size=200), st.integers(0, 40))
def test_no_bytes_break_the_reader(noise: bytes, count: int) -> None:
    for data in (noise, answer(noise, count=count), answer(record(HERE, 5, noise), noise, count=count)):
        found = read(data)
        assert found is None or all(ipaddress.ip_address(address) for address in found.addresses)
