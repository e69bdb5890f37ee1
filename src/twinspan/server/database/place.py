"""Where the server's database is: a file in its state directory, or what a person has chosen.

In: a state directory, a URL or nothing. Out: a URL. Next: `connection.py`, `migrate.py`.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path

from twinspan.model.errors import Unavailable

FILE_NAME = "twinspan.db"
"""In the state directory: everything that the server remembers."""
FORMER_NAME = "devices.db"
"""What it was called while it held devices alone."""
SQLITE = "sqlite:///"


def database_url(state_dir: Path, given: str = "") -> str:
    """The URL that was given, or that of the file in the state directory."""
    return given or f"{SQLITE}{state_dir / FILE_NAME}"


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
