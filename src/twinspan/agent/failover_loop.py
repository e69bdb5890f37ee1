"""Carries out failover decisions on a gateway, and health checks on a VBR.

In: a wake-up whenever something that matters changed. Out: override routes in the agent's own table, and exports held
in BIRD. It never waits for configuration work: it computes from what `agent.world` remembers and applies only the
difference. Next: `engine.failover` decides.

    kernel event, probe result, BGP state --wake()--> decide --> routes --> BIRD holds
                                                         ^------ timer at the end of a hold-down
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from twinspan.agent.alarms import AlarmBook
from twinspan.agent.clock import steady_ns
from twinspan.agent.events import EventLog
from twinspan.agent.world import World
from twinspan.drivers.netlink import NetlinkDriver, NetlinkFailed
from twinspan.engine import failover
from twinspan.engine.failover import FailoverDecision, FailoverState
from twinspan.engine.reconcile import Step, plan, wanted
from twinspan.model.device_config import DeviceConfig
from twinspan.model.kernel import KernelState

RETRY_S = 0.5
"""Wait before the first new try of what the kernel refused; doubled up to the next."""
RETRY_MAX_S = 5.0


class Holds(Protocol):
    """What the loop needs of BIRD: protocols of a span disabled or enabled, only where that differs."""

    async def set_held(self, protocols: Mapping[str, bool]) -> list[str]: ...


class FailoverLoop:
    def __init__(self, world: World, netlink: NetlinkDriver, bird: Holds, events: EventLog, alarms: AlarmBook) -> None:
        self._world, self._netlink, self._bird = world, netlink, bird
        self._events, self._alarms = events, alarms
        self._wake = asyncio.Event()
        self._config: DeviceConfig | None = None
        self._state: FailoverState | None = None
        self.decision: FailoverDecision | None = None
        self._export_switches: Mapping[str, tuple[str, ...]] = {}
        self._import_switches: Mapping[str, tuple[str, ...]] = {}
        self._held: dict[str, bool] = {}
        self._drilled_until_ns = 0
        self._trouble = ""
        self._retry_s = RETRY_S
        self._retry_at_ns: int | None = None
        self._import_held: frozenset[str] = frozenset()
        self.on_trouble: Callable[[], None] = lambda: None
        """Called when the kernel refused: what is remembered of it may be wrong, somebody should look."""

    def configure(
        self,
        config: DeviceConfig,
        export_switches: Mapping[str, tuple[str, ...]],
        import_switches: Mapping[str, tuple[str, ...]],
        held: tuple[frozenset[str], frozenset[str]],
    ) -> None:
        """Take a new config and what BIRD holds right now, as (exports, imports) by span.

        The state survives if the spans are the same. A new state takes over what an earlier agent decided: an export
        that is held over the active span means that traffic was moved away from it.
        """
        self._export_switches, self._import_switches = export_switches, import_switches
        if config.failover is None:
            self._state = None
        elif self._state is None or self._config is None or self._config.failover != config.failover:
            self._state = failover.initial_state(config.failover, export_held=held[0])
        if self._config is None:
            self._import_held = held[1]
        self._config = config
        self.wake()

    def wake(self) -> None:
        self._wake.set()

    def expect_drill(self, for_s: float) -> None:
        """Switches in the next `for_s` seconds are ordered ones and no flaps."""
        self._drilled_until_ns = steady_ns() + int(for_s * failover.NS_PER_S)

    @property
    def import_held(self) -> frozenset[str]:
        """Spans whose far end is not believed, because a VBR health check with Change Route says so."""
        return self._import_held

    async def run(self) -> None:
        """Decide and carry out for ever; the node's supervisor of tasks owns this one."""
        while True:
            timeout = self._until_next()
            try:
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self._step()
            except (NetlinkFailed, OSError) as error:
                self._note_trouble(str(error)[:500])
            else:
                self._trouble, self._retry_at_ns = "", None

    async def _step(self) -> None:
        if self._config is None:
            return
        self._decide()
        self._import_held = self._failed_checks(self._config)
        releasing = self.decision is None or self.decision.override_onto is None
        if releasing:
            await self._apply_holds()
            await self.sync_routes()
        else:
            try:
                await self.sync_routes()
            finally:  # one route that is refused must not keep the far end from moving too
                await self._apply_holds()

    def _note_trouble(self, text: str) -> None:
        """Say it once and have somebody look at once; while it stays, again and again, but less and less often."""
        now_ns = steady_ns()
        if text != self._trouble:
            self._events.record("failover", "could not carry out", text)
            self._trouble, self._retry_s = text, RETRY_S
        elif self._retry_at_ns is not None and now_ns < self._retry_at_ns:
            return  # something else woke the loop
        else:
            self._retry_s = min(2 * self._retry_s, RETRY_MAX_S)
        self._retry_at_ns = now_ns + int(self._retry_s * failover.NS_PER_S)
        self.on_trouble()

    def _decide(self) -> None:
        config = self._config
        if config is None or config.failover is None or self._state is None:
            self.decision, self._world.override_onto = None, None
            self._alarms.hold("failover", ())
            return
        before = self.decision
        now_ns = steady_ns()
        seen = self._world.observe_spans(config)
        self.decision, self._state = failover.decide(
            config.failover, seen, self._state, now_ns, drilled=now_ns < self._drilled_until_ns
        )
        self._world.override_onto = self.decision.override_onto
        if before is None or (before.carrying, before.override_onto) != (
            self.decision.carrying,
            self.decision.override_onto,
        ):
            override = f"override onto {self.decision.override_onto}" if self.decision.override_onto else "no override"
            self._events.record("failover", f"{self.decision.carrying} carries, {override}", self.decision.reason)
        self._alarms.hold("failover", self.decision.conditions)

    def _failed_checks(self, config: DeviceConfig) -> frozenset[str]:
        """Spans to hold; while nothing is known of a probe, what an earlier agent decided stays."""
        states = {c.span: self._world.probe_up(c.probe) for c in config.health_checks if c.change_route}
        return frozenset(
            span for span, up in states.items() if up is False or (up is None and span in self._import_held)
        )

    async def sync_routes(self) -> None:
        """Bring this node's own routes in line with the view, without looking at the kernel again."""
        config = self._config
        if config is None:
            return
        async with self._world.changing:
            steps = self._route_steps(config)
            if steps:
                await self._netlink.apply(steps)
                self._world.routes_done(steps)

    def _route_steps(self, config: DeviceConfig) -> list[Step]:
        have = self._world.kernel
        want = wanted(config, self._world.view(), have.links)
        routes_only = KernelState(links={}, routes=want.routes, rules=have.rules, forwarding=have.forwarding)
        steps = plan(routes_only, have, frozenset())
        return [s for s in steps if s.route is not None and _installable(s.route.device, have)]

    async def _apply_holds(self) -> None:
        exports = self.decision.export_held if self.decision else ()
        wanted_holds = {p: span in exports for span, ps in self._export_switches.items() for p in ps}
        wanted_holds |= {p: span in self._import_held for span, ps in self._import_switches.items() for p in ps}
        if wanted_holds != self._held:
            await self.reassert_holds(wanted_holds)

    async def reassert_holds(self, holds: Mapping[str, bool] | None = None) -> list[str]:
        """Make BIRD agree with the holds; after BIRD restarted they are gone."""
        target = dict(self._held if holds is None else holds)
        changed = await self._bird.set_held(target) if target else []
        self._held = target
        return changed

    def _until_next(self) -> float | None:
        """Seconds until the end of a hold-down or the next try of what was refused; None: neither is due."""
        due = [self._retry_at_ns, self.decision.recheck_at_ns if self.decision else None]
        moments = [moment for moment in due if moment is not None]
        return max(0.0, (min(moments) - steady_ns()) / failover.NS_PER_S) + 0.001 if moments else None


def _installable(device: str | None, have: KernelState) -> bool:
    return device is None or device in have.links
