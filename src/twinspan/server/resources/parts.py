"""The resource service's parts in one worker: store, service, writer, followers, access keys, the compatible door.

In: a database's URL, the state directory. Out: what the worker plugs in, and the loops it runs. Next: `server.worker`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from twinspan.model.errors import TwinspanError
from twinspan.server.accounts import Accounts
from twinspan.server.alibaba.door import AlibabaDoor
from twinspan.server.alibaba.nonces import Nonces
from twinspan.server.clock import pause, wall_ns
from twinspan.server.config_store import ConfigTable
from twinspan.server.database.place import database_url
from twinspan.server.metrics import Metrics
from twinspan.server.report_board import ReportBoard
from twinspan.server.resources.access import AccessKeyTable
from twinspan.server.resources.event_stream import Followers
from twinspan.server.resources.operations import REGION, ServiceSettings
from twinspan.server.resources.rate_limit import RateSettings
from twinspan.server.resources.seal import FILE_NAME as SEAL_KEY
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.service import ResourceService
from twinspan.server.resources.site_loop import SiteLoop
from twinspan.server.resources.sql_store import open_store
from twinspan.server.resources.writer import Writer
from twinspan.server.store import DeviceStore

NONCES = "nonces"
CLEAR_S = 1.0
"""Between two looks for what was deleted and can go."""
SQLITE = "sqlite:"


class ResourceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a person chooses."""

    database: str = ""
    """URL; empty: SQLite in the state directory."""
    async_delay_ms: int = ServiceSettings().async_delay_ms
    rate: RateSettings = RateSettings()


class ResourceParts:
    """One per worker."""

    def __init__(
        self, options: ResourceOptions, state_dir: Path, devices: DeviceStore, metrics: Metrics, *, alone: bool = False
    ) -> None:
        """`alone`: no other worker is on this machine.

        Raises Unavailable, Retryable or Rejected where the database cannot be used.
        """
        url = database_url(state_dir, options.database)
        self.seal = SealKey.load_or_create(state_dir / SEAL_KEY)
        self.store = open_store(url, self.seal)
        settings = ServiceSettings(async_delay_ms=options.async_delay_ms)
        self.service = ResourceService(self.store, wall_ns, settings)
        self.writer = Writer(self.service, reads_inline=url.startswith(SQLITE))
        self.followers = Followers(self.writer)
        self.keys = AccessKeyTable(devices, self.seal)
        self._nonces = Nonces(state_dir / NONCES, shared=not alone)
        self.compatible = AlibabaDoor(
            self.writer,
            self.keys,
            region=REGION,
            names=Accounts(devices).names,
            nonces=self._nonces,
            rate=options.rate,
            metrics=metrics,
        )

    def loops(self, table: ConfigTable, board: ReportBoard, *, first: bool) -> dict[str, Callable[[], Awaitable[None]]]:
        """What the worker runs as long as it lives; `first`: it is the one that tells devices what to be."""
        sites = {"sites": SiteLoop(self.store, table, board).run} if first else {}
        return {"followers": self.followers.watch, "clearing": self._clear, **sites}

    def gauges(self) -> dict[str, float]:
        """For the metrics."""
        return {"changes_waiting": self.writer.waiting, "followers": self.followers.count}

    async def close(self) -> None:
        """What is being written is on disk then, or undone."""
        if await self.writer.stop():  # else its connection is in use
            self.store.close()
        self._nonces.close()

    async def _clear(self) -> None:
        """For ever: deletions that are over leave the store."""
        found = False
        while True:
            try:
                if not found:
                    await asyncio.to_thread(self.service.find_leaving)
                    found = True
                await asyncio.to_thread(self.service.clear_away)
            except TwinspanError as error:
                sys.stderr.write(f"deleted resources stay for now: {error.message}\n")
            await pause(CLEAR_S)
