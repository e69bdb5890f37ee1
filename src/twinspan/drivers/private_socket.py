"""Unix sockets that only their owner may use.

In: a path. Out: a bound socket, or one that is served and stays reachable by its path. Next: who serves it:
`agent.api`, `agent.cli_socket`, `server.peers`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from twinspan.drivers.clock import pause

LOOK_S = 1.0
"""Between two looks whether the socket is still at its path, and between two tries to put it there."""


def private_socket(path: Path) -> socket.socket:
    """A unix socket at `path`, 0600. Bound with no other task in between: the mask counts for the whole process."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        listening.bind(str(path))
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(old)
    return listening


async def serve_private(
    path: Path, start: Callable[[socket.socket], Awaitable[asyncio.Server]], trouble: Callable[[str], None]
) -> None:
    """Serve the socket at `path` until cancelled, whatever somebody does to its directory.

    Where path and directory are removed, both are made again and later clients are served there; connections that are
    open stay. `trouble` hears, once for each reason, why that cannot be done.
    """
    said = ""
    while True:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with private_socket(path) as listening:
                place = _place(path)
                async with await start(listening):
                    said = ""
                    while _place(path) == place:
                        await pause(LOOK_S)
        except OSError as error:
            why = f"{path} cannot be served: {error.strerror or error}; make its directory writable"
            if why != said:
                trouble(why)
            said = why
            await pause(LOOK_S)


def _place(path: Path) -> tuple[int, int] | None:
    """Which file that is."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
