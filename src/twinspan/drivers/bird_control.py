"""BIRD's control socket: one connection, one command at a time.

In: a command. Out: its `Reply`. BIRD serves its clients between its other work, so that a queue on our side costs
nothing and many connections would. Next: `drivers.bird`; `wire.bird_text` reads the replies.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from twinspan.drivers.daemon import DaemonFailed
from twinspan.wire.bird_text import Reply, ReplyReader

_ANSWER_S = 1.0
"""BIRD answers within milliseconds; one that hangs must not hold up a failover that waits to hold an export."""


class BirdControl:
    """Connects when first asked, and again after BIRD restarted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._replies = ReplyReader()

    async def ask(self, command: str) -> Reply:
        """BIRD's whole answer. Raises `DaemonFailed` if none comes within a second."""
        async with self._lock:
            try:
                async with asyncio.timeout(_ANSWER_S):
                    return await self._exchange(command)
            except (OSError, TimeoutError, EOFError) as error:
                self.close()
                why = f"{type(error).__name__} {error}".strip()
                raise DaemonFailed(f"bird does not answer on {self._path}: {why}", delay_s=0.5) from error
            except asyncio.CancelledError:
                # The answer would be taken for that of the next command.
                self.close()
                raise

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _exchange(self, command: str) -> Reply:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_unix_connection(self._path)
            self._replies = ReplyReader()
            await self._reply(self._reader)  # "BIRD 2.0.12 ready."
        self._writer.write(command.encode() + b"\n")
        return await self._reply(self._reader)

    async def _reply(self, reader: asyncio.StreamReader) -> Reply:
        while True:
            data = await reader.read(65536)
            if not data:
                raise EOFError("connection closed")
            if replies := self._replies.feed(data):
                return replies[0]
