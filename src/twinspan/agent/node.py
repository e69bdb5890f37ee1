"""One node's agent: its drivers, its loops, and what connects them.

In: the node's directory (its config, its socket). Out: a running node. Kernel events, driver events and probe results
arrive here and wake the loops; nothing is decided here. Next: `agent.failover_loop`, `agent.converge`, `agent.api`.

    kernel events --+                        +--> failover_loop (milliseconds)
    probe results --+--> world, event log  --+
    driver events --+                        +--> converge (tens of milliseconds)
                                   api (config in, report out)
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from twinspan.agent.alarms import AlarmBook
from twinspan.agent.api import serve
from twinspan.agent.cli_socket import serve_cli
from twinspan.agent.clock import steady_ns
from twinspan.agent.cloud import CloudAgent
from twinspan.agent.command_line import CommandLine
from twinspan.agent.config_check import check_config
from twinspan.agent.converge import Converger
from twinspan.agent.events import EventLog
from twinspan.agent.failover_loop import FailoverLoop
from twinspan.agent.journal import Journal
from twinspan.agent.orders import Orders
from twinspan.agent.ownership import Ownership
from twinspan.agent.ports import make_drivers
from twinspan.agent.report import build_report
from twinspan.agent.ssh_door import SshDoor
from twinspan.agent.trial import Trials
from twinspan.agent.trial_sight import trial_ports
from twinspan.agent.world import World
from twinspan.drivers.icmp import ProbeResult
from twinspan.drivers.netlink import NetlinkMonitor
from twinspan.engine.health import ProbeState, observe
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import ConfigSource, DeviceReport, Event
from twinspan.model.errors import Rejected
from twinspan.model.kernel import ROUTE_PROTOCOL
from twinspan.wire.cloud_connection.services import TryConfig
from twinspan.wire.dhcp_options import CloudOptions
from twinspan.wire.rtnetlink import LinkChanged, RouteChanged


class Node:
    def __init__(self, node_dir: Path, name: str) -> None:
        self.events = EventLog(name)
        self.journal = Journal(node_dir)
        self.world = World(_link_name)
        self.on_cloud_options: Callable[[CloudOptions], None] = self.record_cloud_options
        """Hears what DHCP says of the cloud server whenever that changes. Whoever dials takes it over."""
        heard = (self.on_driver_event, self.world.device_of, self.on_probe, self.hear_cloud_options)
        self.drivers = make_drivers(node_dir, name, *heard)
        self.alarms = AlarmBook(self.events)
        self.failover = FailoverLoop(self.world, self.drivers.netlink, self.drivers.bird, self.events, self.alarms)
        notes = (self.events, self.alarms)
        self.converger = Converger(self.world, self.drivers, self.failover, self.journal, notes)
        self.failover.on_trouble = self.converger.wake
        self.orders = Orders(self.journal, self.world, self.drivers.netlink, self.events)
        self._socket, self._cli_socket = node_dir / "agent.sock", node_dir / "cli.sock"
        self.started_ns: int = steady_ns()
        self.ownership = Ownership(self.journal)
        self.trials = Trials(self.journal, trial_ports(self))
        self.command_line = CommandLine(self)
        self.ssh = SshDoor(self.command_line, node_dir)
        self.cloud: CloudAgent = CloudAgent(self, node_dir)
        self.on_cloud_options = self.cloud.dhcp_heard
        self.events.on_event = self.cloud.on_event

    async def run(self) -> None:
        """Run until SIGTERM. Daemons and routes stay: traffic does not depend on the agent."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        self.restore()
        monitor = NetlinkMonitor(self.on_kernel_event, self.converger.wake)
        monitor.start()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self.converger.run(), name="converge"),
                group.create_task(self.failover.run(), name="failover"),
                group.create_task(self.orders.run(), name="orders"),
                group.create_task(self.trials.run(), name="trials"),
                group.create_task(serve(self, self._socket), name="api"),
                group.create_task(serve_cli(self.command_line, self._cli_socket), name="cli"),
                group.create_task(self.ssh.run(), name="ssh"),
                group.create_task(self.cloud.run(), name="cloud"),
            ]
            await stop.wait()
            for task in tasks:
                task.cancel()
        monitor.close()
        self.drivers.probes.close()
        await self.drivers.bird.close()
        await self.drivers.strongswan.close()
        await self.drivers.dnsmasq.close()
        await self.drivers.dhcp_client.close()

    def restore(self) -> None:
        """Take up what an earlier agent left: its config and its orders. What is damaged is set aside and said."""
        config = self.ownership.starting(self.trials.restore(self.journal.load_config()))
        self.journal.seal_startup()
        if config is not None:
            try:
                check_config(config)
            except Rejected as error:
                self.journal.refuse_config(str(error))
            else:
                self.take(config)
        self.orders.restore()
        for sentence in self.journal.set_aside:
            self.events.record("config", "file set aside", sentence)

    def apply(self, config: DeviceConfig, source: ConfigSource = "file") -> None:
        """Save a whole config and converge to it. Raises `Rejected` for one that no node, or not this one, can be."""
        self._check(config)
        if source == "server":
            self.trials.end("a push without a trial took its place")
        else:
            self.trials.refuse_others()
        self._keep(config, source)
        self.take(config)

    def apply_pushed(self, config: DeviceConfig, generation: int, known_as: str) -> None:
        """As `apply`, for a config of the cloud server, who knows it by that digest."""
        self.apply(config, source="server")
        self.ownership.pushed(config, generation, known_as)

    def try_pushed(self, config: DeviceConfig, push: TryConfig) -> bool:
        """As `apply_pushed`, on trial; true if there is nothing to try, and it is taken. Raises `Rejected`."""
        self._check(config)
        if not self.trials.going and self.converger.config in (None, config):
            self.apply_pushed(config, push.generation, push.digest)
            return True
        self.trials.push(config, push.generation, push.digest, push.trial_s)
        return False

    def _check(self, config: DeviceConfig) -> None:
        if config.node != self.events.node:
            raise Rejected(
                f"the config is of node {config.node!r}, and this is {self.events.node!r}",
                remedy=f"apply it on {config.node!r}, or name {self.events.node!r} in it",
            )
        check_config(config)

    def _keep(self, config: DeviceConfig, source: ConfigSource) -> None:
        """The machine starts with it from now on."""
        if config != self.converger.config or source == "server":
            self.journal.save_config(config)
            if source != "cli":
                self.journal.save_startup(config)
        self.ownership.taken(config, source)

    def proven(self, config: DeviceConfig, generation: int, known_as: str) -> None:
        """A config of the server has passed its trial."""
        self._keep(config, "server")
        self.ownership.pushed(config, generation, known_as)

    def save(self, draft: str) -> None:
        """The running config is what the machine starts with from now on; `draft` is what the command line knows.

        Raises `Rejected` while a config is on trial."""
        self.trials.refuse_others()
        if self.converger.config is not None:
            self.journal.save_startup(self.converger.config)
        self.journal.save_draft(draft)

    def data_links(self) -> frozenset[str]:
        """Links that an order may shut: real ones, and never the one this node is managed by."""
        links = self.converger.config.links if self.converger.config else ()
        return frozenset(link.name for link in links if link.kind == "physical" and not link.management)

    def take(self, config: DeviceConfig) -> None:
        """Converge to it, and to nothing else; nothing is saved."""
        old = self.converger.config
        kept = {p.name for p in config.probes if old is not None and p in old.probes}
        self.world.probes = {n: s for n, s in self.world.probes.items() if n in kept}
        self.journal.note_override(config)
        self.converger.set_config(config)
        self.cloud.config_changed(config)
        self.command_line.config_changed(config)
        self.ssh.config_changed(config)

    async def report(self) -> DeviceReport:
        return await build_report(self)

    def on_kernel_event(self, event: LinkChanged | RouteChanged) -> None:
        if isinstance(event, LinkChanged):
            self.drivers.vlan.mirror_carrier(event.name)
            self.drivers.dhcp_client.link_changed(event)
            if self.world.link_changed(event):
                up = event.exists and event.admin_up and event.carrier
                self.events.record("link", f"{event.name} {'up' if up else 'down'}")
                self.failover.wake()
                self.converger.wake()
        elif self.world.route_changed(event):
            self.events.record("route", f"BGP route {'added' if event.added else 'removed'}", event.prefix)
            self.failover.wake()
        elif event.protocol == ROUTE_PROTOCOL and not event.added:
            self.converger.wake()

    def on_driver_event(self, event: Event) -> None:
        self.events.add(event)
        if event.source in ("daemon", "ike", "bgp"):
            self.converger.wake()

    def hear_cloud_options(self, options: CloudOptions) -> None:
        self.on_cloud_options(options)

    def record_cloud_options(self, options: CloudOptions) -> None:
        """Into the event log; of the password only whether there is one."""
        said = f"{options.domain or 'no name'}, password {'given' if options.password else 'not given'}"
        where = f"by {options.server} on {options.link}{', lease gone' if options.stale else ''}"
        self.events.record("config", "cloud server by DHCP", f"{said}, {where}")

    def on_probe(self, result: ProbeResult) -> None:
        config = self.converger.config
        probe = next((p for p in config.probes if p.name == result.name), None) if config else None
        if config is None or probe is None:
            return
        before = self.world.probes.get(result.name, ProbeState())
        state, changed = observe(before, result.answered, result.at_ns, probe, result.rtt_ms)
        self.world.probes[result.name] = state
        if not changed:
            return
        up = state.health == "up"
        self.events.record("probe", f"{result.name} {'answers' if up else 'lost'}", probe.destination)
        for check in config.health_checks:
            if check.probe == result.name:
                self.events.record("health_check", f"{check.name} {'healthy' if up else 'failed'}")
        self.failover.wake()
        self.converger.note_conditions()


def _link_name(ifindex: int) -> str | None:
    try:
        return socket.if_indextoname(ifindex)
    except OSError:  # gone already
        return None
