"""One server at a time on a state directory, and nobody restores over one that runs.

In: a state directory. Out: a lock that is free when the last process of its holder is gone, however that ended. Next:
`run.py`, `restore.py`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from twinspan.model.errors import Rejected, Unavailable

LOCK_NAME = "server.lock"
_LOCK_WAIT_S = 2.0
"""So long the processes of a server that was killed may take to be gone."""


@contextlib.contextmanager
def alone(state_dir: Path) -> Iterator[None]:
    """Hold the state directory; workers inherit the lock, so that it is free once the last of them is gone.

    Raises Rejected while a server runs on it.
    """
    try:
        handle = os.open(state_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(
            f"cannot write in {state_dir}: {error.strerror}",
            remedy="run it as the user that made the server, on a disk that is not full",
        ) from error
    try:
        _lock(handle, state_dir)
        with contextlib.suppress(OSError):  # it only tells people who holds the lock, and a disk may be full
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, state_dir: Path) -> None:
    until = time.monotonic() + _LOCK_WAIT_S
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > until:
                holder = os.pread(handle, 32, 0).decode(errors="replace") or "unknown"
                raise Rejected(
                    f"a server runs on {state_dir} already: process {holder}",
                    remedy="end that one first, or make another server with another --state-dir",
                ) from error
        time.sleep(0.05)
