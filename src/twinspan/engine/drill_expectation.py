"""What a correct site does under each fault: the path it should take, and how soon, from the site's own timers.

In: a fault's name and the site's timers. Out: the drill's `Expectation`. Pure. Next: `engine.drill`.
"""

from __future__ import annotations

from twinspan.model.deployment import Expectation as Timers
from twinspan.model.drill import Expectation

PROBED = {"dead-transit", "prefix-only", "large-only"}
"""Faults that neither link, nor BFD, nor BGP can see: only the end-to-end probe does."""
SEEN_AT_ONCE = {"cable", "flap", "bgp-reset", "prefix-withdrawn"}
"""Faults that link or BGP tell of themselves; nothing has to time out."""
STANDBY = {"vpn-down", "vpn-blackhole", "isp-down"}
"""Faults that kill the standby: traffic flows, and somebody must be told."""
UNTOUCHED = {"vpn-active-down", "agent-kill", "server-kill", "server-down"}
"""Faults that no user and no span should notice: a second tunnel, or the next agent, takes over, and no node asks the
cloud server where traffic shall go."""
LINK_BOUND_MS = 50.0
"""Time for both ends to act on what they were told."""


def expect(fault: str, timers: Timers) -> Expectation:
    """The expectation for `fault`; names are those of the lab's faults."""
    if fault == "both":
        return Expectation(during="none", after="circuit", alarm="both_dead")
    if fault in STANDBY:
        return Expectation(during="circuit", after="circuit", bound_ms=LINK_BOUND_MS, alarm="standby_dead")
    if fault in UNTOUCHED:
        return Expectation(during="circuit", after="circuit", bound_ms=LINK_BOUND_MS)
    return Expectation(during="vpn", after="circuit", bound_ms=bound_ms(fault, timers))


def bound_ms(fault: str, timers: Timers) -> float:
    """Longest outage the detectors promise for a fault of the circuit."""
    if fault in PROBED:
        return float(timers.probe_interval_ms * (timers.probe_lost_threshold + 1))
    if fault in SEEN_AT_ONCE:
        return LINK_BOUND_MS
    if timers.bfd_interval_ms is None or timers.bfd_multiplier is None:
        return min(
            float(timers.hold_time_s * 1000), float(timers.probe_interval_ms * (timers.probe_lost_threshold + 1))
        )
    return float(timers.bfd_interval_ms * timers.bfd_multiplier)
