"""How fast one token may ask: a bucket for each, filled at a steady rate.

In: a token's label, the time. Out: None, or how long to wait. Next: `server.admin` asks it before anything else.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

NS_PER_S = 1_000_000_000
MAX_BUCKETS = 10_000
"""Labels remembered; the one that was silent longest goes, and starts with a full bucket."""


class RateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Of each token."""

    per_s: float = 1000.0
    """Requests a second in the long run; 0: no limit."""
    burst: float = 2000.0
    """Requests at once after a silence."""


class RateLimit:
    """One per worker."""

    def __init__(self, settings: RateSettings) -> None:
        self._settings = settings
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self.refused = 0
        """Requests that came too soon."""

    def wait_s(self, label: str, now_ns: int) -> float | None:
        """None: go on. Else how many seconds from now a request would be let in."""
        per_s, burst = self._settings.per_s, self._settings.burst
        if not per_s:
            return None
        left, since_ns = self._buckets.get(label, (burst, now_ns))
        left = min(burst, left + (now_ns - since_ns) * per_s / NS_PER_S)
        allowed = left >= 1
        self._buckets[label] = (left - 1 if allowed else left, now_ns)
        self._buckets.move_to_end(label)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        if allowed:
            return None
        self.refused += 1
        return (1 - left) / per_s
