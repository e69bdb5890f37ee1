"""Keeps the loops of a worker going: one that fails begins again, and what went wrong is told.

In: a loop's name, what makes it. Out: a task's work, until it is cancelled. Next: `worker.py`.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Awaitable, Callable

from twinspan.model.errors import TwinspanError
from twinspan.server.clock import pause

AGAIN_S = 1.0
"""A full disk or a database that is away is not better any sooner."""


async def for_ever(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run it; begin again whenever it fails. A loop that ends by itself has ended."""
    told = ""
    while True:
        try:
            await loop()
        except TwinspanError as error:
            if error.message != told:
                sys.stderr.write(f"{name}: {error.message}; it goes on when that is over\n")
            told = error.message
        except Exception:  # a mistake of ours must not end the others' work
            sys.stderr.write(f"{name}:\n{traceback.format_exc()}")
        else:
            return
        await pause(AGAIN_S)
