"""A connection for the device store: SQL as it is written, one statement a call, on SQLite or PostgreSQL.

SQLite is the standard library's own connection, and of its calls only the errors are changed: the hot path stays as
fast as it can be.
PostgreSQL's takes the same SQL (`postgres_connection.py`).

In: a path or a URL. Out: a connection to a database of this version. Next: `server.store`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from twinspan.model.errors import Retryable, Unavailable
from twinspan.server.database.place import sqlite_path
from twinspan.server.database.sqlite_file import Durability, connect, translated
from twinspan.server.migrations import HEAD

CACHE_KIB = 2_000
"""SQLite's own measure: a row of a device is found in four pages."""


class Cursor(Protocol):
    """What a statement has done, or found."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """In autocommit mode, but between BEGIN IMMEDIATE and COMMIT or ROLLBACK."""

    def execute(self, sql: str, values: Sequence[Any] = ..., /) -> Cursor: ...
    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Cursor: ...
    def close(self) -> None: ...


class _Telling(sqlite3.Connection):
    """SQLite's own, but what it raises is Retryable, or whatever else it means."""

    place: object = "that file"

    def execute(self, sql: str, values: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, values)
        except sqlite3.Error as error:
            raise translated(error, self.place) from error

    def executemany(self, sql: str, rows: Any, /) -> sqlite3.Cursor:
        try:
            return super().executemany(sql, rows)
        except sqlite3.Error as error:
            raise translated(error, self.place) from error


def open_connection(place: Path | str, durability: Durability) -> Connection:
    """A connection; the database is made or brought to this version first.

    `place` is the path of a file, or a URL. Raises Unavailable or Retryable where it cannot be used, Rejected where a
    newer server has written it.
    """
    path = place if isinstance(place, Path) else sqlite_path(place)
    if path is None:
        from twinspan.server.database.postgres_connection import open_postgres  # noqa: PLC0415  who has one loads it

        return open_postgres(str(place), durability)
    try:
        return _open_file(path, durability)
    except sqlite3.Error as error:
        raise Unavailable(
            f"cannot use the server's database {path}: {error}",
            remedy="check that the state directory exists, may be written to and has space left",
        ) from error


def _open_file(path: Path, durability: Durability) -> sqlite3.Connection:
    connection = _connect(path, durability) if path.exists() else None
    if connection is not None:
        if _is_current(connection):
            return connection
        connection.close()
    from twinspan.server.database.migrate import make  # noqa: PLC0415  loads half a second that few wait for

    make(path, HEAD)
    return _connect(path, durability)


def _connect(path: Path, durability: Durability) -> sqlite3.Connection:
    def telling(*given: Any, **named: Any) -> _Telling:
        made = _Telling(*given, **named)
        made.place = path
        return made

    return connect(path, durability, CACHE_KIB, telling)


def _is_current(connection: sqlite3.Connection) -> bool:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except Retryable:
        return False  # there is no such table
    return row is not None and row[0] == HEAD
