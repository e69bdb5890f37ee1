"""The machine's own lateness, measured by a process that ends with its context or its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from twinspan.lab import jitter
from twinspan.lab.clock import wait_until
from twinspan.lab.jitter import JitterMeter, measure_until_input_ends


def test_a_context_gives_what_was_measured_in_it() -> None:
    with JitterMeter() as meter:
        assert meter.result() is None
        wait_until(lambda: False, 0.6)
    found = meter.result()
    assert found is not None
    assert 10 <= found.samples <= 600
    assert 0 < found.median_us <= found.max_us < 600_000
    assert found.step_ms == 1.0


def test_an_error_inside_passes_through_and_the_result_is_there() -> None:
    meter = JitterMeter()
    with pytest.raises(ZeroDivisionError), meter:
        raise ZeroDivisionError
    assert meter.result() is not None


def test_it_stops_at_its_most_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(jitter, "MOST_SAMPLES", 5)
    with os.fdopen(reading) as given, os.fdopen(writing, "w"):
        monkeypatch.setattr("sys.stdin", given)
        assert measure_until_input_ends().samples == 5


def test_without_time_to_measure_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/null").open() as given:
        monkeypatch.setattr("sys.stdin", given)
        found = measure_until_input_ends()
    assert (found.samples, found.median_us, found.max_us) == (0, 0.0, 0.0)


def test_its_process_ends_with_a_parent_that_was_killed() -> None:
    script = (
        "import time; from twinspan.lab.jitter import JitterMeter; meter = JitterMeter().__enter__(); "
        "print(meter._child.pid, flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        measuring = Path("/proc") / parent.stdout.readline().decode().strip() / "stat"
        assert measuring.exists()
        parent.send_signal(signal.SIGKILL)
    end = time.monotonic() + 5
    while measuring.exists() and measuring.read_text().split()[2] != "Z":
        assert time.monotonic() < end
        wait_until(lambda: False, 0.02)
