"""The agent's only place to wait for time to pass, and its two clocks.

In: seconds. Out: nothing, later; or a time. Deciding uses the steady clock, which nobody sets; people and other nodes
get the wall clock. Everything else in the agent waits for events. Next: `agent.converge`.
"""

from __future__ import annotations

import asyncio
import time


async def pause(seconds: float) -> None:
    """Let `seconds` pass; cancellable."""
    await asyncio.sleep(seconds)


def steady_ns() -> int:
    """Nanoseconds on a clock that never jumps: a corrected wall clock must not prolong a hold-down by an hour."""
    return time.monotonic_ns()


def wall_ns(steady: int) -> int:
    """The wall clock's time at that time of the steady clock."""
    return steady + time.time_ns() - time.monotonic_ns()
