"""DNS questions for addresses and their answers (RFC 1035, RFC 3596), as bytes.

In: a name; bytes from a network. Out: a question; a `DnsAnswer`, or None for what is no answer to it. Next:
`drivers.resolver`.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

QueryType = Literal[1, 28]
A: Final = 1
AAAA: Final = 28
NO_ERROR, NAME_ERROR = 0, 3
"""Response codes (RFC 1035 4.1.1)."""
_CNAME, _INTERNET = 5, 1
_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_RESPONSE, _TRUNCATED, _RECURSION_DESIRED = 0x8000, 0x0200, 0x0100
_POINTER, _MAX_LABEL = 0xC0, 63
_MAX_LABELS = 128


class DnsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one server said."""

    response_code: int
    addresses: tuple[str, ...] = ()
    """Of the name itself or of what it is an alias for, in the server's order."""
    truncated: bool = False
    """There are more than fit: ask again over TCP (RFC 1035 4.2.1)."""


class _Damaged(Exception):
    """The bytes end early, or names in them go round in circles."""


def encode_question(query_id: int, name: str, query_type: QueryType) -> bytes:
    """A question for the addresses of `name`, a DNS name without the last point, by way of a recursive server."""
    labels = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split("."))
    header = _HEADER.pack(query_id, _RECURSION_DESIRED, 1, 0, 0, 0)
    return header + labels + b"\0" + struct.pack("!HH", query_type, _INTERNET)


def decode_answer(data: bytes, query_id: int, name: str, query_type: QueryType) -> DnsAnswer | None:
    """The answer to that question; None for everything else, damaged ones and answers to other questions included."""
    try:
        found, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
        if found != query_id or not flags & _RESPONSE or questions != 1:
            return None
        asked, at = _name(data, _HEADER.size)
        if asked != name.lower() or struct.unpack_from("!HH", data, at) != (query_type, _INTERNET):
            return None
        truncated = bool(flags & _TRUNCATED)
        records = () if truncated else tuple(_records(data, at + 4, answers))
    except (struct.error, _Damaged):
        return None
    return DnsAnswer(
        response_code=flags & 15, addresses=_addresses(data, records, asked, query_type), truncated=truncated
    )


_Record = tuple[str, int, int, int]
"""Owner, type, where the data begins, how long it is."""


def _records(data: bytes, at: int, count: int) -> Iterator[_Record]:
    for _ in range(count):
        owner, at = _name(data, at)
        kind, network, _, size = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if at + size > len(data):
            raise _Damaged
        if kind == _CNAME:
            _name(data, at)  # damaged, or fine to read later
        if network == _INTERNET:
            yield owner, kind, at, size
        at += size


def _addresses(data: bytes, records: tuple[_Record, ...], name: str, query_type: QueryType) -> tuple[str, ...]:
    """Those of `name`, through its aliases: whatever else a server adds is not asked for and not believed."""
    aliases = {owner: _name(data, at)[0] for owner, kind, at, _ in records if kind == _CNAME}
    names = {name}
    while name in aliases and aliases[name] not in names:
        name = aliases[name]
        names.add(name)
    size = 4 if query_type == A else 16
    found = [data[at : at + length] for owner, kind, at, length in records if kind == query_type and owner in names]
    return tuple(dict.fromkeys(str(ipaddress.ip_address(packed)) for packed in found if len(packed) == size))


def _name(data: bytes, at: int) -> tuple[str, int]:
    """The name at `at` in lower case, and where the bytes behind it begin. Raises `_Damaged`."""
    labels: list[str] = []
    end, before = None, at
    while True:
        if at >= len(data) or len(labels) > _MAX_LABELS:
            raise _Damaged
        size = data[at]
        if size >= _POINTER:
            if at + 1 >= len(data):
                raise _Damaged
            end = at + 2 if end is None else end
            at = (size & 0x3F) << 8 | data[at + 1]
            if at >= before:  # only what stood earlier may be meant (RFC 1035 4.1.4)
                raise _Damaged
            before = at
            continue
        if size > _MAX_LABEL:
            raise _Damaged
        at += 1 + size
        if size == 0:
            return ".".join(labels), at if end is None else end
        labels.append(data[at - size : at].decode("latin-1").lower())
