"""Both ends of an echo made of the product's WebSocket: what the public conformance cases are run against.

In: a port, plain TCP on loopback. Out: every message comes back as it was. The subprotocol alone is left out, since the
cases offer none. Next: `conformance.py`, and the short run in the tests.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from picows import WSMsgType

from twinspan.drivers.websocket import HandshakeFailed, WebSocket, shake_hands, take_over
from twinspan.drivers.websocket_handshake import Switching

MAX_BYTES = 32 << 20
"""The largest of the cases has 16 MiB."""
CASE_S = 60.0
_END = b"\r\n\r\n"


class _WithoutSubprotocol(Switching):
    """The one thing that differs from the product."""

    _HEAD = b"HTTP/1.1 101 Switching Protocols\r\n"


class Echo(WebSocket):
    """Sends back what comes."""

    __slots__ = ("_way_back",)
    handshake = _WithoutSubprotocol()

    def __init__(self) -> None:
        super().__init__(MAX_BYTES, MAX_BYTES)
        self.on_message = self._text
        self.on_binary = self._binary
        self._way_back: Any = None

    def on_ws_connected(self, transport: Any) -> None:
        self._way_back = transport
        super().on_ws_connected(transport)

    def _text(self, message: str) -> None:
        self.send(message.encode())

    def _binary(self, message: bytes) -> None:
        self._way_back.send(WSMsgType.BINARY, message)


class Door(asyncio.Protocol):
    """Reads the upgrade request, as the product's front does, and hands the connection over."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if _END in self._received:
            take_over(self._transport, Echo(), self._received)


async def serve(port: int = 0) -> tuple[asyncio.Server, int]:
    """A listening endpoint and its port."""
    server = await asyncio.get_running_loop().create_server(Door, "127.0.0.1", port)
    return server, int(server.sockets[0].getsockname()[1])


async def connect(port: int, path: str, told: Callable[[str], object] | None = None) -> None:
    """A connection as a client, until its end; messages go to `told`, or back."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    socket = Echo()
    if told is not None:
        socket.on_message = told  # type: ignore[assignment]
    socket.on_closed = lambda *_: over.set_result(None)
    transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
    async with asyncio.timeout(CASE_S):
        with contextlib.suppress(HandshakeFailed):  # some cases are over before the handshake has been seen to be done
            await shake_hands(transport, socket, f"127.0.0.1:{port}", path)
        await over
