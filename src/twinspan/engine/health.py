"""Health of one probe: counts consecutive answers and losses until it is up or down.

In: one result at a time (answered or lost), the time, and the probe's thresholds. Out: the new `ProbeState`, and
whether up/down/unknown changed. Pure. `drivers.icmp` brings the results; next: `engine.failover`, which decides over
the states.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from twinspan.model.device_config import Probe
from twinspan.model.device_report import ProbeStatus

Health = Literal["up", "down", "unknown"]


class ProbeState(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a probe between two results. A fresh value is a probe nothing is known of."""

    health: Health = "unknown"
    answered_in_row: int = 0
    """Consecutive answers up to now; 0 after a loss."""
    lost_in_row: int = 0
    """Consecutive losses up to now; 0 after an answer."""
    sent: int = 0
    """Results seen, whether or not a packet could leave (a missing device is a loss)."""
    lost: int = 0
    rtt_ms: float | None = None
    """Round trip of the last answer; None before the first."""
    last_answer_ns: int | None = None
    changed_ns: int | None = None
    """When `health` last changed; None while it has always been unknown."""


def observe(
    state: ProbeState, answered: bool, now_ns: int, probe: Probe, rtt_ms: float | None = None
) -> tuple[ProbeState, bool]:
    """The state after one more result, and whether its `health` is another than before.

    `lost_threshold` losses in a row make it down, from unknown as well. Of a probe that nothing is known of yet one
    answer is proof enough; one that was down needs `recover_threshold` answers in a row.
    """
    answered_in_row = state.answered_in_row + 1 if answered else 0
    lost_in_row = 0 if answered else state.lost_in_row + 1
    health = state.health
    if lost_in_row >= probe.lost_threshold:
        health = "down"
    elif answered_in_row >= (1 if health == "unknown" else probe.recover_threshold):
        health = "up"
    changed = health != state.health
    after = ProbeState(
        health=health,
        answered_in_row=answered_in_row,
        lost_in_row=lost_in_row,
        sent=state.sent + 1,
        lost=state.lost + (not answered),
        rtt_ms=rtt_ms if answered else state.rtt_ms,
        last_answer_ns=now_ns if answered else state.last_answer_ns,
        changed_ns=now_ns if changed else state.changed_ns,
    )
    return after, changed


def probe_status(name: str, state: ProbeState) -> ProbeStatus:
    """The state as the node reports it."""
    return ProbeStatus(
        name=name,
        state=state.health,
        rtt_ms=state.rtt_ms,
        sent=state.sent,
        lost=state.lost,
        last_answer_ns=state.last_answer_ns,
    )
