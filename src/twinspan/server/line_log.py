"""Lines that devices send on the log sub-connection, into the event history.

In: lines of one device. Out: events of kind `note`. Next: `events`.
"""

from __future__ import annotations

from twinspan.server.clock import wall_ns
from twinspan.server.events import Event, EventLog
from twinspan.wire.cloud_connection.services import LogLines


class LineLog:
    """Sink of the log service."""

    def __init__(self, events: EventLog) -> None:
        self._events = events

    def lines(self, serial: str, epoch: int, began_ns: int, message: LogLines) -> None:
        """Keep each line with the device's own time, and how many were lost before them.

        The epoch began at `began_ns` (wall clock); what was noted earlier is of none that is known.
        """
        if message.dropped:
            at_ns = message.lines[0].at_ns if message.lines else wall_ns()
            detail = f"{message.dropped} lines were lost on the device"
            self._events.note(Event(serial=serial, at_ns=at_ns, kind="lost", detail=detail, epoch=epoch))
        for line in message.lines:
            detail = f"{line.source}: {line.what} {line.detail}".strip()
            of = epoch if line.at_ns >= began_ns else None
            self._events.note(Event(serial=serial, at_ns=line.at_ns, kind="note", detail=detail, epoch=of))
