"""The event history: what happened to each device and why, above all a reason for every down.

In: events, noted on the hot path without touching the disk. Out: rows, written in one transaction whenever the caller
flushes (every half a second), and read back per device. The buffer is bounded; what does not fit is counted, and the
count becomes an event itself. Next: `admin.py` shows it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from twinspan.server.database.connection import Connection
from twinspan.server.store import DeviceStore

FLUSH_INTERVAL_S = 0.5
CAPACITY = 20_000
"""Events that wait for the disk; in a storm of 3,500 logins a second that is some three flushes missed."""
KEEP_ROWS = 1_000_000
MAX_DETAIL = 500
"""Characters; part of it may come from a device."""

EventKind = Literal[
    "added", "removed", "owner", "credential", "enrolled", "connected", "down", "refused", "duplicate", "quarantined",
    "quarantine-lifted", "unbinding-code", "unbinding-failed", "unbound", "command", "shell", "note", "lost",
]  # fmt: skip
"""`duplicate` is the alarm that a second device shows a serial whose connection lives. `lost`: events were dropped."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. `serial` is empty where it concerns the server."""

    serial: str
    at_ns: int
    kind: EventKind
    detail: str = ""
    epoch: int | None = None
    account: str | None = None
    """Who did it, or whom it must be told."""
    id: int | None = None
    """Place in the history; None: it is not written yet."""


_INSERT = "INSERT INTO event (serial, at_ns, kind, detail, epoch, account) VALUES (?, ?, ?, ?, ?, ?)"
_SELECT = "SELECT serial, at_ns, kind, detail, epoch, account, id FROM event"


class EventLog:
    """One per process."""

    def __init__(self, store: DeviceStore, capacity: int = CAPACITY) -> None:
        self._store, self._capacity = store, capacity
        self._waiting: list[tuple[object, ...]] = []
        self._lost_unsaid = 0
        self.lost = 0
        """Events that were dropped since the start: the buffer was full."""

    def note(self, event: Event) -> None:
        """Remembers it for the next flush."""
        if len(self._waiting) >= self._capacity:
            self.lost += 1
            self._lost_unsaid += 1
            return
        self._waiting.append(_values(event))

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def flush(self, now_ns: int) -> int:
        """Writes what waits in one transaction. How many; on an error everything goes on waiting."""
        if not self._waiting and not self._lost_unsaid:
            return 0
        rows = list(self._waiting)
        if self._lost_unsaid:
            detail = f"{self._lost_unsaid} events were not kept: more came than could be written"
            rows.append(("", now_ns, "lost", detail, None, None))
        with self._store.batch() as connection:
            connection.executemany(_INSERT, rows)
        self._waiting.clear()
        self._lost_unsaid = 0
        return len(rows)

    def history(
        self, serial: str, limit: int = 100, before_id: int | None = None, since_ns: int = 0
    ) -> tuple[Event, ...]:
        """The newest events of one device, newest first; `before_id` pages on. Only what was flushed."""
        rows = self._store.hot.execute(
            f"{_SELECT} WHERE serial = ? AND id < ? AND at_ns >= ? ORDER BY id DESC LIMIT ?",
            (serial, before_id or 2**62, since_ns, limit),
        )
        return tuple(_event(row) for row in rows)

    def recent(self, limit: int = 100, account: str | None = None, before_id: int | None = None) -> tuple[Event, ...]:
        """The newest events of all devices, or of those of one account and of what it must be told."""
        before = before_id or 2**62
        if account is None:
            rows = self._store.hot.execute(f"{_SELECT} WHERE id < ? ORDER BY id DESC LIMIT ?", (before, limit))
        else:
            rows = self._store.hot.execute(
                f"{_SELECT} AS e WHERE id < ? AND (account = ? OR EXISTS (SELECT 1 FROM device AS d "
                "WHERE d.serial = e.serial AND d.owner = ? AND e.at_ns >= d.added_at_ns)) ORDER BY id DESC LIMIT ?",
                (before, account, account, limit),
            )
        return tuple(_event(row) for row in rows)

    def prune(self, keep_rows: int = KEEP_ROWS, at_most: int = 1000) -> int:
        """Removes the oldest events beyond `keep_rows`, so many at a time. How many it were."""
        statement = """
        DELETE FROM event WHERE id IN (
          SELECT id FROM event WHERE id <= (SELECT MAX(id) FROM event) - ? ORDER BY id LIMIT ?)
        """
        return self._store.hot.execute(statement, (keep_rows, at_most)).rowcount


def write_event(connection: Connection, event: Event) -> None:
    """Writes one event inside a transaction of its cause: both are there or neither."""
    connection.execute(_INSERT, _values(event))


def _values(event: Event) -> tuple[object, ...]:
    return event.serial, event.at_ns, event.kind, event.detail[:MAX_DETAIL], event.epoch, event.account


def _event(row: tuple[object, ...]) -> Event:
    serial, at_ns, kind, detail, epoch, account, number = row
    return msgspec.convert(
        {"serial": serial, "at_ns": at_ns, "kind": kind, "detail": detail, "epoch": epoch, "account": account,
         "id": number}, Event,
    )  # fmt: skip
