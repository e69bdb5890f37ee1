"""A file of SQLite: made for its owner alone, opened, and what its errors mean.

In: a path. Out: connections of the standard library. Next: `sqlite.py` (sessions), `connection.py` (the hot path).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any, Literal

from twinspan.model.errors import Rejected, Retryable, TwinspanError, Unavailable

OUR_MISTAKE = "report it: nothing that people send should get this far"
"""The way out where a statement of ours breaks a rule of the tables."""
BUSY_TIMEOUT_MS = 5000
"""A writer holds the file for milliseconds; who waits longer than this has a broken disk."""
CHECKPOINT_PAGES = 4000
"""Of 4 KiB: the log is folded into the file after so many, not after SQLite's 1,000, since that waits for the disk."""
CACHE_KIB = 8_000
"""Of each connection: a page of a long list reads its index again and again."""

Durability = Literal["NORMAL", "FULL"]
"""NORMAL: a power cut may take the last moments (who is connected), never the file. FULL: what is said is on disk."""

_REMEDY = "check that the state directory exists, may be written to and has space left"


def create_file(path: Path) -> None:
    """An empty file for the owner alone, if there is none.

    One that exists is not even opened: closing it would drop every lock that this process holds on it through another
    connection (POSIX record locks), and a second process would then take itself for the last one and remove the log.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def connect(
    path: Path,
    durability: Durability = "FULL",
    cache_kib: int = CACHE_KIB,
    factory: Any = sqlite3.Connection,
) -> sqlite3.Connection:
    """A connection in autocommit mode to a file that exists; `factory` makes it. Raises sqlite3.Error."""
    # A URI cannot make the file: mode=rw.
    uri = f"file:{_quoted(str(path.absolute()))}?mode=rw"
    connection: sqlite3.Connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None, cached_statements=256,
        check_same_thread=False, factory=factory,
    )  # fmt: skip
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {durability}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    except BaseException:
        connection.close()
        raise
    return connection


def without_place(error: TwinspanError) -> TwinspanError:
    """With words for those who shall not know where the database is."""
    full = "is full" in error.message
    if isinstance(error, Rejected):
        error.public = "the server's database does not take this"
    else:
        error.public = (
            f"the server's {'disk is full: nothing of this change was kept' if full else 'database cannot be used now'}"
        )
    return error


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def translated(error: sqlite3.Error, where: object) -> TwinspanError:
    """What it means to whoever asks. What is public does not say where it is."""
    return without_place(_meaning(error, where))


def _meaning(error: sqlite3.Error, where: object) -> TwinspanError:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_FULL"):
        return Retryable(
            f"the disk of the database {where} is full: nothing of this change was kept, and nothing else was lost",
            delay_s=10, remedy="free some space there; no restart is needed",
        )  # fmt: skip
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return Unavailable(f"the database {where} is damaged: {error}", remedy="restore the last backup")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Retryable(f"another process is writing to the database {where}", delay_s=1)
    if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError | sqlite3.InterfaceError):
        return Rejected(f"the database {where} does not take this: {error}", remedy=OUR_MISTAKE)
    return Retryable(f"the database {where} cannot be used now: {error}", delay_s=5, remedy=_REMEDY)


def connection_is_lost(error: BaseException) -> bool:
    """Whether the connection is of no use any more."""
    name = getattr(error, "sqlite_errorname", "") or ""
    return name.startswith(("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_CORRUPT"))
