"""The node's alarms: each from its raise to its clear.

In: the conditions that hold now, group by group. Out: alarms with the time they were raised, and an event for every
raise and clear. Next: `agent.report`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from twinspan.agent.events import EventLog
from twinspan.engine.failover import Condition
from twinspan.model.device_report import Alarm

Key = tuple[str, str]


class AlarmBook:
    def __init__(self, events: EventLog) -> None:
        self._events = events
        self._groups: dict[str, dict[Key, tuple[Condition, int]]] = {}

    def hold(self, group: str, conditions: Iterable[Condition]) -> None:
        """From now on exactly these conditions of `group` hold; what is known already keeps its time."""
        before = self._groups.get(group, {})
        now = {(c.name, c.subject): c for c in conditions}
        for key in before.keys() - now.keys():
            self._events.record("failover", f"alarm cleared: {key[0]}", key[1])
        after: dict[Key, tuple[Condition, int]] = {}
        for key, condition in now.items():
            if key not in before:
                self._events.record("failover", f"alarm raised: {key[0]}", condition.detail or key[1])
            after[key] = (condition, before[key][1] if key in before else time.time_ns())
        self._groups[group] = after

    def alarms(self) -> tuple[Alarm, ...]:
        """All that hold, the oldest first."""
        held = [entry for group in self._groups.values() for entry in group.values()]
        return tuple(
            Alarm(name=c.name, subject=c.subject, since_ns=since, detail=c.detail)
            for c, since in sorted(held, key=lambda entry: entry[1])
        )
