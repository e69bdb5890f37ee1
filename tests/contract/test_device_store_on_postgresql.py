"""Everything that is promised of the device store on SQLite holds on PostgreSQL: the same tests, another database."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
from tests.contract.postgres import Cluster
from tests.unit.server import (
    conftest,
    test_commands,
    test_config_store,
    test_events,
    test_registry,
    test_store,
    test_unbinding,
)

from twinspan.model.errors import Retryable
from twinspan.server.accounts import Accounts
from twinspan.server.resources.seal import SealKey
from twinspan.server.store import Claim, DeviceStore

MODULES = (test_commands, test_config_store, test_events, test_registry, test_store, test_unbinding)
OF_FILES = {
    "test_the_file_is_the_owners_alone",
    "test_a_process_that_leaves_takes_nothing_with_it_that_another_writes",
    "test_the_file_does_not_hold_the_code",
}
"""They look at the file itself."""
NOW = conftest.NOW


@pytest.fixture
def store(cluster: Cluster, tmp_path: Path) -> Iterator[DeviceStore]:
    made = DeviceStore(cluster.new_database(), SealKey.load_or_create(tmp_path / "seal.key"))
    for name in ("alice", "bob"):
        Accounts(made).add(name, "", NOW)
    yield made
    made.close()


def _promises(module: ModuleType) -> Iterator[tuple[str, object]]:
    """The tests of a module that are about a store, and the fixtures that they build on it."""
    for name, value in vars(module).items():
        is_fixture = type(value).__name__ == "FixtureFunctionDefinition" and name != "store"
        is_test = name.startswith("test_") and inspect.isfunction(value)
        if name in OF_FILES:
            continue
        if is_fixture or (is_test and "tmp_path" not in inspect.signature(value).parameters):
            yield name, value


for _module in MODULES:
    globals().update(_promises(_module))


def test_the_promises_are_there() -> None:
    assert sum(name.startswith("test_") for name in globals()) > 40


def test_workers_that_race_for_a_device_get_it_once(store: DeviceStore) -> None:
    conftest.add(store, "S1")
    place = str(store.place)
    won: list[int] = []

    def race(worker: str) -> None:
        mine = DeviceStore(place)
        for epoch in range(40):
            claim = Claim(serial="S1", expected_epoch=epoch, boot_id="b", worker=worker, at_ns=NOW)
            if mine.claim_all([claim, claim])[0] is not None:
                won.append(epoch)
        mine.close()

    threads = [threading.Thread(target=race, args=(f"w{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == len(set(won))


def test_a_database_that_was_away_is_used_again(store: DeviceStore, cluster: Cluster) -> None:
    conftest.add(store, "S1")
    cluster.stop("immediate")
    try:
        for ask in (lambda: store.find("S1"), store.presence) * 2:
            with pytest.raises(Retryable):
                ask()
    finally:
        cluster.start()
    _until_back(store)
    conftest.add(store, "S2")
    assert [row.serial for row in store.devices()] == ["S1", "S2"]


def _until_back(store: DeviceStore) -> None:
    deadline = time.monotonic() + 15
    while True:
        try:
            store.find("S1")
        except Retryable:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def test_a_connection_that_was_cut_is_made_again_unnoticed(store: DeviceStore) -> None:
    conftest.add(store, "S1")
    with psycopg.connect(str(store.place), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                      "AND datname = current_database()")  # fmt: skip
    assert store.find("S1") is not None
    conftest.add(store, "S2")


def test_a_change_that_is_cut_leaves_nothing(store: DeviceStore) -> None:
    conftest.add(store, "S1")

    def cut() -> None:
        with store.change() as connection:
            connection.execute("DELETE FROM device")
            with psycopg.connect(str(store.place), autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                              "AND datname = current_database()")  # fmt: skip
            connection.execute("DELETE FROM account")

    with pytest.raises(Retryable):
        cut()
    assert store.find("S1") is not None
    assert Accounts(store).names() == {"alice", "bob"}


def test_a_transaction_does_not_go_on_with_another_connection(store: DeviceStore) -> None:
    """Whoever overlooks that a statement failed must not take its end for the end of what is lost."""
    conftest.add(store, "S1")
    cut = "SELECT pg_terminate_backend(pg_backend_pid())"
    store.durable.execute("BEGIN IMMEDIATE")
    store.durable.execute("DELETE FROM device")
    for sql in (cut, "DELETE FROM account", "COMMIT"):
        with pytest.raises(Retryable):
            store.durable.execute(sql)
    assert store.find("S1") is not None
    assert Accounts(store).names() == {"alice", "bob"}
    conftest.add(store, "S2")


@pytest.mark.parametrize("odd", ["a\0b", "\ud800", "%s", "?", "x" * 10_000])
def test_an_odd_serial_is_not_there(store: DeviceStore, odd: str) -> None:
    assert store.find(odd) is None
