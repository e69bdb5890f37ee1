"""Kernel events about links and routes, decoded from rtnetlink messages; pure.

In: the bytes of one read from a NETLINK_ROUTE socket. Out: `LinkChanged` and `RouteChanged` values; the other way, the
question for one link. Layouts are those of the kernel's linux/rtnetlink.h and linux/if_link.h. Next: `drivers.netlink`
owns the socket; `wire.rtnetlink_dump` reads the answers to questions about everything.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator

import msgspec

RTMGRP_LINK = 0x1
RTMGRP_IPV4_ROUTE = 0x40
RTMGRP_IPV6_ROUTE = 0x400
_NEWLINK, _DELLINK, _GETLINK, _NEWROUTE, _DELROUTE = 16, 17, 18, 24, 25
_NLM_F_REQUEST = 0x1
_IFLA_IFNAME, _RTA_DST, _RTA_OIF, _RTA_TABLE = 3, 1, 4, 15
_IFF_UP, _IFF_LOWER_UP = 0x1, 0x10000
ADDRESS_SIZE = {2: 4, 10: 16}
"""Bytes of an address of AF_INET and AF_INET6."""
HEADER = struct.Struct("=IHHII")
"""nlmsghdr: length, type, flags, sequence, port."""
_U32 = struct.Struct("=I")


class LinkChanged(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    ifindex: int
    exists: bool
    admin_up: bool
    carrier: bool


class RouteChanged(msgspec.Struct, frozen=True, kw_only=True):
    prefix: str
    table_id: int
    protocol: int
    ifindex: int | None
    added: bool


def decode(data: bytes) -> Iterator[LinkChanged | RouteChanged]:
    """Yield the events in `data`; truncated or unknown messages are passed over."""
    for kind, body in messages(data):
        event = _event(kind, body)
        if event is not None:
            yield event


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and body of each message, up to the first that does not fit into `data`."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, _flags, _seq, _pid = HEADER.unpack_from(data, offset)
        if length < HEADER.size or offset + length > len(data):
            return
        yield kind, data[offset + HEADER.size : offset + length]
        offset += (length + 3) & ~3


def encode_link_question(name: str) -> bytes:
    """RTM_GETLINK for the link called `name`; `decode` reads the answer, which is empty if there is no such link."""
    value = name.encode() + b"\0"
    attribute = struct.pack("=HH", 4 + len(value), _IFLA_IFNAME) + value
    body = bytes(16) + attribute.ljust((len(attribute) + 3) & ~3, b"\0")
    return HEADER.pack(HEADER.size + len(body), _GETLINK, _NLM_F_REQUEST, 1, 0) + body


def _event(kind: int, body: bytes) -> LinkChanged | RouteChanged | None:
    if kind in (_NEWLINK, _DELLINK) and len(body) >= 16:
        return _link(body, exists=kind == _NEWLINK)
    if kind in (_NEWROUTE, _DELROUTE) and len(body) >= 12:
        return _route(body, added=kind == _NEWROUTE)
    return None


def _link(body: bytes, *, exists: bool) -> LinkChanged:
    _family, _pad, _type, index, flags, _change = struct.unpack_from("=BBHiII", body)
    name = attributes_of(body, 16).get(_IFLA_IFNAME, b"").rstrip(b"\0").decode("ascii", "replace")
    return LinkChanged(
        name=name,
        ifindex=index,
        exists=exists,
        admin_up=bool(flags & _IFF_UP) and exists,
        carrier=bool(flags & _IFF_LOWER_UP) and exists,
    )


def _route(body: bytes, *, added: bool) -> RouteChanged | None:
    family, length, _src, _tos, table, protocol, _scope, _type = struct.unpack_from("=8B", body)
    size = ADDRESS_SIZE.get(family)
    if size is None:
        return None
    attributes = attributes_of(body, 12)
    raw = attributes.get(_RTA_DST, bytes(size))
    if len(raw) != size:
        return None
    wide_table = number_of(attributes, _RTA_TABLE)
    return RouteChanged(
        prefix=f"{ipaddress.ip_address(raw)}/{length}",
        table_id=table if wide_table is None else wide_table,
        protocol=protocol,
        ifindex=number_of(attributes, _RTA_OIF),
        added=added,
    )


def number_of(found: dict[int, bytes], kind: int) -> int | None:
    """The 32-bit number of an attribute; None if it is not there or has another size."""
    raw = found.get(kind, b"")
    return int(_U32.unpack(raw)[0]) if len(raw) == _U32.size else None


def attributes_of(body: bytes, offset: int) -> dict[int, bytes]:
    """Values by kind, up to the first that does not fit into the message."""
    found: dict[int, bytes] = {}
    while offset + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, offset)
        if length < 4 or offset + length > len(body):
            break
        found[kind] = body[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found
