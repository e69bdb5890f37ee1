"""A running program as a stream of its lines; it ends with whoever listens.

In: fixed arguments. Out: lines as they come; `interrupt` is what Ctrl-C would do. No shell is involved. Next:
`agent.errands`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from types import TracebackType

_LINE_LIMIT = 64 << 10


class CommandStream:
    """`async with CommandStream(argv) as stream:` starts it; leaving the block ends it for certain."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = tuple(argv)
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> CommandStream:
        """Raises FileNotFoundError if there is no such program."""
        # As in `drivers.command`: asyncio's own subprocesses of Python 3.11 may hang when cancelled at their start.
        self._process = _start(self._argv)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def lines(self) -> AsyncIterator[str]:
        """Each line of both its outputs, without its end, until it has ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        reader = asyncio.StreamReader(limit=_LINE_LIMIT)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, self._process.stdout)
        try:
            while line := await reader.readline():
                yield line.decode(errors="replace").rstrip("\n")
        finally:
            transport.close()

    def interrupt(self) -> None:
        """SIGINT: it may say its last lines."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)


def _start(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """It takes as long as fork and exec do, in asyncio's way as well."""
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"LC_ALL": "C"},
        start_new_session=True,
    )
