"""The event history: bounded, counted, and a reason for every down."""

from __future__ import annotations

from tests.unit.server.conftest import NOW, S, add

from twinspan.server.events import MAX_DETAIL, Event, EventLog
from twinspan.server.store import DeviceStore


def down(serial: str, n: int) -> Event:
    return Event(serial=serial, at_ns=NOW + n, kind="down", detail=f"reason {n}", epoch=n)


def test_events_come_back_newest_first_and_in_pages(store: DeviceStore) -> None:
    log = EventLog(store)
    for n in range(5):
        log.note(down("S1", n))
    log.note(down("S2", 9))
    assert log.history("S1") == ()
    assert log.flush(NOW) == 6
    first = log.history("S1", limit=3)
    assert [event.detail for event in first] == ["reason 4", "reason 3", "reason 2"]
    assert [event.epoch for event in log.history("S1", before_id=first[-1].id)] == [1, 0]


def test_what_does_not_fit_is_counted_and_said(store: DeviceStore) -> None:
    log = EventLog(store, capacity=2)
    for n in range(5):
        log.note(down("S1", n))
    assert (log.waiting, log.lost) == (2, 3)
    log.flush(NOW)
    assert [event.detail for event in log.recent() if event.kind == "lost"] == [
        "3 events were not kept: more came than could be written"
    ]
    log.note(down("S1", 6))
    assert log.flush(NOW) == 1


def test_a_flush_without_events_writes_nothing(store: DeviceStore) -> None:
    assert EventLog(store).flush(NOW) == 0


def test_a_long_detail_of_a_device_is_cut(store: DeviceStore) -> None:
    log = EventLog(store)
    log.note(Event(serial="S1", at_ns=NOW, kind="note", detail="x" * 100_000))
    log.flush(NOW)
    assert len(log.history("S1")[0].detail) == MAX_DETAIL


def test_an_account_sees_its_devices_from_when_they_became_its_own(store: DeviceStore) -> None:
    add(store, "S1")
    log = EventLog(store)
    log.note(Event(serial="S1", at_ns=NOW - S, kind="note", detail="under somebody else"))
    log.note(Event(serial="S1", at_ns=NOW + S, kind="note", detail="mine"))
    log.note(Event(serial="S9", at_ns=NOW + S, kind="unbound", detail="told to me", account="alice"))
    log.flush(NOW)
    assert {event.detail for event in log.recent(account="alice")} >= {"mine", "told to me"}
    assert "under somebody else" not in {event.detail for event in log.recent(account="alice")}
    assert log.recent(account="bob") == ()
    assert [event.detail for event in log.history("S1", since_ns=NOW + 1)] == ["mine"]


def test_the_oldest_go_first(store: DeviceStore) -> None:
    log = EventLog(store)
    for n in range(10):
        log.note(down("S1", n))
    log.flush(NOW)
    log.prune(keep_rows=3)
    assert [event.detail for event in log.recent()] == ["reason 9", "reason 8", "reason 7"]
