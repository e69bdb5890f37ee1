"""SQLite: write-ahead log, one writer at a time, a connection per reading thread.

What is committed is on disk (synchronous FULL). A disk that is full or a file that is gone is Retryable: connections
are dropped and opened again by themselves, but a file that exists no more is never made anew behind people's backs.

In: a path. Out: sessions. Next: `migrate.py`.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from twinspan.model.errors import TwinspanError
from twinspan.server.database.port import DialectName, Row, Statement, Values
from twinspan.server.database.sqlite_file import connect, connection_is_lost, translated


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


class _Reading:
    """A question. A class of its own, since a generator would take longer than what is asked in it."""

    __slots__ = ("_begun", "_database")

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._begun: sqlite3.Connection | None = None

    def __enter__(self) -> SqliteSession:
        try:
            connection = self._database.reader()
            # A question inside a question has the same snapshot.
            if not connection.in_transaction:
                connection.execute("BEGIN")
                self._begun = connection
        except sqlite3.Error as error:
            raise self._database.reading_failed(error) from error
        return SqliteSession(connection)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if self._begun is not None:
                _undo(self._begun)
        except sqlite3.Error as late:
            raise self._database.reading_failed(late) from late
        if isinstance(error, sqlite3.Error):
            raise self._database.reading_failed(error) from error


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

    def reading(self) -> _Reading:
        return _Reading(self)

    def row(self, statement: Statement, values: Values) -> Row | None:
        try:
            found: Row | None = self.reader().execute(statement.sql, statement.bind(values)).fetchone()
        except sqlite3.Error as error:
            raise self.reading_failed(error) from error
        return found

    @contextlib.contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[SqliteSession]:
        """`alone` or not: a file has one writer."""
        with self._lock:
            try:
                writer = self._usable_writer()
                writer.execute("BEGIN IMMEDIATE")
                with _whole(writer):
                    yield SqliteSession(writer)
            except sqlite3.Error as error:
                if connection_is_lost(error):
                    self._drop_writer()
                raise translated(error, self.path) from error

    def is_fatal(self, error: BaseException) -> bool:
        name = getattr(error, "sqlite_errorname", "") or ""
        return name.startswith("SQLITE_FULL") or connection_is_lost(error)

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

    def reader(self) -> sqlite3.Connection:
        """This thread's."""
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

    def reading_failed(self, error: sqlite3.Error) -> TwinspanError:
        """What it means to whoever asks; where the file is to blame, every reader opens it again."""
        if connection_is_lost(error):
            self._era += 1
        return translated(error, self.path)

    def _drop_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._era += 1
