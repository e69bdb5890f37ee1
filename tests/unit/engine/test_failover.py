"""What the gateway decides in the situations that people ask about."""

from __future__ import annotations

from twinspan.engine.failover import NS_PER_S, FailoverState, SpanObservation, decide, initial_state
from twinspan.model.device_config import Failover, FailoverSpan, NextHop, SpanProbe

POLICY = Failover(
    spans=(
        FailoverSpan(
            name="circuit",
            role="active",
            probes=(SpanProbe(probe="c", target="office"), SpanProbe(probe="c2", target="user")),
        ),
        FailoverSpan(
            name="vpn",
            role="standby",
            next_hops=(NextHop(tunnel="t1"),),
            probes=(SpanProbe(probe="v", target="office"), SpanProbe(probe="v2", target="user")),
        ),
    ),
    prefixes=("172.16.0.0/12",),
    hold_down_s=5,
)
UP = SpanObservation(targets={"office": True, "user": True})
DEAD = SpanObservation(targets={"office": False, "user": False})
HALF = SpanObservation(targets={"office": False, "user": True})
UNKNOWN = SpanObservation(targets={"office": None, "user": None})
NO_BGP = SpanObservation(sessions_up=False, targets={"office": True, "user": True})


def settled() -> FailoverState:
    _, state = decide(POLICY, {"circuit": UP, "vpn": UP}, initial_state(POLICY), 0)
    return state


def test_a_dead_probe_moves_traffic_although_sessions_are_up():
    decision, _ = decide(POLICY, {"circuit": DEAD, "vpn": UP}, settled(), NS_PER_S)
    assert (decision.carrying, decision.override_onto, decision.export_held) == ("vpn", "vpn", ("circuit",))
    assert "no probe answers" in decision.reason


def test_one_dead_prefix_moves_all_traffic_so_that_both_directions_agree():
    decision, _ = decide(POLICY, {"circuit": HALF, "vpn": UP}, settled(), NS_PER_S)
    assert decision.carrying == "vpn"
    assert "probe to office lost" in decision.reason


def test_a_target_that_no_span_reaches_is_the_targets_fault():
    decision, _ = decide(POLICY, {"circuit": HALF, "vpn": HALF}, settled(), NS_PER_S)
    assert decision.carrying == "circuit"
    assert [(c.name, c.subject) for c in decision.conditions] == [("target_dead", "office")]


def test_an_unproven_standby_is_not_trusted():
    decision, _ = decide(POLICY, {"circuit": DEAD, "vpn": UNKNOWN}, settled(), NS_PER_S)
    assert decision.carrying == "circuit"
    assert decision.override_onto is None


def test_a_dead_standby_raises_an_alarm_although_traffic_flows():
    decision, _ = decide(POLICY, {"circuit": UP, "vpn": DEAD}, settled(), NS_PER_S)
    assert decision.carrying == "circuit"
    assert [c.name for c in decision.conditions] == ["standby_dead"]


def test_coming_up_for_the_first_time_needs_no_hold_down():
    decision, state = decide(POLICY, {"circuit": NO_BGP, "vpn": UP}, initial_state(POLICY), 0)
    assert decision.carrying == "vpn"
    decision, _ = decide(POLICY, {"circuit": UP, "vpn": UP}, state, NS_PER_S)
    assert (decision.carrying, decision.flaps) == ("circuit", 0)


def test_the_end_of_the_hold_down_is_announced_for_a_timer():
    _, state = decide(POLICY, {"circuit": DEAD, "vpn": UP}, settled(), 0)
    decision, state = decide(POLICY, {"circuit": UP, "vpn": UP}, state, 10 * NS_PER_S)
    assert decision.carrying == "vpn"
    assert decision.recheck_at_ns == 15 * NS_PER_S
    decision, _ = decide(POLICY, {"circuit": UP, "vpn": UP}, state, 15 * NS_PER_S)
    assert decision.carrying == "circuit"


def test_a_relapse_during_the_hold_down_starts_it_again():
    _, state = decide(POLICY, {"circuit": DEAD, "vpn": UP}, settled(), 0)
    _, state = decide(POLICY, {"circuit": UP, "vpn": UP}, state, 10 * NS_PER_S)
    _, state = decide(POLICY, {"circuit": HALF, "vpn": UP}, state, 12 * NS_PER_S)
    decision, _ = decide(POLICY, {"circuit": UP, "vpn": UP}, state, 16 * NS_PER_S)
    assert decision.recheck_at_ns == 21 * NS_PER_S


def test_when_the_path_of_an_override_dies_the_override_goes_at_once():
    _, state = decide(POLICY, {"circuit": DEAD, "vpn": UP}, settled(), 0)
    decision, _ = decide(POLICY, {"circuit": DEAD, "vpn": DEAD}, state, NS_PER_S)
    assert (decision.override_onto, decision.export_held) == (None, ())
    assert "both_dead" in {c.name for c in decision.conditions}


def test_a_dead_standby_ends_the_hold_down():
    _, state = decide(POLICY, {"circuit": DEAD, "vpn": UP}, settled(), 0)
    decision, _ = decide(POLICY, {"circuit": UP, "vpn": DEAD}, state, NS_PER_S)
    assert decision.carrying == "circuit"


def test_the_third_flap_is_said():
    state, now_ns, names = settled(), 0, []
    for _ in range(3):
        now_ns += NS_PER_S
        decision, state = decide(POLICY, {"circuit": DEAD, "vpn": UP}, state, now_ns)
        names = [c.name for c in decision.conditions]
        for _ in range(2):
            now_ns += 100 * NS_PER_S if len(state.flaps_ns) < 2 else 40 * NS_PER_S
            _, state = decide(POLICY, {"circuit": UP, "vpn": UP}, state, now_ns)
    assert "flapping" in names
