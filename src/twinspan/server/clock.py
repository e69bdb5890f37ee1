"""The server room's clocks and randomness: everything else gets them as arguments.

In: nothing. Out: nanoseconds, ids, a pause. Next: `hub.py`.
"""

from __future__ import annotations

import asyncio
import secrets
import time

# The functions themselves, without one around them: they are called for every frame of every device.
wall_ns = time.time_ns
"""CLOCK_REALTIME: what is shown to people and to devices."""
steady_ns = time.monotonic_ns
"""CLOCK_MONOTONIC: what timers count with."""


def fresh_id() -> str:
    """128 random bits as text."""
    return secrets.token_hex(16)


async def pause(seconds: float) -> None:
    """The only sleep of this room; for loops that have nothing to wait for but time."""
    await asyncio.sleep(seconds)
