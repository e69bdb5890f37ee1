"""Is what a drill measured good enough? The verdict with every reason, and remarks that are no reason.

In: a measured `DrillReport`, its verdict still open. Out: a `Judgement`. A drill passes only if the standby was
proven (or the user forced it), both directions were measured, no outage was longer than the site allows, traffic went
where this fault should send it, and came back. Next: `engine.drill`, which puts the judgement into the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from twinspan.model.drill import (
    DIRECTIONS,
    Direction,
    DirectionResult,
    DrillEvent,
    DrillReport,
    Phase,
    Verdict,
)

TOWARDS: dict[Direction, str] = {"site_to_cloud": "towards the cloud", "cloud_to_site": "towards the site"}
OTHER_CAUSE: dict[Phase, str] = {
    "before": "before the fault",
    "failover": "after the fault",
    "failback": "after the healing",
}
FEWEST_SENT = 0.9
"""A loader that sent less than this share of its rate was itself too slow to measure with."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def judge(report: DrillReport) -> Judgement:
    """Passed without a reason, failed with all of them, or refused because the standby was not proven."""
    if not report.standby_proven and not report.forced:
        checks = "; ".join(report.standby_proof) or "nothing was checked"
        return Judgement(verdict="refused", reasons=(f"the standby is not proven to work ({checks})",))
    reasons = (*_outage_reasons(report), *_path_reasons(report), *_alarm_reasons(report))
    return Judgement(verdict="failed" if reasons else "passed", reasons=reasons, remarks=tuple(_remarks(report)))


def headline_results(report: DrillReport, phase: Phase) -> tuple[DirectionResult, ...]:
    """The results that count for users, one for each direction: UDP, or the echoes where no UDP was sent."""
    results = [result for found in report.phases if found.phase == phase for result in found.directions]
    chosen: list[DirectionResult] = []
    for direction in DIRECTIONS:
        own = {result.protocol: result for result in results if result.direction == direction}
        result = own.get("udp") or own.get("icmp")
        if result is not None:
            chosen.append(result)
    return tuple(chosen)


def _outage_reasons(report: DrillReport) -> Iterator[str]:
    measured: tuple[Phase, Phase] = ("failover", "failback")
    for phase in measured:
        results = headline_results(report, phase)
        for direction in DIRECTIONS:
            if not any(result.sent for result in results if result.direction == direction):
                yield f"nothing was measured {TOWARDS[direction]} {OTHER_CAUSE[phase]}"
        for result in results:
            yield from _limit_reasons(report, phase, result)


def _limit_reasons(report: DrillReport, phase: Phase, result: DirectionResult) -> Iterator[str]:
    limited = phase == "failback" or report.expectation.during != "none"
    if limited and result.outage_ms > report.max_outage_ms:
        yield (
            f"no traffic {TOWARDS[result.direction]} for {result.outage_ms:,.0f} ms {OTHER_CAUSE[phase]}; "
            f"the site allows {report.max_outage_ms:,.0f} ms"
        )
    if any(gap.open for gap in result.gaps):
        yield f"traffic {TOWARDS[result.direction]} had not come back when the drill ended"


def _path_reasons(report: DrillReport) -> Iterator[str]:
    expected = report.expectation
    for use in report.paths:
        where = TOWARDS[use.direction]
        if expected.during not in ("none", use.during):
            yield f"traffic {where} was on {use.during} when the fault was healed; expected {expected.during}"
        if use.after != expected.after:
            yield f"traffic {where} was on {use.after} when the drill ended; expected {expected.after}"


def _alarm_reasons(report: DrillReport) -> Iterator[str]:
    alarm = report.expectation.alarm
    if alarm is not None and not alarm_raised(report.events, alarm, report.injected_ns):
        yield f"the gateway raised no alarm {alarm} while the fault lasted"


def alarm_raised(events: Iterable[DrillEvent], alarm: str, since_ns: int) -> bool:
    """Whether an alarm of this name was raised at or after this moment."""
    return any(e.what == f"alarm raised: {alarm}" and e.at_ns >= since_ns for e in events)


def _remarks(report: DrillReport) -> Iterator[str]:
    if not report.standby_proven:
        yield "forced although the standby was not proven"
    for result in headline_results(report, "before"):
        if result.lost:
            yield f"{result.lost} packets {TOWARDS[result.direction]} were lost before the fault: not a clean path"
    for result in headline_results(report, "failover"):
        bound_ms = report.expectation.bound_ms
        if bound_ms is not None and bound_ms < result.outage_ms <= report.max_outage_ms:
            yield (
                f"the outage {TOWARDS[result.direction]}, {result.outage_ms:,.0f} ms, is over the expected bound of "
                f"{bound_ms:,.0f} ms but within the site's limit"
            )
    if report.expectation.during != "none" and report.paths and report.detected_by is None:
        yield "no detector reported anything between the fault and its healing"
    yield from report.load_notes
