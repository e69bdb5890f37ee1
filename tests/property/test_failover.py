"""Properties of the failover decision, drawn at random (house style, "Properties worth drawing at random")."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twinspan.engine.failover import (
    NS_PER_S,
    FailoverDecision,
    FailoverState,
    SpanObservation,
    decide,
    hold_down_ns,
    initial_state,
)
from twinspan.model.device_config import Failover, FailoverSpan, NextHop, SpanProbe

TARGETS = ("far end", "172.16.0.0/12", "192.168.0.0/24")
POLICY = Failover(
    spans=(
        FailoverSpan(
            name="circuit",
            role="active",
            peers=("vbr",),
            expected_prefixes=("172.16.0.0/12",),
            next_hops=(NextHop(link="circuit", via="10.0.0.1"),),
            links=("circuit",),
            probes=tuple(SpanProbe(probe=f"c {t}", target=t) for t in TARGETS),
        ),
        FailoverSpan(
            name="vpn",
            role="standby",
            next_hops=(NextHop(tunnel="t1"),),
            probes=tuple(SpanProbe(probe=f"v {t}", target=t) for t in TARGETS),
        ),
    ),
    prefixes=("172.16.0.0/12",),
)

health = st.sampled_from([True, False, None])
observations = st.builds(
    SpanObservation,
    links_up=st.booleans(),
    sessions_up=st.booleans(),
    missing_prefixes=st.sampled_from([(), ("172.16.0.0/12",)]),
    targets=st.fixed_dictionaries(dict.fromkeys(TARGETS, health)),
)
seen = st.fixed_dictionaries({"circuit": observations, "vpn": observations})
steps = st.lists(st.tuples(seen, st.integers(min_value=0, max_value=20 * NS_PER_S)), min_size=1, max_size=25)


def run(
    history: list[tuple[dict[str, SpanObservation], int]],
) -> list[tuple[FailoverDecision, FailoverState, FailoverState]]:
    """(decision, state before, state after) for each step."""
    state, now_ns, found = initial_state(POLICY), 0, []
    for observed, passed_ns in history:
        now_ns += passed_ns
        before = state
        decision, state = decide(POLICY, observed, state, now_ns)
        found.append((decision, before, state))
    return found


@given(steps)
def test_an_unhealthy_span_is_never_kept_while_a_healthy_one_exists(history):
    for decision, _, _ in run(history):
        if any(v.healthy is True for v in decision.verdicts.values()):
            assert decision.verdicts[decision.carrying].healthy is not False


@given(steps)
def test_a_healthy_active_span_is_kept(history):
    for decision, before, _ in run(history):
        if before.carrying == "circuit" and decision.verdicts["circuit"].healthy is True:
            assert decision.carrying == "circuit"


@given(steps)
def test_a_span_that_is_taken_is_not_dead(history):
    for decision, before, _ in run(history):
        if decision.carrying != before.carrying:
            assert decision.verdicts[decision.carrying].healthy is not False


@given(steps)
def test_with_every_span_down_the_last_one_is_kept_and_it_is_said(history):
    for decision, before, _ in run(history):
        if all(v.healthy is False for v in decision.verdicts.values()):
            assert decision.carrying == before.carrying
            assert "both_dead" in {c.name for c in decision.conditions}


@given(steps)
def test_an_override_never_points_to_a_dead_span(history):
    for decision, _, _ in run(history):
        if decision.override_onto is not None:
            assert decision.verdicts[decision.override_onto].healthy is not False


@given(steps)
def test_export_is_held_exactly_while_an_override_is_in_force(history):
    """Otherwise one direction would move and the other would not."""
    for decision, _, _ in run(history):
        assert bool(decision.export_held) == (decision.override_onto is not None)
        assert decision.carrying not in decision.export_held


@given(steps)
def test_traffic_returns_only_after_the_hold_down_unless_the_standby_died(history):
    now_ns = 0
    for (decision, before, _), (_, passed_ns) in zip(run(history), history, strict=True):
        now_ns += passed_ns
        returned = before.carrying == "vpn" and decision.carrying == "circuit"
        if returned and before.proven and decision.verdicts["vpn"].healthy is not False:
            assert before.healthy_since_ns is not None
            assert now_ns - before.healthy_since_ns >= POLICY.hold_down_s * NS_PER_S


@given(steps)
def test_equal_input_gives_equal_output(history):
    assert run(history) == run(history)


@given(seen, st.randoms(use_true_random=False))
def test_the_order_of_spans_and_targets_does_not_matter(observed, random):
    shuffled = {}
    for name in random.sample(sorted(observed), len(observed)):
        targets = list(observed[name].targets.items())
        random.shuffle(targets)
        o = observed[name]
        shuffled[name] = SpanObservation(
            links_up=o.links_up, sessions_up=o.sessions_up, missing_prefixes=o.missing_prefixes, targets=dict(targets)
        )
    one, _ = decide(POLICY, observed, initial_state(POLICY), 0)
    other, _ = decide(POLICY, shuffled, initial_state(POLICY), 0)
    assert (one.carrying, one.override_onto) == (other.carrying, other.override_onto)


@given(st.integers(min_value=0, max_value=100))
def test_every_flap_doubles_the_hold_down_up_to_its_maximum(flaps):
    hold_s = hold_down_ns(POLICY, flaps) / NS_PER_S
    assert POLICY.hold_down_s <= hold_s <= POLICY.hold_down_max_s
    assert hold_down_ns(POLICY, flaps + 1) in (
        hold_down_ns(POLICY, flaps),
        min(2 * hold_down_ns(POLICY, flaps), 300 * NS_PER_S),
    )
