"""One WebSocket over picows: whole messages in, bounded sending out.

In: an asyncio transport on which the upgrade request arrives or shall be sent. Out: callbacks with messages, signs of
life and the end. picows parses frames; joining, checking and back-pressure are here. The hand-over (`take_over`) uses
picows' protocol class directly, because our login and the upgrade share one TCP connection. Next: `server`, `agent`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSError,
    WSFrame,
    WSInvalidStatusError,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # see above: not in its public stub

from twinspan.drivers.websocket_handshake import Switching
from twinspan.wire.cloud_connection.assembly import TEXT, Assembler, close_code_allowed
from twinspan.wire.cloud_connection.messages import SUBPROTOCOL

MAX_QUEUED_BYTES = 1 << 20
"""Waiting behind a peer that does not read, besides the kernel's and the transport's buffers."""
_HANDSHAKE_S = 5.0
_READ_BUFFER_BYTES = 2048
_ABNORMAL = 1006
_TEXT, _PING, _PONG, _CLOSE = WSMsgType.TEXT, WSMsgType.PING, WSMsgType.PONG, WSMsgType.CLOSE
_log = logging.getLogger("twinspan.websocket")
_log.setLevel(logging.ERROR)


class _Quiet:
    """What picows logs to: mistakes of ours alone, since what a peer does wrong is told by the close code and counted
    where that is heard. From a `logging.Logger` it would make another one for each connection."""

    exception = staticmethod(_log.exception)

    def isEnabledFor(self, _level: int) -> bool:  # noqa: N802 - the name of logging
        return False

    def log(self, *_: object) -> None:
        """Not kept."""

    debug = info = warning = error = log


_QUIET = _Quiet()


class WebSocket(WSListener):
    """One end of an open WebSocket. Subclasses or owners set the callbacks before anything arrives."""

    __slots__ = (
        "_assembler",
        "_close",
        "_max_message_bytes",
        "_max_queued_bytes",
        "_paused",
        "_pong",
        "_queue",
        "_queued_bytes",
        "_transport",
        "full_count",
        "greeting",
        "on_binary",
        "on_closed",
        "on_heard",
        "on_message",
        "on_open",
        "on_pong",
        "on_writable",
        "refused",
    )

    handshake = Switching()
    """How a server answers; the same for all."""

    def __init__(self, max_message_bytes: int, max_queued_bytes: int = MAX_QUEUED_BYTES) -> None:
        self.on_open: Callable[[], None] = _nothing
        self.on_message: Callable[[str], None] = _ignore
        """A whole message of text: what is no UTF-8 does not come here. (As text it is also decoded fastest.)"""
        self.on_binary: Callable[[bytes], None] | None = None
        """A whole binary message; None: they are refused, since all of ours are text."""
        self.on_heard: Callable[[], None] = _nothing
        """Any frame, also ping and pong: a sign of life."""
        self.on_closed: Callable[[int, str], None] = _ignore_close
        """(close code, reason); 1006 where there was no close frame."""
        self.on_writable: Callable[[], None] = _nothing
        self.on_pong: Callable[[bytes], None] = _ignore
        self.greeting = b""
        """A server's first message, sent together with its handshake response."""
        self._assembler: Assembler | None = None
        self._max_message_bytes, self._max_queued_bytes = max_message_bytes, max_queued_bytes
        self._transport: WSTransport | None = None
        self._queue: deque[bytes] | None = None
        self._queued_bytes = 0
        self._paused = False
        self._pong: bytes | None = None
        """Owed to a peer that does not read."""
        self._close: tuple[int, str] = (_ABNORMAL, "")
        self.refused = 0
        """Messages that did not fit behind a peer that does not read."""
        self.full_count = 0
        """How often the buffer got full."""

    # ------------------------------------------------------------------------------------------------ sending

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_disconnected

    @property
    def waiting_bytes(self) -> int:
        return self._queued_bytes

    def send(self, message: bytes) -> bool:
        """A text message. False: the connection is gone or its buffer is full, and it was not taken."""
        transport = self._transport
        if transport is None or transport.is_disconnected or transport.is_close_frame_sent:
            return False
        if not self._paused:
            transport.send(_TEXT, message)
            return True
        if self._queued_bytes + len(message) > self._max_queued_bytes:
            self.refused += 1
            return False
        if self._queue is None:
            self._queue = deque()
        self._queue.append(message)
        self._queued_bytes += len(message)
        return True

    def ping(self, payload: bytes = b"") -> None:
        """A ping frame; it does not queue behind messages that wait, and is left out where nobody reads them."""
        if self._transport is not None and not self._paused and not self._transport.is_disconnected:
            self._transport.send_ping(payload)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say why, then go. A peer that does not take it in is cut off."""
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        if self._close[0] == _ABNORMAL:
            self._close = (code, reason)
        if not transport.is_close_frame_sent:
            said = (
                reason.encode()[:123].decode(errors="ignore").encode()
            )  # RFC 6455 5.5: 125 bytes, of whole characters
            transport.send_close(code, said)  # type: ignore[arg-type]  # private codes are numbers
        self.on_message, self.on_binary = _ignore, _ignore  # what still comes was said too late
        transport.disconnect(not self._paused)

    def abort(self) -> None:
        """Cut it off without a word: the peer is dead."""
        if self._transport is not None:
            self._transport.disconnect(False)

    # ------------------------------------------------------------------------------------------------ picows

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self.on_open()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        self.on_heard()
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self.close(WSCloseCode.PROTOCOL_ERROR.value, "reserved bit")
        elif kind is _TEXT and frame.fin and self._assembler is None:
            # Nearly every frame is this one: no call for it that is not needed.
            if frame.payload_size > self._max_message_bytes:
                self.close(WSCloseCode.MESSAGE_TOO_BIG.value, "message too big")
                return
            try:
                text = frame.get_payload_as_utf8_text()
            except UnicodeDecodeError:
                self.close(WSCloseCode.INVALID_TEXT.value, "text that is no UTF-8")
                return
            self.on_message(text)
        elif kind is _PING:
            self._pinged(frame.get_payload_as_bytes())
        elif kind is _PONG:
            self.on_pong(frame.get_payload_as_bytes())
        elif kind is _CLOSE:
            self._closed_by_peer(frame)
        else:
            self._fragment(kind.value, frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        on_closed, close = self.on_closed, self._close
        handshake: Any = transport.close_handshake  # None if nobody has closed; its stub forgets that
        if close[0] == _ABNORMAL and handshake is not None and handshake.sent is not None:
            # picows has found a frame that is none, and said so.
            close = (handshake.sent.code, handshake.sent.reason or "what came is no frame")
        # Owner, socket and transport name each other: without this only a full garbage collection would free them.
        self._transport = None
        self._queue, self._queued_bytes = None, 0
        self.on_open = self.on_heard = self.on_writable = _nothing
        self.on_message = self.on_binary = self.on_pong = _ignore
        self.on_closed = _ignore_close
        on_closed(*close)

    def pause_writing(self) -> None:
        self._paused = True
        self.full_count += 1

    def resume_writing(self) -> None:
        self._paused = False
        if self._pong is not None and self._transport is not None:
            payload, self._pong = self._pong, None
            self._transport.send_pong(payload)
        while self._queue and not self._paused and self._transport is not None:
            message = self._queue.popleft()
            self._queued_bytes -= len(message)
            self._transport.send(_TEXT, message)
        if not self._paused:
            self.on_writable()

    # ------------------------------------------------------------------------------------------------ inside

    def _pinged(self, payload: bytes) -> None:
        """RFC 6455 5.5.3: the newest ping may be answered alone, so a flood of them fills no memory."""
        if self._paused or self._transport is None:
            self._pong = payload
        else:
            self._transport.send_pong(payload)

    def _fragment(self, kind: int, frame: WSFrame) -> None:
        if self._assembler is None:
            self._assembler = Assembler(self._max_message_bytes)
        found = self._assembler.receive(kind, frame.fin, frame.get_payload_as_bytes())
        if isinstance(found, int):
            self.close(found, "what came is no message")
        elif found is not None:
            self._assembler = None
            self._assembled(*found)

    def _assembled(self, kind: int, message: bytes) -> None:
        if kind == TEXT:
            self.on_message(message.decode())
        elif self.on_binary is not None:
            self.on_binary(message)
        else:
            self.close(WSCloseCode.UNSUPPORTED_DATA.value, "messages are text here")

    def _closed_by_peer(self, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
        reason = payload[2:].decode(errors="replace")
        self._close = (code, reason)
        answer = code
        if (len(payload) == 1 or (len(payload) >= 2 and not close_code_allowed(code))) or "\ufffd" in reason:
            answer = WSCloseCode.PROTOCOL_ERROR.value
        self.close(answer if payload else WSCloseCode.OK.value)


def take_over(
    transport: asyncio.Transport, socket: WebSocket, received: bytes, *, client: tuple[str, str] | None = None
) -> Any:
    """Make `transport` a WebSocket. As a server: `received` holds the upgrade request and whatever followed.

    As a client: `client` is (host and port, path with query), and the upgrade request is sent now; see `shake_hands`.
    Gives picows' protocol.
    """
    host_port, path = client if client is not None else (None, None)
    protocol: Any = WSProtocol(
        host_port,
        path,
        client is not None,
        (lambda *_: socket) if client is not None else (lambda _: _switching(socket)),
        _QUIET,
        True,
        _HANDSHAKE_S if client is not None else None,  # a server has the whole request already
        False,
        20,
        20,
        WSAutoPingStrategy.PING_WHEN_IDLE,
        False,
        socket._max_message_bytes + 1024,  # noqa: SLF001 - a function of this class
        None if client is None else {"Sec-WebSocket-Protocol": SUBPROTOCOL},
        _READ_BUFFER_BYTES,
    )
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    while received:
        room = protocol.get_buffer(-1)
        part, received = received[: len(room)], received[len(room) :]
        room[: len(part)] = part
        try:  # noqa: SIM105 - in the way of every upgrade: no object for it
            protocol.buffer_updated(len(part))
        except RuntimeError:
            pass
    return protocol


def _switching(socket: WebSocket) -> WSUpgradeResponseWithListener:
    greeting, socket.greeting = socket.greeting, b""
    return socket.handshake.answer(socket, greeting)


class HandshakeFailed(Exception):
    """The server did not switch. `status`: of its HTTP answer; None: it gave none that can be read, or hung up."""

    def __init__(self, status: int | None, detail: str) -> None:
        super().__init__(detail)
        self.status = status


async def shake_hands(transport: asyncio.Transport, socket: WebSocket, host_port: str, path: str) -> None:
    """As a client, until the WebSocket is open: before that `socket` hears nothing. Raises HandshakeFailed."""
    protocol = take_over(transport, socket, b"", client=(host_port, path))
    try:
        await protocol.wait_until_handshake_complete()
    except WSInvalidStatusError as error:
        status = int(error.response.status) if error.response is not None else 0
        raise HandshakeFailed(status, f"HTTP status {status}") from error
    except WSError as error:
        raise HandshakeFailed(None, str(error)) from error
    if socket._transport is None:  # noqa: SLF001 - a function of this class
        raise HandshakeFailed(None, "the server hung up")
    ending = asyncio.get_running_loop().create_task(_ended(socket._transport), name="websocket end")  # noqa: SLF001
    _ENDING.add(ending)
    ending.add_done_callback(_ENDING.discard)


_ENDING: set[asyncio.Task[None]] = set()


async def _ended(transport: WSTransport) -> None:
    """picows keeps why a client's connection ended for somebody who asks; `on_closed` is told anyway."""
    with contextlib.suppress(Exception):
        await transport.wait_disconnected()


def _nothing() -> None:
    """Nobody listens."""


def _ignore(_message: object) -> None:
    """Nobody listens."""


def _ignore_close(_code: int, _reason: str) -> None:
    """Nobody listens."""
