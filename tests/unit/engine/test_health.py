"""Health of a probe: one answer proves a new one, a row of losses kills, a row of answers revives."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from twinspan.engine.health import ProbeState, observe, probe_status
from twinspan.model.device_config import Probe
from twinspan.model.device_report import ProbeStatus

PROBE = Probe(name="p", source="192.0.2.1", destination="192.0.2.2", lost_threshold=3, recover_threshold=2)


def after(results: str, probe: Probe = PROBE) -> tuple[ProbeState, list[int]]:
    """State after "+" (answered) and "-" (lost) results, and at which of them health changed, from 1 on."""
    state, changes = ProbeState(), []
    for number, result in enumerate(results, 1):
        state, changed = observe(state, result == "+", number, probe, float(number) if result == "+" else None)
        if changed:
            changes.append(number)
    return state, changes


def test_nothing_is_known_before_the_first_result() -> None:
    assert probe_status("p", ProbeState()) == ProbeStatus(name="p", state="unknown")


def test_the_first_answer_proves_a_new_probe() -> None:
    state, changes = after("+")
    assert (state.health, state.changed_ns, changes) == ("up", 1, [1])


def test_a_new_probe_stays_unknown_until_the_threshold_of_losses() -> None:
    assert after("--")[0].health == "unknown"
    assert after("---") == (ProbeState(health="down", lost_in_row=3, sent=3, lost=3, changed_ns=3), [3])
    assert after("--+")[0].health == "up"


def test_losses_with_an_answer_between_them_do_not_kill() -> None:
    assert after("+--+--+--")[1] == [1]
    assert after("+--+---")[1] == [1, 7]


def test_a_dead_probe_needs_a_row_of_answers() -> None:
    assert after("---+-+-+")[1] == [3]
    assert after("---+-++")[1] == [3, 7]


def test_a_change_is_told_once() -> None:
    assert after("+++------")[1] == [1, 6]


def test_the_last_answer_and_its_round_trip_outlive_losses() -> None:
    state, _ = after("++--")
    assert (state.rtt_ms, state.last_answer_ns, state.sent, state.lost) == (2.0, 2, 4, 2)
    assert probe_status("p", state) == ProbeStatus(name="p", state="up", rtt_ms=2.0, sent=4, lost=2, last_answer_ns=2)


def expected(results: str, lost_threshold: int, recover_threshold: int) -> str:
    """Health read off the rows of equal results instead of counted."""
    health = "unknown"
    for result, row in groupby(results):
        length = len(list(row))
        if result == "-" and length >= lost_threshold:
            health = "down"
        elif result == "+" and (health != "down" or length >= recover_threshold):
            health = "up"
    return health


@given(
    results=st.text("+-", max_size=40),
    lost_threshold=st.integers(1, 8),
    recover_threshold=st.integers(1, 8),
)
def test_health_follows_from_the_rows_of_equal_results(
    results: str, lost_threshold: int, recover_threshold: int
) -> None:
    probe = Probe(
        name="p",
        source="192.0.2.1",
        destination="192.0.2.2",
        lost_threshold=lost_threshold,
        recover_threshold=recover_threshold,
    )
    state, changes = after(results, probe)
    assert state.health == expected(results, lost_threshold, recover_threshold)
    assert (state.sent, state.lost) == (len(results), results.count("-"))
    assert state.changed_ns == (changes[-1] if changes else None)
