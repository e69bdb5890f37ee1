"""The data behind a drill's drawings: packets counted by send time in narrow bins, for three windows of time.

In: a measured `DrillReport` and the raw `StreamLog`s. Out: `Timeline`s on the axis "milliseconds after the
injection": the whole drill, and a close view of each of the two switches. Next: `cli.drill_report`, which draws them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from twinspan.model.drill import DrillReport, Lane, Phase, StreamLog, Timeline, TimelineName

NS_PER_MS = 1_000_000
MOST_BINS = 480
"""Bins in one drawing: about one for each two pixels of a wide page."""
BIN_STEPS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
WHOLE_LEAD_MS = 2000.0
"""How much of the quiet time before the injection the whole view shows at most."""
NARROWEST_MS = 10.0
"""A close view never shows less than this, even if nothing was lost."""


def timelines(report: DrillReport, logs: Sequence[StreamLog]) -> tuple[Timeline, ...]:
    """All drawings of a drill, from its UDP stream or, without one, from its echoes."""
    shown = [log for log in logs if log.protocol == "udp" and log.sent_ns]
    shown = shown or [log for log in logs if log.protocol == "icmp" and log.sent_ns]
    if not shown:
        return ()
    windows = _windows(report, shown)
    return tuple(_timeline(name, start, end, shown, report.injected_ns) for name, start, end in windows if end > start)


def _windows(report: DrillReport, logs: Sequence[StreamLog]) -> tuple[tuple[TimelineName, float, float], ...]:
    first_ms = min((log.sent_ns[0] - report.injected_ns) / NS_PER_MS for log in logs)
    last_ms = max((log.sent_ns[-1] - report.injected_ns) / NS_PER_MS for log in logs)
    healed_ms = (report.healed_ns - report.injected_ns) / NS_PER_MS
    detected_ms = report.detected_by.after_ms if report.detected_by else 0.0
    switched = [use.switched_after_ms or 0.0 for use in report.paths]
    returned = [use.returned_after_ms or 0.0 for use in report.paths]
    over_ms = max(NARROWEST_MS, _last_gap_end_ms(report, "failover"), detected_ms, *switched)
    back_ms = max(NARROWEST_MS, _last_gap_end_ms(report, "failback") - healed_ms, *returned)
    return (
        ("whole", max(first_ms, -WHOLE_LEAD_MS), last_ms),
        ("failover", max(first_ms, -0.25 * over_ms), min(last_ms, 1.35 * over_ms)),
        ("failback", healed_ms - 0.15 * back_ms, min(last_ms, healed_ms + 1.2 * back_ms)),
    )


def _last_gap_end_ms(report: DrillReport, phase: Phase) -> float:
    """Where the last gap of the drawn streams ends, after the injection; 0 without a gap."""
    ends = [
        (gap.start_ns - report.injected_ns) / NS_PER_MS + gap.duration_ms
        for result in report.phases
        if result.phase == phase
        for direction in result.directions
        if direction.protocol != "tcp"
        for gap in direction.gaps
    ]
    return max(ends, default=0.0)


def _timeline(
    name: TimelineName, start_ms: float, end_ms: float, logs: Sequence[StreamLog], injected_ns: int
) -> Timeline:
    spacing_ms = max(log.spacing_ms for log in logs)
    finest_ms = max((end_ms - start_ms) / MOST_BINS, spacing_ms)
    bin_ms = float(next((step for step in BIN_STEPS_MS if step >= finest_ms), math.ceil(finest_ms)))
    start_ms = math.floor(start_ms / bin_ms) * bin_ms
    bins = max(1, math.ceil((end_ms - start_ms) / bin_ms))
    lanes = tuple(_lane(log, injected_ns + start_ms * NS_PER_MS, bin_ms * NS_PER_MS, bins) for log in logs)
    return Timeline(name=name, start_ms=start_ms, bin_ms=bin_ms, lanes=lanes)


def _lane(log: StreamLog, start_ns: float, bin_ns: float, bins: int) -> Lane:
    arrived = {number for number, _ in log.received}
    sent, delivered = [0] * bins, [0] * bins
    for number, sent_ns in enumerate(log.sent_ns):
        place = math.floor((sent_ns - start_ns) / bin_ns)
        if 0 <= place < bins:
            sent[place] += 1
            delivered[place] += number in arrived
    return Lane(direction=log.direction, sent=tuple(sent), delivered=tuple(delivered))
