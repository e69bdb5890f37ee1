"""Watches which span each direction of traffic takes, from the routers' own route look-ups.

In: a running lab. Out: a `PathChange` whenever a direction moves, stamped when the kernel told of the change. One
thread hears rtnetlink in the deciding nodes' namespaces and asks the kernel for the route of the measured pair; nothing
is sent and nothing is changed. Next: `lab.drill`.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import subprocess
import threading
import time

import msgspec

from twinspan.lab.lab import Lab
from twinspan.lab.namespace import call_inside
from twinspan.model.drill import Direction, Path, PathChange
from twinspan.wire.rtnetlink import RTMGRP_IPV4_ROUTE, RTMGRP_LINK

POLL_S = 0.25
"""Look again at least so often: a lost event must not hide a change."""


class PathWatcher:
    """Start it before the fault; `changes` grows while it runs."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        deployment = lab.deployment
        self._site, self._cloud = deployment.site_endpoint.address, deployment.cloud_endpoint.address
        self._circuit = {p.link for s in deployment.topology.segments if s.kind == "circuit" for p in s.ports}
        self._lan = next(
            p.link
            for w in deployment.topology.wires
            for p, q in ((w.a, w.b), (w.b, w.a))
            if p.node == "gateway" and q.node == deployment.site_endpoint.node
        )
        self._hops = self._wiring()
        self.changes: list[PathChange] = []
        self._seen_ns: list[int] = []
        """Per change: when the look that saw it was over."""
        self._last: dict[Direction, Path] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="paths", daemon=True)
        nodes = ["gateway", *[n for n in lab.state.nodes if n in ("transit-router", "office-vpc", "user-vpc")]]
        self._sockets = [self._listen(node) for node in nodes]

    def start(self) -> None:
        """Look once, then watch."""
        self._look(time.time_ns())
        self._thread.start()

    def stop(self) -> tuple[PathChange, ...]:
        """End the watch; all changes."""
        self._stop.set()
        self._thread.join(timeout=5)
        for opened in self._sockets:
            opened.close()
        return tuple(self.changes)

    def changes_around(self, *moments_ns: int) -> tuple[PathChange, ...]:
        """All changes, where a look that was under way at one of the moments saw what that moment did.

        A look takes some milliseconds and has the time of the event that caused it. If something was broken meanwhile,
        the change that it saw is no earlier than that.
        """
        found = []
        for change, seen_ns in zip(self.changes, self._seen_ns, strict=True):
            within = [moment for moment in moments_ns if change.at_ns <= moment <= seen_ns]
            found.append(msgspec.structs.replace(change, at_ns=max(within) + 1) if within else change)
        return tuple(found)

    def current(self) -> dict[Direction, Path]:
        """Where both directions are now, as last seen."""
        return dict(self._last)

    def _run(self) -> None:
        while not self._stop.is_set():
            ready, _, _ = select.select(self._sockets, [], [], POLL_S)
            at_ns = time.time_ns()
            for opened in ready:
                with contextlib.suppress(OSError):  # ENOBUFS: events were lost, we look anyway
                    opened.recv(1 << 16)
            self._look(at_ns)

    def _look(self, at_ns: int) -> None:
        paths: tuple[tuple[Direction, Path], ...] = (
            ("site_to_cloud", self._outward()),
            ("cloud_to_site", self._inward()),
        )
        for direction, path in paths:
            if self._last.get(direction) != path:
                self._last[direction] = path
                self.changes.append(PathChange(at_ns=at_ns, direction=direction, path=path))
                self._seen_ns.append(time.time_ns())

    def _outward(self) -> Path:
        device = self._device("gateway", self._cloud, self._site, self._lan)
        if device is None:
            return "none"
        return "circuit" if device.split(".")[0] in self._circuit else "vpn"

    def _inward(self) -> Path:
        """Follow the cloud's look-ups from the office VPC's router until a node at the edge is reached."""
        node, came_by = "office-vpc", "host0"
        for _ in range(len(self._hops)):
            device = self._device(node, self._site, self._cloud, came_by)
            if device is None or (node, device) not in self._hops:
                return "none"
            node, came_by = self._hops[node, device]
            if node in ("vbr", "vpn-gateway"):
                return "circuit" if node == "vbr" else "vpn"
        return "none"

    def _device(self, node: str, to: str, source: str, came_by: str) -> str | None:
        argv = ["ip", "-n", self._lab.netns(node), "-json", "route", "get", to, "from", source, "iif", came_by]
        found = subprocess.run(argv, capture_output=True, check=False)
        if found.returncode:
            return None
        route = json.loads(found.stdout)[0]
        return None if route.get("type") in ("unreachable", "blackhole") else str(route["dev"])

    def _wiring(self) -> dict[tuple[str, str], tuple[str, str]]:
        wires = self._lab.deployment.topology.wires
        there = {(w.a.node, w.a.link): (w.b.node, w.b.link) for w in wires}
        return there | {v: k for k, v in there.items()}

    def _listen(self, node: str) -> socket.socket:
        opened = call_inside(
            self._lab.netns(node),
            lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE),
        )
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        opened.bind((0, RTMGRP_LINK | RTMGRP_IPV4_ROUTE))
        return opened
