"""What has to be done now and then: late commands end, old events go, presence gets its times.

In: the store's parts, who was heard when. Out: changes in the store, in slices so small that no connection waits for
them. Every worker does it for its own devices; what concerns all may be done twice. Next: `worker` runs it.
"""

from __future__ import annotations

from collections.abc import Callable

from twinspan.server.clock import pause, wall_ns
from twinspan.server.commands import CommandQueue
from twinspan.server.events import EventLog
from twinspan.server.store import DeviceStore

INTERVAL_S = 30.0
SLICE = 500
"""Rows of one transaction: some milliseconds."""
PAUSE_S = 0.02
"""Between two slices, for everything else."""

Heard = tuple[str, int, int]
"""Serial, epoch, and the wall clock's time of the last sign of life."""


class Housekeeping:
    def __init__(self, store: DeviceStore, events: EventLog, commands: CommandQueue) -> None:
        self._store, self._events, self._commands = store, events, commands

    async def run(self, heard: Callable[[], list[Heard]]) -> None:
        """For ever. `heard` gives all devices of this worker."""
        since_ns = 0
        while True:
            await pause(INTERVAL_S)
            now_ns = wall_ns()
            await self.look([row for row in heard() if row[2] > since_ns], now_ns)
            since_ns = now_ns - int(INTERVAL_S * 1e9)

    async def look(self, heard: list[Heard], now_ns: int) -> None:
        """Once."""
        self._commands.expire(now_ns)
        for start in range(0, len(heard), SLICE):
            self._store.heard(heard[start : start + SLICE])
            await pause(PAUSE_S)
        while self._events.prune(at_most=SLICE) == SLICE:
            await pause(PAUSE_S)
