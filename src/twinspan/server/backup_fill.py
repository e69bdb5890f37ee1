"""Fills an empty database with what a backup holds.

In: an open backup, a URL. Out: a database of this version. Next: `backup_check.py`, `restore.py`.
"""

from __future__ import annotations

import zipfile
from typing import Any

from sqlalchemy import bindparam, column, insert, text
from sqlalchemy import table as some_table

from twinspan.server.backup_format import Contents, TableContents, rows_of
from twinspan.server.database.migrate import as_it_is, make
from twinspan.server.database.port import Database, Session, Statement
from twinspan.server.migrations import HEAD

PAGE = 500
"""Rows of one statement."""
NUMBERED = (("event", "id"), ("device_report", "seq"))
"""Tables that number their rows: PostgreSQL must be told where to go on."""


def fill(archive: zipfile.ZipFile, contents: Contents, url: str) -> None:
    """Makes the tables as the backup had them, fills them, and brings them to this version. There are none before."""
    make(url, contents.revision)
    database = as_it_is(url)
    try:
        with database.writing() as session:
            for one in contents.tables:
                _fill_table(session, database, archive, one)
    finally:
        database.close()
    make(url, HEAD)


def _fill_table(session: Session, database: Database, archive: zipfile.ZipFile, contents: TableContents) -> None:
    names = [one.name for one in contents.columns]
    target = some_table(contents.name, *[column(name) for name in names])
    statement = Statement(insert(target).values({name: bindparam(name) for name in names}), database.dialect)
    waiting: list[dict[str, Any]] = []
    for row in rows_of(archive, contents):
        waiting.append(row)
        if len(waiting) == PAGE:
            session.run_many(statement, waiting)
            waiting = []
    session.run_many(statement, waiting)
    numbered = dict(NUMBERED).get(contents.name)
    if numbered is not None and database.dialect == "postgresql":
        newest = f"SELECT COALESCE(MAX({numbered}), 1) FROM {contents.name}"
        goes_on = f"SELECT setval(pg_get_serial_sequence('{contents.name}', '{numbered}'), ({newest}))"
        session.row(Statement(text(goes_on), database.dialect))
