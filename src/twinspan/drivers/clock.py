"""Waiting for something to become true, with a deadline, or for time to pass: the only place in this room that sleeps.

In: a condition and a deadline in seconds. Out: whether it came true. Next: the drivers that start daemons.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(ready: Callable[[], bool], deadline_s: float, poll_s: float = 0.01) -> bool:
    """True as soon as `ready()` is; False if it is not within `deadline_s` seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while not ready():
        if loop.time() >= end:
            return False
        await asyncio.sleep(poll_s)
    return True


async def pause(seconds: float) -> None:
    """Let `seconds` pass; cancellable."""
    await asyncio.sleep(seconds)
