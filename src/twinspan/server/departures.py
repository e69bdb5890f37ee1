"""Devices that have gone, told to the store: also later, if it cannot be written to just then.

In: ends of connections. Out: the store's presence, and events on disk. Next: `store.py`. The hub says so once and goes
on: a full disk or a database that is away must not keep it from cutting dead connections.
"""

from __future__ import annotations

from twinspan.model.errors import TwinspanError
from twinspan.server.events import EventLog
from twinspan.server.store import DeviceStore

Departure = tuple[str, int, str, int]
"""Serial, epoch, why, when in nanoseconds of the wall clock."""


class Departures:
    """One per process."""

    def __init__(self, store: DeviceStore, events: EventLog) -> None:
        self._store, self._events = store, events
        self._unsaid: list[Departure] = []

    def tell(self, serial: str, epoch: int, why: str, at_ns: int) -> bool:
        """The connection of that epoch is over. False if it is not the current one; nothing changes then."""
        try:
            return self._store.release(serial, epoch, why, at_ns)
        except TwinspanError:
            self._unsaid.append((serial, epoch, why, at_ns))
            return True

    def catch_up(self, now_ns: int) -> bool:
        """What could not be said before, and the events that wait. Whether nothing is left."""
        unsaid, self._unsaid = self._unsaid, []
        for departure in unsaid:
            self.tell(*departure)
        try:
            self._events.flush(now_ns)
        except TwinspanError:
            return False
        return not self._unsaid
