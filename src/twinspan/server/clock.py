"""The server room's clocks and randomness: everything else gets them as arguments.

In: nothing. Out: nanoseconds, ids, a pause. Next: `hub.py`.
"""

from __future__ import annotations

import asyncio
import secrets
import time


def wall_ns() -> int:
    """CLOCK_REALTIME: what is shown to people and to devices."""
    return time.time_ns()


def steady_ns() -> int:
    """CLOCK_MONOTONIC: what timers count with."""
    return time.monotonic_ns()


def fresh_id() -> str:
    """128 random bits as text."""
    return secrets.token_hex(16)


async def pause(seconds: float) -> None:
    """The only sleep of this room; for loops that have nothing to wait for but time."""
    await asyncio.sleep(seconds)
