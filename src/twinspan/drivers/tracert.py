"""The path to a destination: UDP with a growing TTL, and what routers on the way say of it.

In: `Tracert`. Out: the address that is traced, then one `Hop` after another. The kernel matches ICMP errors with the
socket that caused them (`IP_RECVERR`, ip(7)), so no raw socket is needed and nobody else's errors are seen. Next:
`agent.errands`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import msgspec

from twinspan.model.errors import Rejected
from twinspan.wire.comware.effects import Tracert

FIRST_PORT = 33434
"""Of the range that nobody listens on, by custom of this tool."""
_PORTS = 256
_PAYLOAD = bytes(12)
"""40 bytes with the headers of IPv4 and UDP."""
# Numbers of linux/in.h, linux/in6.h and linux/errqueue.h that the socket module does not name.
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_ERROR = struct.Struct("=IBBBBII")
_ORIGIN_ICMP, _ORIGIN_ICMP6 = 2, 3
_OFFENDER_V4, _OFFENDER_V6 = slice(4, 8), slice(8, 24)
_TIME_EXCEEDED = {_ORIGIN_ICMP: 11, _ORIGIN_ICMP6: 3}
_PORT_UNREACHABLE = {_ORIGIN_ICMP: (3, 3), _ORIGIN_ICMP6: (1, 4)}
_MARKS = {(3, 0): "!N", (3, 1): "!H", (3, 2): "!P", (3, 4): "!F", (3, 13): "!X"}
_MARKS_V6 = {(1, 0): "!N", (1, 1): "!X", (1, 3): "!H"}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back for one packet."""

    address: str
    rtt_ms: float
    mark: str = ""
    """Why the path ends there, e.g. "!H"; empty: it goes on, or the destination itself answered."""
    last: bool = False
    """The path ends with it."""


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """All packets of one TTL; None for those that nobody answered."""

    ttl: int
    answers: tuple[Answer | None, ...]


async def trace(path: Tracert) -> AsyncIterator[str | Hop]:
    """The address first, then the hops. Raises Rejected for a name or a source that is none, OSError without a
    route."""
    family = socket.AF_INET6 if path.ipv6 else socket.AF_INET
    address = await _resolved(path.destination, family)
    yield address
    with _opened(family, path.source) as endpoint:
        tracer = _Tracer(endpoint, address, path.timeout_ms / 1000)
        for ttl in range(path.first_ttl, path.max_ttl + 1):
            answers = [await tracer.ask(ttl) for _ in range(path.queries)]
            yield Hop(ttl=ttl, answers=tuple(answers))
            if any(answer is not None and answer.last for answer in answers):
                return


async def _resolved(name: str, family: socket.AddressFamily) -> str:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, None, family=family, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise Rejected(f"{name}: {getattr(error, 'strerror', None) or 'no such name'}") from error
    return str(found[0][4][0])


def _opened(family: socket.AddressFamily, source: str | None) -> socket.socket:
    with contextlib.ExitStack() as undo:
        opened = undo.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        opened.setblocking(False)
        if family == socket.AF_INET:
            opened.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        else:
            opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        if source is not None:
            try:
                opened.bind((source, 0))
            except OSError as error:
                raise Rejected(f"source address {source}: {error.strerror}") from error
        undo.pop_all()
        return opened


class _Tracer:
    def __init__(self, endpoint: socket.socket, address: str, timeout_s: float) -> None:
        self._socket, self._address, self._timeout_s = endpoint, address, timeout_s
        self._sent = 0

    async def ask(self, ttl: int) -> Answer | None:
        """One packet and its answer; None: none came in time."""
        loop = asyncio.get_running_loop()
        if self._socket.family == socket.AF_INET:
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        else:
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
        port = FIRST_PORT + self._sent % _PORTS
        self._sent += 1
        readable = asyncio.Event()
        loop.add_reader(self._socket, readable.set)
        try:
            self._read(port, 0.0)  # late answers of earlier packets
            began = loop.time()
            self._send(port)
            async with asyncio.timeout(self._timeout_s):
                while True:
                    await readable.wait()
                    readable.clear()
                    answer = self._read(port, (loop.time() - began) * 1000)
                    if answer is not None:
                        return answer
        except TimeoutError:
            return None
        finally:
            loop.remove_reader(self._socket)

    def _send(self, port: int) -> None:
        try:
            self._socket.sendto(_PAYLOAD, (self._address, port))
        except ConnectionRefusedError:  # the pending error of an earlier packet; it is gone with having been told
            self._socket.sendto(_PAYLOAD, (self._address, port))

    def _read(self, port: int, rtt_ms: float) -> Answer | None:
        """The answer to the packet to `port` among all that wait."""
        found = None
        while True:
            try:
                _, ancillary, _, asked = self._socket.recvmsg(512, 512, socket.MSG_ERRQUEUE)
            except BlockingIOError:
                break
            answer = next((a for _, _, data in ancillary if (a := _answer(data, rtt_ms)) is not None), None)
            if asked[1] == port and answer is not None:
                found = answer
        with contextlib.suppress(OSError):
            _, sender = self._socket.recvfrom(512)
            if sender[1] == port:  # somebody listens there after all
                found = Answer(address=str(sender[0]), rtt_ms=rtt_ms, last=True)
        return found


def _answer(data: bytes, rtt_ms: float) -> Answer | None:
    """What `struct sock_extended_err` and the address behind it say; None: it is no ICMP error."""
    if len(data) < _ERROR.size + 8:
        return None
    _, origin, kind, code, _, _, _ = _ERROR.unpack_from(data)
    offender = data[_ERROR.size :]
    if origin == _ORIGIN_ICMP:
        address = socket.inet_ntop(socket.AF_INET, offender[_OFFENDER_V4])
    elif origin == _ORIGIN_ICMP6 and len(offender) >= _OFFENDER_V6.stop:
        address = socket.inet_ntop(socket.AF_INET6, offender[_OFFENDER_V6])
    else:
        return None
    if kind == _TIME_EXCEEDED[origin]:
        return Answer(address=address, rtt_ms=rtt_ms)
    if (kind, code) == _PORT_UNREACHABLE[origin]:
        return Answer(address=address, rtt_ms=rtt_ms, last=True)
    marks = _MARKS if origin == _ORIGIN_ICMP else _MARKS_V6
    return Answer(address=address, rtt_ms=rtt_ms, mark=marks.get((kind, code), f"!{code}"), last=True)
