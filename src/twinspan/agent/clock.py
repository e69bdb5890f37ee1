"""The agent's only place to wait for time to pass: retries, debouncing, the end of an order.

In: seconds. Out: nothing, later. Everything else in the agent waits for events. Next: `agent.converge`.
"""

from __future__ import annotations

import asyncio


async def pause(seconds: float) -> None:
    """Let `seconds` pass; cancellable."""
    await asyncio.sleep(seconds)
