"""Speaks to the admin API of a cloud server over HTTPS, from any machine.

In: where the server is, why it is trusted, a token, requests. Out: decoded JSON, or an error that says what to do. The
server must prove itself by an authority that was pinned, by name or address as well; nothing is sent to one that does
not. Next: `device.py`, `device_login.py`.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import ssl
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from twinspan.cli.known_servers import KnownServer
from twinspan.model.cloud_management import DEFAULT_PORT
from twinspan.model.errors import Rejected, Retryable, TwinspanError, Unavailable
from twinspan.model.secret import Secret, decode_hook
from twinspan.wire.cloud_connection.messages import AUTHORITY_PATH, Authorities

T = TypeVar("T")
TIMEOUT_S = 90.0
"""A command may be waited for a minute."""
CONNECT_TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 64 << 20
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
LOGIN = "log in first: twinspan device login --server {}"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """NAME[:PORT] taken apart."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with one device of a request."""

    field: str
    problem: str
    remedy: str
    serial: str = ""
    line: int | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What the server says when it does not do something (RFC 9457)."""

    title: str
    status: int
    detail: str = ""
    field: str = ""
    remedy: str = ""
    faults: tuple[Fault, ...] = ()


class RefusedByServer(Rejected):
    """The server's problem, for whoever wants to show all of it."""

    def __init__(self, found: Problem) -> None:
        detail = f"{found.field}: {found.detail}" if found.detail and found.field else found.detail
        super().__init__(f"the server refuses: {detail or found.title}", remedy=found.remedy)
        self.problem = found


def parse_address(text: str) -> Address:
    """NAME, NAME:PORT, [IPV6]:PORT. Raises Rejected."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?", text)
    port = int(found.group(3)) if found and found.group(3) else DEFAULT_PORT
    if found is None or not 1 <= port <= 65535:
        raise Rejected(
            f"--server {text!r} is no NAME[:PORT]", remedy="for example cloud.example:19443 or [2001:db8::1]"
        )
    return Address(host=found.group(1) or found.group(2), port=port)


def trusted_context(authorities: tuple[str, ...]) -> ssl.SSLContext:
    """TLS that trusts these authorities (PEM) and no other; the name is checked as well."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata="".join(authorities))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an authority below somebody's own is pinned itself
    return context


def fetch_authorities(address: Address, context: ssl.SSLContext | None = None) -> tuple[str, ...]:
    """What a server says its authorities are. Without a `context` that proves it: to be compared before believed."""
    if context is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # nothing but these public certificates is asked, and no token is sent
    status, body = _exchange(address, context, "GET", AUTHORITY_PATH, {}, b"")
    try:
        found = msgspec.json.decode(body, type=Authorities).certificates if status == 200 else ()
        known = tuple(pem for pem in found if fingerprint_of(pem))
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise _no_cloud_server(address) from error
    if not known:
        raise _no_cloud_server(address)
    return known


def with_fingerprint(authorities: tuple[str, ...], fingerprint: str, address: Address) -> tuple[str, ...]:
    """The one authority that has this fingerprint. Raises Rejected if none has."""
    wanted = fingerprint.replace(":", "").strip().lower()
    if not FINGERPRINT.fullmatch(wanted):
        raise Rejected("--fingerprint is not 64 hex digits", remedy="see it on the server: twinspan server show")
    for pem in authorities:
        if fingerprint_of(pem) == wanted:
            return (pem,)
    shown = ", ".join(fingerprint_of(pem) for pem in authorities)
    raise Rejected(
        f"{address} is not the server with that fingerprint; it shows {shown}",
        remedy="compare with `twinspan server show` on the server's machine; if they differ, somebody is in between",
    )


def fingerprint_of(pem: str) -> str:
    """SHA-256 of the certificate, 64 hex digits. Raises ValueError if it is none."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def read_authority_file(path: Path) -> tuple[str, ...]:
    """PEM certificates of a file that somebody trusts. Raises Rejected."""
    try:
        text = path.read_text("ascii")
        trusted_context((text,))
    except (OSError, UnicodeDecodeError, ssl.SSLError) as error:
        raise Rejected(f"--ca-file {path} holds no certificates", remedy="give a PEM file") from error
    return (text,)


class AdminClient:
    """Requests to one server; each is a connection of its own."""

    def __init__(self, address: Address, server: KnownServer) -> None:
        self.address = address
        self._context = trusted_context(server.authorities)
        self._token = server.token

    @property
    def context(self) -> ssl.SSLContext:
        return self._context

    def authorization(self) -> dict[str, str]:
        """The header that carries the token. Raises Rejected without one."""
        if self._token is None:
            raise Rejected(
                f"no token for {self.address}",
                remedy=f"give one by --token-file or TWINSPAN_TOKEN, or {LOGIN.format(self.address)}; "
                "`twinspan server token` on the server's machine makes one",
            )
        return {"Authorization": f"Bearer {self._token.reveal()}"}

    def call(
        self,
        kind: type[T],
        method: str,
        path: str,
        value: Any = None,
        *,
        csv: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> T:
        """One request below /api/v1. Raises RefusedByServer, Retryable or Unavailable."""
        headers = self.authorization() | {"Accept": "application/json"} | (headers or {})
        body = b""
        if csv is not None:
            headers["Content-Type"], body = "text/csv", csv
        elif value is not None:
            headers["Content-Type"], body = "application/json", msgspec.json.encode(value, enc_hook=_reveal)
        status, answer = _exchange(self.address, self._context, method, f"/api/v1{path}", headers, body)
        if status >= 400:
            raise refusal(self.address, status, answer)
        try:
            return msgspec.json.decode(answer, type=kind, dec_hook=decode_hook)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unavailable(
                f"{self.address} answers with what this version does not know", remedy="use the server's version"
            ) from error


def segment(text: str) -> str:
    """A part of a path, whatever somebody typed."""
    return quote(text, safe="") or "-"


def _reveal(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(type(value).__name__)


def _exchange(
    address: Address, context: ssl.SSLContext, method: str, path: str, headers: dict[str, str], body: bytes
) -> tuple[int, bytes]:
    connection = http.client.HTTPSConnection(address.host, address.port, timeout=CONNECT_TIMEOUT_S, context=context)
    try:
        connection.connect()
        connection.sock.settimeout(TIMEOUT_S)
        connection.request(method, path, body, headers | {"Content-Length": str(len(body))})
        answer = connection.getresponse()
        content = answer.read(MAX_ANSWER_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(address, error) from error
    finally:
        connection.close()
    if len(content) > MAX_ANSWER_BYTES:
        raise Unavailable(f"the answer of {address} has no end", remedy="ask for less, with --limit")
    return answer.status, content


def unreachable(address: Address, error: Exception) -> TwinspanError:
    """Why there is no answer, in a person's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Rejected(
            f"{address} does not prove that it is the server you know: {error.verify_message}",
            remedy=f"if its authority was replaced, log in again: twinspan device login --server {address}; "
            "if only its name differs: twinspan server authority names",
        )
    if isinstance(error, ssl.SSLError):
        return Unavailable(f"{address} does not speak TLS as expected", remedy="check the port: 19443 is usual")
    if isinstance(error, socket.gaierror):
        return Unavailable(f"the name {address.host} has no address", remedy="check its spelling and your DNS")
    if isinstance(error, TimeoutError):
        return Unavailable(f"{address} does not answer", remedy="check address, port and firewalls on the way")
    if isinstance(error, OSError) and error.strerror:
        return Unavailable(
            f"cannot reach {address}: {error.strerror}", remedy="check that the server runs: twinspan server run"
        )
    return Unavailable(f"{address} ended the connection without an answer", remedy="look at the server's log")


def refusal(address: Address, status: int, body: bytes) -> TwinspanError:
    """What an answer of status 400 or more means."""
    try:
        found = msgspec.json.decode(body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _no_cloud_server(address)
    if status == 401:
        remedy = f"{LOGIN.format(address)}; a new one is made by `twinspan server token` at the server"
        return Rejected(f"{address} does not know this token", remedy=remedy)
    if status == 503:
        return Retryable(f"{address} is busy: {found.title}", delay_s=5, remedy="try again in a moment")
    return RefusedByServer(found)


def _no_cloud_server(address: Address) -> Unavailable:
    return Unavailable(f"what answers at {address} is no Twinspan server", remedy="check name and port")
