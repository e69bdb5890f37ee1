"""What was read of the store a moment ago: who asks many times a second need not be looked up as often.

What this process changes holds at once; what another one changes (a token that is taken back by the command line) holds
after `KEPT_NS`. What was not found is not kept, and when something expires whoever asks looks at each time.

In: keys. Out: values. Next: `accounts.py`, `resources/access.py`.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from twinspan.server.clock import steady_ns
from twinspan.server.store import DeviceStore

V = TypeVar("V")
KEPT_NS = 200_000_000
MOST = 1000
"""Values that are kept; with one more all are forgotten."""


class Brief(Generic[V]):
    """One for each kind of thing, beside its DeviceStore."""

    def __init__(self, store: DeviceStore) -> None:
        self._store = store
        self._kept: dict[bytes, tuple[int, int, V]] = {}

    def get(self, key: bytes) -> V | None:
        """What was kept for the key, if it is as good as new."""
        found = self._kept.get(key)
        if found is None:
            return None
        changes, until_ns, value = found
        if changes == self._store.changes and steady_ns() < until_ns:
            return value
        del self._kept[key]
        return None

    def put(self, key: bytes, value: V) -> None:
        """Just read."""
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[key] = (self._store.changes, steady_ns() + KEPT_NS, value)
