"""Follows a daemon's log file from its present end, across rotation and restarts of the daemon.

In: the file's path and a reader that makes events of bytes. Out: the events, by callback, within 50 ms. Next:
`drivers.bird`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

from twinspan.model.device_report import Event

_PERIOD_S = 0.05
_CHUNK = 1 << 20


class EventReader(Protocol):
    def feed(self, data: bytes) -> list[Event]: ...

    def reset(self) -> None: ...


class LogTail:
    """Polls, for regular files cannot be waited for; an idle poll is one `read` and one `stat`."""

    def __init__(self, path: Path, reader: EventReader, on_event: Callable[[Event], None]) -> None:
        self._path, self._reader, self._on_event = path, reader, on_event
        self._file: BinaryIO | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        return self._timer is not None

    def start(self) -> None:
        """Begin at the end of what is there now: an earlier agent has reported that."""
        if self.running:
            return
        if self._open() and self._file is not None:
            self._file.seek(0, os.SEEK_END)
        self._arm()

    def poll(self) -> None:
        """Read what is new. A file that was renamed away is read to its end first."""
        while True:
            if self._file is not None:
                for event in self._reader.feed(self._file.read(_CHUNK)):
                    self._on_event(event)
            if not self._moved() or not self._open():
                return

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_PERIOD_S, self._tick)

    def _tick(self) -> None:
        self._arm()
        self.poll()

    def _moved(self) -> bool:
        if self._file is None:
            return True
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False
        return now.st_ino != os.fstat(self._file.fileno()).st_ino

    def _open(self) -> bool:
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return False
        if self._file is not None:
            self._file.close()
        self._file = file
        self._reader.reset()
        return True
