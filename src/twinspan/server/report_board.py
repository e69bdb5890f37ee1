"""Reports of devices for the worker that makes statuses of them, whichever worker they came to.

One worker keeps them in its memory; several lay them down in the device database, where the first one takes them up.
Only devices whose config is wanted from here are nodes of a site; reports of others stay where they came.

In: reports. Out: all of them by serial, and whose are new. Next: `resources/site_loop.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from twinspan.server.clock import pause
from twinspan.server.config_store import ConfigTable
from twinspan.server.store import DeviceStore

LAY_DOWN_S = 0.2
"""Between two times."""


class ReportBoard:
    """One per worker."""

    def __init__(self, store: DeviceStore, here: Mapping[str, bytes], *, shared: bool) -> None:
        """`here`: the newest reports of this worker's devices. `shared`: there are several workers."""
        self._store, self._here, self._shared = store, here, shared
        self._configs = ConfigTable(store)
        self._config_revision, self._seq = -1, -1
        self._configured: set[str] = set()
        self._fresh: set[str] = set()
        self._taken: dict[str, bytes] = {}

    @property
    def reports(self) -> Mapping[str, bytes]:
        """The newest ones, by serial; on the first worker those of every worker."""
        return self._taken if self._shared else self._here

    def heard(self, serial: str) -> None:
        """A report came to this worker."""
        self._fresh.add(serial)

    async def run(self) -> None:
        """For ever: what comes here is laid down for the first worker, where there are several."""
        while self._shared:
            self.lay_down()
            await pause(LAY_DOWN_S)

    def lay_down(self) -> None:
        """Everything that came since the last time."""
        self._config_revision, serials = self._configs.changed_since(self._config_revision)
        self._configured.update(serials)
        found = [(self._here[serial], serial) for serial in self._fresh & self._configured if serial in self._here]
        self._fresh.clear()
        if found:
            with self._store.batch() as connection:
                connection.executemany(_REMOVE, [(serial,) for _, serial in found])
                connection.executemany(_LAY_DOWN, found)

    def take_up(self) -> frozenset[str]:
        """Whose reports are new since the last time."""
        if not self._shared:
            found, self._fresh = frozenset(self._fresh), set()
            return found
        rows = self._store.hot.execute(_TAKE_UP, (self._seq,)).fetchall()
        for serial, report, seq in rows:
            self._taken[serial], self._seq = report, seq
        return frozenset(row[0] for row in rows)


_REMOVE = "DELETE FROM device_report WHERE serial = ?"
_LAY_DOWN = "INSERT INTO device_report (serial, report) SELECT serial, ? FROM device WHERE serial = ?"
_TAKE_UP = "SELECT serial, report, seq FROM device_report WHERE seq > ? ORDER BY seq"
