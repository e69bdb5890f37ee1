"""A listening port: plain and with TLS, without descriptors left, and after its end."""

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from twinspan.drivers import listener as module
from twinspan.drivers.listener import Listener, Tls
from twinspan.server.authority import authorities, create_authority, ssl_context


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]


class Starved:
    """A listening socket whose process has no descriptor left for the first few connections."""

    def __init__(self, real: socket.socket, times: int) -> None:
        self._real, self._times = real, times
        self.asked = 0

    def _accept(self) -> tuple[int, Any]:
        self.asked += 1
        if self.asked <= self._times:
            raise OSError(errno.EMFILE, "Too many open files")
        return self._real._accept()  # type: ignore[attr-defined, no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


async def asked(port: int, context: ssl.SSLContext | None = None) -> bytes:
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="127.0.0.1" if context else None
        )
        writer.write(b"hello")
        answer = await reader.readexactly(5)
        writer.close()
    return answer


def with_listener(work: Callable[[Listener], Awaitable[Any]], tls: Tls | None = None) -> Any:
    async def run() -> Any:
        listener = Listener("127.0.0.1", 0, Echo, tls, shared=False)
        try:
            return await work(listener)
        finally:
            listener.close()

    return asyncio.run(run())


def test_a_connection_is_served() -> None:
    assert with_listener(lambda listener: asked(listener.port)) == b"hello"


def test_a_connection_is_served_over_tls(tmp_path: Path) -> None:
    create_authority(tmp_path / "state", ("127.0.0.1",), time.time_ns())
    context = ssl.create_default_context(cadata="".join(authorities(tmp_path / "state")))
    tls = Tls(context=ssl_context(tmp_path / "state"), handshake_s=5, farewell_s=1)
    assert with_listener(lambda listener: asked(listener.port, context), tls) == b"hello"


def test_whoever_takes_too_long_over_its_handshake_is_cut_off(tmp_path: Path) -> None:
    create_authority(tmp_path / "state", ("127.0.0.1",), time.time_ns())
    tls = Tls(context=ssl_context(tmp_path / "state"), handshake_s=0.2, farewell_s=1)

    async def silent(listener: Listener) -> bytes:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        async with asyncio.timeout(5):
            rest = await reader.read()
        writer.close()
        return rest

    assert with_listener(silent, tls) == b""


def test_without_descriptors_it_pauses_and_then_serves_who_has_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STARVED_S", 0.1)

    async def starved(listener: Listener) -> tuple[bytes, int]:
        narrow = Starved(listener._socket, times=2)
        listener._socket = narrow  # type: ignore[assignment]
        return await asked(listener.port), narrow.asked

    answer, times = with_listener(starved)
    assert answer == b"hello"
    assert times == 4, "twice in vain, once for the connection, once to see that nobody else waits: no busy loop"


def test_a_closed_one_takes_nobody() -> None:
    async def closed(listener: Listener) -> None:
        port = listener.port
        listener.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    with_listener(closed)


def test_a_port_that_is_taken_is_an_error() -> None:
    async def twice(listener: Listener) -> None:
        with pytest.raises(OSError, match="in use"):
            Listener("127.0.0.1", listener.port, Echo, None, shared=False)

    with_listener(twice)
