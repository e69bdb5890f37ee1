"""Brings a database to this version's revision, once, whoever of several processes comes first.

All steps are one transaction in both databases: a kill in the middle leaves the old revision. Alembic is loaded only
if there is something to do.

In: a URL. Out: a database that has the revision `migrations.HEAD`. Next: `migrations/`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from twinspan.model.errors import Rejected, Unavailable
from twinspan.server import migrations
from twinspan.server.database import fresh, postgres, sqlite, sqlite_file
from twinspan.server.database.place import adopt_former, sqlite_path
from twinspan.server.database.port import Database, DialectName
from twinspan.server.migrations import HEAD, former_steps

POSTGRESQL = ("postgresql://", "postgres://")


def open_database(url: str) -> Database:
    """The database, made or brought to this version.

    `url` is sqlite:///PATH or postgresql://... Raises Rejected for another URL or a newer database, Unavailable or
    Retryable where it cannot be used.
    """
    make(url, HEAD)
    return as_it_is(url)


def as_it_is(url: str) -> Database:
    """The database in the revision that it has."""
    path = sqlite_path(url)
    return postgres.PostgresDatabase(url) if path is None else sqlite.SqliteDatabase(path)


def make(place: Path | str, revision: str) -> None:
    """Brings the database to some revision: this version's, or that of a backup."""
    path = place if isinstance(place, Path) else sqlite_path(place)
    if path is not None:
        _make_sqlite(path, revision)
    elif str(place).startswith(POSTGRESQL):
        _make_postgres(str(place), revision)
    else:
        raise Rejected("that is no URL of a database", remedy="give sqlite:///PATH or postgresql://USER@HOST/NAME")


def _make_sqlite(path: Path, revision: str) -> None:
    try:
        adopt_former(path)
        sqlite_file.create_file(path)
        with contextlib.closing(sqlite_file.connect(path)) as connection:

            def is_current() -> bool:
                return _is_current(connection.execute, _SQLITE_HAS, revision, str(path))

            if is_current():
                return
            with _wrapped("sqlite+pysqlite://", connection) as wrapped:
                connection.execute("BEGIN IMMEDIATE")
                if is_current():  # another process has just done it
                    return
                if former_steps.version_of(connection):
                    former_steps.finish(connection, path)
                if revision == HEAD and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                    _make_fresh(connection.execute, "sqlite")
                    connection.execute("COMMIT")
                else:
                    _upgrade(wrapped, revision)
    except sqlite3.Error as error:
        raise sqlite_file.translated(error, path) from error
    except OSError as error:
        raise Unavailable(
            f"cannot use the server's database {path}: {error.strerror}",
            remedy="check that the state directory exists, may be written to and has space left",
        ) from error


def _make_postgres(url: str, revision: str) -> None:
    where = postgres.place(url)
    try:
        with contextlib.closing(postgres.connect(url)) as connection:

            def execute(sql: str) -> Any:
                return connection.execute(sql.encode())

            def is_current() -> bool:
                return _is_current(execute, _POSTGRES_HAS, revision, where)

            if is_current():
                return
            connection.autocommit = False
            with _wrapped("postgresql+psycopg://", connection) as wrapped:
                execute(f"SELECT pg_advisory_xact_lock({postgres.MIGRATION_LOCK})")
                if is_current():
                    return
                if revision == HEAD and not execute(_POSTGRES_TABLES).fetchone():
                    _make_fresh(execute, "postgresql")
                    connection.commit()
                else:
                    _upgrade(wrapped, revision)
    except psycopg.Error as error:
        raise postgres.translated(error, where) from error


_SQLITE_HAS = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
_POSTGRES_HAS = "SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL"
_POSTGRES_TABLES = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema()"


def _make_fresh(execute: Callable[[str], Any], dialect: DialectName) -> None:
    for statement in fresh.statements(dialect):
        execute(statement)


def _is_current(execute: Callable[[str], Any], has_version: str, revision: str, where: str) -> bool:
    """Raises Rejected where a newer Twinspan has written it."""
    if not execute(has_version).fetchone():
        return False
    row = execute("SELECT version_num FROM alembic_version").fetchone()
    if row is not None and row[0] > HEAD:
        raise Rejected(
            f"the database {where} has revision {row[0]}, this Twinspan knows revisions up to {HEAD}",
            remedy="run the newer Twinspan that wrote it, or give another database",
        )
    return row is not None and row[0] >= revision


@contextlib.contextmanager
def _wrapped(dialect_url: str, connection: Any) -> Iterator[Connection]:
    """The connection as SQLAlchemy's. Making it rolls back whatever was begun before."""
    engine = create_engine(dialect_url, creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as wrapped:
        yield wrapped


def _upgrade(connection: Connection, revision: str) -> None:
    """Runs what is missing in the transaction that the connection is in, and commits it."""
    from alembic import command  # noqa: PLC0415  a third of a second that nobody waits for who is up to date
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    connection.commit()
