"""A drill's own limits follow from the site's timers: nothing that it waits for outlasts its load or its order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinspan.engine.drill_expectation import expect
from twinspan.lab.drill import ALARM_LIMIT_S, Drill, DrillOptions
from twinspan.lab.faults import FAULTS
from twinspan.lab.state import FaultOptions
from twinspan.model.deployment import Expectation

TIMERS = st.builds(
    Expectation,
    bfd_interval_ms=st.sampled_from([None, 200, 1000]),
    bfd_multiplier=st.just(3),
    probe_interval_ms=st.integers(50, 5000),
    probe_lost_threshold=st.integers(1, 8),
    hold_time_s=st.integers(3, 180),
    hold_down_s=st.floats(0, 120),
    health_check_interval_s=st.sampled_from([None, 2, 3]),
    health_check_packets=st.sampled_from([None, 3, 8]),
    max_outage_ms=st.just(1000),
)
SECONDS = st.floats(0, 120)


def drill(name: str, timers: Expectation, **options: Any) -> Drill:
    lab: Any = SimpleNamespace(deployment=SimpleNamespace(expectation=timers))
    return Drill(lab, name, DrillOptions(**options))


@given(
    fault=st.sampled_from(sorted(FAULTS)),
    timers=TIMERS,
    lead_s=SECONDS,
    settle_s=SECONDS,
    hold_s=SECONDS,
    times=st.integers(1, 20),
)
def test_the_load_and_the_order_outlast_every_wait(
    fault: str, timers: Expectation, lead_s: float, settle_s: float, hold_s: float, times: int
) -> None:
    flaps = FaultOptions(times=times, period_s=3.0)
    made = drill(fault, timers, fault=flaps, lead_s=lead_s, settle_s=settle_s, hold_s=hold_s)
    broken_s = made._switch_limit_s() + ALARM_LIMIT_S + made._hold_s()
    assert made._hold_s() >= max(settle_s, hold_s)
    assert made._fault_options().expires_s > broken_s
    assert made._limit_s() > lead_s + broken_s + made._return_limit_s() + settle_s


@given(fault=st.sampled_from(sorted(FAULTS)), timers=TIMERS)
def test_a_switch_is_waited_for_longer_than_its_detectors_take(fault: str, timers: Expectation) -> None:
    promised = expect(fault, timers)
    if promised.during == "vpn":
        assert drill(fault, timers)._switch_limit_s() > (promised.bound_ms or 0.0) / 1000
    assert drill(fault, timers)._return_limit_s() > timers.hold_down_s


@pytest.mark.parametrize("bfd", [None, 300])
def test_without_bfd_the_clouds_health_check_is_waited_for(bfd: int | None) -> None:
    timers = Expectation(
        bfd_interval_ms=bfd,
        bfd_multiplier=3,
        probe_interval_ms=500,
        probe_lost_threshold=3,
        hold_time_s=10,
        hold_down_s=5.0,
        health_check_interval_s=3,
        health_check_packets=8,
        max_outage_ms=1000,
    )
    assert (drill("silent", timers)._switch_limit_s() > 27) is (bfd is None)
