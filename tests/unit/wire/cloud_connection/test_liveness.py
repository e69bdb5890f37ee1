"""Keepalives and pings keep their beat; a dead path is found in time."""

from __future__ import annotations

import pytest

from twinspan.wire.cloud_connection.liveness import NS_PER_S, DeviceLiveness, silence_limit_s


def beats(liveness: DeviceLiveness, until_s: float, answers: bool) -> list[tuple[int, str]]:
    """(second, what), following `next_ns` as the agent does; a reply arrives half a second after each."""
    found: list[tuple[int, str]] = []
    while (now_ns := liveness.next_ns()) <= until_s * NS_PER_S:
        for what in liveness.due(now_ns):
            found.append((now_ns // NS_PER_S, what))
            if what == "dead":
                return found
            if answers:
                liveness.heard(now_ns + NS_PER_S // 2)
    return found


def test_replies_do_not_stretch_the_interval() -> None:
    sent = beats(DeviceLiveness(180, 60, None, 0), 600, answers=True)
    assert [t for t, what in sent if what == "ping"] == list(range(60, 601, 60))
    assert [t for t, what in sent if what == "keepalive"] == [180, 360, 540]


def test_three_keepalive_intervals_without_an_answer_are_the_end() -> None:
    sent = beats(DeviceLiveness(180, 60, None, 0), 1000, answers=False)
    assert sent[-1] == (540, "dead")


def test_any_frame_is_a_sign_of_life() -> None:
    liveness = DeviceLiveness(180, 60, None, 0)
    liveness.heard(500 * NS_PER_S)
    assert "dead" not in liveness.due(540 * NS_PER_S)
    assert liveness.due(1040 * NS_PER_S) == ("dead",)


def test_dead_after_makes_it_quick_and_asks_three_times_within_it() -> None:
    assert beats(DeviceLiveness(180, 60, 3, 0), 100, answers=False) == [(1, "ping"), (2, "ping"), (3, "dead")]


def test_after_a_pause_of_the_process_missed_beats_are_not_made_up_for() -> None:
    liveness = DeviceLiveness(180, 60, None, 0)
    liveness.heard(299 * NS_PER_S)
    assert liveness.due(300 * NS_PER_S) == ("keepalive", "ping")
    assert liveness.due(301 * NS_PER_S) == ()
    assert liveness.next_ns() == 360 * NS_PER_S


@pytest.mark.parametrize(
    ("timers", "limit_s"), [((180, 60, None), 180), ((180, 60, 3), 3), ((10, 600, None), 30), ((0.1, 0.1, 0.1), 1)]
)
def test_the_server_waits_for_three_of_the_devices_beats(
    timers: tuple[float, float, float | None], limit_s: float
) -> None:
    assert silence_limit_s(*timers) == limit_s
