"""Requests as lines of JSON for whoever collects logs: by default those that were refused or failed.

No line has a secret: no header, no body, no query (signatures of the compatible API stand there). A thread writes, so a
reader that is slow holds nobody up; what comes too fast is counted, and the count is a line itself.

In: what was answered. Out: lines. Next: `door.py` tells it of every answer.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from typing import Literal, get_args

import msgspec

Logged = Literal["none", "refused", "all"]
LOGGED: tuple[Logged, ...] = get_args(Logged)
PER_S = 100
"""Lines a second; a flood of requests must not become a flood of lines."""
MAX_PATH = 200
NS_PER_S = 1_000_000_000


class RequestLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request and its answer."""

    at_ns: int
    edge: str
    """native, alibaba or front."""
    method: str = ""
    path: str = ""
    """Without its query."""
    status: int
    took_ms: float = 0.0
    who: str = ""
    """Label of the token; empty: no good one."""
    address: str = ""
    reason: str = ""
    """Why it was refused: the problem's type, or the compatible API's code."""
    left_out: int = 0
    """Lines that were not written in the second before: there were too many."""


def to_stderr(line: bytes) -> None:
    """One line; a reader that has gone is nobody's harm."""
    try:
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
    except (OSError, ValueError):
        return


class RequestLog:
    """One per worker."""

    def __init__(self, logged: Logged, write: Callable[[bytes], object] = to_stderr) -> None:
        self._logged, self._write_line = logged, write
        self._queue: queue.Queue[RequestLine | None] = queue.Queue(10 * PER_S)
        self._thread: threading.Thread | None = None
        self._second, self._count, self._left_out = 0, 0, 0

    def wants(self, status: int) -> bool:
        """Whether a request with that answer becomes a line."""
        return self._logged == "all" or (self._logged == "refused" and status >= 400)

    def note(self, line: RequestLine) -> None:
        """Keep it for the thread, unless this second has had enough."""
        second = line.at_ns // NS_PER_S
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        if self._count > PER_S or self._queue.full():
            self._left_out += 1
            return
        if self._left_out:
            line, self._left_out = msgspec.structs.replace(line, left_out=self._left_out), 0
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="request log", daemon=True)
            self._thread.start()
        self._queue.put_nowait(line)

    def close(self) -> None:
        """Write what is there, for half a second at most."""
        if self._thread is not None and not self._queue.full():
            self._queue.put_nowait(None)
            self._thread.join(0.5)

    def _run(self) -> None:
        while (line := self._queue.get()) is not None:
            self._write_line(msgspec.json.encode(line) + b"\n")
