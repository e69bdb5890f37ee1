"""Every database of an earlier revision becomes one of this version, with what is in it, on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from tests.contract.resources import NOW, connection, inserting, renamed, vpc

from twinspan.model.errors import Rejected, Unavailable
from twinspan.server import migrations
from twinspan.server.accounts import Accounts
from twinspan.server.config_store import ConfigTable
from twinspan.server.database import migrate
from twinspan.server.database.place import FILE_NAME, FORMER_NAME
from twinspan.server.key_file import write_private
from twinspan.server.migrations import former_steps
from twinspan.server.resources.port import Query, Remembered
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.sql_store import open_store
from twinspan.server.resources.tables import METADATA
from twinspan.server.resources.verify import verify
from twinspan.server.store import DeviceStore

ROOT = Path(__file__).resolve().parents[2]


def script() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return ScriptDirectory.from_config(config)


FORMER = range(1, len(former_steps.STEPS) + 1)
"""Versions of the device database before there was one tree."""
REVISIONS = [revision.revision for revision in script().walk_revisions()][::-1]


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as wrapped:
        yield wrapped
    engine.dispose()


def differences(url: str) -> list[Any]:
    """What Alembic would still change to have the tables as they are declared."""
    with connected(url) as wrapped:
        return list(compare_metadata(MigrationContext.configure(wrapped), METADATA))


def revision_of(url: str) -> str:
    with connected(url) as wrapped:
        return str(wrapped.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def test_the_revisions_are_one_line_and_head_names_the_last() -> None:
    assert script().get_heads() == [migrations.HEAD]
    assert sorted(REVISIONS) == REVISIONS


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_database_of_every_earlier_revision_becomes_one_of_this_version(database_url: str, revision: str) -> None:
    migrate.make(database_url, revision)
    assert revision_of(database_url) == revision
    migrate.open_database(database_url).close()
    assert revision_of(database_url) == migrations.HEAD
    assert differences(database_url) == []


def test_what_is_in_it_stays(database_url: str, tmp_path: Path) -> None:
    """A store as it was at revision 0001, filled by statements that never change."""
    migrate.make(database_url, "0001")
    rows = (ROOT / "tests/golden/migrations/0001.sql").read_text()
    with connected(database_url) as wrapped:
        if wrapped.dialect.name == "postgresql":
            rows = rows.replace("X'", r"'\x").replace("%", "%%")  # bytes as it writes them
        for statement in rows.split(";\n")[:-1]:
            wrapped.exec_driver_sql(statement)
        wrapped.commit()
    write_private(tmp_path / "seal.key", (ROOT / "tests/golden/migrations/seal.key").read_bytes())
    key = SealKey(tmp_path / "seal.key")
    store = open_store(database_url, key)
    assert verify(store) == ()
    assert store.change(lambda work: work.recall("kiel", "key", NOW)) == Remembered(fingerprint="f", answer=b"answer")
    assert store.read(lambda view: view.get("c-1")) == renamed(connection("c-1"), "second")
    tagged = store.read(lambda view: view.list(Query(kind="Vpc", account="kiel", tags={"env": "test"})))
    assert [one.id for one in tagged.resources] == ["vpc-1"]
    store.change(inserting(vpc("vpc-new")))
    assert verify(store) == ()
    store.close()


def test_a_new_database_is_the_same_as_one_that_went_through_all_revisions(database_url: str, tmp_path: Path) -> None:
    migrate.make(database_url, REVISIONS[0])
    migrate.make(database_url, migrations.HEAD)
    walked = tables_of(database_url)
    with connected(database_url) as wrapped:
        for table in reversed(METADATA.sorted_tables):
            wrapped.execute(text(f"DROP TABLE {table.name}"))
        wrapped.execute(text("DROP TABLE alembic_version"))
        wrapped.commit()
    migrate.open_database(database_url).close()
    assert tables_of(database_url) == walked
    assert differences(database_url) == []


def tables_of(url: str) -> dict[str, Any]:
    """Every table with columns, defaults, keys, checks and indexes, as the database itself tells it."""
    with connected(url) as wrapped:
        looked = inspect(wrapped)
        return {table: _table(looked, table) for table in looked.get_table_names()}


def _table(looked: Any, table: str) -> dict[str, Any]:
    def words(one: dict[str, Any]) -> list[tuple[str, str]]:
        # Of a number that is the key SQLite says that it may be null or not, by how it was written; it never is.
        unsaid = {"name", "primary_key"} | ({"nullable"} if one.get("primary_key") else set())
        return sorted((name, str(value)) for name, value in one.items() if name not in unsaid)

    keys = looked.get_foreign_keys(table)
    indexes = looked.get_indexes(table)
    return {
        "columns": {column["name"]: words(column) for column in looked.get_columns(table)},
        "key": looked.get_pk_constraint(table)["constrained_columns"],
        "foreign keys": sorted((one["constrained_columns"], one["referred_table"]) for one in keys),
        "checks": sorted(one["sqltext"] for one in looked.get_check_constraints(table)),
        "unique": sorted(one["column_names"] for one in looked.get_unique_constraints(table)),
        "indexes": {one["name"]: (one["column_names"], words(one["dialect_options"])) for one in indexes},
    }


@pytest.mark.parametrize("version", FORMER)
def test_a_device_database_of_every_former_version_joins_the_tree(tmp_path: Path, version: int) -> None:
    """Under its new name, with what is in it."""
    former = tmp_path / FORMER_NAME
    connection = sqlite3.connect(former, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    for step in former_steps.STEPS[:version]:
        for statement in former_steps.statements(step):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version}")
    role, value = (", role", ", 'administrator'") if version >= 5 else ("", "")
    connection.execute("INSERT INTO account (name, created_at_ns) VALUES ('kiel', 1)")
    connection.execute(
        f"INSERT INTO token (hash, label, created_at_ns{role}) VALUES (x'01', 'administrator', 1{value})"
    )
    connection.execute("INSERT INTO device (serial, owner, added_at_ns, credential, credential_id, epoch) "
                       "VALUES ('S1', 'kiel', 1, 'certificate', 'c', 7)")  # fmt: skip
    if version > 1:
        config = b'{"site":"two-spans","node":"gw"}'
        connection.execute(
            "INSERT INTO wanted_config (serial, generation, digest, config) VALUES ('S1', 3, 'd', ?)", (config,)
        )
    connection.close()
    store = DeviceStore(tmp_path / FILE_NAME)
    url = f"sqlite:///{tmp_path / FILE_NAME}"
    assert not former.exists()
    row = store.find("S1")
    assert row is not None
    assert (row.owner, row.epoch) == ("kiel", 7)
    assert [token.role for token in Accounts(store).tokens()] == ["administrator"]
    assert set(ConfigTable(store).of_site("kiel", "two-spans")) == ({"S1"} if version > 1 else set())
    store.close()
    assert revision_of(url) == migrations.HEAD
    migrate.open_database(f"sqlite:///{tmp_path / 'new.db'}").close()
    assert tables_of(url) == tables_of(f"sqlite:///{tmp_path / 'new.db'}")


def test_a_former_file_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    former = sqlite3.connect(tmp_path / FORMER_NAME, isolation_level=None)
    former.execute("PRAGMA journal_mode = WAL")
    former.execute("CREATE TABLE x (y)")
    with pytest.raises(Unavailable, match="another program uses"):
        DeviceStore(tmp_path / FILE_NAME)
    former.close()
    assert not (tmp_path / FILE_NAME).exists()


def test_a_former_file_of_a_newer_server_is_refused(tmp_path: Path) -> None:
    former = sqlite3.connect(tmp_path / FORMER_NAME, isolation_level=None)
    former.execute("PRAGMA user_version = 99")
    former.close()
    with pytest.raises(Rejected, match="version 99"):
        DeviceStore(tmp_path / FILE_NAME)


def test_a_newer_database_is_refused(database_url: str) -> None:
    migrate.open_database(database_url).close()
    with connected(database_url) as wrapped:
        wrapped.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        wrapped.commit()
    with pytest.raises(Rejected, match="revision 9999"):
        migrate.open_database(database_url)


def test_several_processes_may_come_first(database_url: str) -> None:
    def opened(_: int) -> int:
        code = "import sys; from twinspan.server.database.migrate import open_database; open_database(sys.argv[1])"
        return subprocess.run([sys.executable, "-c", code, database_url], cwd=ROOT, check=False).returncode

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(opened, range(4))) == [0] * 4
    assert differences(database_url) == []


def test_a_step_that_fails_leaves_the_revision_before(database_url: str) -> None:
    """Not half of the tables: the same start tries it again."""
    with connected(database_url) as wrapped:
        wrapped.execute(text("CREATE TABLE quota (x INTEGER)"))  # the last one that 0001 makes
        wrapped.commit()
    with pytest.raises(Exception, match="quota"):
        migrate.open_database(database_url)
    with connected(database_url) as wrapped:
        wrapped.execute(text("DROP TABLE quota"))
        wrapped.commit()
    migrate.open_database(database_url).close()
    assert differences(database_url) == []


def test_who_is_up_to_date_does_not_load_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    migrate.open_database(url).close()
    code = (
        "import sys; from twinspan.server.database.migrate import open_database; open_database(sys.argv[1]);"
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, url], cwd=ROOT, check=True)
