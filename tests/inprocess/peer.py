"""A device made by hand: HTTP on a stream, SCRAM by our own code, WebSocket frames by an independent implementation.

Every step is a call, so that a test can stop between two, repeat one, or do it wrong.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
import ssl
from typing import Any
from urllib.parse import urlsplit

import websockets
from tests.inprocess.site import PASSWORD, Cloud, Site
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from twinspan.wire.cloud_connection.messages import AUTHENTICATION_PATH, REGISTRATION_PATH, SUBPROTOCOL
from twinspan.wire.cloud_connection.scram import ScramClient
from twinspan.wire.cloud_connection.ticket import resume_proof

WAIT_S = 10.0


class Closed(Exception):
    """The server ended the WebSocket."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason


class Wire:
    """One TLS connection: requests first, a WebSocket after `upgrade`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self.reader, self.writer, self.host = reader, writer, host
        self.protocol: ClientProtocol | None = None
        self._events: list[Any] = []

    @classmethod
    async def connect(cls, site: Site, cloud: Cloud, host: str = "", **options: Any) -> Wire:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(site.authority_pem)
        if chain := options.pop("certificate", None):
            context.load_cert_chain(chain)
        address, port = options.pop("address", cloud.address), options.pop("port", cloud.port)
        reader, writer = await asyncio.open_connection(
            address, port, ssl=context, server_hostname=cloud.address, **options
        )
        wire = cls(reader, writer, host or cloud.netloc)
        site.keep(wire)
        return wire

    def binding(self) -> bytes:
        shown = self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return hashlib.sha256(shown).digest()

    # ------------------------------------------------------------------------------------------------ HTTP

    async def ask(self, path: str, body: object = None, method: str = "POST") -> tuple[int, dict[str, Any]]:
        """(status, body)."""
        data = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(data)}\r\n\r\n"
        status, _, answer = await self.raw(head.encode() + data)
        return status, json.loads(answer) if answer else {}

    async def raw(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send anything; (status, headers, body) of what comes back."""
        self.writer.write(data)
        return await self.answer()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(WAIT_S):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(lines[0].split(" ")[1]), headers, body

    async def ended(self) -> bool:
        """Whether the server has closed the connection (it has to, within the deadline)."""
        async with asyncio.timeout(WAIT_S):
            try:
                return await self.reader.read(1) == b""
            except OSError:
                return True

    # ------------------------------------------------------------------------------------------------ WebSocket

    async def upgrade(self, url: str) -> None:
        self.protocol = ClientProtocol(parse_uri(url.replace("wss://", "ws://")), subprotocols=[SUBPROTOCOL])
        self.protocol.send_request(self.protocol.connect())
        self._flush()
        await self._receive_until(lambda: self.protocol.handshake_exc or self.protocol.state is websockets.State.OPEN)
        self._events = [e for e in self._events if isinstance(e, Frame)]
        if self.protocol.handshake_exc is not None:
            raise self.protocol.handshake_exc

    def send(self, message: dict[str, Any] | bytes) -> None:
        self.protocol.send_text(message if isinstance(message, bytes) else json.dumps(message).encode())
        self._flush()

    def ping(self, payload: bytes = b"") -> None:
        self.protocol.send_ping(payload)
        self._flush()

    async def frame(self) -> Frame:
        """The next frame, whatever it is; Closed if there is none any more."""
        await self._receive_until(lambda: self._events)
        if not self._events:
            close = self.protocol.close_rcvd
            raise Closed(close.code if close else 1006, close.reason if close else "")
        frame: Frame = self._events.pop(0)
        if frame.opcode is Opcode.CLOSE:
            close = self.protocol.close_rcvd
            raise Closed(close.code, close.reason)
        return frame

    async def receive(self, kind: str) -> dict[str, Any]:
        """The next message of that type; others on the way are left out."""
        async with asyncio.timeout(WAIT_S):
            while True:
                frame = await self.frame()
                if frame.opcode is Opcode.TEXT and (message := json.loads(frame.data))["type"] == kind:
                    return message

    async def end(self) -> Closed:
        """How the server ends it."""
        async with asyncio.timeout(WAIT_S):
            try:
                while True:
                    await self.frame()
            except Closed as closed:
                return closed

    async def _receive_until(self, done: Any) -> None:
        self._take()
        while not done():
            data = b""
            with contextlib.suppress(OSError):
                data = await self.reader.read(65536)
            if data:
                self.protocol.receive_data(data)
            else:
                self.protocol.receive_eof()
            self._flush()
            self._take()
            if not data:
                return

    def _take(self) -> None:
        self._events += self.protocol.events_received() if self.protocol is not None else []

    def _flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.writer.write(data)

    def cut(self) -> None:
        """As a cable that is pulled out would look to the peer at best: a reset, without a close frame."""
        self.writer.transport.abort()

    async def close(self) -> None:
        self.cut()


class Peer:
    """One device: its identity, and what it remembers from one login to the next."""

    def __init__(self, site: Site, cloud: Cloud, serial: str = "SN1", boot_id: str = "boot-1", **options: Any) -> None:
        self.site, self.cloud, self.serial, self.boot_id = site, cloud, serial, boot_id
        self.password = options.pop("password", PASSWORD)
        self.method = options.pop("method", "password")
        self.options = options
        self.resume: dict[str, Any] | None = None
        self.registered: dict[str, Any] = {}

    async def wire(self) -> Wire:
        return await Wire.connect(self.site, self.cloud, **self.options)

    async def authenticate(self, wire: Wire) -> tuple[int, dict[str, Any]]:
        """Both requests; (status, body) of the last answer."""
        scram = ScramClient(self.serial, self.password, secrets.token_urlsafe(18), wire.binding())
        asked = {"versions": [1], "serial": self.serial, "boot_id": self.boot_id, "method": self.method}
        status, body = await wire.ask(AUTHENTICATION_PATH, {**asked, "message": scram.first})
        if status != 200:
            return status, body
        assert body["result"] == "challenge"
        status, body = await wire.ask(AUTHENTICATION_PATH, {"message": scram.final(body["message"])})
        if status == 200:
            assert scram.server_proved(body["message"])
        return status, body

    async def register(self, wire: Wire, session: str | None = None, **fields: Any) -> tuple[int, dict[str, Any]]:
        """After `authenticate`; a success is remembered."""
        asked = {"serial": self.serial, "boot_id": self.boot_id, **fields}
        status, body = await wire.ask(REGISTRATION_PATH, {**asked, **({"session": session} if session else {})})
        if status == 200:
            self.registered, self.resume = body, body.get("resume")
        return status, body

    async def register_again(self, wire: Wire, resume: dict[str, Any] | None = None, **fields: Any) -> Any:
        """With the resume ticket instead of an authentication."""
        grant = resume or self.resume
        nonce = secrets.token_urlsafe(18)
        key = base64.b64decode(grant["key"])
        proof = resume_proof(grant["ticket"], nonce, key, wire.binding())
        asked = {"ticket": grant["ticket"], "nonce": nonce, "proof": proof}
        return await self.register(wire, resume=asked, **fields)

    async def log_in(self, **fields: Any) -> Wire:
        """Everything up to the registration response."""
        wire = await self.wire()
        status, body = await self.authenticate(wire)
        assert status == 200, body
        status, body = await self.register(wire, body["session"], **fields)
        assert status == 200, body
        return wire

    async def connect(self, **fields: Any) -> Wire:
        """Everything up to the open main connection."""
        wire = await self.log_in(**fields)
        await wire.upgrade(self.registered["url"])
        await wire.receive("authorities")
        return wire

    async def service_url(self, main: Wire, service: str) -> str:
        main.send({"type": "subconnections-request", "services": [service]})
        answer = await main.receive("subconnections")
        return str(answer["services"][0]["url"])

    async def open_service(self, main: Wire, service: str) -> Wire:
        """A sub-connection of its own."""
        url = await self.service_url(main, service)
        wire = await self.wire()
        assert urlsplit(url).netloc == wire.host
        await wire.upgrade(url)
        return wire
