"""What may happen to a command that waits for a device: one way through its states, each step with its reason.

In: a command's record, what happens to it, the time. Out: a `Transition`: the record as it is now, whether it changed,
and why. Next: `server` keeps the records on disk and sends what is `due`.

    queued --deliver--> delivered --result--> done | failed | refused | expired | unknown
      |  \\--cancel--> cancelled    \\--overdue--> unknown --late result--> done | failed | ...
      \\--overdue--> expired

There are two clocks: how long it may wait for the device, and how long the device may take to answer. A record is saved
as delivered before the command leaves, so a crash between the two leaves no doubt that hides an execution. On one
connection an id goes out once. If that connection ends without an answer it goes out once more on the next one, under
the same id: the device's journal runs an id at most once and repeats the result it had. The first result is kept, every
other one is ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

NS_PER_MS = 1_000_000
MAX_WAITING = 100
"""Per device: what is more is not a queue but a mistake."""
DEFAULT_TTL_S, LONGEST_TTL_S = 7 * 86400, 30 * 86400
"""How long a command waits for its device: a week if nothing is said."""
ANSWER_WITHIN_S = 3600
"""Past its deadline so long without an answer: nobody knows what became of it."""

Outcome = Literal["done", "failed", "refused", "expired", "unknown"]
"""What a device answers; `unknown`: it died while the command ran."""
State = Literal["queued", "delivered", "done", "failed", "refused", "expired", "cancelled", "unknown"]


class CommandRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How far one command is. Times are nanoseconds of the wall clock."""

    id: str
    queued_ns: int
    expires_ns: int
    """The device must have begun by then."""
    state: State = "queued"
    delivered_epoch: int | None = None
    """Of the connection that it went out on last."""
    ended_ns: int | None = None
    answered: bool = False
    """The device's result is recorded; nothing changes any more."""
    output: str = ""

    @property
    def open(self) -> bool:
        return self.state in ("queued", "delivered")

    def ttl_ms(self, now_ns: int) -> int:
        """What is left of its time, for the message: the two clocks need not agree."""
        return max(0, self.expires_ns - now_ns) // NS_PER_MS


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a record."""

    record: CommandRecord
    changed: bool
    reason: str


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a new command is taken; `reason` is for the person who gave it."""

    record: CommandRecord | None
    reason: str


def submit(known: Mapping[str, CommandRecord], id_: str, now_ns: int, ttl_s: float = DEFAULT_TTL_S) -> Submission:
    """A new command for a device whose commands are `known`, the ended ones of its memory included."""
    if id_ in known:
        state = known[id_].state
        return Submission(record=None, reason=f"a command with the id {id_} is {state} already: take another id")
    if not 0 < ttl_s <= LONGEST_TTL_S:
        return Submission(record=None, reason=f"it may wait {ttl_s} s: give more than 0 and at most {LONGEST_TTL_S} s")
    waiting = sum(record.open for record in known.values())
    if waiting >= MAX_WAITING:
        return Submission(record=None, reason=f"{waiting} commands wait for this device: cancel some, or try later")
    record = CommandRecord(id=id_, queued_ns=now_ns, expires_ns=now_ns + round(ttl_s * 1000) * NS_PER_MS)
    return Submission(record=record, reason="queued")


def due(records: Iterable[CommandRecord], epoch: int, now_ns: int) -> tuple[CommandRecord, ...]:
    """What the device that is connected with `epoch` shall get now, oldest first."""
    ready = (record for record in records if deliver(record, epoch, now_ns).record.delivered_epoch == epoch)
    fresh = (record for record in ready if record.delivered_epoch != epoch)
    return tuple(sorted(fresh, key=lambda record: (record.queued_ns, record.id)))


def deliver(record: CommandRecord, epoch: int, now_ns: int) -> Transition:
    """It is about to go out on the connection of `epoch`; send it only if that changed it to `delivered`."""
    if not record.open:
        return _same(record, f"it is {record.state} already")
    if now_ns >= record.expires_ns:
        return overdue(record, now_ns)
    if record.delivered_epoch is not None and record.delivered_epoch >= epoch:
        return _same(record, "it went out on this connection, or on a newer one")
    reason = (
        "delivered" if record.state == "queued" else "delivered again: the connection before ended without an answer"
    )
    return _changed(record, reason, state="delivered", delivered_epoch=epoch)


def record_result(record: CommandRecord, outcome: Outcome, output: str, now_ns: int) -> Transition:
    """The device's answer. Only the first counts; one to a command that never went out counts not at all."""
    if record.answered:
        return _same(record, f"its result is recorded already: {record.state}")
    if record.state in ("cancelled", "expired"):
        return _same(record, f"it is {record.state} and never went out")
    late = " late" if record.state == "unknown" else ""
    return _changed(record, f"answered{late}: {outcome}", state=outcome, answered=True, output=output, ended_ns=now_ns)


def cancel(record: CommandRecord, now_ns: int, why: str = "cancelled") -> Transition:
    """Take it back: a person, or a device that changes hands, whose commands must not reach it any more."""
    if record.state == "queued":
        return _changed(record, why, state="cancelled", ended_ns=now_ns)
    if record.state == "delivered":
        return _same(record, "it has gone out, and the device may have begun: wait for its answer")
    return _same(record, f"it is {record.state} already")


def overdue(record: CommandRecord, now_ns: int, answer_within_s: float = ANSWER_WITHIN_S) -> Transition:
    """To be asked now and then: ends what the device did not get, or did not answer, in its time."""
    if record.state == "queued" and now_ns >= record.expires_ns:
        return _changed(record, "the device did not come in time", state="expired", ended_ns=now_ns)
    limit_ns = record.expires_ns + round(answer_within_s * 1000) * NS_PER_MS
    if record.state == "delivered" and now_ns >= limit_ns:
        return _changed(record, "the device got it and never answered", state="unknown", ended_ns=now_ns)
    return _same(record, "it still has time" if record.open else f"it is {record.state} already")


def _same(record: CommandRecord, reason: str) -> Transition:
    return Transition(record=record, changed=False, reason=reason)


def _changed(record: CommandRecord, reason: str, **changes: object) -> Transition:
    return Transition(record=msgspec.structs.replace(record, **changes), changed=True, reason=reason)
