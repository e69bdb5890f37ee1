"""What this node knows right now: links, BGP routes in its kernel, probes, tunnel devices, its own routes.

In: kernel events and what the drivers observed. Out: the `View` that reconciling needs and the `SpanObservation`s
that failover needs. It only remembers; `agent.converge` and `agent.failover_loop` act. Both change routes: whoever does
holds `changing`, plans from `kernel` and writes back what was done, so that neither undoes the other's work with old
knowledge. `revision` tells a slow look at the kernel that something newer came in meanwhile.
Next: `agent.failover_loop`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from twinspan.engine.conditions import NodeView
from twinspan.engine.failover import SpanObservation
from twinspan.engine.health import ProbeState
from twinspan.engine.reconcile import Step, View
from twinspan.model.device_config import DeviceConfig, FailoverSpan, Probe
from twinspan.model.device_report import BgpStatus
from twinspan.model.kernel import BIRD_PROTOCOL, MAIN_TABLE, KernelRoute, KernelState
from twinspan.wire.rtnetlink import LinkChanged, RouteChanged

NameOf = Callable[[int], str | None]
_UP: Mapping[str, bool] = {"up": True, "down": False}


class World:
    def __init__(self, name_of: NameOf = lambda _: None) -> None:
        """`name_of` asks the kernel for the name behind an interface index, None if there is no such link."""
        self.kernel = KernelState(links={})
        self.changing = asyncio.Lock()
        self.revision = 0
        self.devices: Mapping[str, str] = {}
        self.probes: dict[str, ProbeState] = {}
        self.sessions: Mapping[str, BgpStatus] = {}
        self._session_down_since_ns: Mapping[str, int] = {}
        self.shut_links: frozenset[str] = frozenset()
        self.override_onto: str | None = None
        self._bgp_routes: dict[str, str | None] = {}
        self._name_of = name_of
        self._links: dict[str, bool] = {}

    def set_kernel(self, kernel: KernelState, bgp_routes: frozenset[KernelRoute]) -> None:
        """A full look at the kernel replaces what events have told."""
        self.kernel = kernel
        self._links = {name: link.admin_up and link.carrier for name, link in kernel.links.items()}
        self._bgp_routes = {r.prefix: r.device for r in bgp_routes}

    def link_changed(self, event: LinkChanged) -> bool:
        """Take in a link event; whether the link's usability changed."""
        up = event.exists and event.admin_up and event.carrier
        before = self._links.get(event.name)
        if event.exists:
            self._links[event.name] = up
        else:
            self._links.pop(event.name, None)
        if not up:
            self._forget_device(event.name, exists=event.exists)
        if before != self._links.get(event.name):
            self.revision += 1
        return bool(before) != up

    def _forget_device(self, name: str, *, exists: bool) -> None:
        """The kernel drops a dead link's IPv4 routes without telling (fib_sync_down_dev sends no RTM_DELROUTE)."""
        self._bgp_routes = {p: d for p, d in self._bgp_routes.items() if d != name}
        links = {n: link for n, link in self.kernel.links.items() if exists or n != name}
        routes = frozenset(r for r in self.kernel.routes if r.device != name)
        self.kernel = replace(self.kernel, links=links, routes=routes)

    def route_changed(self, event: RouteChanged) -> bool:
        """Take in a route event; whether a BGP route in the main table came or went."""
        if event.protocol != BIRD_PROTOCOL or event.table_id != MAIN_TABLE:
            return False
        before = dict(self._bgp_routes)
        if event.added:
            self._bgp_routes[event.prefix] = self._name_of(event.ifindex) if event.ifindex else None
        else:
            self._bgp_routes.pop(event.prefix, None)
        if before == self._bgp_routes:
            return False
        self.revision += 1
        return True

    def routes_done(self, steps: Iterable[Step]) -> None:
        """Own routes that were just changed, before the next look at the kernel."""
        routes = {r.key(): r for r in self.kernel.routes}
        for step in steps:
            if step.route is not None and step.verb == "route_replace":
                routes[step.route.key()] = step.route
            elif step.route is not None:
                routes.pop(step.route.key(), None)
        self.kernel = replace(self.kernel, routes=frozenset(routes.values()))
        self.revision += 1

    def set_sessions(self, sessions: Iterable[BgpStatus], now_ns: int) -> None:
        """A full look at BGP replaces the last one; since when a session is down stays known."""
        self.sessions = {s.peer: s for s in sessions}
        down = [name for name, s in self.sessions.items() if s.state != "Established"]
        self._session_down_since_ns = {name: self._session_down_since_ns.get(name, now_ns) for name in down}

    def link_is_up(self, name: str) -> bool:
        return self._links.get(name, False)

    def probe_up(self, name: str) -> bool | None:
        return _UP.get(self.probes[name].health) if name in self.probes else None

    def device_of(self, probe: Probe) -> str | None:
        """The device a probe is bound to now; None while it does not exist."""
        device = self._living_devices().get(probe.tunnel) if probe.tunnel else probe.link
        return device if device is not None and device in self._links else None

    def _living_devices(self) -> dict[str, str]:
        """Devices by tunnel without those that died with their daemon since the drivers were asked."""
        return {tunnel: device for tunnel, device in self.devices.items() if device in self._links}

    def view(self) -> View:
        return View(
            devices=self._living_devices(),
            probes_up={name: _UP.get(state.health) for name, state in self.probes.items()},
            links_down=frozenset(name for name, up in self._links.items() if not up),
            override_onto=self.override_onto,
            installed={r.key(): r for r in self.kernel.routes},
            shut_links=self.shut_links,
        )

    def node_view(self, now_ns: int, *, dead_spans: frozenset[str], problem: str) -> NodeView:
        """What the node's own alarms are judged by; the last two are known elsewhere."""
        return NodeView(
            sessions=self.sessions.values(),
            down_for_ns={name: now_ns - since for name, since in self._session_down_since_ns.items()},
            dead_spans=dead_spans,
            probes_up=self.view().probes_up,
            links=frozenset(self.kernel.links),
            problem=problem,
        )

    def observe_spans(self, config: DeviceConfig) -> dict[str, SpanObservation]:
        spans = config.failover.spans if config.failover else ()
        return {span.name: self._observe_span(config, span) for span in spans}

    def _observe_span(self, config: DeviceConfig, span: FailoverSpan) -> SpanObservation:
        tunnels = [h.tunnel for h in span.next_hops if h.tunnel]
        tunnel_up = not tunnels or any(t in self.devices and self.link_is_up(self.devices[t]) for t in tunnels)
        peers = [self.sessions.get(p) for p in span.peers]
        return SpanObservation(
            links_up=tunnel_up and all(self.link_is_up(link) for link in span.links),
            sessions_up=all(p is None or p.state == "Established" for p in peers),
            missing_prefixes=self._missing(config, span),
            targets={s.target: self.probe_up(s.probe) for s in span.probes},
        )

    def _missing(self, config: DeviceConfig, span: FailoverSpan) -> tuple[str, ...]:
        # While the standby's BGP route is the best one it is in the kernel too, so the device decides.
        devices = self._span_devices(config, span)
        return tuple(p for p in span.expected_prefixes if self._bgp_routes.get(p, "") not in devices)

    def _span_devices(self, config: DeviceConfig, span: FailoverSpan) -> set[str | None]:
        peers = [p for p in (config.bgp.peers if config.bgp else ()) if p.name in span.peers]
        found = {p.link or self.devices.get(p.tunnel or "") for p in peers} | set(span.links)
        return found - {None}
