"""Where the server's database is: a file in its state directory, or what a person has chosen.

In: a state directory, a URL or nothing. Out: a URL. Next: `connection.py`, `migrate.py`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import sqlite3
from pathlib import Path

from twinspan.model.errors import Rejected, Unavailable
from twinspan.server.key_file import make_state_dir, read_private, write_private

FILE_NAME = "twinspan.db"
"""In the state directory: everything that the server remembers."""
FORMER_NAME = "devices.db"
"""What it was called while it held devices alone."""
CHOICE_NAME = "database.url"
"""The URL that a person has chosen: for its owner only, there may be a password in it."""
SQLITE = "sqlite:///"


def is_made(state_dir: Path) -> bool:
    """Whether a server was made there."""
    return any((state_dir / name).exists() for name in (FILE_NAME, FORMER_NAME, CHOICE_NAME))


def database_url(state_dir: Path, given: str = "") -> str:
    """The URL that a person gives or has chosen, or that of the file in the state directory."""
    choice = state_dir / CHOICE_NAME
    if given:
        return given
    if choice.exists():
        return read_private(choice).decode().strip()
    return f"{SQLITE}{state_dir / FILE_NAME}"


def choose_database(state_dir: Path, url: str) -> str:
    """The database of a server that is being made, or of one that is: empty for the one it has.

    It is written down, so that no command needs to be told again. Raises Rejected where the server has another.
    """
    if url and not is_made(state_dir):
        make_state_dir(state_dir)
        write_private(state_dir / CHOICE_NAME, f"{url}\n".encode())
    chosen = database_url(state_dir)
    if url and url != chosen:
        raise Rejected(
            f"the server in {state_dir} has another database",
            remedy="leave --database out; to move it: twinspan backup FILE, then twinspan restore FILE --database URL "
            "into a new --state-dir",
        )
    return chosen


def server_id(state_dir: Path) -> str:
    """Which of the servers on one database this is: the same after a restart, another on another machine.

    It is not written down, since the state directory is copied from one machine to the next.
    """
    machine = Path("/etc/machine-id")
    name = machine.read_text().strip() if machine.exists() else ""
    told = f"{socket.gethostname()} {name} {state_dir.resolve()}"
    return hashlib.sha256(told.encode()).hexdigest()[:8]


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite URL; None: it is another sort."""
    return Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None


def adopt_former(path: Path) -> None:
    """A file of the former name gets the name of today. Raises Unavailable while a former server still uses it."""
    former = path.with_name(FORMER_NAME)
    if path.name != FILE_NAME or path.exists() or not former.exists():
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)  # several workers start at once
        if former.exists() and not path.exists():
            _fold(former)
            former.rename(path)
            os.fsync(directory)
    finally:
        os.close(directory)


def _fold(former: Path) -> None:
    """Without a log beside it. SQLite does that for the only one who has the file open, and refuses all others."""
    connection = sqlite3.connect(former, isolation_level=None)
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError:
        mode = "busy"
    finally:
        connection.close()
    if mode != "delete":
        raise Unavailable(f"another program uses {former}", remedy="end the server that runs on it, then start again")
