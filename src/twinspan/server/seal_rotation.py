"""Another seal key: everything that is sealed in the database is sealed again, while servers run.

The new key is in the file before anything is sealed with it, and the old one leaves it after everything is: a kill at
any moment leaves a database that opens, and the command can be given again. Every writer looks at the file within its
own transaction, so once the new key is there whatever is written is sealed with it; what was written before is sealed
again page by page, so that nobody waits for long.

In: a database, its key. Out: how many texts were sealed again. Next: `cli/server_seal_key.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Table, bindparam, select, update

from twinspan.model.kinds import STORED_KINDS
from twinspan.model.secret import Secret
from twinspan.server import config_store
from twinspan.server.database.port import Database, DialectName, Row, Session, Statement
from twinspan.server.resources import access
from twinspan.server.resources.seal import SealKey, is_sealed
from twinspan.server.resources.sealed_spec import holds_secrets, resealed_text
from twinspan.server.resources.sql_work import chain_text
from twinspan.server.resources.statements import statements
from twinspan.server.schema import ACCESS_KEY, WANTED_CONFIG

PAGE = 500
"""Rows that are in memory at a time."""


class SealedColumn(NamedTuple):
    """A column of sealed bytes beside the specs."""

    table: Table
    name: str
    place_of: Callable[[str], str]
    """Where the text of the row with that key is sealed for."""


_COLUMNS = (
    SealedColumn(ACCESS_KEY, "sealed", access.place_of),
    SealedColumn(WANTED_CONFIG, "config", config_store.place_of),
)


def rotate(database: Database, key: SealKey, *, keep_old: bool = False) -> int:
    """How many texts were sealed again. `keep_old`: the file keeps the old key, for servers on other machines.

    Raises Unavailable if something does not open with the keys there are; then the old key stays in the file.
    """
    with database.writing(alone=True):
        key.add_key()
    specs = statements(database.dialect).next_specs
    done = _again(database, specs, lambda session, row: _spec(session, database.dialect, key, row))
    for column in _COLUMNS:
        page = _page_of(column, database.dialect)
        done += _again(database, page, _Column(column, database.dialect, key).seal)
    with database.writing(alone=True) as session:
        _chains(session, database.dialect, key)
    if not keep_old:
        key.forget_old_keys()
    return done


def check_seals(database: Database, key: SealKey) -> None:
    """Opens what is sealed beside the specs. Raises Unavailable for what does not open."""
    for column in _COLUMNS:
        page, after = _page_of(column, database.dialect), ""
        while True:
            with database.reading() as session:
                rows = session.rows(page, {"after": after, "limit": PAGE})
            if not rows:
                break
            for row_id, kept in rows:
                _opened(bytes(kept), column.place_of(row_id), key)
            after = rows[-1][0]


def _again(database: Database, page: Statement, seal: Callable[[Session, Row], int]) -> int:
    """Every row in turn, a page in one transaction. How many were sealed again."""
    done, after = 0, ""
    while True:
        with database.writing(alone=True) as session:
            rows = session.rows(page, {"after": after, "limit": PAGE})
            done += sum(seal(session, row) for row in rows)
        if not rows:
            return done
        after = rows[-1][0]


def _spec(session: Session, dialect: DialectName, key: SealKey, row: Row) -> int:
    resource_id, kind, text = row
    if kind in STORED_KINDS and not holds_secrets(STORED_KINDS[kind].spec):
        return 0
    again = resealed_text(kind, text, resource_id, key)
    if again is None:
        return 0
    return session.run(statements(dialect).replace_spec, {"spec": again, "of_id": resource_id})


class _Column:
    """A column of bytes; what is not sealed yet (of an older version) is sealed now."""

    def __init__(self, column: SealedColumn, dialect: DialectName, key: SealKey) -> None:
        self._place_of, self._key = column.place_of, key
        (name,) = column.table.primary_key.columns
        change = update(column.table).values({column.name: bindparam("sealed_again")}).where(name == bindparam("of_id"))
        self._replace = Statement(change, dialect)

    def seal(self, session: Session, row: Row) -> int:
        row_id, kept = row
        place = self._place_of(row_id)
        if self._key.is_current(bytes(kept).decode()):
            return 0
        again = self._key.seal(_opened(bytes(kept), place, self._key), place)
        return session.run(self._replace, {"sealed_again": again.encode(), "of_id": row_id})


def _opened(kept: bytes, place: str, key: SealKey) -> Secret:
    return key.unseal(kept.decode(), place) if is_sealed(kept) else Secret(kept.decode())


def _chains(session: Session, dialect: DialectName, key: SealKey) -> None:
    """Where each chain of the audit ends is vouched for by the new key, if the old one did: a break stays one."""
    sql = statements(dialect)
    for account, lines, last, mac in session.rows(sql.chains):
        told = chain_text(account, lines, last)
        if key.is_ours(told, mac):
            session.run(sql.set_chain, {"account": account, "lines": lines, "hash": last, "mac": key.mac(told)})


def _page_of(column: SealedColumn, dialect: DialectName) -> Statement:
    (name,) = column.table.primary_key.columns
    rows = select(name, column.table.c[column.name]).where(name > bindparam("after"))
    return Statement(rows.order_by(name).limit(bindparam("limit")), dialect)
