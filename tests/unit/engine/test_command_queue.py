"""Commands for devices that are away: they wait, go out once per connection, and keep the first answer."""

from __future__ import annotations

import pytest

from twinspan.engine.command_queue import (
    ANSWER_WITHIN_S,
    LONGEST_TTL_S,
    MAX_WAITING,
    CommandRecord,
    Outcome,
    State,
    cancel,
    deliver,
    due,
    overdue,
    record_result,
    submit,
)

NS_PER_S = 1_000_000_000
T0 = 1_700_000_000 * NS_PER_S
DEADLINE = T0 + 60 * NS_PER_S


def queued(id_: str = "c1", at_ns: int = T0) -> CommandRecord:
    return CommandRecord(id=id_, queued_ns=at_ns, expires_ns=DEADLINE)


def delivered(epoch: int = 3) -> CommandRecord:
    return deliver(queued(), epoch, T0).record


# ---------------------------------------------------------------------------------------------------- taking it


def test_a_command_is_queued_with_its_deadline() -> None:
    submission = submit({}, "c1", T0, ttl_s=60)
    assert submission.record == queued()
    assert submission.reason == "queued"


def test_an_id_is_taken_once_even_after_the_command_has_ended() -> None:
    ended = record_result(delivered(), "done", "", T0).record
    submission = submit({"c1": ended}, "c1", T0)
    assert submission.record is None
    assert submission.reason == "a command with the id c1 is done already: take another id"


@pytest.mark.parametrize("ttl_s", [0, -1, LONGEST_TTL_S + 1, float("nan"), float("inf")])
def test_a_senseless_time_to_wait_is_refused(ttl_s: float) -> None:
    assert submit({}, "c1", T0, ttl_s).record is None


def test_a_device_has_only_so_many_commands_waiting_and_the_ended_ones_do_not_count() -> None:
    waiting = {str(i): queued(str(i)) for i in range(MAX_WAITING)}
    assert submit(waiting, "one more", T0).record is None
    waiting["0"] = cancel(waiting["0"], T0).record
    assert submit(waiting, "one more", T0).record is not None


# ---------------------------------------------------------------------------------------------------- delivering


def test_a_queued_command_goes_out_and_knows_on_which_connection() -> None:
    transition = deliver(queued(), 3, T0)
    assert (transition.changed, transition.record.state, transition.record.delivered_epoch) == (True, "delivered", 3)


def test_on_one_connection_it_goes_out_once() -> None:
    assert not deliver(delivered(3), 3, T0).changed
    assert not deliver(delivered(3), 2, T0).changed


def test_on_the_next_connection_it_goes_out_again_if_there_was_no_answer() -> None:
    assert deliver(queued(), 3, T0).reason == "delivered"
    transition = deliver(delivered(3), 4, T0)
    assert transition.reason.startswith("delivered again")
    assert (transition.changed, transition.record.delivered_epoch) == (True, 4)
    answered = record_result(delivered(3), "done", "", T0).record
    assert not deliver(answered, 4, T0).changed


def test_after_its_deadline_it_does_not_go_out_but_expires() -> None:
    assert deliver(queued(), 3, DEADLINE - 1).record.state == "delivered"
    transition = deliver(queued(), 3, DEADLINE)
    assert (transition.record.state, transition.reason) == ("expired", "the device did not come in time")
    assert deliver(delivered(3), 4, DEADLINE).record == delivered(3)


def test_the_message_says_how_much_time_is_left() -> None:
    assert queued().ttl_ms(T0) == 60_000
    assert queued().ttl_ms(DEADLINE + 1) == 0


def test_what_is_due_is_sent_oldest_first_and_nothing_twice() -> None:
    records = [
        queued("b", T0 + 2),
        queued("c", T0 + 1),
        queued("a", T0 + 2),
        delivered(3),
        cancel(queued("x"), T0).record,
    ]
    assert [r.id for r in due(records, 3, T0)] == ["c", "a", "b"]
    assert [r.id for r in due(records, 4, T0)] == ["c1", "c", "a", "b"]
    assert due(records, 4, DEADLINE) == ()


# ---------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("outcome", ["done", "failed", "refused", "expired", "unknown"])
def test_the_first_answer_is_recorded_and_no_other(outcome: Outcome) -> None:
    first = record_result(delivered(), outcome, "first", T0 + 1)
    assert first.changed
    assert (first.record.state, first.record.output, first.record.ended_ns) == (outcome, "first", T0 + 1)
    for other in ("done", "failed"):
        second = record_result(first.record, other, "second", T0 + 2)  # type: ignore[arg-type]
        assert (second.changed, second.record) == (False, first.record)


def test_an_answer_to_a_command_that_never_went_out_is_ignored() -> None:
    for record in (cancel(queued(), T0).record, overdue(queued(), DEADLINE).record):
        assert not record_result(record, "done", "", T0).changed


def test_an_answer_counts_even_if_the_note_of_the_delivery_was_lost_in_a_crash() -> None:
    transition = record_result(queued(), "done", "", T0)
    assert transition.record.state == "done"
    assert not deliver(transition.record, 9, T0).changed


def test_a_device_that_never_answers_leaves_it_unknown_and_a_late_answer_still_counts() -> None:
    limit_ns = DEADLINE + ANSWER_WITHIN_S * NS_PER_S
    assert not overdue(delivered(), limit_ns - 1).changed
    lost = overdue(delivered(), limit_ns).record
    assert (lost.state, lost.answered) == ("unknown", False)
    assert not deliver(lost, 9, T0).changed
    late = record_result(lost, "done", "late", limit_ns + 5)
    assert (late.record.state, late.reason) == ("done", "answered late: done")


# ---------------------------------------------------------------------------------------------------- taking it back


def test_a_waiting_command_can_be_cancelled_and_never_goes_out() -> None:
    transition = cancel(queued(), T0 + 1, "the device belongs to another account now")
    assert (transition.record.state, transition.reason) == ("cancelled", "the device belongs to another account now")
    assert not deliver(transition.record, 1, T0).changed


def test_a_delivered_command_cannot_be_cancelled_and_the_reason_says_why() -> None:
    transition = cancel(delivered(), T0)
    assert not transition.changed
    assert "may have begun" in transition.reason


@pytest.mark.parametrize("state", ["done", "failed", "refused", "expired", "cancelled", "unknown"])
def test_what_has_ended_is_neither_sent_nor_cancelled_nor_overdue(state: State) -> None:
    record = CommandRecord(id="c", queued_ns=T0, expires_ns=DEADLINE, state=state)
    for transition in (deliver(record, 9, T0), cancel(record, T0), overdue(record, DEADLINE * 2)):
        assert (transition.changed, transition.reason) == (False, f"it is {state} already")
