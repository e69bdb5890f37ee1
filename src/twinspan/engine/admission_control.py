"""The handshake budget: who may log in now, who waits in line, who shall come back and when.

In: arrivals with their source, departures, the time. Out: `Admit`, `Queued` or `ComeBack` for each. No I/O and no
clock; the one object here that changes in place, since it is asked thousands of times a second. Next: `server` begins
the handshake, holds the connection, or answers with `retry_after_s`.

A full handshake costs a thousand times what refusing one does. So a storm is met with a token bucket (GCRA, ITU-T I.371
in whole nanoseconds), and what it does not let through waits in a queue that is short enough for nobody's patience to
run out. The queue takes turns among sources, so that ten thousand devices behind one address do not delay a device
elsewhere; when it is full, the longest line gives up its last place. Who has no place is told when there will be one:
each is given a slot of its own, later the more have been sent away. An early return is judged like any other arrival.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import msgspec

NS_PER_S = 1_000_000_000


class HandshakeBudget(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker can bear. Raises ValueError for numbers that would let nobody in."""

    rate_per_s: float = 1000.0
    """Below what one core can do, so that the devices that are in are still served."""
    burst: int = 200
    """So many at once after a quiet time."""
    queue_limit: int = 2000
    """Connections held open; divided by the rate it is the longest wait in line, and must end before a device's
    patience of 10 s does."""
    longest_hint_s: float = 300.0
    """Nobody is sent away for longer: the devices' own jitter spreads those who come last."""
    shortest_hint_s: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.rate_per_s <= 1e6 and self.burst >= 1 and self.queue_limit >= 0):
            raise ValueError(f"rate {self.rate_per_s}/s, burst {self.burst}, queue {self.queue_limit}: nobody gets in")


class Admit(msgspec.Struct, frozen=True, kw_only=True):
    """Begin the handshake."""

    id: str
    reason: Literal["budget", "turn"]
    """`turn`: it has waited in line."""


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the connection; `release` will name it."""

    id: str
    reason: Literal["no_budget", "behind_others"]


class ComeBack(msgspec.Struct, frozen=True, kw_only=True):
    """Answer busy and close."""

    id: str
    retry_after_s: float
    reason: Literal["queue_full", "displaced"]
    """`displaced`: its line was the longest when another source needed a place."""


Answer = Admit | Queued | ComeBack


class _FairLines:
    """Who waits: a line per source, the sources taking turns. Every operation takes the same time however many wait."""

    __slots__ = ("_by_length", "_lines", "_longest", "_source_of")

    def __init__(self) -> None:
        self._lines: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()
        """In the order in which it is their turn."""
        self._source_of: dict[str, str] = {}
        self._by_length: dict[int, OrderedDict[str, None]] = {}
        self._longest = 0

    def __len__(self) -> int:
        return len(self._source_of)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._source_of

    def append(self, id_: str, source: str) -> None:
        line = self._lines.setdefault(source, OrderedDict())
        line[id_] = None
        self._source_of[id_] = source
        self._resize(source, len(line) - 1, len(line))

    def take_turn(self) -> str:
        """The first of the line whose turn it is; that line goes behind the others."""
        source = next(iter(self._lines))
        self._lines.move_to_end(source)
        return self._pop(source, last=False)

    def remove(self, id_: str) -> bool:
        source = self._source_of.pop(id_, None)
        if source is None:
            return False
        del self._lines[source][id_]
        self._shrunk(source)
        return True

    def displace_for(self, source: str) -> str | None:
        """Takes out the last of the longest line, if `source` still has a shorter one with one more."""
        own = len(self._lines.get(source, ()))
        if self._longest < own + 2:
            return None
        return self._pop(next(iter(self._by_length[self._longest])), last=True)

    def _pop(self, source: str, *, last: bool) -> str:
        id_, _ = self._lines[source].popitem(last=last)
        del self._source_of[id_]
        self._shrunk(source)
        return id_

    def _shrunk(self, source: str) -> None:
        length = len(self._lines[source])
        self._resize(source, length + 1, length)
        if not length:
            del self._lines[source]

    def _resize(self, source: str, before: int, after: int) -> None:
        if before:
            del self._by_length[before][source]
            if not self._by_length[before]:
                del self._by_length[before]
        if after:
            self._by_length.setdefault(after, OrderedDict())[source] = None
        if after > self._longest or self._longest not in self._by_length:
            self._longest = after


class AdmissionControl:
    """Arrivals of one worker."""

    __slots__ = ("_booked_ns", "_budget", "_interval_ns", "_lines", "_next_ns", "counts")

    def __init__(self, budget: HandshakeBudget) -> None:
        self._budget = budget
        self._interval_ns = max(1, round(NS_PER_S / budget.rate_per_s))
        self._next_ns: int | None = None
        """When the next token is due if none is spent before: GCRA's theoretical arrival time."""
        self._booked_ns = 0
        """The last slot that somebody was told to come back for."""
        self._lines = _FairLines()
        self.counts: dict[str, int] = {"admitted": 0, "queued": 0, "sent_away": 0, "left": 0}
        """Since the start; arrived = admitted + sent_away + left + waiting."""

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._lines)

    def arrive(self, id_: str, source: str, now_ns: int) -> tuple[Answer, ...]:
        """A connection wants to log in. First its own answer, then that of one who lost a place to it, if any.

        Raises ValueError if `id_` is waiting already.
        """
        if id_ in self._lines:
            raise ValueError(f"{id_} is waiting already")
        if not self.waiting and self._spend(now_ns):
            self.counts["admitted"] += 1
            return (Admit(id=id_, reason="budget"),)
        if self.waiting < self._budget.queue_limit:
            return (self._enqueue(id_, source),)
        displaced = self._lines.displace_for(source)
        if displaced is None:
            return (self._come_back(id_, "queue_full", now_ns),)
        return (self._enqueue(id_, source), self._come_back(displaced, "displaced", now_ns))

    def release(self, now_ns: int) -> tuple[Admit, ...]:
        """Whose turn it is now; to be asked whenever `next_release_ns` is reached."""
        admitted = []
        while self.waiting and self._spend(now_ns):
            admitted.append(Admit(id=self._lines.take_turn(), reason="turn"))
        self.counts["admitted"] += len(admitted)
        return tuple(admitted)

    def next_release_ns(self) -> int | None:
        """When `release` has somebody again; None while nobody waits."""
        if not self.waiting or self._next_ns is None:
            return None
        return self._next_ns - self._tolerance_ns

    def leave(self, id_: str) -> bool:
        """A connection that waited has gone. False if it did not wait (any more)."""
        left = self._lines.remove(id_)
        self.counts["left"] += left
        return left

    @property
    def _tolerance_ns(self) -> int:
        return (self._budget.burst - 1) * self._interval_ns

    def _spend(self, now_ns: int) -> bool:
        """Take a token if there is one."""
        due_ns = now_ns if self._next_ns is None else self._next_ns
        # A clock that was set back must not close the door: nothing is due later than a whole burst ahead.
        due_ns = min(due_ns, now_ns + self._tolerance_ns + self._interval_ns)
        if due_ns > now_ns + self._tolerance_ns:
            self._next_ns = due_ns
            return False
        self._next_ns = max(due_ns, now_ns) + self._interval_ns
        return True

    def _enqueue(self, id_: str, source: str) -> Queued:
        reason: Literal["no_budget", "behind_others"] = "behind_others" if self.waiting else "no_budget"
        self._lines.append(id_, source)
        self.counts["queued"] += 1
        return Queued(id=id_, reason=reason)

    def _come_back(self, id_: str, reason: Literal["queue_full", "displaced"], now_ns: int) -> ComeBack:
        """A slot behind everyone who stands in line and everyone who was given one before."""
        latest_ns = now_ns + round(self._budget.longest_hint_s * NS_PER_S)
        after_line_ns = now_ns + (self.waiting + 1) * self._interval_ns
        self._booked_ns = min(max(self._booked_ns + self._interval_ns, after_line_ns), latest_ns)
        self.counts["sent_away"] += 1
        hint_s = max(self._budget.shortest_hint_s, (self._booked_ns - now_ns) / NS_PER_S)
        return ComeBack(id=id_, retry_after_s=hint_s, reason=reason)
