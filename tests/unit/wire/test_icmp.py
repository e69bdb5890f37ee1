"""ICMP echo messages: what is sent is what the RFCs say, and nothing but a whole echo reply is taken for one."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinspan.wire.icmp import (
    ECHO_REPLY,
    ECHO_REPLY_V6,
    EchoReply,
    IpVersion,
    checksum,
    decode_reply,
    encode_request,
    payload_size,
)

VERSIONS: tuple[IpVersion, ...] = (4, 6)
IPV4_HEADER = bytes.fromhex("4500001c000040004001f972c0a80001c0a800c7")


def words(data: bytes) -> int:
    """The one's complement sum of RFC 1071, the slow way."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def answer(version: IpVersion, request: bytes, *, kind: int | None = None) -> bytes:
    """What a host makes of a request, as the asker's raw socket hands it over."""
    reply = (ECHO_REPLY if version == 4 else ECHO_REPLY_V6) if kind is None else kind
    message = bytes([reply]) + request[1:]
    if version == 6:
        return message
    blank = message[:2] + b"\0\0" + message[4:]
    return IPV4_HEADER + message[:2] + struct.pack("!H", 0xFFFF - words(blank)) + message[4:]


def test_a_request_is_the_bytes_that_other_pings_send() -> None:
    assert encode_request(4, 0x1234, 1, b"abcd") == bytes.fromhex("0800210412340001") + b"abcd"


def test_a_request_of_version_6_leaves_the_checksum_to_the_kernel() -> None:
    assert encode_request(6, 0x1234, 1, b"abcd") == bytes.fromhex("8000000012340001") + b"abcd"


@given(data=st.binary(max_size=80))
def test_the_checksum_is_that_of_rfc_1071(data: bytes) -> None:
    assert words(data + b"\0" * (len(data) % 2) + struct.pack("!H", checksum(data))) in (0, 0xFFFF)
    assert checksum(data) in (0xFFFF - words(data), 0xFFFF)


@pytest.mark.parametrize("version", VERSIONS)
@given(identifier=st.integers(0, 1 << 20), sequence=st.integers(0, 1 << 20), payload=st.binary(max_size=60))
def test_the_answer_to_a_request_decodes_to_its_numbers_modulo_two_to_the_16(
    version: IpVersion, identifier: int, sequence: int, payload: bytes
) -> None:
    received = answer(version, encode_request(version, identifier, sequence, payload))
    assert decode_reply(version, received) == EchoReply(identifier & 0xFFFF, sequence & 0xFFFF, payload)


@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.binary(max_size=60))
def test_hostile_bytes_are_never_an_exception(version: IpVersion, data: bytes) -> None:
    found = decode_reply(version, data)
    assert found is None or len(found.payload) <= len(data) - 8


@pytest.mark.parametrize("version", VERSIONS)
def test_a_packet_cut_anywhere_before_its_payload_is_nothing(version: IpVersion) -> None:
    whole = answer(version, encode_request(version, 1, 1, b""))
    assert decode_reply(version, whole) is not None
    assert [decode_reply(version, whole[:length]) for length in range(len(whole))] == [None] * len(whole)


@pytest.mark.parametrize("version", VERSIONS)
def test_requests_errors_and_other_codes_are_no_replies(version: IpVersion) -> None:
    request = encode_request(version, 1, 1, b"")
    wrong = [kind for kind in range(256) if kind != (ECHO_REPLY if version == 4 else ECHO_REPLY_V6)]
    assert [k for k in wrong if decode_reply(version, answer(version, request, kind=k))] == []
    assert decode_reply(version, answer(version, request[:1] + b"\x01" + request[2:])) is None


@pytest.mark.parametrize("position", range(8))
def test_a_flipped_bit_breaks_the_ipv4_checksum(position: int) -> None:
    good = bytearray(answer(4, encode_request(4, 0x0102, 3, b"payload!")))
    good[len(IPV4_HEADER) + 8 + position] ^= 0x10
    assert decode_reply(4, bytes(good)) is None


def test_ip_options_are_passed_over() -> None:
    plain = answer(4, encode_request(4, 7, 9, b"xy"))
    with_options = b"\x46" + plain[1:20] + b"\x01\x01\x01\x00" + plain[20:]
    assert decode_reply(4, with_options) == EchoReply(7, 9, b"xy")


@pytest.mark.parametrize("first", [0x00, 0x44, 0x65, 0x4F])
def test_a_header_that_lies_about_itself_is_nothing(first: int) -> None:
    plain = answer(4, encode_request(4, 7, 9, b"xy"))
    assert decode_reply(4, bytes([first]) + plain[1:]) is None


@pytest.mark.parametrize(
    ("version", "packet", "payload"), [(4, 84, 56), (4, 1500, 1472), (6, 1500, 1452), (4, 10, 0), (6, 48, 0)]
)
def test_the_payload_makes_up_the_whole_packet(version: IpVersion, packet: int, payload: int) -> None:
    assert payload_size(version, packet) == payload
