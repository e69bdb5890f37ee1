"""One TCP connection until it becomes a WebSocket: HTTP requests in, answers out, then the hand-over.

In: bytes. Out: to the hub: login requests, tickets to redeem, requests of administrators. Everything is bounded: the
header, the body, the time until the login is over. httptools parses; nothing is pipelined. Next: `hub`.
"""

from __future__ import annotations

import asyncio
import http
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httptools
import msgspec

from twinspan.drivers.websocket import WebSocket, take_over
from twinspan.drivers.websocket_handshake import bare_request
from twinspan.server.clock import steady_ns
from twinspan.server.problem import CONTENT_TYPE, problem
from twinspan.wire.cloud_connection.messages import (
    MAX_BODY_BYTES,
    SERVICE_PATH,
    SUBPROTOCOL,
    TUNNEL_PATH,
    Failure,
    encode,
)
from twinspan.wire.cloud_connection.server import Answer, ServerLogin

if TYPE_CHECKING:
    from twinspan.server.hub import Hub

MAX_HEADER_BYTES = 8 << 10
MAX_ADMIN_BODY_BYTES = 8 << 20
"""A CSV file of serials, or a whole config."""
MAX_UNREAD_BYTES = 1 << 20
"""Of a streamed answer: who lets more wait does not read."""
KEPT_NS = 60 * 1_000_000_000
"""A connection with a good token may be silent for so long, beyond what every connection may."""
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in http.HTTPStatus}
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
_SHARED = memoryview(bytearray(64 << 10))
"""What was read is taken out of it before anybody else reads."""
_END = b"\r\n\r\n"
_USUAL = {
    name.encode(): name.lower()
    for name in (
        "Host", "Content-Type", "Content-Length", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol", "Authorization", "Accept", "User-Agent", "host", "authorization", "content-type",
        "content-length", "accept", "user-agent", "x-acs-action", "x-acs-version", "x-acs-date",
        "x-acs-signature-nonce", "x-acs-content-sha256",
    )
}  # fmt: skip
"""Header names as devices and programs spell them, so that each request need not."""
PEOPLE = b"/api/"
"""Paths of people and programs."""
_WAYS_OUT = {
    404: ("path", "the paths begin with /api/v1/"),
    411: ("length", "send Content-Length and the body as one piece"),
    413: ("body", "send less at once"),
    431: ("header", "send shorter headers, or a shorter query"),
}
"""By status: the last part of the problem's type, and what to do."""
_UPGRADES = (b"GET " + TUNNEL_PATH.encode(), b"GET " + SERVICE_PATH.encode(), b"GET /api/")


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request. Header names are in lower case."""

    method: str
    path: str
    """With the query."""
    headers: dict[str, str]
    body: bytes


class Front(asyncio.BufferedProtocol):
    """States: reading a request, `_busy` while its answer is being made, gone after the hand-over.

    All connections read into one buffer, one after the other: aiofastnet would else allocate 256 KiB for each read.
    """

    __slots__ = (
        "_binding",
        "_body_bytes",
        "_buffer",
        "_busy",
        "_discarded",
        "_headers",
        "_hub",
        "_login",
        "_method",
        "_transport",
        "_url",
        "admitted",
        "on_lost",
        "since_ns",
    )

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._transport: Any = None
        self._login: ServerLogin | None = None
        self._buffer = b""
        self._busy = False
        self._method = ""
        """Of the request whose head was read and whose body is not there yet; empty between requests."""
        self._headers: dict[str, str] = {}
        self._url = b""
        self._body_bytes = 0
        self._binding = b""
        self._discarded = -1
        """Bytes of a refused body that may still come; below zero: none was refused."""
        self.on_lost: Callable[[], object] | None = None
        """Called when the connection ends while its answer is a stream."""
        self.since_ns = 0
        self.admitted = False
        """It has passed the gate."""

    # ------------------------------------------------------------------------------------------------ asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.since_ns = steady_ns()
        self._binding = self._hub.settings.binding()
        self._hub.arrived(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _SHARED

    def buffer_updated(self, nbytes: int) -> None:
        if self._discarded >= 0:
            self._discard(nbytes)
            return
        self._buffer += _SHARED[:nbytes]
        if not self._busy:
            self._read()
        elif len(self._buffer) > MAX_HEADER_BYTES:
            self.refuse(400, "protocol", "one request at a time")

    def connection_lost(self, exc: Exception | None) -> None:
        self._hub.left(self)
        if self.on_lost is not None:
            self.on_lost()

    # ------------------------------------------------------------------------------------------------ for the hub

    @property
    def login(self) -> ServerLogin:
        """The login of this connection, made when it is first needed."""
        if self._login is None:
            self._login = self._hub.new_login(self._transport.get_extra_info("peercert"), self._binding)
        return self._login

    @property
    def host(self) -> str:
        """As the device calls this very worker: name or address, and port. Empty if it says nothing usable."""
        text = self._headers.get("host", "")
        return text if _HOST.fullmatch(text) else ""

    @property
    def address(self) -> str:
        """Of the peer, for people."""
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]) if peer else ""

    def answer(self, answer: Answer) -> None:
        """Send the answer to the request that is being worked on, and read on."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(_response(answer, self._content_type(answer.status)))
        if answer.close:
            self._transport.close()
            return
        self._busy = False
        if self._buffer:
            self._read()

    def refuse(self, status: int, reason: str, detail: str, retry_after_s: float | None = None) -> None:
        """An error, and the end of this connection."""
        body = self._error(status, reason, detail, retry_after_s)
        self.answer(Answer(status=status, body=body, retry_after_s=retry_after_s, close=True))

    def respond(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """An administrator's answer."""
        if self._transport is None or self._transport.is_closing():
            return
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._transport.write(f"{_STATUS_LINES[status]}{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self._busy = False
        if self._buffer:
            self._read()

    def stay(self) -> None:
        """Whoever shows a good token may keep the connection for the next request."""
        self.since_ns = steady_ns() + KEPT_NS

    def begin(self, status: int, headers: dict[str, str]) -> None:
        """The head of an answer that is sent piece by piece and ends with the connection."""
        if self._transport is None or self._transport.is_closing():
            return
        self._hub.left(self)  # it is no login that takes too long
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._transport.write(f"{_STATUS_LINES[status]}{head}Connection: close\r\n\r\n".encode())

    def send(self, piece: bytes) -> bool:
        """One piece. False if the client has gone, or does not read what it was sent."""
        if self._transport is None or self._transport.is_closing():
            return False
        if self._transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            return False
        self._transport.write(piece)
        return True

    @property
    def unfinished(self) -> bool:
        """Whether a request has begun to come and is not there yet."""
        return not self._busy and bool(self._buffer or self._method)

    @property
    def gone(self) -> bool:
        """Whether the client has ended the connection."""
        return self._transport is None or self._transport.is_closing()

    def finish(self) -> None:
        """The end of a streamed answer."""
        self.on_lost = None
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """It takes too long."""
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------------------------------------------ httptools

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        known = _USUAL.get(name) or name.decode("latin-1").lower()
        self._headers[known] = value.decode("latin-1").strip()

    # ------------------------------------------------------------------------------------------------ inside

    def _read(self) -> None:
        if (not self._method and not self._read_head()) or len(self._buffer) < self._body_bytes:
            return
        body, self._buffer = self._buffer[: self._body_bytes], self._buffer[self._body_bytes :]
        path = self._url.decode("latin-1")
        request = HttpRequest(method=self._method, path=path, headers=self._headers, body=body)
        self._method, self._busy = "", True
        self._hub.request(self, request)

    def _read_head(self) -> bool:
        self._url = _target(self._buffer)  # for whatever is said before all of it was read
        end = self._buffer.find(_END)
        if end < 0 or end > MAX_HEADER_BYTES:
            if len(self._buffer) > MAX_HEADER_BYTES:
                self.refuse(431, "protocol", f"the header is longer than {MAX_HEADER_BYTES} bytes")
            return False
        raw = self._buffer[: end + 4]
        self._headers, self._url = {}, b""
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(raw)
        except httptools.HttpParserUpgrade:
            self._upgrade(raw)
            return False
        except httptools.HttpParserError:
            self._url = _target(raw)
            self.refuse(400, "protocol", "no HTTP request")
            return False
        self._buffer = self._buffer[end + 4 :]
        if not self._take_length():
            return False
        self._method = parser.get_method().decode()
        return True

    def _take_length(self) -> bool:
        length = self._headers.get("content-length", "0")
        if "transfer-encoding" in self._headers or not length.isdecimal() or len(length) > 9:
            self.refuse(411, "protocol", "say Content-Length; no transfer encoding is taken")
            return False
        self._body_bytes = int(length)
        if self._body_bytes <= MAX_BODY_BYTES:
            return True
        # Long bodies are for people who have shown a token: megabytes from anybody would fill the memory.
        admin = self._hub.admin
        known = self._url.startswith(PEOPLE) and admin is not None and admin.is_known(self._headers)
        limit = MAX_ADMIN_BODY_BYTES if known else MAX_BODY_BYTES
        if self._body_bytes > limit:
            self._refuse_body(limit)
        return self._body_bytes <= limit

    def _refuse_body(self, limit: int) -> None:
        """The answer first; then the body is taken and thrown away, since a reset would take the answer with it."""
        self._discarded = self._body_bytes - len(self._buffer)
        self._buffer = b""
        self._busy = True
        body = self._error(413, "protocol", f"the body is longer than {limit} bytes")
        self._transport.write(_response(Answer(status=413, body=body, close=True), self._content_type(413)))
        self._hub.refused_body()
        self._discard(0)

    def _error(self, status: int, reason: str, detail: str, retry_after_s: float | None = None) -> bytes:
        """For people and programs a problem (RFC 9457), for devices what they know."""
        if not self._url.startswith(PEOPLE):
            return encode(Failure(reason=reason, detail=detail, retry_after_s=retry_after_s))
        kind, remedy = _WAYS_OUT.get(status, ("request", "ask as the reference says"))
        return encode(problem(status, kind, f"{detail[:1].upper()}{detail[1:]}", remedy=remedy))

    def _content_type(self, status: int) -> str:
        return CONTENT_TYPE if status >= 400 and self._url.startswith(PEOPLE) else "application/json"

    def _discard(self, nbytes: int) -> None:
        self._discarded = max(0, self._discarded - nbytes)
        if not self._discarded:
            self._transport.close()

    def _upgrade(self, raw: bytes) -> None:
        """Hand the connection over, with the request and whatever followed it."""
        if not raw.startswith(_UPGRADES):
            self.refuse(404, "protocol", "no such path")
            return
        fault = _handshake_fault(self._headers)
        if fault:  # before a ticket is spent on it
            self.refuse(400, "protocol", fault)
            return
        request = HttpRequest(method="GET", path=self._url.decode("latin-1"), headers=self._headers, body=b"")
        self._busy = True
        socket = self._hub.upgrade(self, request)
        if isinstance(socket, WebSocket):
            self._login = None
            received = bare_request(self._headers["sec-websocket-key"]) + self._buffer[len(raw) :]
            self._buffer = b""
            transport, self._transport = self._transport, None
            self._hub.left(self)
            take_over(transport, socket, received)


def _handshake_fault(headers: dict[str, str]) -> str:
    """What is wrong with a handshake request (RFC 6455 4.2.1); empty if nothing is."""
    if headers.get("upgrade", "").lower() != "websocket" or headers.get("sec-websocket-version") != "13":
        return "Upgrade, Sec-WebSocket-Version: WebSocket of version 13 is spoken here"
    if not _KEY.fullmatch(headers.get("sec-websocket-key", "")):
        return "Sec-WebSocket-Key: give 16 random bytes as Base64"
    offered = headers.get("sec-websocket-protocol", "").split(",")
    return "" if SUBPROTOCOL in map(str.strip, offered) else f"Sec-WebSocket-Protocol: offer {SUBPROTOCOL}"


def _target(raw: bytes) -> bytes:
    """Path and query of a request line, as far as it has come."""
    parts = raw.partition(b"\r\n")[0].split(b" ", 2)
    return parts[1] if len(parts) > 1 else b""


def _response(answer: Answer, content_type: str) -> bytes:
    head = f"{_STATUS_LINES[answer.status]}Content-Type: {content_type}\r\nContent-Length: {len(answer.body)}\r\n"
    if answer.retry_after_s is not None:
        head += f"Retry-After: {max(1, round(answer.retry_after_s))}\r\n"
    if answer.close:
        head += "Connection: close\r\n"
    return head.encode() + b"\r\n" + answer.body
