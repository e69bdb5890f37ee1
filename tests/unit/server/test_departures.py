"""A device that went while the store could not be written to is told later; loops outlive what goes wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.unit.server.conftest import NOW, add, connect

from twinspan.model.errors import Retryable
from twinspan.server import supervisor
from twinspan.server.departures import Departures
from twinspan.server.events import Event, EventLog
from twinspan.server.store import DeviceStore
from twinspan.server.supervisor import for_ever


def fill(store: DeviceStore) -> None:
    """No room for one page more."""
    (pages,) = store.hot.execute("PRAGMA page_count").fetchone()
    store.hot.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_is_retryable_on_the_hot_path(store: DeviceStore) -> None:
    fill(store)
    log = EventLog(store)
    for n in range(200):
        log.note(Event(serial="S1", at_ns=NOW, kind="note", detail=str(n) * 100))
    with pytest.raises(Retryable, match=r"disk of the database .* is full"):
        log.flush(NOW)
    store.hot.execute("PRAGMA max_page_count = 1073741823")
    assert log.flush(NOW) == 200


def test_who_went_meanwhile_is_told_when_the_store_is_back(store: DeviceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store, "S1")
    epoch = connect(store, "S1")
    assert epoch is not None
    departures = Departures(store, EventLog(store))

    def away(*_: object) -> bool:
        raise Retryable("away", delay_s=1)

    with monkeypatch.context() as patch:
        patch.setattr(store, "release", away)
        assert departures.tell("S1", epoch, "the TCP connection broke", NOW)
        assert not departures.catch_up(NOW)
    row = store.find("S1")
    assert row is not None
    assert row.worker == "w1"
    assert departures.catch_up(NOW)
    row = store.find("S1")
    assert row is not None
    assert (row.worker, row.last_down_reason) == (None, "the TCP connection broke")


def test_a_departure_that_is_told_late_does_not_end_a_newer_connection(store: DeviceStore) -> None:
    add(store, "S1")
    assert connect(store, "S1") == 1
    assert connect(store, "S1", epoch=1, worker="w2") == 2
    assert not Departures(store, EventLog(store)).tell("S1", 1, "late", NOW)
    row = store.find("S1")
    assert row is not None
    assert row.worker == "w2"


async def _run(failures: list[Exception]) -> int:
    rounds = 0

    async def loop() -> None:
        nonlocal rounds
        rounds += 1
        if failures:
            raise failures.pop(0)

    await for_ever("test", loop)
    return rounds


def test_a_loop_that_fails_begins_again_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(supervisor, "AGAIN_S", 0.0)
    away = [Retryable("the database is away", delay_s=1) for _ in range(3)]
    assert asyncio.run(_run([*away, KeyError("ours")])) == 5
    told = capsys.readouterr().err
    assert told.count("the database is away") == 1
    assert "KeyError" in told
