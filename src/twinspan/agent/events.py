"""What happened on this node, in order, bounded.

In: `Event`s of drivers and loops. Out: those since a given time, for reports and drills. Next: `agent.api`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from twinspan.model.device_report import Event, EventSource

CAPACITY = 5000
"""Some hours of a flapping circuit; older ones are dropped and counted."""


class EventLog:
    def __init__(self, node: str) -> None:
        self.node = node
        self.dropped = 0
        self._events: deque[Event] = deque(maxlen=CAPACITY)
        self.on_event: Callable[[Event], None] = lambda _: None

    def add(self, event: Event) -> None:
        if len(self._events) == CAPACITY:
            self.dropped += 1
        self._events.append(event)
        self.on_event(event)

    def record(self, source: EventSource, what: str, detail: str = "") -> None:
        """Add an event of this node that happens now."""
        self.add(Event(at_ns=time.time_ns(), node=self.node, source=source, what=what, detail=detail))

    def since(self, at_ns: int) -> list[Event]:
        return sorted((e for e in self._events if e.at_ns >= at_ns), key=lambda e: e.at_ns)
