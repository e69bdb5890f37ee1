"""Makes a server of a backup: its database, of either sort, and the files that make it that server.

The backup is proven before anything is touched. In: a file, a state directory, a URL or none. Out: a server that can
run. Next: `twinspan server run`.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from sqlalchemy import text

from twinspan.model.errors import Rejected
from twinspan.server.backup_check import check_backup
from twinspan.server.backup_fill import fill
from twinspan.server.backup_format import Contents, contents_of, open_backup
from twinspan.server.database.fresh import all_tables
from twinspan.server.database.migrate import as_it_is
from twinspan.server.database.place import FILE_NAME, choose_database, is_made, sqlite_path
from twinspan.server.database.port import Database, Session, Statement
from twinspan.server.key_file import make_state_dir, write_private
from twinspan.server.state_lock import alone

VERSION_TABLE = "alembic_version"


def restore(path: Path, state_dir: Path, url: str = "", *, force: bool = False) -> Contents:
    """`url` empty: where the state directory's server has its database, or a file there.

    Raises Rejected where there is a server or a filled database already, unless `force` gives it up, and where the
    backup is not whole.
    """
    _, problems = check_backup(path)
    if problems and not force:
        raise Rejected(
            f"{path} is whole, but the database was not: {problems[0]}",
            remedy="restore an older backup, or this one as it is with --force",
        )
    if is_made(state_dir) and not force:
        raise Rejected(
            f"there is a server in {state_dir} already",
            remedy="give another --state-dir, or --force to lose what that server knows",
        )
    make_state_dir(state_dir)
    with open_backup(path) as archive, alone(state_dir):
        contents = contents_of(archive)
        chosen = choose_database(state_dir, url)
        file = sqlite_path(chosen)
        if file is not None:
            _restore_file(archive, contents, file)
        else:
            _restore_into(archive, contents, chosen, force)
        for one in contents.files:
            write_private(state_dir / one.name, archive.read(one.member))
    return contents


def _restore_file(archive: zipfile.ZipFile, contents: Contents, file: Path) -> None:
    """Beside the one that is there, which is replaced when all is well."""
    new = file.with_name(f"{FILE_NAME}.restoring")
    _remove(new)
    try:
        fill(archive, contents, f"sqlite:///{new}")
        _remove(file)
        new.rename(file)
    finally:
        _remove(new)


def _remove(file: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        file.with_name(file.name + ending).unlink(missing_ok=True)


def _restore_into(archive: zipfile.ZipFile, contents: Contents, url: str, force: bool) -> None:
    database = as_it_is(url)
    try:
        with database.writing(alone=True) as session:
            there = [name for name in _our_tables(contents) if _is_there(session, database, name)]
            if not force and any(_has_rows(session, database, name) for name in there):
                raise Rejected(
                    "that database has a server's data already",
                    remedy="give another --database, or --force to lose what is there",
                )
            for name in there:
                session.run(Statement(text(f"DROP TABLE {name} CASCADE"), database.dialect))
    finally:
        database.close()
    fill(archive, contents, url)


def _our_tables(contents: Contents) -> list[str]:
    names = [table.name for table in all_tables()] + [one.name for one in contents.tables]
    return list(dict.fromkeys([*names, VERSION_TABLE]))


def _is_there(session: Session, database: Database, name: str) -> bool:
    row = session.row(Statement(text(f"SELECT to_regclass('{name}') IS NOT NULL"), database.dialect))
    return row is not None and bool(row[0])


def _has_rows(session: Session, database: Database, name: str) -> bool:
    if name == VERSION_TABLE:
        return False
    return session.row(Statement(text(f"SELECT 1 FROM {name} LIMIT 1"), database.dialect)) is not None
