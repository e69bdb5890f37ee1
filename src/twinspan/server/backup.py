"""Backs a server up while it runs: one snapshot of its database and the files that make it this server.

The file is there whole, proven, and for its owner only, or not at all. In: a database, a state directory. Out: a file.
Next: `backup_check.py` proves it; `restore.py` makes a server of it.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from sqlalchemy import Table, bindparam, select, tuple_

from twinspan.model.errors import Retryable, Unavailable
from twinspan.server.backup_check import check_backup
from twinspan.server.backup_format import (
    FORMAT,
    MANIFEST,
    STATE_FILE,
    Contents,
    FileContents,
    TableContents,
    columns_of,
    line_of,
)
from twinspan.server.database.fresh import all_tables
from twinspan.server.database.migrate import open_database
from twinspan.server.database.port import DialectName, Row, Session, Statement
from twinspan.server.key_file import read_private
from twinspan.server.migrations import HEAD

PAGE = 500
"""Rows that are in memory at a time."""


def back_up(state_dir: Path, url: str, path: Path, now_ns: int) -> tuple[Contents, tuple[str, ...]]:
    """Writes the file and proves it: what is in it, and what is wrong with the database itself.

    Raises Unavailable, or Retryable if something changed that must not.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                _write(archive, state_dir, url, now_ns)
            file.flush()
            os.fsync(file.fileno())
        checked = check_backup(temporary)
        temporary.replace(path)
    except OSError as error:
        raise Unavailable(
            f"cannot write {path}: {error.strerror}", remedy="give a file in a folder that may be written to"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return checked


def _write(archive: zipfile.ZipFile, state_dir: Path, url: str, now_ns: int) -> None:
    files = _state_files(state_dir)
    database = open_database(url)
    try:
        with database.reading() as session:
            tables = tuple(_write_table(archive, session, database.dialect, table) for table in all_tables())
    finally:
        database.close()
    if _state_files(state_dir) != files:
        raise Retryable("a key or a certificate was replaced meanwhile", delay_s=1, remedy="do it again")
    told = []
    for name, data in files.items():
        told.append(FileContents(name=name, sha256=hashlib.sha256(data).hexdigest()))
        archive.writestr(told[-1].member, data)
    contents = Contents(format=FORMAT, revision=HEAD, made_ns=now_ns, tables=tables, files=tuple(told))
    archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(contents)))


def _state_files(state_dir: Path) -> dict[str, bytes]:
    """Keys, certificates and names, by file name."""
    names = sorted(path.name for path in state_dir.iterdir() if path.is_file() and STATE_FILE.fullmatch(path.name))
    return {name: read_private(state_dir / name) for name in names}


def _write_table(archive: zipfile.ZipFile, session: Session, dialect: DialectName, table: Table) -> TableContents:
    rows, digest = 0, hashlib.sha256()
    contents = TableContents(name=str(table.name), columns=columns_of(table), rows=0, sha256="")
    with archive.open(contents.member, "w", force_zip64=True) as file:
        for row in _rows(session, dialect, table):
            line = line_of(row)
            file.write(line)
            digest.update(line)
            rows += 1
    return msgspec.structs.replace(contents, rows=rows, sha256=digest.hexdigest())


def _rows(session: Session, dialect: DialectName, table: Table) -> Iterator[Row]:
    """All rows by their key, a page at a time."""
    keys = list(table.primary_key.columns)
    everything = select(table).order_by(*keys).limit(bindparam("limit"))
    behind = tuple_(*keys) > tuple_(*[bindparam(f"key_{n}", type_=key.type) for n, key in enumerate(keys)])
    places = [list(table.columns).index(key) for key in keys]
    first, next_ = Statement(everything, dialect), Statement(everything.where(behind), dialect)
    rows = session.rows(first, {"limit": PAGE})
    while rows:
        yield from rows
        last = {f"key_{n}": rows[-1][place] for n, place in enumerate(places)}
        rows = session.rows(next_, {"limit": PAGE, **last})
