"""What a drill measured: losses, gaps and silences per direction and phase, paths, who noticed first, and when.

In: `DrillFacts` and the raw `StreamLog`s. Out: a `DrillReport`. The three phases are: before the injection, failover
(from the injection until the healing), failback (from the healing on). Packets belong to the phase in which they were
sent; a gap or a silence counts, whole, in the phase in which it began, so an outage is never cut in two pieces that
each look short. Next: `engine.drill_verdict`, which says whether the result is good enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

import msgspec

from twinspan.engine import drill_timeline, drill_verdict
from twinspan.model.device_report import EventSource
from twinspan.model.drill import (
    DIRECTIONS,
    Detection,
    Direction,
    DirectionResult,
    DrillEvent,
    DrillFacts,
    DrillReport,
    Gap,
    Path,
    PathUse,
    Phase,
    PhaseResult,
    StreamLog,
)

PHASES: tuple[Phase, Phase, Phase] = ("before", "failover", "failback")
DETECTING: frozenset[str] = frozenset({"link", "bfd", "bgp", "ike", "probe", "health_check", "daemon"})
"""Sources that notice a fault; route, failover, dns and the rest are what follows from noticing."""
GOOD_NEWS = (" answers", " up", " established", " healthy")
"""How an event ends that tells of something working: nobody notices a fault by it."""
NS_PER_MS = 1_000_000
EDGE_NS = 5 * NS_PER_MS
"""A gap starts with the last packet delivered before it, a spacing before the first one lost."""


class Phases(msgspec.Struct, frozen=True):
    """The two moments that separate the three phases."""

    injected_ns: int
    healed_ns: int

    def at(self, moment_ns: int) -> Phase:
        """The phase in which a moment lies."""
        if moment_ns < self.injected_ns:
            return "before"
        return "failover" if moment_ns < self.healed_ns else "failback"

    def holding(self, start_ns: int, end_ns: int) -> Phase:
        """The phase a gap belongs to, whole: what began before the healing is the fault's doing, however long."""
        if start_ns + EDGE_NS >= self.healed_ns:
            return "failback"
        before_ns, after_ns = self.injected_ns - start_ns, end_ns - self.injected_ns
        return "before" if before_ns > after_ns else "failover"


def compose(facts: DrillFacts, logs: Sequence[StreamLog]) -> DrillReport:
    """Everything a drill says, from what was recorded; a drill that was refused has no logs."""
    facts = msgspec.structs.replace(facts, events=corrected_events(facts))
    detections = detect(facts.events, facts.injected_ns, facts.healed_ns)
    paths = tuple(path_use(facts, direction) for direction in DIRECTIONS) if logs else ()
    returned = [use.returned_after_ms for use in paths if use.returned_after_ms is not None]
    report = DrillReport(
        **{name: getattr(facts, name) for name in facts.__struct_fields__},
        phases=measure(logs, Phases(facts.injected_ns, facts.healed_ns)),
        paths=paths,
        detections=detections,
        detected_by=next((found for found in detections if found.source in DETECTING), None),
        failback_ms=max(returned) if paths and len(returned) == len(paths) else None,
        load_notes=tuple(note for log in logs for note in load_notes(log)),
        verdict="passed",
    )
    report = msgspec.structs.replace(report, timelines=drill_timeline.timelines(report, logs))
    judgement = drill_verdict.judge(report)
    return msgspec.structs.replace(
        report, verdict=judgement.verdict, reasons=judgement.reasons, remarks=judgement.remarks
    )


def measure(logs: Sequence[StreamLog], phases: Phases) -> tuple[PhaseResult, ...]:
    """The result of every stream, phase by phase; nothing if nothing was measured."""
    if not logs:
        return ()
    results = [measure_stream(log, phases) for log in logs]
    return tuple(PhaseResult(phase=phase, directions=tuple(result[phase] for result in results)) for phase in PHASES)


def measure_stream(log: StreamLog, phases: Phases) -> dict[Phase, DirectionResult]:
    """What one stream lost in each phase."""
    first_arrival = first_arrivals(log)
    of_packet = [phases.at(sent_ns) for sent_ns in log.sent_ns]
    gaps = find_gaps(log.sent_ns, first_arrival)
    silences = find_silences(log.sent_ns, first_arrival)
    large = find_large_gaps(log, first_arrival)
    sent = _count(of_packet)
    received = _count(of_packet[number] for number in first_arrival)
    arrived = _count(of_packet[number] for number, _ in log.received if 0 <= number < len(of_packet))
    reordered = _count(of_packet[number] for number in late_packets(first_arrival))
    results: dict[Phase, DirectionResult] = {}
    for phase in PHASES:
        own_gaps = tuple(gap for gap in gaps if phases.holding(gap.start_ns, _gap_end_ns(gap)) == phase)
        own_silences = (end - start for start, end in silences if phases.holding(start, end) == phase)
        all_ms = sum(gap.duration_ms for gap in own_gaps)
        large_ms = sum(gap.duration_ms for gap in large if phases.holding(gap.start_ns, _gap_end_ns(gap)) == phase)
        results[phase] = DirectionResult(
            direction=log.direction,
            protocol=log.protocol,
            sent=sent[phase],
            received=received[phase],
            lost=sent[phase] - received[phase],
            duplicated=arrived[phase] - received[phase],
            reordered=reordered[phase],
            outage_ms=round(max(all_ms, large_ms), 3),
            longest_gap_ms=_ms(max(own_silences, default=0)),
            gaps=own_gaps,
        )
    return results


def first_arrivals(log: StreamLog) -> dict[int, int]:
    """Packet number to its earliest arrival; a number that was never sent is not ours and is left out."""
    first: dict[int, int] = {}
    for number, arrival_ns in log.received:
        if 0 <= number < len(log.sent_ns) and arrival_ns < first.get(number, arrival_ns + 1):
            first[number] = arrival_ns
    return first


def late_packets(first_arrival: dict[int, int]) -> list[int]:
    """Packets that arrived after a packet with a higher number (RFC 4737 3.3, type-P-reordered)."""
    late: list[int] = []
    highest = -1
    for number, _ in sorted(first_arrival.items(), key=lambda item: (item[1], item[0])):
        if number < highest:
            late.append(number)
        highest = max(highest, number)
    return late


def find_gaps(sent_ns: Sequence[int], first_arrival: dict[int, int]) -> list[Gap]:
    """Every run of lost packets. A run that begins the log starts with its own first packet."""
    delivered = sorted(first_arrival)
    edges = [-1, *delivered, len(sent_ns)]
    gaps: list[Gap] = []
    for before, after in pairwise(edges):
        lost = after - before - 1
        if lost == 0:
            continue
        still_open = after == len(sent_ns)
        start_ns = sent_ns[max(before, 0)]
        end_ns = sent_ns[after - 1] if still_open else sent_ns[after]
        gaps.append(Gap(start_ns=start_ns, duration_ms=_ms(end_ns - start_ns), lost=lost, open=still_open))
    return gaps


def find_large_gaps(log: StreamLog, first_arrival: dict[int, int]) -> list[Gap]:
    """Every run of two or more large packets in a row that were lost, from the send time of the first to that of the
    packet after the last. Small ones between them may have arrived: to a user with large packets that is no delivery.
    In a gap that spares nobody it is never longer than the gap itself."""
    if not log.large_every:
        return []
    numbers = range(0, len(log.sent_ns), log.large_every)
    gaps: list[Gap] = []
    for lost, run in groupby(numbers, lambda number: number not in first_arrival):
        packets = list(run)
        if lost and len(packets) > 1:
            start_ns, end_ns = log.sent_ns[packets[0]], log.sent_ns[min(packets[-1] + 1, len(log.sent_ns) - 1)]
            gaps.append(Gap(start_ns=start_ns, duration_ms=_ms(end_ns - start_ns), lost=len(packets)))
    return gaps


def find_silences(sent_ns: Sequence[int], first_arrival: dict[int, int]) -> list[tuple[int, int]]:
    """(start, end) of each time between two arrivals. If the first or the last packet sent was lost, the silence
    before the first arrival (from the first send) or after the last one (to the last send) counts too."""
    ends = [sent_ns[number] for number in (0, len(sent_ns) - 1) if sent_ns and number not in first_arrival]
    return list(pairwise(sorted([*first_arrival.values(), *ends])))


def corrected_events(facts: DrillFacts) -> tuple[DrillEvent, ...]:
    """All events in order of time, on the drill's own clock."""
    ahead_ns = {clock.node: round(clock.offset_us * 1000) for clock in facts.clock_offsets}
    events = (msgspec.structs.replace(e, at_ns=e.at_ns - ahead_ns.get(e.node, 0)) for e in facts.events)
    return tuple(sorted(events, key=lambda e: (e.at_ns, e.node, e.source, e.what, e.detail)))


def detect(events: Iterable[DrillEvent], injected_ns: int, healed_ns: int) -> tuple[Detection, ...]:
    """The first event of each source between the injection and the healing, ordered by time; `drill` is us."""
    found: dict[EventSource, Detection] = {}
    for event in sorted(events, key=lambda e: e.at_ns):
        if event.source == "drill" or event.source in found or not injected_ns <= event.at_ns < healed_ns:
            continue
        if event.source in DETECTING and event.what.endswith(GOOD_NEWS):
            continue
        after_ms = _ms(event.at_ns - injected_ns)
        found[event.source] = Detection(source=event.source, node=event.node, what=event.what, after_ms=after_ms)
    return tuple(found.values())


def path_use(facts: DrillFacts, direction: Direction) -> PathUse:
    """Which way one direction went at the three moments, and how long the two changes took."""
    changes = sorted((c for c in facts.path_changes if c.direction == direction), key=lambda c: c.at_ns)

    def path_at(moment_ns: int) -> Path:
        return next((c.path for c in reversed(changes) if c.at_ns <= moment_ns), "none")

    before, during = path_at(facts.injected_ns), path_at(facts.healed_ns)
    after: Path = changes[-1].path if changes else "none"
    switched = [c.at_ns for c in changes if facts.injected_ns < c.at_ns <= facts.healed_ns and c.path == during]
    returned = [c.at_ns for c in changes if c.at_ns > facts.healed_ns and c.path == after]
    return PathUse(
        direction=direction,
        before=before,
        during=during,
        after=after,
        switched_after_ms=_ms(switched[0] - facts.injected_ns) if switched and during != before else None,
        returned_after_ms=_ms(returned[-1] - facts.healed_ns) if returned and after != during else None,
    )


def load_notes(log: StreamLog) -> Iterable[str]:
    """Sentences on how the measurement itself went, for one stream."""
    name = f"{log.protocol.upper()} {drill_verdict.TOWARDS[log.direction]}"
    if log.receiver_drops:
        yield f"{name}: {log.receiver_drops} packets arrived but the measuring socket was full; they count as lost"
    for errno_name, count in sorted(log.send_errors.items()):
        yield f"{name}: {count} sends refused by the kernel with {errno_name}; they count as lost"
    if log.reconnects:
        yield f"{name}: connection lost and made again {log.reconnects} times"
    if log.retransmits:
        yield f"{name}: {log.retransmits} segments sent again"


def _gap_end_ns(gap: Gap) -> int:
    return gap.start_ns + round(gap.duration_ms * NS_PER_MS)


def _count(phases: Iterable[Phase]) -> dict[Phase, int]:
    counted: dict[Phase, int] = dict.fromkeys(PHASES, 0)
    for phase in phases:
        counted[phase] += 1
    return counted


def _ms(duration_ns: int) -> float:
    return round(duration_ns / NS_PER_MS, 3)
