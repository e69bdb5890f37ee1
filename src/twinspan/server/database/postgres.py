"""PostgreSQL: a pool of connections to read, one to write, each made again by itself when the server was away.

Writers of all servers on one database go one after another: each transaction begins by taking an advisory lock, so
that what was read in it is still true when it is written. A server that hangs with the lock is cut off.

In: a URL as libpq takes it. Out: sessions. Next: `migrate.py`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from twinspan.model.errors import Rejected, Retryable, TwinspanError, Unavailable
from twinspan.server.database.port import DialectName, Row, Statement, Values
from twinspan.server.database.sqlite_file import OUR_MISTAKE, without_place

WRITE_LOCK = 0x7477696E7370616E
"""Of `pg_advisory_xact_lock`: the letters of the name, so that nobody else takes it."""
MIGRATION_LOCK = WRITE_LOCK + 1
DEVICE_LOCK = WRITE_LOCK + 2
"""Of those who change devices: they and who changes resources need not wait for each other."""
CONNECT_TIMEOUT_S = 3
AWAY_S = 0.5
"""So long after a failure nobody tries to connect again: whoever waits for an answer gets one at once."""
IDLE_CONNECTIONS = 8

_SETTINGS = {
    "connect_timeout": str(CONNECT_TIMEOUT_S),
    "tcp_user_timeout": "5000",  # ms: a server that went away without a word is noticed
    "application_name": "twinspan",
    "options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=30s -c client_min_messages=warning",
}
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BEGIN_WRITING = f"BEGIN; SELECT pg_advisory_xact_lock({WRITE_LOCK})"

Connection = psycopg.Connection[Row]


def connect(url: str) -> Connection:
    """A connection in autocommit mode. Raises psycopg.Error."""
    given = conninfo_to_dict(url)
    settings = {name: value for name, value in _SETTINGS.items() if name not in given}
    return psycopg.connect(url, autocommit=True, **settings)  # type: ignore[arg-type]  # all of them are texts


def place(url: str) -> str:
    """Where the database is, without the password: for people."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        return "at that URL"
    return f"{given.get('dbname', 'postgres')} on {given.get('host', 'this machine')}"


def translated(error: psycopg.Error, where: str) -> TwinspanError:
    """What it means to whoever asks, by its SQLSTATE. What is public does not say where it is."""
    return without_place(_meaning(error, where))


def _meaning(error: psycopg.Error, where: str) -> TwinspanError:
    state = error.sqlstate or ""
    words = str(error).strip().partition("\n")[0]
    if state == "53100":  # disk_full
        return Retryable(
            f"the disk of the database {where} is full: nothing of this change was kept, and nothing else was lost",
            delay_s=10, remedy="free some space on the database's machine; no restart is needed here",
        )  # fmt: skip
    if state in ("55P03", "40001", "40P01", "25006"):  # lock not to be had, serialisation, deadlock, a standby
        return Retryable(f"the database {where} cannot take changes now: {words}", delay_s=1)
    if state[:2] in ("28", "3D", "42"):  # not let in, no such database, no right or no such table
        return Unavailable(f"the database {where} cannot be used: {words}", remedy="check its URL, user and rights")
    if isinstance(error, psycopg.IntegrityError | psycopg.DataError):
        return Rejected(f"the database {where} does not take this: {words}", remedy=OUR_MISTAKE)
    return Retryable(
        f"the database {where} cannot be reached: {words}",
        delay_s=2, remedy="start it, or check its URL and the way to it; no restart is needed here",
    )  # fmt: skip


class PostgresSession:
    """One transaction of a connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, statement: Statement, values: Values = {}) -> list[Row]:  # noqa: B006  never changed
        return self._connection.execute(statement.query, statement.bind(values)).fetchall()

    def row(self, statement: Statement, values: Values = {}) -> Row | None:  # noqa: B006
        return self._connection.execute(statement.query, statement.bind(values)).fetchone()

    def run(self, statement: Statement, values: Values = {}) -> int:  # noqa: B006
        return self._connection.execute(statement.query, statement.bind(values)).rowcount

    def run_many(self, statement: Statement, values: Iterable[Values]) -> None:
        bound = [statement.bind(one) for one in values]
        if len(bound) == 1:  # executemany begins a pipeline, which costs more than it saves here
            self._connection.execute(statement.query, bound[0])
        elif bound:
            with self._connection.cursor() as cursor:
                cursor.executemany(statement.query, bound)

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        self._connection.execute("SAVEPOINT work")
        try:
            yield
        except BaseException:
            if not self._connection.broken:
                self._connection.execute("ROLLBACK TO work; RELEASE work")
            raise
        self._connection.execute("RELEASE work")


class PostgresDatabase:
    """A database that has the right revision (`migrate.py`)."""

    dialect: DialectName = "postgresql"

    def __init__(self, url: str) -> None:
        self._url = url
        self._place = place(url)
        self._lock = threading.Lock()
        self._writer: Connection | None = None
        self._idle: list[Connection] = []
        self._away_until = 0.0
        self._away_reason: psycopg.Error | None = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[PostgresSession]:
        try:
            connection = self._begun(self._taken(), _BEGIN_READING)
            try:
                yield PostgresSession(connection)
            finally:
                self._give_back(connection)
        except psycopg.Error as error:
            raise translated(error, self._place) from error

    def row(self, statement: Statement, values: Values) -> Row | None:
        with self.reading() as session:
            return session.row(statement, values)

    @contextlib.contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[PostgresSession]:
        with self._lock:
            try:
                writer, self._writer = self._writer, None
                writer = self._begun(writer, _BEGIN_WRITING)
                try:
                    if alone:
                        writer.execute(f"SELECT pg_advisory_xact_lock({DEVICE_LOCK})".encode())
                    yield PostgresSession(writer)
                    writer.execute("COMMIT")
                    self._writer = writer
                except BaseException:
                    self._writer = _rolled_back(writer)
                    raise
            except psycopg.Error as error:
                raise translated(error, self._place) from error

    def is_fatal(self, error: BaseException) -> bool:
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return lost or isinstance(error, psycopg.errors.DiskFull)

    def translated(self, error: Exception) -> Exception:
        return translated(error, self._place) if isinstance(error, psycopg.Error) else error

    def close(self) -> None:
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        self._forget_idle()

    def _taken(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:  # asking first whether there is one would be a race between threads
            return None

    def _begun(self, kept: Connection | None, begin: str) -> Connection:
        """A connection in a new transaction; one that was kept may have died meanwhile."""
        if kept is not None:
            try:
                kept.execute(begin.encode())
            except psycopg.errors.LockNotAvailable:
                kept.close()
                raise
            except psycopg.OperationalError:
                kept.close()
                self._forget_idle()
            else:
                return kept
        connection = self._connect()
        try:
            connection.execute(begin.encode())
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> Connection:
        if self._away_reason is not None and time.monotonic() < self._away_until:
            raise psycopg.OperationalError(str(self._away_reason))
        try:
            connection = connect(self._url)
        except psycopg.Error as error:
            self._away_until, self._away_reason = time.monotonic() + AWAY_S, error
            raise
        self._away_reason = None
        return connection

    def _give_back(self, connection: Connection) -> None:
        kept = _rolled_back(connection)
        if kept is not None and len(self._idle) < IDLE_CONNECTIONS:
            self._idle.append(kept)
        elif kept is not None:
            kept.close()

    def _forget_idle(self) -> None:
        """If one has died, the server was restarted: all have."""
        while (idle := self._taken()) is not None:
            idle.close()


def _rolled_back(connection: Connection) -> Connection | None:
    """The connection, ready for the next transaction; None if it is of no use any more."""
    if connection.broken or connection.closed:
        connection.close()
        return None
    try:
        if connection.info.transaction_status != TransactionStatus.IDLE:
            connection.execute("ROLLBACK")
    except psycopg.Error:
        connection.close()
        return None
    return connection
