"""The two kernel calls that begin a fault, made directly: forking `ip` or `nft` would blur the moment by milliseconds.

In: a namespace and what to do there. Out: the wall-clock time just before and just after the call. Formats:
rtnetlink(7), linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h. Next: `effect.py`.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from collections.abc import Callable, Sequence

import msgspec

from twinspan.lab.namespace import call_inside
from twinspan.model.errors import Unavailable

NLM_F_REQUEST, NLM_F_ACK, NLM_F_CREATE = 0x1, 0x4, 0x400
NLMSG_ERROR = 2
RTM_NEWLINK = 16
IFF_UP = 1
NFNL_SUBSYS_NFTABLES = 10
NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END = 16, 17
NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM = 12, 14
NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET, NFTA_SET_ELEM_LIST_ELEMENTS = 1, 2, 3
NFTA_LIST_ELEM, NFTA_SET_ELEM_KEY, NFTA_DATA_VALUE, NFTA_SET_ELEM_TIMEOUT = 1, 1, 1, 4
NLA_F_NESTED = 0x8000
FAMILIES = {"inet": 1, "bridge": 7}
NETLINK_NETFILTER = 12
TIMEOUT_S = 5.0


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """When something happened: wall clock (CLOCK_REALTIME, ns) just before and just after it."""

    before_ns: int
    after_ns: int


class NftSet(msgspec.Struct, frozen=True, kw_only=True):
    """A set of keys that end by themselves."""

    family: str
    table: str
    name: str


def span_of(moments: Sequence[Moment]) -> Moment:
    """From the first to the last of several."""
    return Moment(before_ns=min(m.before_ns for m in moments), after_ns=max(m.after_ns for m in moments))


def set_links(netns: str, names: Sequence[str], *, up: bool) -> Moment:
    """Sets links of one namespace up or down, one right after the other."""

    def work() -> Moment:
        requests = [_link_request(socket.if_nametoindex(name), up=up) for name in names]
        return span_of([_exchange(socket.NETLINK_ROUTE, request) for request in requests])

    return _inside(netns, f"links {', '.join(names)}", work)


def add_elements(netns: str, target: NftSet, keys: Sequence[bytes], timeout_s: float) -> Moment:
    """Puts keys into the set, all in one transaction; the kernel takes each out again after `timeout_s`."""
    request = _element_request(NFT_MSG_NEWSETELEM, target, keys, timeout_s)
    return _inside(netns, f"nft set {target.table}", lambda: _exchange(NETLINK_NETFILTER, request))


def _inside(netns: str, what: str, work: Callable[[], Moment]) -> Moment:
    try:
        return call_inside(netns, work)
    except OSError as error:
        raise Unavailable(f"{netns}: {what}: {error.strerror or error}") from error


def _exchange(protocol: int, request: bytes) -> Moment:
    """Sends one request and takes its acknowledgement. The socket lives in the calling thread's namespace."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol) as link:
        link.settimeout(TIMEOUT_S)
        link.bind((0, 0))
        before = time.time_ns()
        link.send(request)
        answer = link.recv(65536)
        after = time.time_ns()
    _, kind, _, _, _, code = struct.unpack_from("=IHHIIi", answer)
    if kind != NLMSG_ERROR:
        raise OSError(errno.EPROTO, f"unexpected netlink answer {kind}")
    if code:
        raise OSError(-code, os.strerror(-code))
    return Moment(before_ns=before, after_ns=after)


def _message(kind: int, flags: int, body: bytes, sequence: int = 1) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body


def _link_request(index: int, *, up: bool) -> bytes:
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, IFF_UP if up else 0, IFF_UP)
    return _message(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, body)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _nested(kind: int, *parts: bytes) -> bytes:
    return _attribute(kind | NLA_F_NESTED, b"".join(parts))


def _element_request(operation: int, target: NftSet, keys: Sequence[bytes], timeout_s: float) -> bytes:
    """nf_tables takes changes only as a batch: begin, change, end."""
    timeout = _attribute(NFTA_SET_ELEM_TIMEOUT, struct.pack(">Q", int(timeout_s * 1000)))
    elements = [
        _nested(NFTA_LIST_ELEM, _nested(NFTA_SET_ELEM_KEY, _attribute(NFTA_DATA_VALUE, key)), timeout) for key in keys
    ]
    body = b"".join(
        (
            struct.pack(">BBH", FAMILIES[target.family], 0, 0),
            _attribute(NFTA_SET_ELEM_LIST_TABLE, target.table.encode() + b"\0"),
            _attribute(NFTA_SET_ELEM_LIST_SET, target.name.encode() + b"\0"),
            _nested(NFTA_SET_ELEM_LIST_ELEMENTS, *elements),
        )
    )
    edge = struct.pack(">BBH", socket.AF_UNSPEC, 0, NFNL_SUBSYS_NFTABLES)
    change = (NFNL_SUBSYS_NFTABLES << 8) | operation
    return (
        _message(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, edge, 0)
        + _message(change, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK, body, 1)
        + _message(NFNL_MSG_BATCH_END, NLM_F_REQUEST, edge, 2)
    )
