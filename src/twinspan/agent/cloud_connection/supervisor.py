"""Keeps a mistake of ours in the cloud connection away from the rest of the agent: failover must not end with it.

In: work that should never end. Out: it is begun again after a pause, and what went wrong is told. This is the one place
of the package with a blind except. Next: `manager`.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Awaitable, Callable

from twinspan.agent.clock import pause

RESTART_S, RESTART_MAX_S = 1.0, 60.0


async def keep_running(work: Callable[[], Awaitable[None]], record: Callable[[str, str], None]) -> None:
    """Run `work` for ever. `record` gets (what, detail); the stack goes to the agent's log."""
    delay_s = RESTART_S
    while True:
        try:
            await work()
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            record("failed", f"{type(error).__name__}: a mistake in Twinspan; begun again after {delay_s:g} s")
        await pause(delay_s)
        delay_s = min(2 * delay_s, RESTART_MAX_S)
