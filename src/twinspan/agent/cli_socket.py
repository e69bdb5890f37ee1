"""The local way to the node's command line: the socket `cli.sock`, 0600, for `twinspan cli`.

In: connections of this machine. Out: shells and scripts on behalf of the user behind the connection, whom the kernel
names. Next: `agent.shell`, `wire.cli_socket`.
"""

from __future__ import annotations

import asyncio
import codecs
import pwd
import socket
import struct
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING

from twinspan.agent.command_line import CommandLine
from twinspan.drivers.private_socket import serve_private
from twinspan.model.errors import Rejected
from twinspan.wire.cli_socket import (
    LINE_LIMIT,
    BadMessage,
    Ended,
    Open,
    Resize,
    Script,
    Shown,
    ToAgent,
    Typed,
    decode_for_agent,
    encode_line,
)

if TYPE_CHECKING:
    from twinspan.agent.script import ScriptRun
    from twinspan.agent.shell import Shell, User

MAX_CONNECTIONS = 64
MAX_BUFFER = 1 << 20
"""Bytes that wait for a terminal that does not read; beyond it the session holds."""
_CREDENTIALS = struct.Struct("=3i")


async def serve_cli(desk: CommandLine, path: Path) -> None:
    """Serve the socket at `path` until cancelled."""
    loop = asyncio.get_running_loop()
    connections: set[_Connection] = set()

    def start(listening: socket.socket) -> Awaitable[asyncio.Server]:
        return loop.create_unix_server(lambda: _Connection(desk, connections), sock=listening)

    try:
        await serve_private(path, start, lambda why: desk.node.events.record("config", "socket not served", why))
    finally:
        for connection in tuple(connections):
            connection.end("the agent ends")


class _Connection(asyncio.Protocol):
    """One session."""

    def __init__(self, desk: CommandLine, connections: set[_Connection]) -> None:
        self._desk, self._connections = desk, connections
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._shell: Shell | None = None
        self._script: ScriptRun | None = None
        self._running: asyncio.Task[None] | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._full = False

    # ------------------------------------------------------------------------------------------------ asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=MAX_BUFFER)
        self._connections.add(self)
        if len(self._connections) > MAX_CONNECTIONS:
            self.end(f"{MAX_CONNECTIONS} connections are open already")

    def data_received(self, data: bytes) -> None:
        self._received += data
        while self._transport is not None and not self._transport.is_closing():
            line, found, rest = self._received.partition(b"\n")
            if not found:
                break
            self._received = rest
            self._take(decode_for_agent(bytes(line)))
        if len(self._received) > LINE_LIMIT:
            self.end(f"a line of more than {LINE_LIMIT} bytes is no message")

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if self._script is not None:
            self._script.writable()
        if self._shell is not None:
            self._shell.writable()
            self._hold()

    def connection_lost(self, _error: Exception | None) -> None:
        self._connections.discard(self)
        self._transport = None
        if self._shell is not None:
            self._shell.close()
        if self._running is not None:
            self._running.cancel()

    # ------------------------------------------------------------------------------------------------ a terminal

    def write(self, data: bytes) -> bool:
        if self._full or self._transport is None:
            return False
        self._transport.write(encode_line(Shown(text=self._decoder.decode(data))))
        return True

    def close(self, why: str) -> None:
        self.end(why, mistakes=self._shell.mistakes if self._shell is not None else 0)

    def end(self, why: str, *, mistakes: int = 0) -> None:
        """Say why, and hang up."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode_line(Ended(detail=why, mistakes=mistakes)))
            self._transport.close()

    # ------------------------------------------------------------------------------------------------ inside

    def _take(self, message: ToAgent | BadMessage) -> None:
        if isinstance(message, BadMessage):
            self.end(f"this is no message of the command line: {message.detail}")
        elif isinstance(message, Typed) and self._shell is not None:
            self._shell.typed(message.text.encode("utf-8", "replace"))
            self._hold()
        elif isinstance(message, Resize) and self._shell is not None:
            self._shell.resize(message.rows)
        elif isinstance(message, Open | Script) and self._shell is None and self._script is None:
            try:
                self._begin(message)
            except Rejected as error:
                self.end(str(error))

    def _begin(self, message: Open | Script) -> None:
        user = self._user()
        if isinstance(message, Open):
            self._shell = self._desk.open(self, user)
            self._shell.resize(message.rows)
            self._shell.start()
            return
        from twinspan.agent.script import ScriptRun  # noqa: PLC0415  late: it loads the whole language

        keys = {key.salt: key.key for key in message.keys}
        self._script = ScriptRun(
            self._desk, user, self._show, lambda: not self._full, transcript=message.transcript, keys=keys
        )
        running = self._run(self._script, message.lines)
        self._running = asyncio.get_running_loop().create_task(running, name="script")

    async def _run(self, script: ScriptRun, lines: tuple[str, ...]) -> None:
        self.end("", mistakes=await script.run(lines))

    def _show(self, text: str) -> None:
        if self._transport is not None:
            self._transport.write(encode_line(Shown(text=text)))

    def _hold(self) -> None:
        """Take no more from a terminal that is ahead of its session."""
        if self._transport is None or self._shell is None:
            return
        if self._shell.full:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(0.02, self._hold)
        else:
            self._transport.resume_reading()

    def _user(self) -> User:
        from twinspan.agent.shell import User  # noqa: PLC0415  as above

        assert self._transport is not None
        connection: socket.socket = self._transport.get_extra_info("socket")
        said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, uid, _ = _CREDENTIALS.unpack(said)
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = f"uid {uid}"
        return User(name=name, way="local socket")
