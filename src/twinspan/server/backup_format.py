"""A backup is one file: what is in it, and how a row is written.

A zip archive: `manifest.json`, each table as lines of JSON, and the files of the state directory that a server needs to
be the same one again: keys, certificates, names. It says nothing about which database it came from, so that a backup of
SQLite can be restored into PostgreSQL.

In: tables, rows. Out: names, lines, and back. Next: `backup.py` writes it, `backup_check.py` proves it, `restore.py`
reads it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from sqlalchemy import Integer, LargeBinary, Table

from twinspan.model.errors import Rejected, Unavailable

FORMAT = 1
MANIFEST = "manifest.json"
STATE_FILE = re.compile(r"[a-z][a-z0-9-]*\.(pem|key|json)")
"""Names of the files that are taken along; no other name is written at the other end."""
CHUNK = 1 << 20

Sort = Literal["text", "number", "bytes"]


class ColumnContents(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a table."""

    name: str
    sort: Sort


class TableContents(msgspec.Struct, frozen=True, kw_only=True):
    """One table; of its file the SHA-256 in hexadecimal digits."""

    name: str
    columns: tuple[ColumnContents, ...]
    rows: int
    sha256: str

    @property
    def member(self) -> str:
        """Its file in the archive."""
        return f"tables/{self.name}.jsonl"


class FileContents(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the state directory."""

    name: str
    sha256: str

    @property
    def member(self) -> str:
        """Its file in the archive."""
        return f"files/{self.name}"


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest."""

    format: int
    revision: str
    """Of the database's tables (`server.migrations`)."""
    made_ns: int
    tables: tuple[TableContents, ...]
    """In an order in which they can be filled."""
    files: tuple[FileContents, ...]

    def rows(self, table: str) -> int:
        """How many there are in it; 0 if the backup is older than the table."""
        return sum(one.rows for one in self.tables if one.name == table)


def columns_of(table: Table) -> tuple[ColumnContents, ...]:
    """As the manifest says them."""
    return tuple(ColumnContents(name=str(column.name), sort=_sort_of(column.type)) for column in table.columns)


def _sort_of(type_: Any) -> Sort:
    if isinstance(type_, LargeBinary):
        return "bytes"
    return "number" if isinstance(type_, Integer) else "text"


def line_of(row: Sequence[Any]) -> bytes:
    """One row; bytes in base64."""
    return msgspec.json.encode([bytes(value) if isinstance(value, memoryview) else value for value in row]) + b"\n"


def rows_of(archive: zipfile.ZipFile, table: TableContents) -> Iterator[dict[str, Any]]:
    """Its rows by column. Raises Rejected where one cannot be read."""
    with archive.open(table.member) as lines:
        for line in lines:
            values = msgspec.json.decode(line)
            if not isinstance(values, list) or len(values) != len(table.columns):
                raise Rejected(f"a row of {table.member} is damaged", remedy="take another backup")
            yield {
                column.name: base64.b64decode(value) if column.sort == "bytes" and value is not None else value
                for column, value in zip(table.columns, values, strict=True)
            }


def open_backup(path: Path) -> zipfile.ZipFile:
    """Raises Unavailable if it cannot be read, Rejected if it is none."""
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise Rejected(f"{path} is no backup, or not a whole one", remedy="take another backup") from error
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}", remedy="give a file that can be read") from error


def contents_of(archive: zipfile.ZipFile) -> Contents:
    """Raises Rejected if there is no manifest, or one of a newer Twinspan."""
    try:
        contents = msgspec.json.decode(archive.read(MANIFEST), type=Contents)
    except (KeyError, msgspec.MsgspecError) as error:
        raise Rejected(
            f"{archive.filename} is no backup of Twinspan", remedy="give a file of twinspan backup"
        ) from error
    if contents.format != FORMAT or not all(STATE_FILE.fullmatch(one.name) for one in contents.files):
        raise Rejected(f"{archive.filename} is of a newer Twinspan", remedy="restore it with the one that wrote it")
    return contents


def sha256_of(archive: zipfile.ZipFile, member: str) -> str:
    """Of a file in it. Raises Rejected if it is not there or damaged."""
    digest = hashlib.sha256()
    try:
        with archive.open(member) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except (KeyError, zipfile.BadZipFile, EOFError) as error:
        raise Rejected(f"{member} in {archive.filename} is damaged", remedy="take another backup") from error
    return digest.hexdigest()
