"""The offline queue: at most once begun, one result, in time or not at all."""

from __future__ import annotations

import pytest
from tests.unit.server.conftest import NOW, S, add

from twinspan.model.errors import Rejected
from twinspan.server.commands import KEEP_NS, MAX_OPEN, MAX_OUTPUT, CommandQueue, QueuedCommand
from twinspan.server.store import DeviceStore


@pytest.fixture
def queue(store: DeviceStore) -> CommandQueue:
    add(store, "S1")
    add(store, "S2")
    return CommandQueue(store)


def command(id_: str, *, serial: str = "S1", at_ns: int = NOW, ttl_s: int = 60) -> QueuedCommand:
    return QueuedCommand(
        id=id_, serial=serial, name="ping", arguments={"to": "192.0.2.1"}, queued_at_ns=at_ns,
        expires_at_ns=at_ns + ttl_s * S,
    )  # fmt: skip


def test_commands_wait_in_order_until_their_time_is_over(queue: CommandQueue) -> None:
    queue.queue(command("b", at_ns=NOW + 1))
    queue.queue(command("a", at_ns=NOW + 2, ttl_s=10))
    queue.queue(command("c", serial="S2"))
    assert [c.id for c in queue.pending("S1", NOW + S)] == ["b", "a"]
    assert queue.pending("S1", NOW)[0].arguments == {"to": "192.0.2.1"}
    assert [c.id for c in queue.pending("S1", NOW + 11 * S)] == ["b"]
    assert queue.expire(NOW + 11 * S) == 1
    late = queue.find("S1", "a")
    assert late is not None
    assert late.state == "expired"


def test_what_was_sent_and_not_answered_is_sent_again_under_its_id(queue: CommandQueue) -> None:
    queue.queue(command("a"))
    assert queue.sent("a", 3)
    assert [(c.id, c.state, c.epoch) for c in queue.pending("S1", NOW)] == [("a", "sent", 3)]


def test_a_result_is_recorded_once(queue: CommandQueue) -> None:
    queue.queue(command("a"))
    queue.sent("a", 1)
    assert queue.result("S1", "a", "done", "first", NOW)
    assert not queue.result("S1", "a", "failed", "second", NOW)
    found = queue.find("S1", "a")
    assert found is not None
    assert (found.state, found.outcome, found.output) == ("finished", "done", "first")
    assert queue.pending("S1", NOW) == ()
    assert not queue.sent("a", 2)


def test_a_device_answers_for_itself_only(queue: CommandQueue) -> None:
    queue.queue(command("a"))
    assert not queue.result("S2", "a", "done", "forged", NOW)
    assert queue.find("S2", "a") is None


def test_a_late_result_of_what_was_sent_still_counts(queue: CommandQueue) -> None:
    queue.queue(command("a", ttl_s=1))
    queue.sent("a", 1)
    queue.expire(NOW + 2 * S)
    assert queue.result("S1", "a", "done", "late", NOW + 3 * S)


def test_a_command_can_be_taken_back_until_it_is_sent(queue: CommandQueue) -> None:
    queue.queue(command("a"))
    queue.queue(command("b"))
    queue.sent("b", 1)
    assert queue.cancel("S1", "a", NOW)
    assert not queue.cancel("S1", "b", NOW)
    assert not queue.sent("a", 1)
    assert not queue.result("S1", "a", "done", "", NOW)
    assert [c.id for c in queue.pending("S1", NOW)] == ["b"]


def test_an_id_counts_once(queue: CommandQueue) -> None:
    queue.queue(command("a"))
    with pytest.raises(Rejected, match="exists already"):
        queue.queue(command("a", serial="S2"))


def test_an_unknown_device_has_no_queue(queue: CommandQueue) -> None:
    with pytest.raises(Rejected, match="no device"):
        queue.queue(command("a", serial="S9"))


def test_a_queue_is_bounded(queue: CommandQueue) -> None:
    for n in range(MAX_OPEN):
        queue.queue(command(f"c{n}"))
    with pytest.raises(Rejected, match="wait for S1"):
        queue.queue(command("one more"))
    queue.queue(command("another device", serial="S2"))
    queue.queue(command("after a while", at_ns=NOW + 61 * S))


def test_a_flood_of_output_is_cut_and_says_so(queue: CommandQueue) -> None:
    queue.queue(command("a"))
    queue.result("S1", "a", "done", "x" * (MAX_OUTPUT + 7), NOW)
    found = queue.find("S1", "a")
    assert found is not None
    assert found.output is not None
    assert found.output.endswith("[7 more]")


def test_old_results_are_forgotten(queue: CommandQueue) -> None:
    queue.queue(command("a"))
    queue.result("S1", "a", "done", "", NOW)
    queue.expire(NOW + KEEP_NS + 1)
    assert queue.find("S1", "a") is None
