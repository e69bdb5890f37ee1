"""What a drill measured, and whether it was good enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinspan.engine.drill import (
    Phases,
    compose,
    detect,
    find_gaps,
    find_silences,
    first_arrivals,
    late_packets,
    measure_stream,
)
from twinspan.engine.drill_verdict import headline_results
from twinspan.model.drill import (
    DIRECTIONS,
    ClockOffset,
    Direction,
    DirectionResult,
    DrillEvent,
    DrillFacts,
    DrillReport,
    Expectation,
    PathChange,
    Phase,
    StreamLog,
)

MS = 1_000_000
START = 1_800_000_000_000_000_000
"""The injection; packets are sent from one second before it."""
HEALED_MS = 2000
PHASES = Phases(START, START + HEALED_MS * MS)


def stream(
    lost: Callable[[float], bool] = lambda _: False, direction: Direction = "site_to_cloud", **changed: Any
) -> StreamLog:
    """Four seconds, a packet every 10 ms; `lost` is asked for each with its time in ms after the injection."""
    sent = tuple(START + after_ms * MS for after_ms in range(-1000, 3000, 10))
    received = tuple((i, at + MS) for i, at in enumerate(sent) if not lost((at - START) / MS))
    log = StreamLog(direction=direction, protocol="udp", spacing_ms=10.0, sent_ns=sent, received=received)
    return msgspec.structs.replace(log, **changed)


def both(lost: Callable[[float], bool] = lambda _: False) -> tuple[StreamLog, ...]:
    return tuple(stream(lost, direction) for direction in DIRECTIONS)


def changes(*moves: tuple[float, str]) -> tuple[PathChange, ...]:
    return tuple(
        msgspec.convert({"at_ns": START + int(ms * MS), "direction": direction, "path": path}, PathChange)
        for direction in DIRECTIONS
        for ms, path in moves
    )


def facts(**changed: Any) -> DrillFacts:
    """A fault that sends traffic over the VPN after 100 ms, and back 500 ms after the healing."""
    usual = DrillFacts(
        drill="d",
        site="s",
        profile="edge",
        fault="silent",
        started_at="2026-01-01T00:00:00+00:00",
        injected_ns=START,
        healed_ns=START + HEALED_MS * MS,
        max_outage_ms=300.0,
        expectation=Expectation(bound_ms=150.0),
        standby_proven=True,
        standby_proof=("probe vpn: up",),
        path_changes=changes((-900, "circuit"), (100, "vpn"), (HEALED_MS + 500, "circuit")),
        events=(event(90, "bfd", "BFD down"),),
    )
    return msgspec.structs.replace(usual, **changed)


def event(after_ms: float, source: str, what: str, node: str = "gateway") -> DrillEvent:
    at_ns = START + int(after_ms * MS)
    return msgspec.convert({"at_ns": at_ns, "node": node, "source": source, "what": what}, DrillEvent)


def result(report: DrillReport, phase: Phase, direction: Direction = "site_to_cloud") -> DirectionResult:
    return next(r for r in headline_results(report, phase) if r.direction == direction)


def blackout(after_ms: float) -> bool:
    return 0 <= after_ms < 100


# ---- what was measured


def test_the_outage_runs_from_the_last_packet_delivered_to_the_next_one() -> None:
    report = compose(facts(), both(blackout))
    failover = result(report, "failover")
    assert (failover.lost, failover.outage_ms, len(failover.gaps)) == (10, 110.0, 1)
    assert failover.gaps[0].start_ns == START - 10 * MS
    assert result(report, "before").lost == result(report, "failback").lost == 0


def test_outages_that_alternate_add_up_and_the_longest_gap_stands_alone() -> None:
    failover = result(compose(facts(), both(lambda ms: 0 <= ms < 500 and ms % 100 < 30)), "failover")
    assert (len(failover.gaps), failover.outage_ms, failover.longest_gap_ms) == (5, 200.0, 40.0)


def test_a_gap_over_the_healing_is_not_cut_in_two() -> None:
    phases = measure_stream(stream(lambda ms: HEALED_MS - 300 <= ms < HEALED_MS + 100), PHASES)
    assert phases["failover"].outage_ms == 410.0
    assert (phases["failback"].lost, phases["failback"].outage_ms) == (10, 0.0)


def test_a_gap_that_nothing_follows_is_open_and_ends_with_the_last_packet_sent() -> None:
    (gap,) = find_gaps((0, 10 * MS, 20 * MS, 30 * MS), {0: MS})
    assert (gap.open, gap.duration_ms, gap.lost) == (True, 30.0, 3)


def test_a_stream_that_never_arrived_is_one_silence_from_first_to_last_send() -> None:
    assert find_silences((0, 10, 20), {}) == [(0, 20)]


def test_a_second_arrival_is_a_duplicate_and_counts_at_its_earliest() -> None:
    log = stream()
    again = msgspec.structs.replace(log, received=(*log.received, (150, log.sent_ns[150])))
    assert first_arrivals(again)[150] == log.sent_ns[150]
    assert measure_stream(again, PHASES)["failover"].duplicated == 1


def test_a_packet_that_was_never_sent_is_not_ours() -> None:
    log = stream()
    stranger = msgspec.structs.replace(log, received=(*log.received, (len(log.sent_ns), START), (-1, START)))
    assert measure_stream(stranger, PHASES) == measure_stream(log, PHASES)


def test_a_packet_overtaken_by_a_later_one_is_reordered() -> None:
    assert late_packets({0: 10, 1: 40, 2: 20, 3: 30}) == [1]


def test_tcp_stalls_are_silences_not_losses() -> None:
    log = stream(protocol="tcp")
    held = tuple((i, START + 700 * MS if START <= at < START + 700 * MS else at) for i, at in log.received)
    stalled = measure_stream(msgspec.structs.replace(log, received=held), PHASES)["failover"]
    assert (stalled.lost, stalled.outage_ms) == (0, 0.0)
    assert stalled.longest_gap_ms > 690


def test_event_times_are_corrected_by_the_clock_of_their_node() -> None:
    ahead = (ClockOffset(node="gateway", offset_us=50_000, error_us=10),)
    report = compose(facts(clock_offsets=ahead), both(blackout))
    assert report.detected_by is not None
    assert report.detected_by.after_ms == 40.0


def test_the_first_detector_is_named_not_the_first_consequence() -> None:
    seen_by_vbr = event(30, "bfd", "BFD down", "vbr")
    events = (event(20, "route", "BGP route removed"), seen_by_vbr, event(40, "bfd", "BFD down"))
    report = compose(facts(events=events), both(blackout))
    assert [found.source for found in report.detections] == ["route", "bfd"]
    assert report.detected_by is not None
    assert (report.detected_by.node, report.detected_by.after_ms) == ("vbr", 30.0)


def test_what_happened_before_the_fault_or_after_the_healing_detected_nothing() -> None:
    events = (event(-5, "bfd", "BFD down"), event(HEALED_MS + 1, "bgp", "BGP established"))
    assert compose(facts(events=events), both(blackout)).detections == ()


def test_paths_before_during_and_after_with_the_time_of_each_change() -> None:
    (to_cloud, _) = compose(facts(), both(blackout)).paths
    assert (to_cloud.before, to_cloud.during, to_cloud.after) == ("circuit", "vpn", "circuit")
    assert (to_cloud.switched_after_ms, to_cloud.returned_after_ms) == (100.0, 500.0)


def test_timelines_count_every_packet_of_their_window() -> None:
    report = compose(facts(), both(blackout))
    assert [timeline.name for timeline in report.timelines] == ["whole", "failover", "failback"]
    whole = report.timelines[0].lanes[0]
    assert sum(whole.sent) - sum(whole.delivered) == 10


# ---- the verdict


def test_a_short_outage_on_the_right_path_passes() -> None:
    report = compose(facts(), both(blackout))
    assert (report.verdict, report.reasons, report.remarks) == ("passed", (), ())


def test_too_long_an_outage_fails_and_names_figure_and_limit() -> None:
    report = compose(facts(), both(lambda ms: 0 <= ms < 400))
    assert report.verdict == "failed"
    assert "no traffic towards the cloud for 410 ms after the fault; the site allows 300 ms" in report.reasons


def test_an_outage_over_the_bound_but_within_the_limit_is_a_remark() -> None:
    report = compose(facts(), both(lambda ms: 0 <= ms < 200))
    assert report.verdict == "passed"
    assert any("over the expected bound of 150 ms" in remark for remark in report.remarks)


def test_too_long_an_outage_on_the_way_back_fails() -> None:
    report = compose(facts(), both(lambda ms: HEALED_MS + 100 <= ms < HEALED_MS + 500))
    assert report.verdict == "failed"
    assert any("after the healing" in reason for reason in report.reasons)


@pytest.mark.parametrize(
    ("moves", "said"),
    [
        (((-900, "circuit"),), "was on circuit when the fault was healed; expected vpn"),
        (((-900, "circuit"), (100, "vpn")), "was on vpn when the drill ended; expected circuit"),
    ],
)
def test_the_wrong_path_fails(moves: tuple[tuple[float, str], ...], said: str) -> None:
    report = compose(facts(path_changes=changes(*moves)), both(blackout))
    assert report.verdict == "failed"
    assert [reason for reason in report.reasons if said in reason]


def test_traffic_that_never_came_back_fails_even_where_no_limit_holds() -> None:
    unlimited = facts(expectation=Expectation(during="none", bound_ms=None))
    report = compose(unlimited, both(lambda ms: ms >= 0))
    assert "traffic towards the site had not come back when the drill ended" in report.reasons


def test_an_outage_under_a_fault_of_both_spans_has_no_limit() -> None:
    unlimited = facts(expectation=Expectation(during="none"))
    assert compose(unlimited, both(lambda ms: 0 <= ms < 1900)).verdict == "passed"


def test_a_direction_that_nobody_measured_fails() -> None:
    report = compose(facts(), (stream(blackout),))
    assert "nothing was measured towards the site after the fault" in report.reasons


def test_a_dead_standby_without_its_alarm_fails() -> None:
    wants = Expectation(bound_ms=150.0, alarm="standby_dead")
    silent = compose(facts(expectation=wants), both(blackout))
    raised = event(500, "failover", "alarm raised: standby_dead")
    told = compose(facts(expectation=wants, events=(*facts().events, raised)), both(blackout))
    assert (silent.verdict, told.verdict) == ("failed", "passed")


def test_an_unproven_standby_is_refused_with_every_check() -> None:
    unproven = facts(standby_proven=False, standby_proof=("probe vpn: down", "IKE down"), injected_ns=0, healed_ns=0)
    report = compose(unproven, ())
    assert report.verdict == "refused"
    assert report.reasons == ("the standby is not proven to work (probe vpn: down; IKE down)",)
    assert not report.phases
    assert not report.paths
    assert not report.timelines


def test_a_forced_drill_is_judged_and_says_that_it_was_forced() -> None:
    report = compose(facts(standby_proven=False, forced=True), both(blackout))
    assert report.verdict == "passed"
    assert "forced although the standby was not proven" in report.remarks


def test_losses_of_the_measurement_itself_are_told() -> None:
    logs = (stream(blackout, send_errors={"ENETUNREACH": 3}), stream(blackout, "cloud_to_site", receiver_drops=2))
    refused, arrived = compose(facts(), logs).remarks
    assert refused.startswith("UDP towards the cloud: 3 sends refused by the kernel with ENETUNREACH")
    assert arrived.startswith("UDP towards the site: 2 packets arrived but the measuring socket was full")


# ---- properties

SENT = st.lists(st.integers(1, 30 * MS), min_size=1, max_size=120).map(
    lambda steps: tuple(START - 900 * MS + sum(steps[:n]) for n in range(len(steps)))
)


@st.composite
def any_stream(draw: st.DrawFn) -> StreamLog:
    """Any times of sending; any packets arrive, some twice, in any order, some that were never sent."""
    sent = draw(SENT)
    numbers = draw(st.lists(st.integers(-2, len(sent) + 2), max_size=150))
    delays = draw(st.lists(st.integers(0, 900 * MS), min_size=len(numbers), max_size=len(numbers)))
    base = [sent[n] if 0 <= n < len(sent) else START for n in numbers]
    received = tuple((n, at + delay) for n, at, delay in zip(numbers, base, delays, strict=True))
    return stream(sent_ns=sent, received=received, direction=draw(st.sampled_from(DIRECTIONS)))


@given(any_stream())
def test_sent_is_received_plus_lost_in_every_phase(log: StreamLog) -> None:
    results = measure_stream(log, PHASES).values()
    assert all(r.sent == r.received + r.lost and r.lost >= 0 and r.duplicated >= 0 for r in results)
    assert sum(r.sent for r in results) == len(log.sent_ns)
    assert sum(gap.lost for r in results for gap in r.gaps) == sum(r.lost for r in results)


@given(any_stream(), st.randoms(use_true_random=False))
def test_the_order_of_the_log_does_not_matter(log: StreamLog, chance: Any) -> None:
    shuffled = list(log.received)
    chance.shuffle(shuffled)
    again = msgspec.structs.replace(log, received=tuple(shuffled))
    assert compose(facts(), (again,)) == compose(facts(), (log,))


@given(SENT)
def test_without_a_loss_there_is_no_gap(sent: tuple[int, ...]) -> None:
    whole = stream(sent_ns=sent, received=tuple((n, at + MS) for n, at in enumerate(sent)))
    results = measure_stream(whole, PHASES).values()
    assert all(r.lost == 0 and r.gaps == () and r.outage_ms == 0 for r in results)


@given(st.lists(any_stream(), max_size=3))
def test_equal_input_gives_equal_output(logs: list[StreamLog]) -> None:
    assert compose(facts(), logs) == compose(facts(), tuple(logs))


@given(any_stream())
def test_a_drill_passes_only_without_a_reason(log: StreamLog) -> None:
    report = compose(facts(), (log,))
    assert (report.verdict == "passed") == (report.reasons == ())


def test_where_only_large_packets_die_the_outage_is_the_time_without_a_large_one() -> None:
    mixed = stream(lambda ms: 100 <= ms < 1100 and ms % 100 == 0, large_every=10)
    result = measure_stream(mixed, PHASES)["failover"]
    assert result.lost == 10
    assert result.outage_ms == pytest.approx(910, abs=1)  # from the first large one lost to the packet after the last


def test_large_packets_do_not_lengthen_an_outage_that_spares_nobody() -> None:
    def lost(ms: float) -> bool:
        return 130 <= ms < 470

    assert measure_stream(stream(lost, large_every=10), PHASES) == measure_stream(stream(lost), PHASES)


def test_one_lost_large_packet_is_one_lost_packet() -> None:
    result = measure_stream(stream(lambda ms: ms == 500, large_every=10), PHASES)["failover"]
    assert result.outage_ms == pytest.approx(20)


def test_nobody_notices_a_fault_by_something_that_works() -> None:
    events = (
        DrillEvent(at_ns=START + 5 * MS, node="gateway", source="probe", what="circuit: far end answers"),
        DrillEvent(at_ns=START + 9 * MS, node="gateway", source="probe", what="circuit: far end lost"),
    )
    assert [found.after_ms for found in detect(events, START, START + 100 * MS)] == [9.0]
    assert detect(events[:1], START, START + 100 * MS) == ()
