"""Brings back what came of the resources: reports of devices become the status of what they realise.

In: reports as they come, sites. Out: statuses by id, only those that have changed. Next: `site_loop.py` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from twinspan.engine.resource_status import status_of
from twinspan.engine.site_assembly import Assembled, assemble
from twinspan.model.device_report import DeviceReport
from twinspan.server.resources.realise import Placed
from twinspan.server.resources.site_watch import SiteKey, SiteResources

KEPT_SITES = 64
"""Assembled ones: a report comes every few seconds, and putting a site together costs more than reading one."""


class Observer:
    """One per server: the status of a resource may rest on reports of several devices."""

    def __init__(self, reports: Mapping[str, bytes]) -> None:
        """`reports`: the JSON of the newest report, by serial."""
        self._reports = reports
        self._places: dict[str, SiteKey] = {}
        """Serial to the site that it is a node of."""
        self._bound: dict[SiteKey, dict[str, str]] = {}
        self._assembled: dict[SiteKey, Assembled] = {}
        self._written: dict[SiteKey, dict[str, dict[str, Any]]] = {}
        self._fresh: set[SiteKey] = set()

    def heard(self, serial: str) -> None:
        """There is a new report."""
        key = self._places.get(serial)
        if key is not None:
            self._fresh.add(key)

    def placed(self, key: SiteKey, placed: Placed) -> None:
        """The site or its devices have changed."""
        self._assembled.pop(key, None)
        for serial in self._bound.pop(key, {}).values():
            self._places.pop(serial, None)
        self._fresh.discard(key)
        if placed.bound:
            self._bound[key] = placed.bound
            self._places.update(dict.fromkeys(placed.bound.values(), key))
            self._fresh.add(key)
        else:
            self._written.pop(key, None)

    def due(self) -> tuple[SiteKey, ...]:
        """Sites with news, once."""
        found = tuple(sorted(self._fresh))
        self._fresh.clear()
        return found

    def again(self, key: SiteKey) -> None:
        """What was due could not be written."""
        if key in self._bound:
            self._fresh.add(key)

    def lacks(self, key: SiteKey) -> bool:
        """Whether `news` must be told what is stored of the site."""
        return key not in self._assembled

    def news(self, key: SiteKey, stored: SiteResources | None = None) -> dict[str, dict[str, Any]]:
        """Statuses that differ from what was written before, by id."""
        if stored is not None:
            self._keep(key, assemble(stored.site, stored.resources))
        reports, assembled = self._reports_of(key), self._assembled.get(key)
        if assembled is None or not reports:
            return {}
        found = status_of(assembled.site, assembled.ids, reports)
        known = self._written.get(key, {})
        return {one: status for one, status in found.items() if known.get(one) != status}

    def written(self, key: SiteKey, statuses: dict[str, dict[str, Any]]) -> None:
        """They are in the store."""
        if key in self._bound:
            self._written.setdefault(key, {}).update(statuses)

    def _keep(self, key: SiteKey, assembled: Assembled) -> None:
        self._assembled[key] = assembled
        while len(self._assembled) > KEPT_SITES:
            del self._assembled[next(iter(self._assembled))]

    def _reports_of(self, key: SiteKey) -> dict[str, DeviceReport]:
        bound = self._bound.get(key, {})
        found = {node: self._reports[serial] for node, serial in bound.items() if serial in self._reports}
        return {node: msgspec.json.decode(text, type=DeviceReport) for node, text in found.items()}
