"""ICMP and ICMPv6 echo messages: bytes of a request, and what a received packet says.

In: identifier, sequence and payload, or the bytes a raw socket gave. Out: bytes, or an `EchoReply`; anything that is
not a whole echo reply decodes to None, because strangers may send what they like. Pure. Next: `drivers.icmp`.
"""

from __future__ import annotations

import struct
from typing import Literal

import msgspec

IpVersion = Literal[4, 6]

ECHO_REPLY = 0
"""RFC 792."""
ECHO_REQUEST = 8
ECHO_REPLY_V6 = 129
"""RFC 4443 4.2."""
ECHO_REQUEST_V6 = 128

ICMP_HEADER = struct.Struct("!BBHHH")
"""Type, code, checksum, identifier, sequence."""
_MIN_IPV4_HEADER = 20
_IPV6_HEADER = 40
_WORD = 0xFFFF


class EchoReply(msgspec.Struct, frozen=True):
    identifier: int
    sequence: int
    payload: bytes


def payload_size(version: IpVersion, packet_size: int) -> int:
    """Bytes of echo payload that make an IP packet of `packet_size` bytes without IP options; never negative."""
    header = _MIN_IPV4_HEADER if version == 4 else _IPV6_HEADER
    return max(0, packet_size - header - ICMP_HEADER.size)


def encode_request(version: IpVersion, identifier: int, sequence: int, payload: bytes) -> bytes:
    """An echo request, both numbers modulo 2^16. The ICMPv6 checksum stays 0: it covers addresses that only the
    kernel knows, so the kernel fills it in (RFC 3542 3.1)."""
    kind = ECHO_REQUEST if version == 4 else ECHO_REQUEST_V6
    identifier, sequence = identifier & _WORD, sequence & _WORD
    message = ICMP_HEADER.pack(kind, 0, 0, identifier, sequence) + payload
    if version == 6:
        return message
    return ICMP_HEADER.pack(kind, 0, checksum(message), identifier, sequence) + payload


def decode_reply(version: IpVersion, data: bytes) -> EchoReply | None:
    """The echo reply in what a raw socket received: with its IPv4 header, or without the IPv6 one (RFC 3542 3).

    None for other types, short packets and a wrong IPv4 checksum.
    """
    message = data if version == 6 else _without_ipv4_header(data)
    if len(message) < ICMP_HEADER.size:
        return None
    kind, code, _, identifier, sequence = ICMP_HEADER.unpack_from(message)
    if kind != (ECHO_REPLY if version == 4 else ECHO_REPLY_V6) or code != 0:
        return None
    if version == 4 and checksum(message) not in (0, _WORD):
        return None
    return EchoReply(identifier, sequence, message[ICMP_HEADER.size :])


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071). A number modulo 2^16 - 1 is the one's complement sum of its 16-bit words."""
    if len(data) % 2:
        data += b"\0"
    return _WORD - int.from_bytes(data, "big") % _WORD


def _without_ipv4_header(data: bytes) -> bytes:
    if not data or data[0] >> 4 != 4:
        return b""
    length = (data[0] & 0x0F) * 4
    return data[length:] if length >= _MIN_IPV4_HEADER else b""
