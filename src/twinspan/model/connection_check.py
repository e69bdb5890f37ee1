"""Connection tests: what was measured on the way to the cloud, and the line that says whether it is as it should be.

In: nothing. `drivers.connection_check` measures, `engine.connection_check` judges, `twinspan check` prints (seed 004
Steps 5 and 6). A measurement that could not be made says so in `problem`. Next: `engine.connection_check`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

CheckTopic = Literal["port", "ping", "round trip", "traceroute", "path mtu", "route", "dns", "tcp", "site"]
"""`ping`: sent over the span, answered over any. `round trip`: there and back over the span. `site`: what this place
cannot test."""
SpanKind = Literal["circuit", "vpn"]


class CheckPlace(msgspec.Struct, frozen=True, kw_only=True):
    """What a line is about."""

    topic: CheckTopic
    origin: str
    """Where it was measured: "gateway", "pc", "here"."""
    subject: str
    """What was asked, e.g. an address."""
    span: str = ""
    """The span that it was pinned to; empty: whichever carries."""
    kind: SpanKind | None = None


class Echoes(msgspec.Struct, frozen=True, kw_only=True):
    sent: int = 0
    received: int = 0
    rtt_ms: float | None = None
    """Of the fastest answer."""
    problem: str = ""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    hops: tuple[str, ...] = ()
    """Address of each hop; "*" for one that did not answer."""
    reached: bool = False
    problem: str = ""


class PathMtu(msgspec.Struct, frozen=True, kw_only=True):
    bytes: int | None = None
    """The largest IP packet that was answered with Don't Fragment; None: not even a small one was."""
    wanted: int | None = None
    """What the span should carry; None: nobody knows."""
    silent: bool = False
    """A packet was lost for its size, and no router said so."""
    problem: str = ""


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    addresses: tuple[str, ...] = ()
    took_ms: float | None = None
    problem: str = ""


class TcpConnection(msgspec.Struct, frozen=True, kw_only=True):
    connected: bool = False
    refused: bool = False
    """The far end answered that nothing listens: the way works."""
    took_ms: float | None = None
    problem: str = ""


class RouteSeen(msgspec.Struct, frozen=True, kw_only=True):
    device: str = ""
    """Empty: there is no route."""
    via: str = ""
    problem: str = ""


Measured = Echoes | Trace | PathMtu | Lookup | TcpConnection | RouteSeen


class ConnectionCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table."""

    place: CheckPlace
    passed: bool | None
    """None: not looked at, and `result` says why."""
    result: str
    value: float | None = None
    """The measured number, if there is one."""
    unit: str = ""
    """Of `value`: "ms", "hops", "bytes"."""
    remedy: str = ""
    """The way out; empty where nothing is wrong."""
