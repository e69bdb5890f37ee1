"""What a correct site does under each fault: the path it should take, and how soon, from the site's own timers.

In: a fault's name and the site's timers. Out: the drill's `Expectation`. Pure. Next: `engine.drill`.
"""

from __future__ import annotations

from twinspan.model.deployment import Expectation as Timers
from twinspan.model.drill import Expectation

PROBED = {"dead-transit", "prefix-only", "large-only"}
"""Faults that neither link, nor BFD, nor BGP can see: only the end-to-end probe does."""
CIRCUIT = {"port-shutdown", "silent", "one-way", "cable", "flap", "bgp-reset", "prefix-withdrawn", "daemon-kill"}
STANDBY = {"vpn-down", "vpn-blackhole", "vpn-active-down", "isp-down"}
LINK_BOUND_MS = 50.0
"""Both ends see the carrier go; nothing has to time out."""


def expect(fault: str, timers: Timers) -> Expectation:
    """The expectation for `fault`; names are those of the lab's faults."""
    if fault == "both":
        return Expectation(during="none", after="circuit")
    if fault in STANDBY or fault == "agent-kill":
        return Expectation(during="circuit", after="circuit", bound_ms=LINK_BOUND_MS)
    return Expectation(during="vpn", after="circuit", bound_ms=bound_ms(fault, timers))


def bound_ms(fault: str, timers: Timers) -> float:
    """Longest outage the detectors promise for a fault of the circuit."""
    if fault in PROBED:
        return float(timers.probe_interval_ms * (timers.probe_lost_threshold + 1))
    if fault in {"cable", "flap", "bgp-reset", "prefix-withdrawn"}:
        return LINK_BOUND_MS
    if timers.bfd_interval_ms is None or timers.bfd_multiplier is None:
        return min(
            float(timers.hold_time_s * 1000), float(timers.probe_interval_ms * (timers.probe_lost_threshold + 1))
        )
    return float(timers.bfd_interval_ms * timers.bfd_multiplier)
