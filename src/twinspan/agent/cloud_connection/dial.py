"""One attempt at one address of one server: TCP, TLS, login, upgrade; every failure with its step and reason.

In: an endpoint, an address, who we are. Out: an open main connection, or `DialFailed`. Steps are told as they begin, so
that `display cloud-management state` shows where it hangs. Next: `manager`.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiofastnet
import httptools
import msgspec

from twinspan.drivers.vpn_instance import socket_factory
from twinspan.drivers.websocket import HandshakeFailed, WebSocket, shake_hands
from twinspan.model.cloud_status import DeviceState, FailureReason
from twinspan.model.errors import Rejected
from twinspan.wire.cloud_connection.device import DeviceLogin, LoginFailed, Request, Upgrade
from twinspan.wire.cloud_connection.messages import AUTHORITY_PATH, MAX_BODY_BYTES, Authorities

STEP_S = 10.0
"""For each of: TCP, TLS, a response, the handshake."""

FAREWELL_S = 3.0
"""For the server to take leave in turn."""
TICKET_REFUSED = 401
"""HTTP status of a URL that is spent, expired or of an older connection."""

Progress = Callable[[DeviceState], None]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where to dial."""

    domain: str
    port: int
    address: str
    family: socket.AddressFamily
    source_ip: str | None = None
    vpn_instance: str | None = None

    @property
    def netloc(self) -> str:
        """As in a Host header."""
        return f"[{self.domain}]:{self.port}" if ":" in self.domain else f"{self.domain}:{self.port}"


class DialFailed(Exception):
    """An attempt ended. `retry_after_s`: the server's wish."""

    def __init__(self, reason: FailureReason, detail: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(detail or reason)
        self.reason, self.detail, self.retry_after_s = reason, detail, retry_after_s


class HttpConnection(asyncio.Protocol):
    """Requests and answers, one at a time, before the upgrade."""

    def __init__(self) -> None:
        self.transport: Any = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._parser: Any = None
        self._body = b""
        self._lost: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            if self._parser is not None:
                self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(DialFailed("protocol", "the server's answer is no HTTP response"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = f"the connection broke: {exc}" if exc else "the server closed the connection"
        self._fail(DialFailed("closed", self._lost))

    def on_body(self, body: bytes) -> None:
        """httptools: a part of the body."""
        self._body += body
        if len(self._body) > MAX_BODY_BYTES:
            self._fail(DialFailed("protocol", "the server's answer is too long"))

    def on_message_complete(self) -> None:
        """httptools: the answer is whole."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), self._body))

    async def ask(self, method: str, path: str, body: bytes, host: str) -> tuple[int, bytes]:
        """(status, body). Raises DialFailed."""
        self.require_open()
        self._answer = asyncio.get_running_loop().create_future()
        self._parser, self._body = httptools.HttpResponseParser(self), b""
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)
        try:
            async with asyncio.timeout(STEP_S):
                return await self._answer
        except TimeoutError:
            raise DialFailed("timeout", f"no answer to {method} {path} within {STEP_S:g} s") from None

    def require_open(self) -> None:
        """Raises DialFailed if the server has gone: between two requests nobody else would notice."""
        if self._lost is not None:
            raise DialFailed("closed", self._lost)

    def binding(self) -> bytes:
        """tls-server-end-point of what the server showed (RFC 5929 4.1; our authorities sign with SHA-256)."""
        shown = self.transport.get_extra_info("ssl_object")
        return hashlib.sha256(shown.getpeercert(binary_form=True)).digest() if shown is not None else b""

    def _fail(self, error: DialFailed) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


async def open_connection(target: Target, context: ssl.SSLContext | None, progress: Progress) -> HttpConnection:
    """TCP, then TLS. Raises DialFailed."""
    progress("Connecting")
    handle = await _tcp(target)
    progress("TLS")
    name = target.domain if context is not None else None
    try:
        async with asyncio.timeout(STEP_S):
            _, connection = await aiofastnet.create_connection(
                asyncio.get_running_loop(),
                HttpConnection,
                sock=handle,
                ssl=context,
                server_hostname=name,
                ssl_shutdown_timeout=FAREWELL_S if context is not None else None,
            )
    except TimeoutError:  # the transport closes its socket itself: here its number may be another's already
        raise DialFailed("timeout", f"{target.address} port {target.port} speaks no TLS") from None
    except ssl.SSLCertVerificationError as error:
        raise _certificate_failed(error) from error
    except ssl.SSLError as error:
        raise DialFailed("tls", str(error.reason or error)) from error
    except OSError as error:
        raise DialFailed("tls", f"the server broke the handshake off: {error.strerror or error}") from error
    return connection


async def _tcp(target: Target) -> socket.socket:
    """A connected socket, from the wanted source, in the wanted VPN instance."""
    try:
        handle = socket_factory(target.vpn_instance)(target.family, socket.SOCK_STREAM)
    except Rejected as error:
        raise DialFailed("vpn_instance", error.message) from error
    except OSError as error:
        raise DialFailed("vpn_instance", f"{target.vpn_instance}: {error.strerror or error}") from error
    try:
        handle.setblocking(False)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if target.source_ip is not None:
            try:
                handle.bind((target.source_ip, 0))
            except OSError as error:
                raise DialFailed("source_address", f"{target.source_ip} is no address of this device") from error
        async with asyncio.timeout(STEP_S):
            await asyncio.get_running_loop().sock_connect(handle, (target.address, target.port))
    except BaseException as error:
        handle.close()
        if isinstance(error, TimeoutError):
            raise DialFailed("timeout", f"{target.address} port {target.port} does not answer") from None
        if isinstance(error, ConnectionRefusedError):
            raise DialFailed("refused", f"{target.address} port {target.port}") from error
        if isinstance(error, OSError):
            raise DialFailed("route", f"{target.address}: {error.strerror or error}") from error
        raise
    return handle


async def fetch_authorities(target: Target, progress: Progress, context: ssl.SSLContext) -> tuple[str, ...]:
    """What a server that nobody trusts yet says its authorities are. Raises DialFailed."""
    connection = await open_connection(target, context, progress)
    try:
        status, body = await connection.ask("GET", AUTHORITY_PATH, b"", target.netloc)
    finally:
        connection.transport.abort()
    try:
        found = msgspec.json.decode(body, type=Authorities).certificates if status == 200 else ()
    except msgspec.DecodeError:
        found = ()
    if not found:
        raise DialFailed("protocol", "this is no cloud server: it tells no authority")
    return found


async def log_in(
    connection: HttpConnection, host: str, login: DeviceLogin, first: Request | LoginFailed, progress: Progress
) -> Upgrade:
    """Authentication and registration, from the login's first request. Raises DialFailed."""
    step: Request | Upgrade | LoginFailed = first
    while isinstance(step, Request):
        progress("Register" if login.step in ("registration", "resume") else "Authentication")
        status, body = await connection.ask("POST", step.path, step.body, host)
        step = login.receive(status, body)
    if isinstance(step, LoginFailed):
        connection.transport.abort()
        raise _login_failed(step)
    progress("Register_success")
    return step


async def upgrade(connection: HttpConnection, url: str, websocket: WebSocket) -> None:
    """The WebSocket handshake on this connection. Raises DialFailed."""
    connection.require_open()
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(STEP_S):
            await shake_hands(connection.transport, websocket, parts.netloc, f"{parts.path}?{parts.query}")
    except TimeoutError:
        connection.transport.abort()
        raise DialFailed("timeout", f"no handshake response within {STEP_S:g} s") from None
    except HandshakeFailed as failed:
        connection.transport.abort()
        raise DialFailed("ticket" if failed.status == TICKET_REFUSED else "handshake", str(failed)) from failed


def _certificate_failed(error: ssl.SSLCertVerificationError) -> DialFailed:
    return DialFailed(_VERIFY_REASONS.get(error.verify_code, "authority"), error.verify_message)


_VERIFY_REASONS: dict[int, FailureReason] = {9: "clock", 10: "clock", 62: "server_name", 64: "server_name"}
"""OpenSSL x509_vfy.h: X509_V_ERR_CERT_NOT_YET_VALID, _CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH."""
_REASONS: dict[str, FailureReason] = {
    "not_admitted": "not_admitted",
    "no_password": "no_password",
    "incompatible_hardware": "hardware",
    "duplicate": "duplicate",
    "quarantined": "quarantined",
    "version": "version",
    "busy": "busy",
    "removed": "not_admitted",
    "server_proof": "authority",
    "ticket": "ticket",
    "session": "not_admitted",
}


def _login_failed(failed: LoginFailed) -> DialFailed:
    detail = f"{failed.step}: {failed.detail or failed.reason}"
    return DialFailed(_REASONS.get(failed.reason, "protocol"), detail, failed.retry_after_s)
