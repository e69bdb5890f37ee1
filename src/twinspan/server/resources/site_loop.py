"""The loop between stored resources and devices: what changes goes down to the nodes, what comes of it goes up.

One in the first worker. It looks at what is, so a round that was missed or done twice does no harm.

In: the resource store, wanted configs, reports. Out: other wanted configs; statuses, with the problems of a site. Next:
nothing; `worker.py` runs it.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from twinspan.engine.site_realisation import Planned, plan_site
from twinspan.model.errors import Retryable
from twinspan.server.clock import pause, wall_ns
from twinspan.server.config_store import ConfigTable
from twinspan.server.report_board import ReportBoard
from twinspan.server.resources.aside import Aside
from twinspan.server.resources.observe import Observer
from twinspan.server.resources.port import ResourceStore
from twinspan.server.resources.realise import basis_of, place, refusals, tell, wanted_now
from twinspan.server.resources.site_watch import SiteKey, SiteResources, SiteWatch

LOOK_S = 0.2
"""Between two looks for what is new."""
AFTER_FAILURE_S = 2.0
SHARE = 4
"""Rests so many times as long as it worked: whoever changes many sites at once leaves the worker its time."""
PROBLEMS = "problems"
_GONE = Planned(configs={})
"""A site that is no more: neither are its nodes."""


class SiteLoop:
    """One per server."""

    def __init__(self, store: ResourceStore, table: ConfigTable, board: ReportBoard) -> None:
        self._store, self._table, self._board = store, table, board
        self._observer = Observer(board.reports)
        self._watch = SiteWatch(store)
        self._aside = Aside("sites")
        self._revision = -1
        self._begun = False
        self._done: dict[SiteKey, bytes] = {}
        """What each site rested on when it was realised last."""
        self._owed: set[SiteKey] = set()
        """Sites whose turn it is; they stay here while the database cannot be reached."""

    async def run(self) -> None:
        """For ever. While the database cannot be reached everything stays as it is."""
        try:
            while True:
                await pause(await self._round())
        finally:
            self._aside.end()

    async def _round(self) -> float:
        """One look; how long to rest after it."""
        began = time.monotonic()
        try:
            await self.look()
            return max(LOOK_S, SHARE * (time.monotonic() - began))
        except Retryable as error:
            return error.delay_s
        except Exception:  # noqa: BLE001 - of the loop itself: the next round begins with what is then
            sys.stderr.write(f"the sites' loop:\n{traceback.format_exc()}")
            return AFTER_FAILURE_S

    async def look(self) -> None:
        """One round over everything that is new."""
        self._owed |= set(await self._aside.run(self._watch.look, wall_ns())) | self._given_configs()
        for key in sorted(self._owed):
            await self._alone(key, self._realise)
            self._owed.discard(key)
        self._begun = True
        for serial in self._board.take_up():
            self._observer.heard(serial)
        for key in self._observer.due():
            await self._alone(key, self._observe)

    async def _alone(self, key: SiteKey, work: Callable[[SiteKey], Awaitable[None]]) -> None:
        """Should it fail by a mistake of ours, that is this site's problem and no other's."""
        try:
            await work(key)
        except Retryable:
            raise
        except Exception:  # noqa: BLE001 - one site must not keep all others from being served
            sys.stderr.write(f"site {key.name} of account {key.account}:\n{traceback.format_exc()}")

    def _given_configs(self) -> set[SiteKey]:
        """Sites of devices whose wanted config is new, whoever gave it. A config that names a site which nobody stored
        is as somebody wants it."""
        self._revision, serials = self._table.changed_since(self._revision)
        if not self._begun:
            return set()  # every site is looked over at the start
        keys = {SiteKey(*found) for found in self._table.sites_of(serials)}
        return {key for key in keys if self._watch.id_of(key)}

    async def _realise(self, key: SiteKey) -> None:
        stored = await self._aside.run(self._watch.resources, key, wall_ns())
        wanted = wanted_now(self._table, key, stored)
        basis = basis_of(stored, wanted)
        if self._done.get(key) == basis:
            return
        placed = place(key, stored, wanted)
        self._observer.placed(key, placed)
        if not (self._begun or placed.bound):
            return
        planned = await self._aside.run(_planned, stored) if stored else _GONE
        told = tell(self._table, key.name, placed, planned.configs) if planned.configs is not None else ()
        problems = (*planned.problems, *placed.problems, *refusals(placed, wanted, told))
        if stored is None:
            self._done.pop(key, None)
            return
        if tuple(stored.site.status.get(PROBLEMS, ())) != problems:
            await self._aside.run(self._write, stored.site.id, {stored.site.id: {PROBLEMS: problems}})
        self._done[key] = basis

    async def _observe(self, key: SiteKey) -> None:
        stored = None
        if self._observer.lacks(key):
            stored = await self._aside.run(self._watch.resources, key, wall_ns())
        try:
            news = await self._aside.run(self._observer.news, key, stored)
            if news:
                await self._aside.run(self._write, self._watch.id_of(key), news)
        except Retryable:
            self._observer.again(key)
            raise
        self._observer.written(key, news)

    def _write(self, site_id: str, statuses: dict[str, dict[str, Any]]) -> None:
        """A site's status has two parts: what stands in its way, and what its nodes report."""
        if site_id in statuses:
            site, news = self._store.read(lambda view: view.get(site_id)), statuses[site_id]
            before = site.status if site is not None else {}
            kept = before if PROBLEMS in news else {name: part for name, part in before.items() if name == PROBLEMS}
            statuses = statuses | {site_id: kept | news}
        self._store.write_status(statuses, wall_ns())


def _planned(stored: SiteResources) -> Planned:
    """What `plan_site` says. Should it fail, that is this site's problem and no other's."""
    try:
        return plan_site(stored.site, stored.resources)
    except Exception as error:  # noqa: BLE001 - a mistake of ours in one site must not keep others from being served
        sys.stderr.write(f"site {stored.site.name} of account {stored.site.account}:\n{traceback.format_exc()}")
        return Planned(
            problems=(f"Twinspan failed on this site ({type(error).__name__}); its devices stay as they are",)
        )
