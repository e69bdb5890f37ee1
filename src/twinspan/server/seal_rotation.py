"""Another seal key: everything that is sealed in the database is sealed again, while servers run.

The new key is in the file before anything is sealed with it, and the old one leaves it after everything is: a kill at
any moment leaves a database that opens, and the command can be given again. Nobody writes meanwhile.

In: a database, its key. Out: how many texts were sealed again. Next: `cli/server_seal_key.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
_COLUMNS = ((ACCESS_KEY, "sealed", access.place_of), (WANTED_CONFIG, "config", config_store.place_of))
"""What is sealed beside the specs: table, column of bytes, and where the text of a row is sealed for."""


def rotate(database: Database, key: SealKey, *, keep_old: bool = False) -> int:
    """How many texts were sealed again. `keep_old`: the file keeps the old key, for servers on other machines.

    Raises Unavailable if something does not open with the keys there are; then the old key stays in the file.
    """
    with database.writing(alone=True) as session:
        key.add_key()
        done = _specs(session, database.dialect, key)
        for table, column, place_of in _COLUMNS:
            done += _column(session, database.dialect, key, table, column, place_of)
        _chains(session, database.dialect, key)
    if not keep_old:
        key.forget_old_keys()
    return done


def check_seals(database: Database, key: SealKey) -> None:
    """Opens what is sealed beside the specs. Raises Unavailable for what does not open."""
    with database.reading() as session:
        for table, column, place_of in _COLUMNS:
            for row_id, kept in _pages(session, _page_of(table, column, database.dialect)):
                if is_sealed(bytes(kept)):
                    key.unseal(bytes(kept).decode(), place_of(row_id))


def _specs(session: Session, dialect: DialectName, key: SealKey) -> int:
    sql, done = statements(dialect), 0
    for resource_id, kind, text in _pages(session, sql.next_specs):
        if kind in STORED_KINDS and not holds_secrets(STORED_KINDS[kind].spec):
            continue
        again = resealed_text(kind, text, resource_id, key)
        if again is not None:
            session.run(sql.replace_spec, {"spec": again, "of_id": resource_id})
            done += 1
    return done


def _column(
    session: Session, dialect: DialectName, key: SealKey, table: Table, column: str, place_of: Callable[[str], str]
) -> int:
    """A column of bytes; what is not sealed yet (of an older version) is sealed now."""
    (name,) = table.primary_key.columns
    change = update(table).values({column: bindparam("sealed_again")}).where(name == bindparam("of_id"))
    replace, done = Statement(change, dialect), 0
    for row_id, kept in _pages(session, _page_of(table, column, dialect)):
        place, data = place_of(row_id), bytes(kept)
        opened = key.unseal(data.decode(), place) if is_sealed(data) else Secret(data.decode())
        session.run(replace, {"sealed_again": key.seal(opened, place).encode(), "of_id": row_id})
        done += 1
    return done


def _chains(session: Session, dialect: DialectName, key: SealKey) -> None:
    """Where each chain of the audit ends is vouched for by the new key, if the old one did: a break stays one."""
    sql = statements(dialect)
    for account, lines, last, mac in session.rows(sql.chains):
        told = chain_text(account, lines, last)
        if key.is_ours(told, mac):
            session.run(sql.set_chain, {"account": account, "lines": lines, "hash": last, "mac": key.mac(told)})


def _page_of(table: Table, column: str, dialect: DialectName) -> Statement:
    (name,) = table.primary_key.columns
    rows = select(name, table.c[column]).where(name > bindparam("after")).order_by(name).limit(bindparam("limit"))
    return Statement(rows, dialect)


def _pages(session: Session, statement: Statement) -> Iterator[Row]:
    after = ""
    while rows := session.rows(statement, {"after": after, "limit": PAGE}):
        yield from rows
        after = rows[-1][0]
