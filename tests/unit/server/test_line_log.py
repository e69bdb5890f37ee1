"""Lines of devices become events with their own time, and of the epoch in which they happened."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from twinspan.server.events import Event, EventLog
from twinspan.server.line_log import LineLog
from twinspan.wire.cloud_connection.services import LogEvent, LogLines

LOGIN_NS = 1_800_000_000_000_000_000


def noted(message: LogLines) -> list[Event]:
    events: list[Event] = []
    LineLog(cast("EventLog", SimpleNamespace(note=events.append))).lines("S1", 7, LOGIN_NS, message)
    return events


def line(at_ns: int) -> LogEvent:
    return LogEvent(at_ns=at_ns, source="link", what="lan0 up")


def test_what_happened_before_the_login_is_not_of_its_epoch() -> None:
    before, after = noted(LogLines(sequence=1, lines=(line(LOGIN_NS - 1), line(LOGIN_NS + 1))))
    assert (before.epoch, after.epoch) == (None, 7)
    assert (before.at_ns, before.detail) == (LOGIN_NS - 1, "link: lan0 up")


def test_lost_lines_have_a_time_even_if_none_are_left() -> None:
    (lost,) = noted(LogLines(sequence=1, lines=(), dropped=3))
    assert lost.kind == "lost"
    assert lost.at_ns > 10**18
