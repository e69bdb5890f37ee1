"""Files that only the server may read: private keys, and the key that signs tickets.

In: a state directory. Out: bytes; every file is 0600, written whole and moved into place with fsync, so that a kill at
any moment leaves the old or the new one. Next: `authority.py`.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from twinspan.model.errors import Rejected, Unavailable

TICKET_KEY_BYTES = 32
_OTHERS = 0o077
"""Permission bits of everybody but the owner."""


def make_state_dir(state_dir: Path) -> None:
    """The directory, 0700. Raises Unavailable where it cannot be made."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        state_dir.chmod(0o700)
    except OSError as error:
        raise Unavailable(
            f"cannot make the state directory {state_dir}: {error.strerror}",
            remedy="give a directory that this user may write to, with --state-dir",
        ) from error


def write_private(path: Path, data: bytes) -> None:
    """The whole file or the one from before, readable by its owner only."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_directory(path.parent)


def read_private(path: Path) -> bytes:
    """Raises Rejected if others may read it, Unavailable if it is not there."""
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise Unavailable(
            f"cannot read {path}: {error.strerror}", remedy="make the server's state with: twinspan server init"
        ) from error
    if mode & _OTHERS:
        raise Rejected(f"{path} can be read by others (mode {mode & 0o777:o})", remedy=f"chmod 600 {path}")
    return data


def create_private(path: Path, data: bytes) -> None:
    """Writes a file that is not there yet. Several processes may come at once: whoever links its file first has made
    it for all."""
    candidate = path.with_name(f"{path.name}.{os.getpid()}")
    write_private(candidate, data)
    try:
        os.link(candidate, path)
    except FileExistsError:
        pass
    finally:
        candidate.unlink()


def ticket_key(state_dir: Path) -> bytes:
    """The key of all tickets, made at the first call: it survives restarts, and with it the tickets."""
    path = state_dir / "ticket.key"
    if not path.exists():
        create_private(path, secrets.token_bytes(TICKET_KEY_BYTES))
    key = read_private(path)
    if len(key) != TICKET_KEY_BYTES:
        raise Rejected(f"{path} is damaged", remedy="remove it: devices then log in in full once")
    return key


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
