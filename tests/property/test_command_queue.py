"""The server's queue and a device with a journal, over a network that loses, repeats and delays, both crashing.

What must hold whatever happens: a command is carried out at most once and never after its time, its first answer is
kept, one that was cancelled or expired in the queue is never carried out. The queue is the real one, on its database.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from twinspan.server.commands import CommandQueue, QueuedCommand
from twinspan.server.store import FILE_NAME, DeviceStore
from twinspan.wire.cloud_connection.services import Outcome

NS_PER_S = 1_000_000_000
SERIAL = "SN1"


class QueueAndDevice(RuleBasedStateMachine):
    """`wire` holds (epoch, id, deadline) on their way down; `answers` what the device repeats until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tst-queue-"))
        self.open()
        self.store.durable.execute(
            "INSERT INTO device (serial, added_at_ns, credential, credential_id) VALUES (?, 1, 'certificate', 'c')",
            (SERIAL,),
        )
        self.now_ns = 10**18
        self.epoch = 1
        self.given: list[QueuedCommand] = []
        self.wire: list[tuple[int, str, int]] = []
        self.journal: dict[str, Outcome | None] = {}
        self.executed: list[str] = []
        self.answers: list[tuple[str, Outcome]] = []
        self.first_answers: dict[str, str] = {}

    def open(self) -> None:
        self.store = DeviceStore(self.folder / FILE_NAME)
        self.queue = CommandQueue(self.store)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(ttl_s=st.integers(min_value=1, max_value=100))
    def a_person_gives_a_command(self, ttl_s: int) -> None:
        command = QueuedCommand(
            id=f"c{len(self.given)}",
            serial=SERIAL,
            name="note",
            queued_at_ns=self.now_ns,
            expires_at_ns=self.now_ns + ttl_s * NS_PER_S,
        )
        self.queue.queue(command)
        self.given.append(command)

    @rule()
    def what_is_pending_goes_out(self) -> None:
        for command in self.queue.pending(SERIAL, self.now_ns):
            assert self.queue.sent(command.id, self.epoch)
            self.wire.append((self.epoch, command.id, command.expires_at_ns))

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
            self.journal[id_] = None if crashes else "done"
            if not crashes:
                self.answers.append((id_, "done"))

    @precondition(lambda self: self.answers)
    @rule(data=st.data(), taken=st.booleans())
    def an_answer_arrives_and_may_be_repeated(self, data: st.DataObject, taken: bool) -> None:
        id_, outcome = data.draw(st.sampled_from(self.answers))
        if taken:
            self.answers.remove((id_, outcome))
        recorded = self.queue.result(SERIAL, id_, outcome, outcome, self.now_ns)
        assert recorded == (id_ not in self.first_answers)
        self.first_answers.setdefault(id_, outcome)

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def a_person_cancels(self, data: st.DataObject) -> None:
        self.queue.cancel(SERIAL, data.draw(st.sampled_from(self.given)).id, self.now_ns)

    @rule(seconds=st.integers(min_value=0, max_value=2000))
    def time_passes(self, seconds: int) -> None:
        self.now_ns += seconds * NS_PER_S
        self.queue.expire(self.now_ns)

    @rule()
    def the_device_connects_anew(self) -> None:
        self.epoch += 1

    @rule()
    def the_server_is_killed_and_starts_again(self) -> None:
        """Without a word to its database: the new one finds what was said to be kept."""
        self.open()

    @invariant()
    def nothing_is_carried_out_twice(self) -> None:
        assert len(self.executed) == len(set(self.executed))

    @invariant()
    def what_was_taken_back_is_not_carried_out(self) -> None:
        found = [self.queue.find(SERIAL, command.id) for command in self.given]
        never = {c.id for c in found if c is not None and c.state == "cancelled"}
        assert not never & set(self.executed)

    @invariant()
    def the_first_answer_is_the_one_that_is_kept(self) -> None:
        for id_, outcome in self.first_answers.items():
            found = self.queue.find(SERIAL, id_)
            assert found is not None
            assert (found.state, found.outcome, found.output) == ("finished", outcome, outcome)


TestQueueAndDevice = QueueAndDevice.TestCase
TestQueueAndDevice.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
