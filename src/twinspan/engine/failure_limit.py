"""How often somebody may fail to prove a serial before they have to wait: online guessing made pointless.

In: a source, a serial, the time, that a proof failed. Out: how long that pair has to wait. A device with a wrong
password behind the same NAT as others must not lock those out: the pair counts, not the address. Next: `server.hub`.
"""

from __future__ import annotations

from collections import OrderedDict

NS_PER_S = 1_000_000_000
FREE_FAILURES = 5
"""Within the window; somebody mistypes, or sets the password in two steps."""
WINDOW_S = 60
MAX_PAIRS = 20_000
"""What is remembered at most: the pair that failed longest ago is forgotten first."""


class FailureLimit:
    """Of one worker. Changes in place; no clock of its own."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()
        """Pair to (how many, since when)."""

    def wait_s(self, source: str, serial: str, now_ns: int) -> float | None:
        """Seconds until that pair may try again; None: now."""
        count, since_ns = self._failures.get((source, serial), (0, 0))
        left_ns = since_ns + WINDOW_S * NS_PER_S - now_ns
        return left_ns / NS_PER_S if count >= FREE_FAILURES and left_ns > 0 else None

    def failed(self, source: str, serial: str, now_ns: int) -> None:
        """A proof of that pair failed."""
        count, since_ns = self._failures.pop((source, serial), (0, now_ns))
        if now_ns - since_ns >= WINDOW_S * NS_PER_S:
            count, since_ns = 0, now_ns
        self._failures[source, serial] = (count + 1, since_ns)
        if len(self._failures) > MAX_PAIRS:
            self._failures.popitem(last=False)

    def succeeded(self, source: str, serial: str) -> None:
        """It has proved itself."""
        self._failures.pop((source, serial), None)
