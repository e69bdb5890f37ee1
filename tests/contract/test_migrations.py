"""Every database of an earlier revision becomes one of this version, with what is in it, on SQLite and PostgreSQL."""

from __future__ import annotations

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
from sqlalchemy import Connection, create_engine, text
from tests.contract.resources import NOW, connection, inserting, renamed, vpc

from twinspan.model.errors import Rejected
from twinspan.server import migrations
from twinspan.server.database import migrate
from twinspan.server.key_file import write_private
from twinspan.server.resources.port import Remembered
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.sql_store import open_store
from twinspan.server.resources.tables import METADATA
from twinspan.server.resources.verify import verify

ROOT = Path(__file__).resolve().parents[2]


def script() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return ScriptDirectory.from_config(config)


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
    store.change(inserting(vpc("vpc-new")))
    assert verify(store) == ()
    store.close()


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
