"""How late this machine wakes a process: the floor under every measured time.

In: nothing. Out: a `Jitter`, measured by a process of normal priority that sleeps one millisecond at a time while
something else is measured. Next: reports print it beside their numbers.
"""

from __future__ import annotations

import contextlib
import os
import select
import statistics
import subprocess
import sys
import time
from types import TracebackType

import msgspec

from twinspan.model.drill import Jitter

STEP_MS = 1.0
MOST_SAMPLES = 600_000
"""Ten minutes; then it measures no more."""


class JitterMeter:
    """A context: measures while it is open."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._result: Jitter | None = None

    def __enter__(self) -> JitterMeter:
        argv = [sys.executable, "-m", "twinspan.lab.jitter"]
        # A session of its own: the terminal's Ctrl-C is for the drill, which then ends this input.
        self._child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            out, _ = self._child.communicate()
            self._result = msgspec.json.decode(out, type=Jitter) if out else None

    def result(self) -> Jitter | None:
        """What was measured, once the context is closed."""
        return self._result


def measure_until_input_ends() -> Jitter:
    """Sleep a step again and again; how late each wake-up was."""
    late_us: list[float] = []
    while len(late_us) < MOST_SAMPLES:
        begun = time.monotonic_ns()
        ended, _, _ = select.select([sys.stdin], [], [], STEP_MS / 1000)
        if ended:
            break
        late_us.append((time.monotonic_ns() - begun) / 1000 - STEP_MS * 1000)
    return Jitter(
        median_us=round(statistics.median(late_us), 1) if late_us else 0.0,
        max_us=round(max(late_us, default=0.0), 1),
        samples=len(late_us),
        step_ms=STEP_MS,
    )


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # whoever wanted to know was killed
        os.write(sys.stdout.fileno(), msgspec.json.encode(measure_until_input_ends()))
