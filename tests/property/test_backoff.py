"""Properties of the reconnect: bounded, never before the server's wish, monotone in the drawn number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twinspan.wire.cloud_connection.backoff import (
    DEFAULT,
    NS_PER_S,
    BackoffState,
    after_establishment,
    next_wait,
)

draws = st.floats(min_value=0, max_value=1, exclude_max=True)
times = st.integers(min_value=0, max_value=10**18)
hints = st.none() | st.floats()
states = st.builds(BackoffState, failures=st.integers(min_value=0, max_value=10**6), established_ns=st.none() | times)


@given(states, draws, times, hints, st.booleans())
def test_every_wait_is_finite_and_within_its_bounds(state, draw, now_ns, hint, over):
    wait, after = next_wait(state, draw, now_ns, hint_s=hint, round_over=over)
    asked = min(hint, DEFAULT.longest_hint_s) if hint is not None and hint > 0 else 0.0
    assert asked <= wait.delay_s <= asked + DEFAULT.cap_s
    assert after.established_ns is None
    if wait.reason == "round":
        assert wait.delay_s >= DEFAULT.floor_s


@given(states, draws, draws, times, hints, st.booleans())
def test_a_larger_draw_never_waits_shorter(state, one, other, now_ns, hint, over):
    low, high = sorted((one, other))
    first, _ = next_wait(state, low, now_ns, hint_s=hint, round_over=over)
    second, _ = next_wait(state, high, now_ns, hint_s=hint, round_over=over)
    assert first.delay_s <= second.delay_s
    assert first.reason == second.reason


@given(st.lists(st.tuples(st.booleans(), draws, st.integers(min_value=0, max_value=200)), max_size=40))
def test_failures_are_the_rounds_since_the_last_connection_that_lasted(history):
    """Each item: was it established, the draw, and for how many seconds."""
    state, now_ns, expected = BackoffState(), 0, 0
    for connected, draw, lasted_s in history:
        if connected:
            state = after_establishment(state, now_ns)
        now_ns += lasted_s * NS_PER_S
        _, state = next_wait(state, draw, now_ns)
        expected = 1 if connected and lasted_s >= DEFAULT.stable_s else expected + 1
        assert state.failures == expected
