"""What a resource store promises when the world fails: a kill, a full disk, a database that goes away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from tests.contract.postgres import Cluster
from tests.contract.resources import KIEL, inserting, renamed, vpc

from twinspan.model.errors import Rejected, Retryable, Unavailable
from twinspan.server.database.sqlite import SqliteDatabase
from twinspan.server.resources.port import Work
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.sql_store import SqlStore, open_store
from twinspan.server.resources.verify import verify

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import sys
from pathlib import Path
from tests.contract.resources import inserting, vpc
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.sql_store import open_store

store = open_store(sys.argv[1], SealKey(Path(sys.argv[2])))
for n in range(0, 1_000_000, 4):
    answers = store.change_all([inserting(vpc(f"vpc-{n + k}")) for k in range(4)])
    assert answers == [None] * 4, answers
    for k in range(4):
        sys.stdout.write(f"vpc-{n + k}\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def key(tmp_path: Path) -> SealKey:
    return SealKey.load_or_create(tmp_path / "seal.key")


@pytest.fixture
def store(database_url: str, key: SealKey) -> Iterator[SqlStore]:
    made = open_store(database_url, key)
    yield made
    made.close()


def there(store: SqlStore, resource_id: str) -> bool:
    return store.read(lambda view: view.get(resource_id)) is not None


def test_a_kill_loses_nothing_that_was_acknowledged(database_url: str, store: SqlStore, key: SealKey) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, database_url, str(key.path)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": "src:."}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert writer.stdout is not None
    told = [writer.stdout.readline().strip() for _ in range(200)]
    writer.send_signal(signal.SIGKILL)
    told += writer.stdout.read().splitlines(keepends=False)
    writer.wait()
    told = [line for line in told if line.startswith("vpc-")]
    assert len(told) >= 200
    count = store.read(lambda view: view.count("kiel", "Vpc"))
    assert all(there(store, resource_id) for resource_id in told)
    assert len(told) <= count <= len(told) + 8, "at most what was on its way may be there unsaid"
    assert count % 4 == 0, "works that shared a transaction are there together"
    assert verify(store) == ()
    store.change(inserting(vpc("vpc-after")))


def test_two_servers_on_one_database_stay_correct(database_url: str, store: SqlStore, key: SealKey) -> None:
    other = open_store(database_url, key)
    store.change(inserting(vpc("vpc-shared")))

    def work_on(number: int) -> None:
        mine = (store, other)[number % 2]

        def work(work: Work) -> None:
            now = work.get("vpc-shared")
            assert now is not None
            work.update(now, renamed(now, f"generation {now.generation + 1}"), KIEL)
            work.insert(vpc(f"vpc-{number}"), KIEL)

        mine.change(work)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work_on, range(60)))
    for one in (store, other):
        shared = one.read(lambda view: view.get("vpc-shared"))
        assert shared is not None
        assert (shared.generation, shared.name) == (61, "generation 61")
        assert one.read(lambda view: (view.count("kiel", "Vpc"), view.newest_change())) == (61, 121)
        assert verify(one) == ()
    other.close()


def test_a_reader_has_one_snapshot_while_another_writes(store: SqlStore) -> None:
    store.change(inserting(vpc("vpc-1")))

    def ask(view: object) -> tuple[int, int]:
        before = store_count(view)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(store.change, inserting(vpc("vpc-2"))).result()
        return before, store_count(view)

    def store_count(view: object) -> int:
        count: int = view.count("kiel", "Vpc")  # type: ignore[attr-defined]
        return count

    assert store.read(ask) == (1, 1)
    assert there(store, "vpc-2")


# --------------------------------------------------------------------------------------------------- disk full


def fill(store: SqlStore) -> None:
    """From now on the database does not find room for one change more."""
    if isinstance(store.database, SqliteDatabase):
        writer = store.database._writer
        assert writer is not None
        (pages,) = writer.execute("PRAGMA page_count").fetchone()
        writer.execute(f"PRAGMA max_page_count = {pages}")
        return
    _run(store, "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS "
         "$$ BEGIN RAISE 'no space left on device' USING ERRCODE = 'disk_full'; END $$")  # fmt: skip
    _run(store, "CREATE TRIGGER no_room BEFORE INSERT ON change FOR EACH ROW EXECUTE FUNCTION no_room()")


def make_room(store: SqlStore) -> None:
    if isinstance(store.database, SqliteDatabase):
        writer = store.database._writer
        assert writer is not None
        writer.execute("PRAGMA max_page_count = 1073741823")
    else:
        _run(store, "DROP TRIGGER no_room ON change")


def _run(store: SqlStore, statement: str) -> None:
    with psycopg.connect(store.database._url, autocommit=True) as connection:  # type: ignore[attr-defined]
        connection.execute(statement.encode())


def test_a_full_disk_is_said_clearly_and_loses_nothing(store: SqlStore) -> None:
    store.change(inserting(vpc("vpc-first")))
    fill(store)
    large = [vpc(f"vpc-{n}", spec={"description": "x" * 250}) for n in range(200)]
    with pytest.raises(Retryable, match=r"disk of the database .* is full"):
        store.change(inserting(*large))
    answers = store.change_all([inserting(*large), lambda work: "nothing"])
    assert [type(answer) for answer in answers] == [Retryable, Retryable]
    assert there(store, "vpc-first")
    assert store.read(lambda view: view.count("kiel", "Vpc")) == 1
    make_room(store)
    store.change(inserting(*large))
    assert store.read(lambda view: view.count("kiel", "Vpc")) == 201
    assert verify(store) == ()


# ------------------------------------------------------------------------------------------------ database gone


def test_a_postgresql_that_goes_away_is_waited_for(cluster: Cluster, key: SealKey) -> None:
    store = open_store(cluster.new_database(), key)
    store.change(inserting(vpc("vpc-1")))
    assert there(store, "vpc-1")
    cluster.stop("immediate")
    try:
        for ask in (lambda: there(store, "vpc-1"), lambda: store.change(inserting(vpc("vpc-2")))) * 2:
            with pytest.raises(Retryable) as gone:
                ask()
            assert gone.value.delay_s > 0
        with pytest.raises(Retryable):
            store.write_status({"vpc-1": {"x": 1}}, 1)
        with pytest.raises(Retryable):
            open_store(cluster.url("test1"), key)
    finally:
        cluster.start()
    _until_back(store)
    assert there(store, "vpc-1")
    assert not there(store, "vpc-2")
    store.change(inserting(vpc("vpc-2")))
    assert verify(store) == ()
    store.close()


def _until_back(store: SqlStore) -> None:
    """What has just failed is not tried again for half a second."""
    deadline = time.monotonic() + 10
    while True:
        try:
            there(store, "vpc-1")
        except Retryable:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def test_a_connection_that_was_cut_between_two_questions_is_made_again_unnoticed(
    cluster: Cluster, key: SealKey
) -> None:
    url = cluster.new_database()
    store = open_store(url, key)
    store.change(inserting(vpc("vpc-1")))
    assert there(store, "vpc-1")
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                      "AND datname = current_database()")  # fmt: skip
    assert there(store, "vpc-1")
    store.change(inserting(vpc("vpc-2")))
    store.close()


def test_a_connection_that_is_cut_within_a_work_leaves_nothing_of_it(cluster: Cluster, key: SealKey) -> None:
    store = open_store(cluster.new_database(), key)

    def work(work: Work) -> None:
        work.insert(vpc("vpc-1"), KIEL)
        with psycopg.connect(store.database._url, autocommit=True) as other:  # type: ignore[attr-defined]
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                          "AND datname = current_database()")  # fmt: skip
        work.insert(vpc("vpc-2"), KIEL)

    answers = store.change_all([work, inserting(vpc("vpc-3"))])
    assert [type(answer) for answer in answers] == [Retryable, Retryable]
    assert store.read(lambda view: view.count("kiel", "Vpc")) == 0
    store.change(inserting(vpc("vpc-4")))
    store.close()


def test_a_writer_that_hangs_elsewhere_does_not_hang_this_one(cluster: Cluster, key: SealKey) -> None:
    url = cluster.new_database()
    first = open_store(url, key)
    second = open_store(f"{url}&options=-c%20lock_timeout%3D200ms", key)

    def slow(work: Work) -> None:
        with pytest.raises(Retryable, match="cannot take changes now"):
            second.change(inserting(vpc("vpc-2")))
        work.insert(vpc("vpc-1"), KIEL)

    first.change(slow)
    second.change(inserting(vpc("vpc-2")))
    first.close()
    second.close()


def test_a_file_that_was_moved_away_is_used_again_when_it_is_back(tmp_path: Path, key: SealKey) -> None:
    here, away = tmp_path / "here", tmp_path / "away"
    here.mkdir()
    store = open_store(f"sqlite:///{here / 'store.db'}", key)
    store.change(inserting(vpc("vpc-1")))
    here.rename(away)
    for _ in range(2):
        with pytest.raises(Retryable):
            store.change(inserting(vpc("vpc-2")))
    away.rename(here)
    store.change(inserting(vpc("vpc-3")))
    assert [there(store, f"vpc-{n}") for n in (1, 2, 3)] == [True, False, True]
    store.close()


# ------------------------------------------------------------------------------------------------- opening


def test_a_url_of_something_else_is_refused(key: SealKey) -> None:
    with pytest.raises(Rejected, match="no URL of a database"):
        open_store("mysql://localhost/x", key)


def test_a_directory_that_is_not_there_is_said(tmp_path: Path, key: SealKey) -> None:
    with pytest.raises(Unavailable, match="No such file or directory"):
        open_store(f"sqlite:///{tmp_path}/none/store.db", key)


def test_a_file_that_is_no_database_is_said(tmp_path: Path, key: SealKey) -> None:
    (tmp_path / "store.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(Unavailable, match="damaged"):
        open_store(f"sqlite:///{tmp_path}/store.db", key)


def test_a_database_that_cannot_be_reached_is_named_without_its_password(cluster: Cluster, key: SealKey) -> None:
    with pytest.raises(Retryable) as refusal:
        open_store(f"postgresql://twinspan:geheim@/none?host={cluster.folder}", key)
    assert "geheim" not in str(refusal.value)
    assert "none" in str(refusal.value)


def test_the_file_is_for_its_owner_alone(tmp_path: Path, key: SealKey) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db", key)
    store.change(inserting(vpc("vpc-1")))
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("store.db*")}
    store.close()
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


def test_many_threads_ask_at_the_same_time(store: SqlStore) -> None:
    store.change(inserting(*[vpc(f"vpc-{n}") for n in range(20)]))
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda n: there(store, f"vpc-{n % 25}"), range(600)))
    assert found == [n % 25 < 20 for n in range(600)]
