"""What a correct site does under each fault, from its own timers."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from twinspan.engine.drill_expectation import LINK_BOUND_MS, PROBED, SEEN_AT_ONCE, STANDBY, UNTOUCHED, bound_ms, expect
from twinspan.lab.faults import FAULTS
from twinspan.model.deployment import Expectation as Timers

TIMERS = Timers(
    bfd_interval_ms=300,
    bfd_multiplier=3,
    probe_interval_ms=500,
    probe_lost_threshold=3,
    hold_time_s=30,
    hold_down_s=5.0,
    health_check_interval_s=2,
    health_check_packets=8,
    max_outage_ms=1000,
)
WITHOUT_BFD = replace(TIMERS, bfd_interval_ms=None, bfd_multiplier=None)


def test_every_fault_that_is_named_exists_and_has_one_expectation() -> None:
    named = [*PROBED, *SEEN_AT_ONCE, *STANDBY, *UNTOUCHED, "both"]
    assert set(named) <= set(FAULTS)
    assert len(named) == len(set(named))


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - STANDBY - UNTOUCHED - {"both"}))
def test_a_fault_of_the_circuit_moves_the_traffic_and_brings_it_back(fault: str) -> None:
    expected = expect(fault, TIMERS)
    assert (expected.during, expected.after, expected.alarm) == ("vpn", "circuit", None)
    assert expected.bound_ms == bound_ms(fault, TIMERS)


@pytest.mark.parametrize("fault", sorted(STANDBY | UNTOUCHED))
def test_a_fault_of_the_standby_or_the_agent_moves_nothing(fault: str) -> None:
    expected = expect(fault, TIMERS)
    assert (expected.during, expected.after, expected.bound_ms) == ("circuit", "circuit", LINK_BOUND_MS)
    assert expected.alarm == ("standby_dead" if fault in STANDBY else None)


def test_with_both_spans_dead_nobody_is_promised_anything_but_an_alarm() -> None:
    expected = expect("both", TIMERS)
    assert (expected.during, expected.after, expected.bound_ms, expected.alarm) == (
        "none",
        "circuit",
        None,
        "both_dead",
    )


@pytest.mark.parametrize(
    ("fault", "timers", "bound"),
    [
        ("silent", TIMERS, 900),  # BFD: 3 x 300 ms
        ("silent", WITHOUT_BFD, 2000),  # the probe: 500 ms x (3 + 1), before BGP's 30 s
        ("silent", replace(WITHOUT_BFD, hold_time_s=1), 1000),
        ("dead-transit", TIMERS, 2000),
        ("large-only", replace(TIMERS, probe_interval_ms=100, probe_lost_threshold=2), 300),
        ("cable", TIMERS, LINK_BOUND_MS),
        ("cable", WITHOUT_BFD, LINK_BOUND_MS),
    ],
)
def test_the_bound_is_that_of_the_first_detector_that_can_see_the_fault(
    fault: str, timers: Timers, bound: float
) -> None:
    assert bound_ms(fault, timers) == bound
