"""Properties of verification codes: at most one acceptance, at most five tries, only in time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twinspan.engine.unbinding import ALPHABET, LIFETIME_S, NS_PER_S, TRIES, issue_code, judge_code, make_code

KEY = b"k" * 32
randomness = st.binary(min_size=16, max_size=32)


@given(randomness)
def test_any_randomness_gives_a_code_of_the_alphabet(random_bytes):
    code = make_code(random_bytes)
    assert len(code) == 10
    assert set(code) <= set(ALPHABET)


@given(randomness, st.lists(st.tuples(st.booleans(), st.integers(min_value=0, max_value=300)), max_size=30))
def test_whatever_is_tried_one_acceptance_in_time_and_before_the_fifth_mistake(random_bytes, tries):
    code = make_code(random_bytes)
    state, now_ns, wrong, accepted = issue_code(code, KEY, "S1", "anna", 0), 0, 0, 0
    for is_right, passed_s in tries:
        now_ns += passed_s * NS_PER_S
        before = state
        judgement, state = judge_code(state, code if is_right else code[::-1] + "2", KEY, now_ns)
        may = not accepted and wrong < TRIES and now_ns < LIFETIME_S * NS_PER_S
        assert judgement.accepted == (may and is_right)
        assert judgement.reason
        assert state.tries_left <= before.tries_left
        wrong += may and not is_right
        accepted += judgement.accepted
    assert accepted <= 1
    assert state.tries_left == TRIES - wrong
