"""A queue and a device with a journal, over a network that loses, repeats and delays, both of them crashing.

What must hold whatever happens: a command is carried out at most once and never after its deadline, its first answer is
kept, one that was cancelled or expired in the queue is never carried out.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from twinspan.engine.command_queue import (
    CommandRecord,
    Outcome,
    Transition,
    cancel,
    deliver,
    due,
    overdue,
    record_result,
    submit,
)

NS_PER_S = 1_000_000_000


class QueueAndDevice(RuleBasedStateMachine):
    """`wire` holds (epoch, id, deadline) on their way down; `answers` what the device repeats until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 10**18
        self.epoch = 1
        self.records: dict[str, CommandRecord] = {}
        self.wire: list[tuple[int, str, int]] = []
        self.sent: list[tuple[int, str]] = []
        self.journal: dict[str, Outcome | None] = {}
        self.executed: list[str] = []
        self.answers: list[tuple[str, Outcome]] = []
        self.first_answers: dict[str, str] = {}

    def keep(self, transition: Transition) -> None:
        before = self.records[transition.record.id]
        assert transition.reason
        assert transition.changed == (transition.record != before)
        if before.answered:
            assert not transition.changed
        self.records[before.id] = transition.record

    @rule(ttl_s=st.integers(min_value=1, max_value=100))
    def a_person_gives_a_command(self, ttl_s: int) -> None:
        submission = submit(self.records, f"c{len(self.records)}", self.now_ns, ttl_s)
        if submission.record is not None:
            self.records[submission.record.id] = submission.record

    @rule()
    def what_is_due_goes_out(self) -> None:
        for record in due(self.records.values(), self.epoch, self.now_ns):
            transition = deliver(record, self.epoch, self.now_ns)
            assert transition.changed
            assert transition.record.state == "delivered"
            self.keep(transition)
            self.sent.append((self.epoch, record.id))
            self.wire.append((self.epoch, record.id, self.now_ns + record.ttl_ms(self.now_ns) * 1_000_000))

    @precondition(lambda self: self.wire)
    @rule(data=st.data(), lost=st.booleans(), crashes=st.booleans())
    def a_command_arrives_or_is_lost(self, data: st.DataObject, lost: bool, crashes: bool) -> None:
        epoch, id_, deadline_ns = self.wire.pop(data.draw(st.integers(min_value=0, max_value=len(self.wire) - 1)))
        if lost or epoch != self.epoch:
            return
        if id_ in self.journal:
            self.answers.append((id_, self.journal[id_] or "unknown"))
        elif self.now_ns >= deadline_ns:
            self.journal[id_] = "expired"
            self.answers.append((id_, "expired"))
        else:
            self.executed.append(id_)
            assert self.now_ns < self.records[id_].expires_ns
            self.journal[id_] = None if crashes else "done"
            if not crashes:
                self.answers.append((id_, "done"))

    @precondition(lambda self: self.answers)
    @rule(data=st.data(), taken=st.booleans())
    def an_answer_arrives_and_may_be_repeated(self, data: st.DataObject, taken: bool) -> None:
        id_, outcome = data.draw(st.sampled_from(self.answers))
        if taken:
            self.answers.remove((id_, outcome))
        transition = record_result(self.records[id_], outcome, outcome, self.now_ns)
        assert transition.changed == (id_ not in self.first_answers)
        self.first_answers.setdefault(id_, outcome)
        self.keep(transition)

    @precondition(lambda self: self.records)
    @rule(data=st.data())
    def a_person_cancels(self, data: st.DataObject) -> None:
        self.keep(cancel(self.records[data.draw(st.sampled_from(sorted(self.records)))], self.now_ns))

    @rule(seconds=st.integers(min_value=0, max_value=2000))
    def time_passes(self, seconds: int) -> None:
        self.now_ns += seconds * NS_PER_S
        for record in tuple(self.records.values()):
            self.keep(overdue(record, self.now_ns))

    @rule()
    def the_device_connects_anew(self) -> None:
        self.epoch += 1

    @invariant()
    def nothing_is_carried_out_twice(self) -> None:
        assert len(self.executed) == len(set(self.executed))

    @invariant()
    def nothing_goes_out_twice_on_one_connection(self) -> None:
        assert len(self.sent) == len(set(self.sent))

    @invariant()
    def what_was_cancelled_or_expired_in_the_queue_is_not_carried_out(self) -> None:
        never = {r.id for r in self.records.values() if r.state in ("cancelled", "expired") and not r.answered}
        assert not never & set(self.executed)

    @invariant()
    def the_first_answer_is_the_one_that_is_kept(self) -> None:
        for id_, outcome in self.first_answers.items():
            assert (self.records[id_].state, self.records[id_].output) == (outcome, outcome)


TestQueueAndDevice = QueueAndDevice.TestCase
TestQueueAndDevice.settings = settings(max_examples=60, stateful_step_count=50)
