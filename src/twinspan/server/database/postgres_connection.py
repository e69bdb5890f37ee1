"""PostgreSQL behind the device store: the same SQL as SQLite's, one round trip a call.

Parameters are written `?`. `BEGIN IMMEDIATE` is a transaction behind an advisory lock, so that writers go one after
another as they do in SQLite. A connection that was lost is made again at the next call; what was lost with it is said.

In: a URL. Out: a connection as `connection.py` describes it. Next: `server.store`.
"""

from __future__ import annotations

import functools
import select
import time
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from twinspan.server.database import postgres
from twinspan.server.database.migrate import make
from twinspan.server.database.sqlite_file import Durability
from twinspan.server.database.storable import storable
from twinspan.server.migrations import HEAD

AWAY_FACTOR = 4
"""Whoever waited long for a connection in vain does not try again soon: the event loop has other work."""

BEGIN = "BEGIN IMMEDIATE"
_SPECIAL = {BEGIN: f"BEGIN; SELECT pg_advisory_xact_lock({postgres.DEVICE_LOCK})".encode()}


def open_postgres(url: str, durability: Durability) -> PostgresConnection:
    """A connection to a database of this version. Raises Unavailable, Retryable or Rejected."""
    make(url, HEAD)
    return PostgresConnection(url, durability)


class PostgresConnection:
    """One connection, for one thread."""

    def __init__(self, url: str, durability: Durability) -> None:
        self._url, self._durability = url, durability
        self._place = postgres.place(url)
        self._connection: postgres.Connection | None = None
        self._away_until, self._away_reason = 0.0, ""
        self._begun = False
        """Whether a transaction has begun that has not ended: it cannot go on with another connection."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> psycopg.Cursor[tuple[Any, ...]]:
        """Raises Retryable while the database cannot be reached."""
        try:
            cursor = self._usable().execute(_query(sql), [_fit(value) for value in values] or None)
        except psycopg.Error as error:
            raise postgres.translated(error, self._place) from error
        finally:
            if sql in ("COMMIT", "ROLLBACK"):
                self._begun = False
        self._begun = self._begun or sql == BEGIN
        return cursor

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> psycopg.Cursor[tuple[Any, ...]]:
        """Raises Retryable while the database cannot be reached."""
        try:
            cursor = self._usable().cursor()
            cursor.executemany(_query(sql), [[_fit(value) for value in row] for row in rows])
        except psycopg.Error as error:
            raise postgres.translated(error, self._place) from error
        return cursor

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _usable(self) -> postgres.Connection:
        """Raises psycopg.Error. Within a transaction a lost connection is lost: the caller must begin again."""
        kept = self._connection
        if kept is not None and not kept.broken and (self._begun or _is_alive(kept)):
            return kept
        if self._begun:
            raise psycopg.OperationalError("the connection was lost within a transaction")
        if kept is not None:
            kept.close()
        self._connection = None
        self._connection = self._connect()
        return self._connection

    def _connect(self) -> postgres.Connection:
        if time.monotonic() < self._away_until:
            raise psycopg.OperationalError(self._away_reason)
        began = time.monotonic()
        try:
            connection = postgres.connect(self._url)
            if self._durability == "NORMAL":
                connection.execute("SET synchronous_commit = off")
        except psycopg.Error as error:
            waited = time.monotonic() - began
            self._away_until = time.monotonic() + max(postgres.AWAY_S, AWAY_FACTOR * waited)
            self._away_reason = str(error)
            raise
        return connection


def _is_alive(connection: postgres.Connection) -> bool:
    """Whether the other end has not hung up: readable without having been asked means that it has."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return not poll.poll(0)


@functools.lru_cache(maxsize=512)
def _query(sql: str) -> bytes:
    return _SPECIAL.get(sql) or sql.replace("%", "%%").replace("?", "%s").encode()


def _fit(value: Any) -> Any:
    return storable(value) if isinstance(value, str) else value
