"""SQLite: write-ahead log, one writer at a time, a connection per reading thread.

What is committed is on disk (synchronous FULL). A disk that is full or a file that is gone is Retryable: connections
are dropped and opened again by themselves, but a file that exists no more is never made anew behind people's backs.

In: a path. Out: sessions. Next: `migrate.py`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from twinspan.model.errors import Rejected, Retryable, TwinspanError, Unavailable
from twinspan.server.database.port import OUR_MISTAKE, DialectName, Row, Statement, Values

BUSY_TIMEOUT_MS = 5000
"""A writer holds the file for milliseconds; who waits longer than this has a broken disk."""
CHECKPOINT_PAGES = 4000
"""Of 4 KiB: the log is folded into the file after so many, not after SQLite's 1,000, since that waits for the disk."""
CACHE_KIB = 16_000
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


def connect(path: Path, durability: Durability = "FULL") -> sqlite3.Connection:
    """A connection in autocommit mode to a file that exists. Raises sqlite3.Error."""
    # A URI cannot make the file: mode=rw.
    uri = f"file:{_quoted(str(path.absolute()))}?mode=rw"
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None, cached_statements=256,
        check_same_thread=False,
    )  # fmt: skip
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {durability}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return connection


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def translated(error: sqlite3.Error, where: object) -> TwinspanError:
    """What it means to whoever asks."""
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


def _connection_is_lost(error: BaseException) -> bool:
    name = getattr(error, "sqlite_errorname", "") or ""
    return name.startswith(("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_CORRUPT"))


@contextlib.contextmanager
def _whole(connection: sqlite3.Connection) -> Iterator[None]:
    """The end of a transaction, this way or that."""
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        _undo(connection)
        raise


def _undo(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:  # a full disk has ended it already
        connection.execute("ROLLBACK")


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


class SqliteSession:
    """One transaction of a connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: Statement, values: Values = {}) -> list[Row]:  # noqa: B006  never changed
        return self._connection.execute(statement.sql, statement.bind(values)).fetchall()

    def row(self, statement: Statement, values: Values = {}) -> Row | None:  # noqa: B006
        found: Row | None = self._connection.execute(statement.sql, statement.bind(values)).fetchone()
        return found

    def run(self, statement: Statement, values: Values = {}) -> int:  # noqa: B006
        return self._connection.execute(statement.sql, statement.bind(values)).rowcount

    def run_many(self, statement: Statement, values: Iterable[Values]) -> None:
        self._connection.executemany(statement.sql, [statement.bind(one) for one in values])

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        self._connection.execute("SAVEPOINT work")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:  # a full disk has ended all of it already
                self._connection.execute("ROLLBACK TO work")
                self._connection.execute("RELEASE work")
            raise
        self._connection.execute("RELEASE work")


class SqliteDatabase:
    """A file that exists and has the right revision (`migrate.py`)."""

    dialect: DialectName = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._inode = 0
        self._threads = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._era = 0
        """Readers of an earlier one are stale: something was wrong with the file."""

    @contextlib.contextmanager
    def reading(self) -> Iterator[SqliteSession]:
        try:
            connection = self._reader()
            if connection.in_transaction:  # a question inside a question has the same snapshot
                yield SqliteSession(connection)
                return
            connection.execute("BEGIN")
            try:
                yield SqliteSession(connection)
            finally:
                _undo(connection)
        except sqlite3.Error as error:
            if _connection_is_lost(error):
                self._era += 1
            raise translated(error, self.path) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[SqliteSession]:
        with self._lock:
            try:
                writer = self._usable_writer()
                writer.execute("BEGIN IMMEDIATE")
                with _whole(writer):
                    yield SqliteSession(writer)
            except sqlite3.Error as error:
                if _connection_is_lost(error):
                    self._drop_writer()
                raise translated(error, self.path) from error

    def is_fatal(self, error: BaseException) -> bool:
        name = getattr(error, "sqlite_errorname", "") or ""
        return name.startswith("SQLITE_FULL") or _connection_is_lost(error)

    def translated(self, error: Exception) -> Exception:
        return translated(error, self.path) if isinstance(error, sqlite3.Error) else error

    def close(self) -> None:
        with self._lock:
            self._drop_writer()
        for connection in self._readers:
            connection.close()
        self._readers.clear()
        self._era += 1

    def _usable_writer(self) -> sqlite3.Connection:
        """Of the file that has the name now: SQLite itself would go on writing to one that was moved or removed."""
        if self._writer is not None and _inode(self.path) != self._inode:
            self._drop_writer()
        if self._writer is None:
            self._writer = connect(self.path)
            self._inode = _inode(self.path)
        return self._writer

    def _reader(self) -> sqlite3.Connection:
        kept: tuple[int, sqlite3.Connection] | None = getattr(self._threads, "kept", None)
        if kept is not None and kept[0] == self._era:
            return kept[1]
        if kept is not None:
            kept[1].close()
        connection = connect(self.path)
        connection.execute("PRAGMA query_only = ON")
        self._threads.kept = (self._era, connection)
        self._readers.append(connection)
        return connection

    def _drop_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._era += 1
