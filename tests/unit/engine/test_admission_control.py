"""A storm of logins: a burst gets in, a short line waits, sources take turns, the rest is told when to come back."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from twinspan.engine.admission_control import (
    NS_PER_S,
    AdmissionControl,
    Admit,
    ComeBack,
    HandshakeBudget,
    Queued,
)
from twinspan.wire.cloud_connection.backoff import BackoffState, next_wait

T0 = 10**18
SMALL = HandshakeBudget(rate_per_s=10, burst=2, queue_limit=4)
TOKEN_NS = NS_PER_S // 10


def storm(control: AdmissionControl, *arrivals: str, now_ns: int = T0) -> list[str]:
    """Answers to arrivals "source/id", as one letter each: admitted, queued, come back; `d` marks a displaced one."""
    found = []
    for arrival in arrivals:
        for answer in control.arrive(arrival, arrival.split("/")[0], now_ns):
            match answer:
                case Admit():
                    found.append("a")
                case Queued():
                    found.append("q")
                case ComeBack():
                    found.append("d" if answer.reason == "displaced" else "c")
    return found


def test_a_burst_gets_in_then_a_line_forms_then_people_are_sent_away() -> None:
    control = AdmissionControl(SMALL)
    assert storm(control, *(f"s/{i}" for i in range(8))) == list("aaqqqqcc")
    assert control.counts == {"admitted": 2, "queued": 4, "sent_away": 2, "left": 0}
    assert control.waiting == 4


def test_a_quiet_server_admits_at_its_rate_for_ever() -> None:
    control = AdmissionControl(SMALL)
    for number in range(100):
        assert storm(control, f"s/{number}", now_ns=T0 + number * TOKEN_NS) == ["a"]


def test_the_line_is_let_in_one_by_one_as_time_passes() -> None:
    control = AdmissionControl(SMALL)
    storm(control, *(f"s/{i}" for i in range(6)))
    assert control.release(T0) == ()
    assert control.next_release_ns() == T0 + TOKEN_NS
    assert control.release(T0 + TOKEN_NS - 1) == ()
    assert control.release(T0 + TOKEN_NS) == (Admit(id="s/2", reason="turn"),)
    assert [a.id for a in control.release(T0 + 10 * TOKEN_NS)] == ["s/3", "s/4"]
    assert [a.id for a in control.release(T0 + 11 * TOKEN_NS)] == ["s/5"]
    assert control.next_release_ns() is None


def test_a_newcomer_does_not_pass_those_who_wait() -> None:
    control = AdmissionControl(SMALL)
    storm(control, "s/0", "s/1", "s/2")
    answer = control.arrive("t/0", "t", T0 + NS_PER_S)
    assert answer == (Queued(id="t/0", reason="behind_others"),)
    assert [a.id for a in control.release(T0 + NS_PER_S)] == ["s/2", "t/0"]


def test_sources_take_turns() -> None:
    control = AdmissionControl(HandshakeBudget(rate_per_s=10, burst=1, queue_limit=9))
    storm(control, "x/0", "a/1", "a/2", "a/3", "b/1", "c/1", "b/2")
    turns = [a.id for i in range(1, 8) for a in control.release(T0 + i * TOKEN_NS)]
    assert turns == ["a/1", "b/1", "c/1", "a/2", "b/2", "a/3"]


def test_when_the_line_is_full_the_longest_one_gives_up_its_last_place() -> None:
    control = AdmissionControl(SMALL)
    storm(control, *(f"s/{i}" for i in range(6)))
    answers = control.arrive("t/0", "t", T0)
    assert answers[0] == Queued(id="t/0", reason="behind_others")
    assert isinstance(answers[1], ComeBack)
    assert (answers[1].id, answers[1].reason) == ("s/5", "displaced")
    assert control.waiting == 4


def test_a_source_cannot_displace_itself_nor_one_that_has_as_few_places() -> None:
    control = AdmissionControl(SMALL)
    assert storm(control, "x/0", "x/1", "a/1", "a/2", "b/1", "b/2", "a/3", "b/3") == list("aaqqqqcc")
    assert storm(control, "c/1", "c/2") == list("qdc")


def test_who_is_sent_away_gets_a_slot_later_than_everyone_before() -> None:
    control = AdmissionControl(SMALL)
    storm(control, *(f"s/{i}" for i in range(6)))
    hints = [a.retry_after_s for i in range(100) for a in control.arrive(f"s/x{i}", "s", T0) if isinstance(a, ComeBack)]
    assert len(hints) == 100
    assert all(later >= earlier for earlier, later in pairwise(hints))
    assert hints[0] == 1.0
    assert hints[-1] == pytest.approx((4 + 100) / 10)


def test_hints_fall_again_as_time_passes_and_never_exceed_their_limit() -> None:
    control = AdmissionControl(HandshakeBudget(rate_per_s=10, burst=1, queue_limit=0, longest_hint_s=30))
    storm(control, "s/first")
    hints = [a.retry_after_s for i in range(1000) for a in control.arrive(str(i), "s", T0) if isinstance(a, ComeBack)]
    assert max(hints) == hints[-1] == 30.0
    (later,) = control.arrive("again", "s", T0 + 20 * NS_PER_S)
    assert isinstance(later, Admit)
    (later,) = control.arrive("again 2", "s", T0 + 20 * NS_PER_S)
    assert isinstance(later, ComeBack)
    assert later.retry_after_s == pytest.approx(10.1)


def test_who_leaves_the_line_makes_room_and_is_not_let_in() -> None:
    control = AdmissionControl(SMALL)
    storm(control, *(f"s/{i}" for i in range(6)))
    assert control.leave("s/2")
    assert not control.leave("s/2")
    assert not control.leave("s/0")
    assert storm(control, "s/9") == ["q"]
    assert [a.id for a in control.release(T0 + TOKEN_NS)] == ["s/3"]


def test_waiting_twice_is_the_callers_error() -> None:
    control = AdmissionControl(SMALL)
    storm(control, "s/0", "s/1", "s/2")
    with pytest.raises(ValueError, match="waiting already"):
        control.arrive("s/2", "s", T0)


def test_a_clock_that_was_set_back_does_not_close_the_door() -> None:
    control = AdmissionControl(SMALL)
    storm(control, *(f"s/{i}" for i in range(8)))
    back_ns = T0 - 3600 * NS_PER_S
    assert control.release(back_ns) == ()
    assert len(control.release(back_ns + TOKEN_NS)) == 1
    (answer,) = control.arrive("s/y", "s", back_ns + TOKEN_NS)
    assert isinstance(answer, Queued)
    (answer,) = control.arrive("s/z", "s", back_ns + TOKEN_NS)
    assert isinstance(answer, ComeBack)
    assert answer.retry_after_s <= SMALL.longest_hint_s


@pytest.mark.parametrize("bad", [{"rate_per_s": 0}, {"rate_per_s": -1}, {"burst": 0}, {"queue_limit": -1}])
def test_a_budget_that_lets_nobody_in_is_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="nobody gets in"):
        HandshakeBudget(**bad)


def test_ten_thousand_devices_at_once_all_get_in_by_their_hints_and_the_rate_is_kept() -> None:
    """Devices as they are: each waits what its backoff makes of the hint, and comes again."""
    source = random.Random(1)
    control = AdmissionControl(HandshakeBudget(rate_per_s=500, burst=50, queue_limit=500))
    states = {str(i): BackoffState() for i in range(10_000)}
    coming = [(0.0, id_) for id_ in states]
    inside: list[float] = []
    tries = 0
    for tick in range(12_000):
        now_s = tick / 100
        now_ns = T0 + tick * (NS_PER_S // 100)
        inside += [now_s] * len(control.release(now_ns))
        due = [id_ for at_s, id_ in coming if at_s <= now_s]
        coming = [(at_s, id_) for at_s, id_ in coming if at_s > now_s]
        for id_ in due:
            tries += 1
            for answer in control.arrive(id_, f"nat {int(id_) % 7}", now_ns):
                if isinstance(answer, Admit):
                    inside.append(now_s)
                elif isinstance(answer, ComeBack):
                    wait, states[answer.id] = next_wait(
                        states[answer.id], source.random(), now_ns, hint_s=answer.retry_after_s
                    )
                    coming.append((now_s + wait.delay_s, answer.id))
        if len(inside) == len(states):
            break
    assert len(inside) == 10_000
    assert inside[-1] < 3 * 10_000 / 500
    assert tries < 6 * 10_000
    for second in range(int(inside[-1])):
        assert sum(second <= at_s < second + 1 for at_s in inside) <= 550
