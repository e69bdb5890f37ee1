"""The worker's memory: what garbage collection looks at, and what the C library gives back.

In: nothing. Out: the process's settings, and a loop. Connections come and go by the thousand, each with some tens of
kilobytes of OpenSSL's; the C library keeps what they leave behind for later, in pieces that fit less and less. So what
is free goes back to the system from time to time. Next: `worker`.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable

from twinspan.server.clock import pause

LOOK_S = 10.0
ENDED = 200
"""So many connections must have ended to make it worth some milliseconds."""


def tune_collection() -> None:
    """What exists now lives for ever; full collections over thousands of connections cost more than they find."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 1000)


async def keep_small(ended_count: Callable[[], int]) -> None:
    """For ever: give back what ended connections have left; nothing where the C library cannot.

    `ended_count`: how many have ended since the start.
    """
    give_back, given = _give_back(), 0
    while give_back is not None:
        await pause(LOOK_S)
        ended = ended_count()
        if ended - given >= ENDED:
            give_back(0)
            given = ended


def _give_back() -> Callable[[int], int] | None:
    """glibc's malloc_trim(3)."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    return found
