"""What the tables of all stores are declared with: one `MetaData`, and types that mean the same in both databases.

Text compares byte by byte in both, so that pages have the same order. Times in nanoseconds need 64 bits, which
SQLite's INTEGER has.

In: nothing. Out: columns. Next: `server.schema` (devices), `server.resources.tables` (resources).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Text

METADATA = MetaData()
TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger().with_variant(Integer(), "sqlite")
BYTES = LargeBinary()

ROWS: dict[str, Any] = {"sqlite_strict": True}
"""Of a table with long rows or a number for key."""
SMALL: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
"""Of a table whose rows stand in its key's own tree."""


def key(name: str, type_: Any = TEXT) -> Column[Any]:
    """A column of the primary key."""
    return Column(name, type_, primary_key=True, autoincrement=False)


def text(name: str, **more: Any) -> Column[Any]:
    """A column that always has a value."""
    return Column(name, TEXT, nullable=False, **more)


def number(name: str, **more: Any) -> Column[Any]:
    """A column that always has a value."""
    return Column(name, NUMBER, nullable=False, **more)
