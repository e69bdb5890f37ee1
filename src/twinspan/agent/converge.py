"""Brings the node to its config and keeps it there.

In: a config, and a wake-up after every event that may have changed the kernel or a daemon; a slow clock as well, since
nobody tells of a changed file. Out: the node is as the config says, and *drift* (something changed behind the agent's
back) is repaired and recorded. Next: the drivers.

    wake --> observe kernel --> plan --> apply --> IKE daemons --> their devices --> filters, BIRD, DNS, probes
"""

from __future__ import annotations

import asyncio
import hashlib

import msgspec

from twinspan.agent.alarms import AlarmBook
from twinspan.agent.clock import pause
from twinspan.agent.events import EventLog
from twinspan.agent.failover_loop import FailoverLoop
from twinspan.agent.journal import Journal
from twinspan.agent.ports import Drivers
from twinspan.agent.world import World
from twinspan.drivers.netlink import NetlinkFailed
from twinspan.engine.conditions import node_conditions
from twinspan.engine.reconcile import plan, wanted
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import BgpStatus
from twinspan.model.errors import TwinspanError
from twinspan.model.secret import encode_hook
from twinspan.wire.bird import export_switches, import_switches

PERIOD_S = 5.0
"""How long a change that sends no event can stay unnoticed."""
RETRY_S = 0.5
DEBOUNCE_S = 0.02
"""Kernel events come in bursts; one look after the burst is enough."""


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
        self.config: DeviceConfig | None = None
        self.converged_generation: int | None = None
        self.converged = False
        self.repairs = 0
        self.problem = ""

    def set_config(self, config: DeviceConfig) -> None:
        """A new config to converge to."""
        self.config = config
        self.converged, self.converged_generation = False, None
        self.wake()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Converge for ever; the node owns this task."""
        while True:
            try:
                async with asyncio.timeout(PERIOD_S):
                    await self._wake.wait()
                    await pause(DEBOUNCE_S)
            except TimeoutError:
                pass
            self._wake.clear()
            if self.config is None:
                continue
            try:
                await self._pass(self.config)
            except (NetlinkFailed, TwinspanError, OSError) as error:
                self._note_problem(str(error))
                await pause(RETRY_S)
                self.wake()

    async def _pass(self, config: DeviceConfig) -> None:
        """One pass over everything; sets `converged` when it found nothing to do."""
        # A charon that died took its device with it: what was known of devices may be old.
        self._world.devices = self._drivers.strongswan.devices()
        done = await self._kernel(config)
        done += await self._drivers.vlan.ensure(config)
        done += await self._drivers.strongswan.ensure(config)
        devices = self._drivers.strongswan.devices()
        self._world.devices = devices
        done += await self._kernel(config)
        done += await self._drivers.nftables.ensure(config, devices)
        done += await self._drivers.bird.ensure(config, devices)
        done += await self._failover.reassert_holds()
        done += await self._drivers.dnsmasq.ensure(config)
        done += await self._drivers.dhcp_client.ensure(config)
        self._drivers.probes.update(config.probes)
        sessions, _ = await self._drivers.bird.observe(config)
        self._world.sessions = {s.peer: s for s in sessions}
        self._configure_failover(config, sessions)
        self._finish(config, done)
        self._note_conditions(config)

    async def _kernel(self, config: DeviceConfig) -> list[str]:
        """Look at the kernel, plan, apply; what was done in words."""
        netlink = self._drivers.netlink
        state, routes = await asyncio.gather(netlink.observe(), netlink.bgp_routes())
        self._world.set_kernel(state, routes)
        want = wanted(config, self._world.view(), state.links)
        steps = plan(want, state, self._owned)
        if not steps:
            return []
        added = {(s.link, s.value) for s in steps if s.verb == "address_add" and s.link and s.value}
        if added - self._owned:
            self._owned |= added
            self._journal.save_owned(self._owned)
        await netlink.apply(steps)
        state, routes = await asyncio.gather(netlink.observe(), netlink.bgp_routes())
        self._world.set_kernel(state, routes)
        return [s.describe() for s in steps]

    def _note_conditions(self, config: DeviceConfig) -> None:
        view = self._world.view()
        sessions = self._world.sessions.values()
        self._alarms.hold("node", node_conditions(config, sessions, view.probes_up, self.problem))

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

    def _finish(self, config: DeviceConfig, done: list[str]) -> None:
        if self.problem:
            self.problem = ""
            self._events.record("config", "problem gone")
        was = self.converged_generation == config.generation
        if done and was:
            self.repairs += 1
            self._events.record("drift", "repaired", "; ".join(done)[:500])
        self.converged = not done
        if done:
            self.wake()
        elif not was:
            self.converged_generation = config.generation
            self._events.record("config", f"generation {config.generation} applied")

    def _note_problem(self, text: str) -> None:
        self.converged = False
        if text != self.problem:
            self.problem = text
            self._events.record("config", "cannot converge", text[:500])
        if self.config is not None:
            self._note_conditions(self.config)


def digest(config: DeviceConfig) -> str:
    """Identity of a config without its secrets' text in it: first 16 hex digits of SHA-256 over its JSON."""
    return hashlib.sha256(msgspec.json.encode(config, enc_hook=encode_hook)).hexdigest()[:16]
