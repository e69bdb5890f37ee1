"""A server's end of a WebSocket: what is sent at the hand-over, and what is left of it after its end."""

import asyncio
import gc
import struct
import weakref

import aiofastnet
import pytest

from twinspan.drivers.websocket import WebSocket, take_over
from twinspan.drivers.websocket_handshake import text_frame

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Owner:
    """Holds a socket that calls it: a cycle, as `Tunnel` is one."""

    def __init__(self) -> None:
        self.socket = WebSocket(1000)
        self.socket.greeting = b"first of all"
        self.socket.on_open = self.opened
        self.socket.on_closed = self.closed
        self.ended = asyncio.Event()

    def opened(self) -> None:
        self.socket.send(b"welcome")

    def closed(self, _code: int, _reason: str) -> None:
        self.ended.set()


class Front(asyncio.BufferedProtocol):
    """Takes one request and hands the connection over."""

    def __init__(self, owner: Owner) -> None:
        self._owner, self._buffer = owner, bytearray(4096)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def get_buffer(self, _sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        transport, owner = self._transport, self._owner
        del self._transport, self._owner
        take_over(transport, owner.socket, bytes(self._buffer[:nbytes]))


async def one_connection() -> tuple[bytes, asyncio.Event]:
    """What a client reads, and when nothing is left of the server's end after the client has gone."""
    owner, freed = Owner(), asyncio.Event()
    weakref.finalize(owner.socket, freed.set)
    fronts, ended = [Front(owner)], owner.ended
    server = await aiofastnet.create_server(asyncio.get_running_loop(), fronts.pop, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(REQUEST)
    async with asyncio.timeout(5):
        answer = await reader.readuntil(b"welcome")
        writer.close()
        await writer.wait_closed()
        await ended.wait()
    server.close()
    return answer, freed


async def is_freed() -> bool:
    _, freed = await one_connection()
    async with asyncio.timeout(5):
        return await freed.wait()


def test_the_handshake_is_answered_with_the_accept_key_and_the_subprotocol() -> None:
    answer, _ = asyncio.run(one_connection())
    head = answer.partition(b"\r\n\r\n")[0].splitlines()
    assert head[0] == b"HTTP/1.1 101 Switching Protocols"
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, "RFC 6455 1.3 has this key's answer"
    assert b"Sec-WebSocket-Protocol: twinspan.cloud.v1" in head


def test_the_greeting_comes_before_every_other_message() -> None:
    answer, _ = asyncio.run(one_connection())
    frames = answer.partition(b"\r\n\r\n")[2]
    assert frames == b"\x81\x0cfirst of all" + b"\x81\x07welcome"


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_a_text_frame_says_its_length_in_the_shortest_way(size: int) -> None:
    frame = text_frame(b"x" * size)
    if size < 126:
        assert frame[:2] == bytes((0x81, size))
    elif size < 65536:
        assert frame[:4] == struct.pack("!BBH", 0x81, 126, size)
    else:
        assert frame[:10] == struct.pack("!BBQ", 0x81, 127, size)
    assert frame.endswith(b"x" * size)


def test_a_connection_that_has_ended_is_freed_without_a_garbage_collection() -> None:
    gc.disable()
    try:
        assert asyncio.run(is_freed())
    finally:
        gc.enable()


def test_a_message_beyond_the_limit_is_told_by_the_close_code_and_not_on_standard_error(capfd, caplog):
    async def scenario() -> tuple[bytes, int]:
        owner = Owner()
        codes: list[int] = []
        owner.socket.on_closed = lambda code, _reason: (codes.append(code), owner.ended.set())  # type: ignore[assignment,return-value]
        fronts, ended = [Front(owner)], owner.ended
        server = await aiofastnet.create_server(asyncio.get_running_loop(), fronts.pop, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(REQUEST)
        await reader.readuntil(b"welcome")
        writer.write(b"\x81\xff" + (80_000).to_bytes(8, "big") + bytes(4) + b"x" * 80_000)
        heard = await reader.readexactly(4)
        writer.close()
        async with asyncio.timeout(10):
            await ended.wait()
        server.close()
        return heard, codes[0]

    heard, code = asyncio.run(scenario())
    assert (heard[0], int.from_bytes(heard[2:4], "big"), code) == (0x88, 1009, 1009)
    assert capfd.readouterr().err == ""
    assert caplog.records == []
