"""A new database: all tables of this version at once, without walking through the revisions.

A test holds the outcome against what the revisions make. In: a dialect. Out: statements. Next: `migrate.py`.
"""

from __future__ import annotations

import functools

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from twinspan.server import schema
from twinspan.server.database.metadata import METADATA
from twinspan.server.database.port import DialectName
from twinspan.server.migrations import HEAD
from twinspan.server.resources import tables

MODULES = (schema, tables)
"""Whoever imports them has declared all tables."""


def all_tables() -> list[Table]:
    """In an order in which they can be filled."""
    return METADATA.sorted_tables


@functools.cache
def statements(dialect: DialectName) -> tuple[str, ...]:
    """In the order in which they must run; the last one says which revision it is."""
    words = sqlite.dialect() if dialect == "sqlite" else postgresql.dialect()  # type: ignore[no-untyped-call]
    found = ["CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"]
    for table in all_tables():
        found.append(str(CreateTable(table).compile(dialect=words)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        found += [str(CreateIndex(index).compile(dialect=words)) for index in indexes]
    found.append(f"INSERT INTO alembic_version (version_num) VALUES ('{HEAD}')")
    return tuple(found)
