"""The measuring load on a cable between two namespaces: what it sends, what it sees lost, and how it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from twinspan.engine.drill import Phases, measure_stream
from twinspan.lab.load import Load
from twinspan.model.drill import Direction, DirectionResult, Protocol, StreamLog
from twinspan.model.errors import Unavailable

pytestmark = pytest.mark.topology
SITE, CLOUD = "10.9.9.1", "10.9.9.2"
LIMIT_S = 60.0
"""Far beyond what any of these tests needs."""
MARGIN_MS = 30.0
"""A paced send may be late by this much on a busy machine."""
CUT = "table inet cut { chain arriving { type filter hook input priority 0; policy drop; }; }"
ALL: tuple[tuple[Direction, Protocol], ...] = (
    ("site_to_cloud", "udp"),
    ("site_to_cloud", "tcp"),
    ("site_to_cloud", "icmp"),
    ("cloud_to_site", "udp"),
    ("cloud_to_site", "tcp"),
    ("cloud_to_site", "icmp"),
)


@pytest.fixture
def cable(bench: Any) -> Any:
    """Both ends with an address."""
    for namespace, address in ((bench.a, SITE), (bench.b, CLOUD)):
        bench.ip("-n", namespace, "addr", "add", f"{address}/30", "dev", "c0")
    return bench


def start(cable: Any, limit_s: float = LIMIT_S) -> Load:
    return Load.start(cable.a, SITE, cable.b, CLOUD, duration_limit_s=limit_s)


def run_for(seconds: float) -> None:
    """The load itself is what takes this time; nothing is waited for."""
    threading.Event().wait(seconds)


def whole(log: StreamLog) -> DirectionResult:
    """The stream as if it were one phase."""
    return measure_stream(log, Phases(0, 1 << 63))["failover"]


def results(logs: tuple[StreamLog, ...]) -> dict[tuple[Direction, Protocol], DirectionResult]:
    return {(log.direction, log.protocol): whole(log) for log in logs}


@contextlib.contextmanager
def busy_cores() -> Iterator[None]:
    """One process for each core that never rests."""
    argv = [sys.executable, "-c", "while True: pass"]
    loops = [subprocess.Popen(argv) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def nft(namespace: str, order: str) -> tuple[int, int]:
    """When the order was given and when it was done, in ns."""
    begun = time.time_ns()
    subprocess.run(["ip", "netns", "exec", namespace, "nft", order], check=True)
    return begun, time.time_ns()


def inhabitants(namespace: str) -> list[str]:
    found = subprocess.run(["ip", "netns", "pids", namespace], check=True, capture_output=True, text=True)
    return found.stdout.split()


def until_empty(cable: Any, deadline_s: float) -> bool:
    end = time.monotonic() + deadline_s
    while inhabitants(cable.a) or inhabitants(cable.b):
        if time.monotonic() > end:
            return False
        run_for(0.05)
    return True


def test_a_clean_path_loses_nothing_although_every_core_is_busy(cable: Any) -> None:
    load = start(cable)
    with busy_cores():
        run_for(3.0)
    measured = results(load.stop())
    assert set(measured) == set(ALL)
    for stream, result in measured.items():
        assert (result.lost, result.duplicated, result.reordered) == (0, 0, 0), stream
        assert result.outage_ms == 0, stream
    for direction in ("site_to_cloud", "cloud_to_site"):
        assert measured[direction, "udp"].sent >= 2900
        assert measured[direction, "tcp"].sent >= 290
        assert measured[direction, "icmp"].sent >= 290


def test_arrivals_carry_the_kernels_time_after_the_send(cable: Any) -> None:
    load = start(cable)
    run_for(0.5)
    for log in load.stop():
        transit_ns = [at_ns - log.sent_ns[number] for number, at_ns in log.received]
        assert min(transit_ns) >= 0
        assert sorted(transit_ns)[len(transit_ns) // 2] < 5_000_000


def test_a_cut_in_one_direction_is_measured_to_the_millisecond_and_spares_the_other(cable: Any) -> None:
    load = start(cable)
    run_for(0.5)
    cut = nft(cable.b, CUT)
    run_for(0.3)
    mended = nft(cable.b, "delete table inet cut")
    run_for(1.5)
    measured = results(load.stop())
    shortest_ms, longest_ms = (mended[0] - cut[1]) / 1e6, (mended[1] - cut[0]) / 1e6
    there = measured["site_to_cloud", "udp"]
    assert len(there.gaps) == 1
    assert shortest_ms - MARGIN_MS <= there.outage_ms <= longest_ms + MARGIN_MS
    assert there.lost == there.gaps[0].lost
    assert measured["cloud_to_site", "udp"].lost == 0
    assert measured["site_to_cloud", "icmp"].lost >= 20
    assert measured["cloud_to_site", "icmp"].lost >= 20, "its answers go the way that was cut"


def test_a_short_cut_stalls_tcp_and_loses_none_of_its_records(cable: Any) -> None:
    load = start(cable)
    run_for(0.5)
    cut = nft(cable.b, CUT)
    run_for(0.3)
    mended = nft(cable.b, "delete table inet cut")
    run_for(2.0)
    logs = load.stop()
    stalled = results(logs)["site_to_cloud", "tcp"]
    assert (stalled.lost, stalled.outage_ms) == (0, 0)
    assert stalled.longest_gap_ms >= (mended[0] - cut[1]) / 1e6 - MARGIN_MS
    (log,) = (log for log in logs if (log.direction, log.protocol) == ("site_to_cloud", "tcp"))
    assert log.retransmits > 0
    assert log.reconnects == 0


def test_a_missing_route_counts_as_sent_and_lost_and_the_load_goes_on(cable: Any) -> None:
    load = start(cable)
    run_for(0.3)
    cable.ip("-n", cable.a, "route", "del", "10.9.9.0/30", "dev", "c0")
    run_for(0.2)
    cable.ip("-n", cable.a, "route", "add", "10.9.9.0/30", "dev", "c0", "src", SITE)
    run_for(0.5)
    logs = load.stop()
    (log,) = (log for log in logs if (log.direction, log.protocol) == ("site_to_cloud", "udp"))
    there = whole(log)
    assert log.send_errors.keys() == {"ENETUNREACH"}
    assert there.lost == log.send_errors["ENETUNREACH"] >= 100
    assert not there.gaps[-1].open
    assert results(logs)["cloud_to_site", "udp"].lost == 0


def test_a_link_that_goes_down_cuts_both_directions_and_the_load_goes_on_when_it_is_back(cable: Any) -> None:
    load = start(cable)
    run_for(0.5)
    begun = time.time_ns()
    cable.ip("-n", cable.a, "link", "set", "c0", "down")
    down = time.time_ns()
    run_for(0.3)
    mending = time.time_ns()
    cable.ip("-n", cable.a, "link", "set", "c0", "up")
    run_for(2.5)
    logs = load.stop()
    measured = results(logs)
    for direction in ("site_to_cloud", "cloud_to_site"):
        cut = measured[direction, "udp"]
        assert len(cut.gaps) == 1, direction
        assert (mending - down) / 1e6 - MARGIN_MS <= cut.outage_ms, direction
        assert begun / 1e6 - MARGIN_MS <= cut.gaps[0].start_ns / 1e6 <= down / 1e6 + MARGIN_MS, direction
        assert not cut.gaps[0].open, direction
        assert measured[direction, "tcp"].lost == 0, direction
        assert not any(gap.open for gap in measured[direction, "icmp"].gaps), direction
    (log,) = (log for log in logs if (log.direction, log.protocol) == ("site_to_cloud", "udp"))
    assert log.send_errors.keys() == {"ENETUNREACH"}, "the kernel says at once that there is no way"


def test_the_load_stops_sending_at_its_limit_although_nobody_stops_it(cable: Any) -> None:
    load = start(cable, limit_s=0.5)
    run_for(1.5)
    for log in load.stop():
        assert (log.sent_ns[-1] - log.sent_ns[0]) / 1e9 <= 0.55


def test_both_ends_are_gone_after_stop(cable: Any) -> None:
    load = start(cable)
    assert inhabitants(cable.a)
    assert inhabitants(cable.b)
    load.stop()
    assert until_empty(cable, 2.0)


def test_the_ends_die_with_a_parent_that_was_killed(cable: Any) -> None:
    script = (
        "import sys, time; from twinspan.lab.load import Load; "
        f"load = Load.start({cable.a!r}, {SITE!r}, {cable.b!r}, {CLOUD!r}, duration_limit_s=60); "
        "print('started', flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    with parent.stdout:
        assert parent.stdout.readline() == b"started\n"
        assert inhabitants(cable.a)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert until_empty(cable, 2.0)


def test_an_end_that_cannot_start_is_a_sentence_and_leaves_nothing(
    cable: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Unavailable, match=r"did not start: 10\.9\.9\.77 in .*: Cannot assign requested address"):
        Load.start(cable.a, SITE, cable.b, "10.9.9.77", duration_limit_s=5.0)
    with pytest.raises(Unavailable, match="network namespace tst-nowhere is gone"):
        Load.start(cable.a, SITE, "tst-nowhere", CLOUD, duration_limit_s=5.0)
    assert capfd.readouterr().err == "", "no traceback"
    assert until_empty(cable, 2.0)
