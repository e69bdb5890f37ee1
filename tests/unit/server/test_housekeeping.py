"""Housekeeping: everything that is due is done, in slices."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.server.conftest import NOW, S, add, connect

from twinspan.server import events as events_module
from twinspan.server import housekeeping
from twinspan.server.commands import CommandQueue, QueuedCommand
from twinspan.server.events import Event, EventLog
from twinspan.server.housekeeping import Housekeeping
from twinspan.server.store import DeviceStore


def test_times_are_written_commands_end_and_old_events_go(store: DeviceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "SLICE", 2)
    monkeypatch.setattr(housekeeping, "PAUSE_S", 0)
    monkeypatch.setattr(events_module.EventLog.prune, "__defaults__", (3, 1000))
    log, queue = EventLog(store), CommandQueue(store)
    for n in range(5):
        add(store, f"S{n}")
        connect(store, f"S{n}")
    queue.queue(QueuedCommand(id="c", serial="S0", name="ping", queued_at_ns=NOW, expires_at_ns=NOW + S))
    for n in range(9):
        log.note(Event(serial="S0", at_ns=NOW, kind="note", detail=str(n)))
    log.flush(NOW)
    heard = [(f"S{n}", 1, NOW + n * S) for n in range(5)]
    asyncio.run(Housekeeping(store, log, queue).look(heard, NOW + 2 * S))
    assert [row.last_heard_ns for row in store.devices()] == [NOW + n * S for n in range(5)]
    found = queue.find("S0", "c")
    assert found is not None
    assert found.state == "expired"
    assert [event.detail for event in log.recent()] == ["8", "7", "6"]
