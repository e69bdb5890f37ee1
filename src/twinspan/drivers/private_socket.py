"""Unix sockets that only their owner may use.

In: a path. Out: a bound socket. Next: who serves it: `agent.api`, `agent.cli_socket`, `server.peers`.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path


def private_socket(path: Path) -> socket.socket:
    """A unix socket at `path`, 0600. Bound with no other task in between: the mask counts for the whole process."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(old)
    return listening
