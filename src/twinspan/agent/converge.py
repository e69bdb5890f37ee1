"""Brings the node to its config and keeps it there.

In: a config, and a wake-up after every event that may have changed the kernel or a daemon; a slow clock as well, since
nobody tells of a changed file. Out: the node is as the config says, and *drift* (something changed behind the agent's
back) is repaired and recorded. What fails is said and tried again; it never keeps the rest from being done.
Next: the drivers.

    wake --> observe kernel --> plan --> apply --> IKE daemons --> their devices --> filters, BIRD, DNS, probes
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable

from twinspan.agent.alarms import AlarmBook
from twinspan.agent.clock import pause, steady_ns
from twinspan.agent.events import EventLog
from twinspan.agent.failover_loop import FailoverLoop
from twinspan.agent.journal import Journal
from twinspan.agent.ports import Drivers
from twinspan.agent.world import World
from twinspan.drivers.netlink import NetlinkFailed
from twinspan.engine.conditions import node_conditions
from twinspan.engine.reconcile import Step, plan, wanted
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import BgpStatus
from twinspan.model.errors import TwinspanError
from twinspan.wire.bird import export_switches, import_switches

PERIOD_S = 5.0
"""How long a change that sends no event can stay unnoticed."""
RETRY_S = 0.5
"""Wait before the first new try of something that failed; doubled up to the period."""
DEBOUNCE_S = 0.02
"""Kernel events come in bursts; one look after the burst is enough."""
LOOKS = 4
"""Looks that may be thrown away because something changed while they were taken."""
TEXT_LIMIT = 500


class _Work:
    """What one pass did and what it could not do, in words."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.problems: list[str] = []

    async def attempt(self, stage: Awaitable[list[str]]) -> None:
        """Run a stage to its end; a failure of the world is noted and the next stage has its turn."""
        try:
            self.done += await stage
        except (NetlinkFailed, TwinspanError, OSError) as error:
            self.problems.append(str(error) or type(error).__name__)


class Converger:
    def __init__(
        self,
        world: World,
        drivers: Drivers,
        failover: FailoverLoop,
        journal: Journal,
        notes: tuple[EventLog, AlarmBook],
    ) -> None:
        self._world, self._drivers, self._failover = world, drivers, failover
        self._journal = journal
        self._events, self._alarms = notes
        self._owned = journal.load_owned()
        self._wake = asyncio.Event()
        self._addressed = asyncio.Event()
        self._patience_s = PERIOD_S
        self.config: DeviceConfig | None = None
        self.converged_generation: int | None = None
        self.converged = False
        self.repairs = 0
        self.problem = ""

    def set_config(self, config: DeviceConfig) -> None:
        """A config to converge to; the same one again changes nothing."""
        if config != self.config:
            self.config = config
            self.converged, self.converged_generation = False, None
            self._addressed.clear()
        self.wake()

    async def addressed(self, within_s: float) -> None:
        """Wait until a pass found the config's links with carrier, addresses and routes, but no longer than that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._addressed.wait()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Converge for ever; the node owns this task."""
        while True:
            try:
                async with asyncio.timeout(self._patience_s):
                    await self._wake.wait()
                    await pause(DEBOUNCE_S)
            except TimeoutError:
                pass
            self._wake.clear()
            if self.config is not None:
                await self.look_over(self.config)

    async def look_over(self, config: DeviceConfig) -> None:
        """One pass over everything; sets `converged` when it found nothing to do."""
        drivers, work = self._drivers, _Work()
        # A charon that died took its device with it: what was known of devices may be old.
        before = self._world.devices = drivers.strongswan.devices()
        await work.attempt(self._kernel(config))
        seen = len(work.done)
        await work.attempt(drivers.vlan.ensure(config))
        await work.attempt(drivers.strongswan.ensure(config))
        devices = self._world.devices = drivers.strongswan.devices()
        if devices != before or len(work.done) > seen:
            await work.attempt(self._kernel(config))
        if config is self.config and not work.done and self._has_carrier(config):
            self._addressed.set()
        await work.attempt(drivers.nftables.ensure(config, devices))
        await work.attempt(drivers.bird.ensure(config, devices))
        await work.attempt(self._failover.reassert_holds())
        await work.attempt(drivers.dnsmasq.ensure(config))
        await work.attempt(drivers.dhcp_client.ensure(config))
        drivers.probes.update(config.probes)
        sessions, _ = await drivers.bird.observe(config)
        if config is not self.config:
            return  # a newer one came meanwhile: what was found says nothing about it, and its wake-up is waiting
        self._world.set_sessions(sessions, steady_ns())
        self._configure_failover(config, sessions)
        self._finish(config, work)

    def _has_carrier(self, config: DeviceConfig) -> bool:
        """Whether every link has it; some take a second to say so, and without it there are no routes over them."""
        links = self._world.kernel.links
        return all(link.name in links and links[link.name].carrier for link in config.links)

    async def _kernel(self, config: DeviceConfig) -> list[str]:
        """Look at the kernel, plan, apply; what was done in words."""
        # What a link, a probe or a decision moved is a reaction and no drift: it is carried out before looking.
        with contextlib.suppress(NetlinkFailed):  # what is refused is planned again below, and said there
            await self._failover.sync_routes()
        await self._look()
        async with self._world.changing:
            have = self._world.kernel
            steps = plan(wanted(config, self._world.view(), have.links), have, self._owned)
            if not steps:
                return []
            await self._change(steps)
        await self._look()
        return [s.describe() for s in steps]

    async def _change(self, steps: tuple[Step, ...]) -> None:
        """Apply, with the addresses that become ours written down before and those that end forgotten after."""
        self._own(self._owned | _addresses(steps, "address_add"))
        await self._drivers.netlink.apply(steps)
        self._world.routes_done(steps)
        self._own(self._owned - _addresses(steps, "address_del"))

    def _own(self, addresses: frozenset[tuple[str, str]]) -> None:
        if addresses != self._owned:
            self._journal.save_owned(addresses)
            self._owned = addresses

    async def _look(self) -> None:
        """Take in what the kernel holds. An event that came while the look was taken is newer: then look again."""
        netlink, world, revision = self._drivers.netlink, self._world, -1
        for look in range(LOOKS):
            revision = world.revision
            state, routes = await netlink.observe()
            if revision == world.revision or look == LOOKS - 1:
                world.set_kernel(state, routes)
                break
        if revision != world.revision:
            self.wake()  # it never stood still; soon it will

    def _configure_failover(self, config: DeviceConfig, sessions: list[BgpStatus]) -> None:
        spans = {p.span for p in (config.bgp.peers if config.bgp else ()) if p.span}
        self._failover.configure(
            config,
            {s: tuple(export_switches(config, s)) for s in spans},
            {s: tuple(import_switches(config, s)) for s in spans},
            held=(
                frozenset(s.span for s in sessions if s.span and s.export_held),
                frozenset(s.span for s in sessions if s.span and s.import_held),
            ),
        )

    def _finish(self, config: DeviceConfig, work: _Work) -> None:
        applied = self.converged_generation == config.generation
        if work.done and applied:
            self.repairs += 1
            self._events.record("drift", "repaired", "; ".join(work.done)[:TEXT_LIMIT])
        self._note_problem("; ".join(work.problems)[:TEXT_LIMIT])
        self.converged = not work.done and not work.problems
        if work.problems:
            return
        if work.done:
            self.wake()
        elif not applied:
            self.converged_generation = config.generation
            self._events.record("config", f"generation {config.generation} applied")

    def _note_problem(self, text: str) -> None:
        if text != self.problem:
            self._events.record("config", "cannot converge" if text else "problem gone", text)
        if text:
            self._patience_s = min(PERIOD_S, self._patience_s * 2 if self.problem else RETRY_S)
        else:
            self._patience_s = PERIOD_S
        self.problem = text
        self.note_conditions()

    def note_conditions(self) -> None:
        """Raise and clear the node's own alarms as things stand now."""
        if self.config is not None:
            decision = self._failover.decision
            verdicts = decision.verdicts if decision else {}
            dead = frozenset(name for name, verdict in verdicts.items() if verdict.healthy is False)
            seen = self._world.node_view(steady_ns(), dead_spans=dead, problem=self.problem)
            self._alarms.hold("node", node_conditions(self.config, seen))


def _addresses(steps: tuple[Step, ...], verb: str) -> frozenset[tuple[str, str]]:
    return frozenset((s.link, s.value) for s in steps if s.verb == verb and s.link and s.value)
