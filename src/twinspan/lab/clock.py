"""Waiting in the lab: for a condition, with a deadline.

In: a condition and a limit. Out: whether it came true. Nothing else in this room waits for time to pass.
Next: `lab.drill`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

POLL_S = 0.02


def wait_until(condition: Callable[[], bool], limit_s: float, poll_s: float = POLL_S) -> bool:
    """Ask again every `poll_s` seconds until the condition holds or `limit_s` seconds are over."""
    end = time.monotonic() + limit_s
    while True:
        if condition():
            return True
        left = end - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(poll_s, left))
