"""strongSwan's VICI protocol on the event loop: commands with a deadline, streamed answers, and events.

In: a command and its message. Out: answers, and events by callback. Packing is the `vici` package's; only its blocking
session is left out, for that would cost a thread for every tunnel that is listened to. Next: `drivers.charon`.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path

from vici.protocol import Message as Codec
from vici.protocol import Packet

from twinspan.drivers.daemon import DaemonFailed
from twinspan.wire.swanctl import Message, text

_ANSWER_S = 5.0
EventHandler = Callable[[str, Message], None]


class _Connection(asyncio.Protocol):
    """Frames are a length of four bytes and a packet; answers come in the order of the questions."""

    def __init__(self, on_event: EventHandler) -> None:
        self._on_event = on_event
        self._buffer = b""
        self._waiting: list[asyncio.Future[tuple[int, Message]]] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("charon closed the connection"))
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 4:
            (length,) = struct.unpack_from("!I", self._buffer)
            if len(self._buffer) < 4 + length:
                return
            packet, self._buffer = self._buffer[4 : 4 + length], self._buffer[4 + length :]
            self._packet(Packet.parse(packet))

    def ask(self, packet: bytes) -> asyncio.Future[tuple[int, Message]]:
        if self.transport is None:
            raise ConnectionResetError("not connected")
        answer: asyncio.Future[tuple[int, Message]] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self.transport.write(struct.pack("!I", len(packet)) + packet)
        return answer

    def _packet(self, packet: Packet.ParsedPacket) -> None:
        message = text(Codec.deserialize(packet.payload))
        if packet.response_type == Packet.EVENT:
            self._on_event(packet.event_type.decode(), message)
        elif self._waiting:
            waiting = self._waiting.pop(0)
            if not waiting.done():
                waiting.set_result((packet.response_type, message))


class ViciClient:
    """One connection for commands and one for the events listened to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listener: _Connection | None = None

    async def command(self, name: str, message: Message | None = None, *, deadline_s: float = _ANSWER_S) -> Message:
        """The answer. Raises `DaemonFailed` with charon's reason, or if it does not answer in time."""
        answers = await self._run(name, message or {}, None, deadline_s)
        return answers[-1]

    async def stream(self, name: str, event: str, message: Message | None = None) -> list[Message]:
        """The events that come before the answer, e.g. one `list-sa` for each IKE SA."""
        return (await self._run(name, message or {}, event, _ANSWER_S))[:-1]

    async def listen(self, events: tuple[str, ...], on_event: EventHandler) -> None:
        """Hear of these events from now on, until `close` or the daemon's end."""
        self.close()
        connection = await self._connect(on_event)
        for event in events:
            await connection.ask(Packet.register_event(event))
        self._listener = connection

    def close(self) -> None:
        if self._listener is not None and self._listener.transport is not None:
            self._listener.transport.close()
        self._listener = None

    async def _connect(self, on_event: EventHandler) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_unix_connection(lambda: _Connection(on_event), str(self._path))
        return connection

    async def _run(self, name: str, message: Message, event: str | None, deadline_s: float) -> list[Message]:
        found: list[Message] = []
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(deadline_s):
                connection = await self._connect(lambda _, body: found.append(body))
                if event:
                    await connection.ask(Packet.register_event(event))
                kind, answer = await connection.ask(Packet.request(name, Codec.serialize(message)))
        except (OSError, TimeoutError) as error:
            why = f"{type(error).__name__} {error}".strip()
            raise DaemonFailed(f"charon does not answer {name!r}: {why}", delay_s=0.5) from error
        finally:
            if connection is not None and connection.transport is not None:
                connection.transport.close()
        if kind != Packet.CMD_RESPONSE or answer.get("success", "yes") != "yes":
            raise DaemonFailed(f"charon refused {name!r}: {answer.get('errmsg', 'unknown command')}", delay_s=1.0)
        return [*found, answer]
