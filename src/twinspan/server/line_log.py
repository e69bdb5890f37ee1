"""Lines that devices send on the log sub-connection, into the event history.

In: lines of one device. Out: events of kind `note`. Next: `events`.
"""

from __future__ import annotations

from twinspan.server.events import Event, EventLog
from twinspan.wire.cloud_connection.services import LogLines


class LineLog:
    """Sink of the log service."""

    def __init__(self, events: EventLog) -> None:
        self._events = events

    def lines(self, serial: str, epoch: int, message: LogLines) -> None:
        """Keep each line with the device's own time, and how many were lost before them."""
        if message.dropped:
            at_ns = message.lines[0].at_ns if message.lines else 0
            detail = f"{message.dropped} lines were lost on the device"
            self._events.note(Event(serial=serial, at_ns=at_ns, kind="lost", detail=detail, epoch=epoch))
        for line in message.lines:
            detail = f"{line.source}: {line.what} {line.detail}".strip()
            self._events.note(Event(serial=serial, at_ns=line.at_ns, kind="note", detail=detail, epoch=epoch))
