"""What a store needs of a database: compiled statements, a session to read and a session to write.

Errors of the drivers stop here: what may pass by itself (gone, busy, full) is Retryable, what a person must mend is
Unavailable. In: statements of SQLAlchemy Core. Out: rows. Next: `sqlite.py`, `postgres.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

DialectName = Literal["sqlite", "postgresql"]
Values = Mapping[str, Any]
Row = tuple[Any, ...]

_DIALECTS: dict[str, Dialect] = {
    "sqlite": SQLiteDialect_pysqlite(paramstyle="qmark"),
    "postgresql": PGDialect_psycopg(paramstyle="format"),  # type: ignore[no-untyped-call]
}


class Statement:
    """SQL text of one dialect, and the order in which it wants its values."""

    __slots__ = ("_constants", "_names", "query", "sql")

    def __init__(self, statement: ClauseElement, dialect: DialectName) -> None:
        compiled = statement.compile(dialect=_DIALECTS[dialect])
        self.sql = str(compiled)
        self.query = self.sql.encode()
        assert isinstance(compiled, SQLCompiler)
        self._names = tuple(compiled.positiontup or ())
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}

    def bind(self, values: Values) -> Row:
        """The values in the statement's order. Raises KeyError if one is missing."""
        constants = self._constants
        if constants:
            values = {**constants, **values}
        return tuple([values[name] for name in self._names])


class Session(Protocol):
    """One transaction."""

    def rows(self, statement: Statement, values: Values = ...) -> list[Row]: ...

    def row(self, statement: Statement, values: Values = ...) -> Row | None:
        """The first row."""

    def run(self, statement: Statement, values: Values = ...) -> int:
        """How many rows it has changed."""

    def run_many(self, statement: Statement, values: Iterable[Values]) -> None: ...

    def savepoint(self) -> AbstractContextManager[None]:
        """What raises inside is undone, and only that."""


class Database(Protocol):
    """One database; its methods may be called from several threads."""

    @property
    def dialect(self) -> DialectName: ...

    def reading(self) -> AbstractContextManager[Session]:
        """A snapshot: everything read in it was committed at its beginning."""

    def row(self, statement: Statement, values: Values) -> Row | None:
        """The first row of a question that is all there is to ask: it is a snapshot by itself."""

    def writing(self, *, alone: bool = False) -> AbstractContextManager[Session]:
        """The one writer of resources, of all servers on this database; `alone`: nor does anybody change devices.

        On disk when the block ends, or nothing of it happened.
        """

    def is_fatal(self, error: BaseException) -> bool:
        """Whether that error has ended the transaction, and not only the statement that raised it."""

    def translated(self, error: Exception) -> Exception:
        """An error of the driver as one of ours; any other as it is."""

    def close(self) -> None: ...
