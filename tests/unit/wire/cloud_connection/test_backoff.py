"""Coming back: the first try is fast, later ones spread out, a wish of the server is kept, flapping does not reset."""

from __future__ import annotations

import math
import random

import pytest

from twinspan.wire.cloud_connection.backoff import (
    DEFAULT,
    NS_PER_S,
    BackoffPolicy,
    BackoffState,
    after_establishment,
    next_wait,
)

ALMOST_ONE = math.nextafter(1, 0)
DRAWS = 4000


def bounds(state: BackoffState, **more: float | bool) -> tuple[float, float]:
    """Shortest and longest wait that the state can give."""
    low, _ = next_wait(state, 0.0, 0, **more)  # type: ignore[arg-type]
    high, _ = next_wait(state, ALMOST_ONE, 0, **more)  # type: ignore[arg-type]
    return low.delay_s, round(high.delay_s, 6)


def test_the_first_try_comes_within_a_second() -> None:
    assert bounds(BackoffState()) == (0.0, 1.0)
    assert next_wait(BackoffState(), 0.3, 0)[0].reason == "first"


@pytest.mark.parametrize(("failures", "end"), [(1, 2), (2, 4), (5, 32), (8, 256), (9, 300), (100, 300), (10**9, 300)])
def test_the_range_doubles_with_each_failed_round_up_to_the_cap(failures: int, end: float) -> None:
    assert bounds(BackoffState(failures=failures)) == (0.5, end)


def test_each_round_counts_once() -> None:
    state = BackoffState()
    for expected in range(1, 13):
        wait, state = next_wait(state, 0.5, 0)
        assert state.failures == expected
        assert wait.reason == ("first" if expected == 1 else "round")


def test_the_next_server_of_a_round_is_dialled_fast_and_the_round_is_not_counted() -> None:
    wait, state = next_wait(BackoffState(failures=7), 0.999, 0, round_over=False)
    assert (wait.reason, state.failures) == ("next_server", 7)
    assert bounds(BackoffState(failures=7), round_over=False) == (0.0, 1.0)


def test_a_wish_of_the_server_is_a_floor_with_the_jitter_on_top() -> None:
    assert bounds(BackoffState(failures=3), hint_s=20.0) == (20.0, 28.0)
    assert next_wait(BackoffState(), 0.5, 0, hint_s=20.0)[0].reason == "hint"


def test_the_same_long_wish_for_all_still_spreads_them() -> None:
    assert bounds(BackoffState(), hint_s=2.0) == (2.0, 3.0)
    assert bounds(BackoffState(), hint_s=20.0) == (20.0, 25.0)
    assert bounds(BackoffState(), hint_s=2000.0) == (2000.0, 2300.0)


def test_a_wish_counts_as_a_failed_round() -> None:
    assert next_wait(BackoffState(failures=3), 0.5, 0, hint_s=20.0)[1].failures == 4


def test_a_wish_without_end_is_followed_for_an_hour() -> None:
    assert bounds(BackoffState(), hint_s=math.inf) == (3600.0, 3900.0)
    assert bounds(BackoffState(), hint_s=1e9) == (3600.0, 3900.0)


@pytest.mark.parametrize("nonsense", [None, 0.0, -5.0, math.nan, -math.inf])
def test_no_wish_or_a_senseless_one_changes_nothing(nonsense: float | None) -> None:
    assert next_wait(BackoffState(failures=2), 0.5, 0, hint_s=nonsense) == next_wait(BackoffState(failures=2), 0.5, 0)


def test_a_connection_that_lasted_starts_over_with_the_fast_try() -> None:
    up = after_establishment(BackoffState(failures=6), 5 * NS_PER_S)
    wait, state = next_wait(up, 0.5, 65 * NS_PER_S)
    assert (wait.reason, wait.delay_s, state) == ("first", 0.5, BackoffState(failures=1))


def test_a_connection_that_broke_at_once_is_one_more_failure() -> None:
    up = after_establishment(BackoffState(failures=6), 5 * NS_PER_S)
    wait, state = next_wait(up, 0.5, 65 * NS_PER_S - 1)
    assert (wait.reason, state) == ("round", BackoffState(failures=7))


def test_time_counts_only_while_connected() -> None:
    _, state = next_wait(BackoffState(failures=6), 0.5, 10**9 * NS_PER_S)
    assert state.failures == 7


@pytest.mark.parametrize("outside", [-0.001, 1.0, math.nan])
def test_a_number_that_is_not_in_the_range_is_the_callers_error(outside: float) -> None:
    with pytest.raises(ValueError, match="random"):
        next_wait(BackoffState(), outside, 0)


@pytest.mark.parametrize("failures", [0, 1, 4, 12])
def test_waits_are_spread_evenly_over_their_whole_range(failures: int) -> None:
    """Kolmogorov-Smirnov against the uniform distribution; 1.95 is the limit of one false alarm in a thousand."""
    source = random.Random(failures)
    low, high = (0.0, 1.0) if failures == 0 else (0.5, min(300.0, 2.0**failures))
    waits = sorted(next_wait(BackoffState(failures=failures), source.random(), 0)[0].delay_s for _ in range(DRAWS))
    shares = [(wait - low) / (high - low) for wait in waits]
    distance = max(max((i + 1) / DRAWS - share, share - i / DRAWS) for i, share in enumerate(shares))
    assert distance < 1.95 / math.sqrt(DRAWS)


def test_ten_thousand_devices_refused_together_do_not_come_back_together() -> None:
    source = random.Random(3)
    seconds: dict[int, int] = {}
    for _ in range(10_000):
        wait, _ = next_wait(BackoffState(failures=6), source.random(), 0)
        seconds[int(wait.delay_s)] = seconds.get(int(wait.delay_s), 0) + 1
    assert max(seconds.values()) < 2.5 * 10_000 / 64


def test_the_defaults_are_in_an_order_that_makes_sense() -> None:
    assert 0 < DEFAULT.floor_s < DEFAULT.base_s * 2 < DEFAULT.cap_s < DEFAULT.longest_hint_s
    small = BackoffPolicy(floor_s=5, base_s=1, cap_s=3)
    assert next_wait(BackoffState(failures=2), 0.9, 0, policy=small)[0].delay_s == 5
