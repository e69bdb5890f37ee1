"""Measures a way to the cloud without root: echoes, hops, path MTU, names, TCP, routes.

In: a `Way` (source address, device) and what to ask. Out: a measurement of `model.connection_check`; what cannot be
measured comes back as its `problem`, never as an exception. Each call blocks for a few seconds at most and works in
the network namespace of its thread. Next: `engine.connection_check` judges.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import time
from ipaddress import ip_network
from typing import Protocol

import msgspec

from twinspan.drivers.echo_once import TooLarge, open_echo
from twinspan.drivers.resolver import ResolveFailed, resolve
from twinspan.drivers.tracert import Hop, trace
from twinspan.model.connection_check import Echoes, Lookup, PathMtu, RouteSeen, TcpConnection, Trace
from twinspan.model.errors import TwinspanError
from twinspan.wire.comware.effects import Tracert

ECHOES = 3
ECHO_SIZE = 84
ECHO_WAIT_S = 1.0
MTU_WAIT_S = 0.4
"""For one packet of the search; each size is tried twice."""
LEAST_SIZE, SEARCH_STEP = 576, 8
"""Bytes: where the search begins, and how exact it is."""
MAX_HOPS, HOP_WAIT_MS, SILENT_HOPS = 16, 500, 3
"""So many hops in a row without an answer end a trace."""
LOOKUP_S, CONNECT_S = 3.0, 3.0


class Echo(Protocol):
    """What the search asks."""

    def ask(self, packet_bytes: int, wait_s: float) -> float | None:
        """The round trip of one packet, in ms; None: no answer. Raises `TooLarge`."""
        ...


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """Which way a measurement takes; all empty: the kernel's choice."""

    source: str | None = None
    device: str | None = None
    """Echoes leave by this device, whatever the route says; their answers may come in by any."""


def echoes(way: Way, destination: str) -> Echoes:
    """Some echo requests, one after the other."""
    try:
        with open_echo(destination, way.source, way.device) as echo:
            found = [echo.ask(ECHO_SIZE, ECHO_WAIT_S) for _ in range(ECHOES)]
    except (OSError, TooLarge, subprocess.TimeoutExpired) as error:
        return Echoes(problem=_words(error))
    answered = [rtt for rtt in found if rtt is not None]
    fastest = round(min(answered), 2) if answered else None
    return Echoes(sent=ECHOES, received=len(answered), rtt_ms=fastest)


def path_mtu(way: Way, destination: str, largest: int, wanted: int | None) -> PathMtu:
    """The largest packet that is answered with Don't Fragment, up to `largest` bytes."""
    try:
        with open_echo(destination, way.source, way.device) as echo:
            return search_mtu(echo, largest, wanted)
    except (OSError, subprocess.TimeoutExpired) as error:
        return PathMtu(problem=_words(error))


def search_mtu(echo: Echo, largest: int, wanted: int | None) -> PathMtu:
    """Straight to the size that a router names; where none does, halving down to `SEARCH_STEP` bytes."""
    passes, _ = _try(echo, LEAST_SIZE)
    if not passes:
        return PathMtu(wanted=wanted)
    low, high, size, silent = LEAST_SIZE, largest, largest, False
    while True:
        passes, told = _try(echo, size)
        if passes:
            low = size
        else:
            silent = silent or told is None
            high = told if told and low < told < size else size - 1
        if high - low < (SEARCH_STEP if silent else 1):
            return PathMtu(bytes=low, wanted=wanted, silent=silent)
        size = high if told and not passes else (low + high + 1) // 2


def _try(echo: Echo, size: int) -> tuple[bool, int | None]:
    """(answered, the MTU that a router or this machine named; 0: told, and none named; None: lost without a word)."""
    try:
        return any(echo.ask(size, MTU_WAIT_S) is not None for _ in range(2)), None
    except TooLarge as error:
        return False, error.mtu or 0


def hops(way: Way, destination: str) -> Trace:
    """The routers on the way, by UDP with a growing TTL."""
    try:
        return asyncio.run(_hops(way, destination))
    except (TwinspanError, OSError) as error:
        return Trace(problem=_words(error))


async def _hops(way: Way, destination: str) -> Trace:
    path = Tracert(destination=destination, source=way.source, max_ttl=MAX_HOPS, queries=1, timeout_ms=HOP_WAIT_MS)
    found: list[str] = []
    async for hop in trace(path):
        if not isinstance(hop, Hop):
            continue
        answer = hop.answers[0]
        found.append(answer.address if answer is not None else "*")
        if answer is not None and answer.address == destination:
            return Trace(hops=tuple(found), reached=True)
        if found[-SILENT_HOPS:] == ["*"] * SILENT_HOPS:
            break
    return Trace(hops=tuple(found))


def lookup(way: Way, name: str, servers: tuple[str, ...]) -> Lookup:
    """IPv4 addresses of a name, from these servers or by the system's resolver."""

    def opened(family: int, kind: int) -> socket.socket:
        made = socket.socket(family, kind)
        if way.source is not None:
            made.bind((way.source, 0))
        return made

    began = time.monotonic()
    try:
        found = asyncio.run(resolve(name, servers, families=("ipv4",), deadline_s=LOOKUP_S, open_socket=opened))
    except (ResolveFailed, OSError) as error:
        return Lookup(problem=_words(error).removeprefix(f"{name!r} cannot be resolved: "))
    return Lookup(addresses=found, took_ms=_since(began))


def connect(way: Way, host: str, port: int) -> TcpConnection:
    """One TCP connection, closed at once."""
    began = time.monotonic()
    try:
        source = (way.source, 0) if way.source is not None else None
        with socket.create_connection((host, port), CONNECT_S, source):
            return TcpConnection(connected=True, took_ms=_since(began))
    except ConnectionRefusedError:
        return TcpConnection(refused=True, took_ms=_since(began))
    except socket.gaierror:
        return TcpConnection(problem="the name has no address here: see the lines of dns")
    except TimeoutError:
        return TcpConnection(problem=f"no answer within {CONNECT_S:g} s")
    except OSError as error:
        return TcpConnection(problem=_words(error))


def route_by(prefix: str, devices: tuple[str, ...]) -> RouteSeen:
    """The kernel's route that covers the prefix and leaves by one of the devices; a default route is none."""
    found = _ip("-json", "route", "show", "match", prefix)
    if isinstance(found, str):
        return RouteSeen(problem=found)
    for route in found:
        if route.get("dst") != "default" and route.get("dev") in devices:
            return RouteSeen(device=str(route["dev"]), via=str(route.get("gateway", "")))
    return RouteSeen()


def route_now(prefix: str) -> RouteSeen:
    """Where a packet to the prefix goes now."""
    found = _ip("-json", "route", "get", str(ip_network(prefix)[1]))
    if isinstance(found, str):
        return RouteSeen(problem=found)
    route = found[0] if found else {}
    if route.get("type") in ("unreachable", "blackhole", "prohibit"):
        return RouteSeen()
    return RouteSeen(device=str(route.get("dev", "")), via=str(route.get("gateway", "")))


def _ip(*arguments: str) -> list[dict[str, object]] | str:
    """What `ip` says, or in words why it says nothing."""
    try:
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return "the program ip (iproute2) cannot be used here"
    if done.returncode != 0:
        return " ".join(done.stderr.split()).removeprefix("RTNETLINK answers: ") or "ip failed"
    return msgspec.convert(json.loads(done.stdout or "[]"), list[dict[str, object]])


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 2)


def _words(error: Exception) -> str:
    if isinstance(error, TwinspanError):
        return error.message
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
