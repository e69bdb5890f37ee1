"""Workers of one server among themselves: a unix socket each, one JSON object per line.

In: questions about devices of another worker. Out: its answers. A worker that does not answer is dead, and with it its
connections. Next: `hub`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import msgspec

from twinspan.drivers.private_socket import private_socket
from twinspan.server.commands import CommandQueue
from twinspan.server.diagnostics import DiagnosticsService
from twinspan.server.hub import Hub

CONNECT_S = 1.0
_GRACE_S = 1.0
_LINE = 16 << 10


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A question to another worker."""

    op: Literal["alive", "end", "deliver"]
    serial: str
    deadline_s: float = 0.0
    code: int = 1000
    reason: str = ""
    id: str = ""
    epoch: int | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """Its answer."""

    yes: bool


class WorkerPeers:
    """This worker's socket, and the others'."""

    def __init__(self, folder: Path, hub: Hub, diagnostics: DiagnosticsService, queue: CommandQueue) -> None:
        self._folder, self._hub, self._diagnostics, self._queue = folder, hub, diagnostics, queue

    # ------------------------------------------------------------------------------------------------ asking

    async def alive(self, worker: str, serial: str, deadline_s: float) -> bool:
        """Whether a device of that worker answers a ping in time."""
        return await self._ask(worker, Ask(op="alive", serial=serial, deadline_s=deadline_s), deadline_s)

    async def end(self, worker: str, serial: str, code: int, reason: str, epoch: int | None) -> None:
        """End the connection of a device there, if it has one and it is of that epoch (None: of whichever)."""
        await self._ask(worker, Ask(op="end", serial=serial, code=code, reason=reason, epoch=epoch), 0.0)

    async def deliver(self, worker: str, serial: str, command_id: str, wait_s: float) -> None:
        """Let that worker send a queued command, and wait until its result is recorded."""
        await self._ask(worker, Ask(op="deliver", serial=serial, id=command_id, deadline_s=wait_s), wait_s)

    async def _ask(self, worker: str, ask: Ask, wait_s: float) -> bool:
        writer = None
        try:
            async with asyncio.timeout(CONNECT_S + wait_s + _GRACE_S):
                reader, writer = await asyncio.open_unix_connection(str(self._path(worker)), limit=_LINE)
                writer.write(msgspec.json.encode(ask) + b"\n")
                return msgspec.json.decode(await reader.readline(), type=Said).yes
        except (OSError, TimeoutError, msgspec.DecodeError):
            return False
        finally:
            if writer is not None:
                writer.close()

    # ------------------------------------------------------------------------------------------------ answering

    async def serve(self) -> None:
        """Answer the other workers until cancelled."""
        path = self._path(self._hub.settings.worker)
        server = await asyncio.start_unix_server(self._connection, sock=private_socket(path), limit=_LINE)
        try:
            async with server:
                await server.serve_forever()
        finally:
            path.unlink(missing_ok=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            ask = msgspec.json.decode(await reader.readline(), type=Ask)
            writer.write(msgspec.json.encode(Said(yes=await self._answer(ask))) + b"\n")
            await writer.drain()
        except (OSError, ValueError):
            return
        finally:
            writer.close()

    async def _answer(self, ask: Ask) -> bool:
        worker = self._hub.settings.worker
        match ask.op:
            case "alive":
                return await self._hub.alive(ask.serial, worker, ask.deadline_s)
            case "end":
                await self._hub.end(ask.serial, worker, ask.code, ask.reason, ask.epoch)
            case "deliver":
                command = self._queue.find(ask.serial, ask.id)
                if command is not None:
                    await self._diagnostics.deliver(command, ask.deadline_s)
        return True

    def _path(self, worker: str) -> Path:
        return self._folder / f"{worker}.sock"
