"""Proves a backup: every file in it is what was written, and a server's store made of it is whole.

In: a file. Out: what is in it, or an error that says what is wrong. Next: `backup.py` ends with it, `restore.py`
begins with it.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from twinspan.model.errors import Rejected, TwinspanError
from twinspan.server.backup_fill import fill
from twinspan.server.backup_format import Contents, contents_of, open_backup, sha256_of
from twinspan.server.key_file import write_private
from twinspan.server.resources.seal import FILE_NAME as SEAL_KEY
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.sql_store import open_store
from twinspan.server.resources.verify import verify
from twinspan.server.seal_rotation import check_seals


def check_backup(path: Path) -> tuple[Contents, tuple[str, ...]]:
    """What is in it, and what was wrong with the database already when it was taken.

    Raises Rejected if it is not what was written or makes no server, Unavailable if it cannot be read.
    """
    with open_backup(path) as archive:
        contents = contents_of(archive)
        told = {one.member: one.sha256 for one in contents.tables} | {one.member: one.sha256 for one in contents.files}
        for member, sha256 in told.items():
            if sha256_of(archive, member) != sha256:
                raise Rejected(f"{member} in {path} is damaged", remedy="take another backup")
        return contents, _check_store(archive, contents, path)


def _check_store(archive: zipfile.ZipFile, contents: Contents, path: Path) -> tuple[str, ...]:
    """Made once, in a folder that goes again: beside the backup, where there is room for one."""
    try:
        with tempfile.TemporaryDirectory(prefix=".twinspan-check-", dir=path.parent) as folder:
            url = f"sqlite:///{Path(folder) / 'check.db'}"
            fill(archive, contents, url)
            keys = [one for one in contents.files if one.name == SEAL_KEY]
            if not keys:
                return ()  # a server that never had a resource
            write_private(Path(folder) / SEAL_KEY, archive.read(keys[0].member))
            store = open_store(url, SealKey(Path(folder) / SEAL_KEY))
            try:
                check_seals(store.database, store.key)
                return verify(store)
            finally:
                store.close()
    except TwinspanError as error:
        raise Rejected(f"{path} does not make a server: {error.message}", remedy=error.remedy) from error
