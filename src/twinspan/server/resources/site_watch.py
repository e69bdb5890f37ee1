"""Which sites are to be looked over now: those that a change touched, and those in which a phase ends.

What is looked at is always the whole site as it is stored; the changes only say where to look. Should one be missed,
the site is looked over all the same, a little later: every second it is the turn of the one that waited longest.

In: the resource store, the time. Out: sites, and their resources in force. Next: `realise.py`, `observe.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
from msgspec import structs

from twinspan.engine.lifecycle import settled
from twinspan.model.resource import DELETED, Resource
from twinspan.model.site import SiteSpec
from twinspan.server.resources.port import Change, Query, ReadView, ResourceStore

PAGE = 500
TURN_NS = 1_000_000_000
"""Between two sites whose turn it is although nothing is known to have changed."""


class SiteKey(NamedTuple):
    account: str
    name: str


class SiteResources(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of one site, as of one moment."""

    site: Resource
    resources: tuple[Resource, ...]
    """Bound to the site, or to none and of its account, and all sites of the account; what is gone by now left out."""
    others: dict[str, str]
    """Serials that other sites of the account name as theirs, and which site does."""


class _Placed(msgspec.Struct, frozen=True):
    """The part of a resource's JSON that says where it belongs."""

    site: str = ""


class SiteWatch:
    """One per loop; its methods run one after another, in any thread."""

    def __init__(self, store: ResourceStore) -> None:
        self._store = store
        self._seen = -1
        self._sites: dict[SiteKey, Resource] = {}
        self._due: dict[SiteKey, int] = {}
        """When a phase of one of its resources ends by itself."""
        self._looked: dict[SiteKey, int] = {}
        """In the order of the times, the oldest first."""
        self._turn_ns = 0

    def look(self, now_ns: int) -> tuple[SiteKey, ...]:
        """Whose turn it is. Raises Retryable while the database cannot be reached."""
        touched = self._first() if self._seen < 0 else self._changed()
        touched |= {key for key, due_ns in self._due.items() if due_ns <= now_ns}
        if not touched and self._looked and now_ns - self._turn_ns >= TURN_NS:
            touched = {next(iter(self._looked))}
            self._turn_ns = now_ns
        for key in touched:
            self._looked.pop(key, None)
            self._due.pop(key, None)
            if key in self._sites:
                self._looked[key] = now_ns
        return tuple(sorted(touched))

    def id_of(self, key: SiteKey) -> str:
        """Of the site's own resource; empty: there is none any more."""
        site = self._sites.get(key)
        return site.id if site is not None else ""

    def resources(self, key: SiteKey, now_ns: int) -> SiteResources | None:
        """What is stored of it; None: there is no such site any more."""
        known = self._sites.get(key)
        if known is None:
            return None
        site, stored = self._store.read(lambda view: (view.get(known.id), view.of_site(key.account, key.name)))
        if site is None:
            return None
        now = [settled(resource, now_ns) for resource in stored]
        ends = [resource.phase_until_ns for resource in now if resource.phase_until_ns > now_ns]
        if ends:
            self._due[key] = min(ends)
        others = [one for there, one in self._sites.items() if there.account == key.account and there != key]
        return SiteResources(
            site=site,
            resources=(*(one for one in now if one.phase != DELETED and one.kind != "Site"), *others, site),
            others={serial: other.name for other in others for serial in _devices(other)},
        )

    def _first(self) -> set[SiteKey]:
        def ask(view: ReadView) -> tuple[int, list[Resource]]:
            return view.newest_change(), list(_all_sites(view))

        self._seen, sites = self._store.read(ask)
        self._sites = {_key(site): site for site in sites}
        return set(self._sites)

    def _changed(self) -> set[SiteKey]:
        if self._store.read(lambda view: view.newest_change()) <= self._seen:
            return set()
        changes = self._store.read(lambda view: list(self._news(view)))
        self._seen = max((change.seq for change in changes), default=self._seen)
        touched: set[SiteKey] = set()
        for change in changes:
            touched |= self._touched(change)
        self._fetch({change.id for change in changes if change.kind == "Site"})
        return touched

    def _news(self, view: ReadView) -> Iterator[Change]:
        after = self._seen
        while page := view.changes(after=after, account=None, limit=PAGE):
            yield from page
            after = page[-1].seq

    def _touched(self, change: Change) -> set[SiteKey]:
        """What is bound to no site may belong to any of the account."""
        names = {_site_of(change.before), _site_of(change.after)} - {None}
        if "" in names:
            return {key for key in self._sites if key.account == change.account}
        return {SiteKey(change.account, name) for name in names if name}

    def _fetch(self, ids: Iterable[str]) -> None:
        for site_id in ids:
            found = self._store.read(lambda view, wanted=site_id: view.get(wanted))  # type: ignore[misc]
            self._sites = {key: site for key, site in self._sites.items() if site.id != site_id}
            if found is not None:
                self._sites[_key(found)] = found


def _all_sites(view: ReadView) -> Iterator[Resource]:
    query = Query(kind="Site", account=None, limit=PAGE)
    while True:
        page = view.list(query)
        yield from page.resources
        if page.next is None:
            return
        query = structs.replace(query, after=page.next)


def _key(site: Resource) -> SiteKey:
    return SiteKey(site.account, site.name)


def _devices(site: Resource) -> Iterable[str]:
    return site.spec.devices.values() if isinstance(site.spec, SiteSpec) else ()


def _site_of(text: msgspec.Raw) -> str | None:
    """None: there was nothing."""
    placed = msgspec.json.decode(text, type=_Placed | None)
    return None if placed is None else placed.site
