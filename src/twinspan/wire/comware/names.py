"""Comware's names of a gateway's things: GigabitEthernet1/0/2 for the link `circuit`, Tunnel1, track 1.

In: a config. Out: `Names`, and the shortest list of names that keeps given ones (`DeviceConfig.names`). Whatever that
list does not name is numbered in its order: ports from GigabitEthernet1/0/1, management ports from
M-GigabitEthernet0/0/0, loopbacks from LoopBack0, tunnels from Tunnel1, tracked probes from 1. Next: `writing.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import structs

from twinspan.model.device_config import DeviceConfig, Link
from twinspan.model.device_report import DeviceReport
from twinspan.wire.comware.parameters import interface_name

Pairs = tuple[tuple[str, str], ...]
_TRACK = re.compile(r"track [1-9]\d{0,3}")


class Names:
    """Names of one config, both ways."""

    def __init__(self, config: DeviceConfig) -> None:
        self._taken: set[str] = set()
        self.interface_of_link: dict[str, str] = {}
        self.interface_of_tunnel: dict[str, str] = {}
        self.track_of_probe: dict[str, str] = {}
        self._keep_given(config)
        self._number(_of_kind(config, "physical", management=False), self.interface_of_link, "GigabitEthernet1/0/", 1)
        self._number(_of_kind(config, "physical", management=True), self.interface_of_link, "M-GigabitEthernet0/0/", 0)
        self._number(_of_kind(config, "loopback", management=None), self.interface_of_link, "LoopBack", 0)
        for link in config.links:
            self._number_vlan(link)
        self._number([tunnel.name for tunnel in config.tunnels], self.interface_of_tunnel, "Tunnel", 1)
        self._number(tracked_probes(config), self.track_of_probe, "track ", 1)

    def link(self, interface: str) -> str | None:
        """Linux name of an interface; None: no link has that name, a tunnel may."""
        return next((link for link, name in self.interface_of_link.items() if name == interface), None)

    def tunnel(self, interface: str) -> str | None:
        """Tunnel of a tunnel interface."""
        return next((tunnel for tunnel, name in self.interface_of_tunnel.items() if name == interface), None)

    def pairs(self) -> Pairs:
        """Every name and what it stands for."""
        both = (self.interface_of_link, self.interface_of_tunnel, self.track_of_probe)
        return tuple((name, ours) for names in both for ours, name in names.items())

    def _keep_given(self, config: DeviceConfig) -> None:
        links = {link.name for link in config.links}
        tunnels = {tunnel.name for tunnel in config.tunnels}
        probes = {probe.name for probe in config.probes}
        for name, ours in config.names:
            if _TRACK.fullmatch(name):
                self._give(name, ours, probes, self.track_of_probe)
            elif interface_name(name) == name and name.startswith("Tunnel"):
                self._give(name, ours, tunnels, self.interface_of_tunnel)
            elif interface_name(name) == name:
                self._give(name, ours, links, self.interface_of_link)

    def _give(self, name: str, ours: str, known: set[str], names: dict[str, str]) -> None:
        if ours in known and ours not in names and name not in self._taken:
            names[ours] = name
            self._taken.add(name)

    def _number(self, ours: Iterable[str], names: dict[str, str], head: str, first: int) -> None:
        waiting = []
        for number, one in enumerate(ours, first):
            if one not in names:
                if f"{head}{number}" in self._taken:
                    waiting.append(one)
                else:
                    self._give(f"{head}{number}", one, {one}, names)
        for one in waiting:
            number = first
            while f"{head}{number}" in self._taken:
                number += 1
            self._give(f"{head}{number}", one, {one}, names)

    def _number_vlan(self, link: Link) -> None:
        parent = self.interface_of_link.get(link.parent or "")
        if link.kind != "vlan" or parent is None or link.vlan_id is None or link.name in self.interface_of_link:
            return
        number = link.vlan_id
        while f"{parent}.{number}" in self._taken:
            number += 1
        self._give(f"{parent}.{number}", link.name, {link.name}, self.interface_of_link)


def _of_kind(config: DeviceConfig, kind: str, *, management: bool | None) -> list[str]:
    return [link.name for link in config.links if link.kind == kind and management in (None, link.management)]


def tracked_probes(config: DeviceConfig) -> list[str]:
    """Probes that some way depends on, in their order."""
    spans = config.failover.spans if config.failover else ()
    hops = [hop for route in config.routes for hop in route.next_hops]
    hops += [hop for span in spans for hop in span.next_hops]
    tracked = {hop.track for hop in hops}
    return [probe.name for probe in config.probes if probe.name in tracked]


def names_to_keep(config: DeviceConfig, wanted: Pairs) -> Pairs:
    """What `DeviceConfig.names` must say so that the config's things have the `wanted` names; mostly nothing."""
    usual = set(Names(structs.replace(config, names=())).pairs())
    differing = tuple(pair for pair in wanted if pair not in usual)
    kept = set(Names(structs.replace(config, names=differing)).pairs())
    return differing if all(pair in kept for pair in wanted) else wanted


def display_names(config: DeviceConfig, report: DeviceReport | None = None) -> dict[str, str]:
    """Linux name to interface, as the displays want it; with a report the devices of running tunnels too."""
    names = Names(config)
    found = dict(names.interface_of_link)
    for status in report.tunnels if report else ():
        interface = names.interface_of_tunnel.get(status.name)
        if status.device and interface:
            found[status.device] = interface
    return found
