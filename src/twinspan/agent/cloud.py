"""The node's cloud connection, wired to the rest of the agent; nothing of it is loaded while no config asks for it.

In: configs, what DHCP says, events of the node. Out: a task that keeps the connection, `CloudStatus`. What DHCP may do
is decided in `engine.dhcp_trust`. Next: `agent.cloud_connection.manager`.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from twinspan.agent.cloud_connection.identity import load_identity
from twinspan.agent.cloud_connection.status_notes import intended
from twinspan.agent.cloud_connection.supervisor import keep_running
from twinspan.engine.dhcp_trust import DhcpOffer, DhcpValues, decide_dhcp
from twinspan.model.cloud_check import CloudCheck
from twinspan.model.cloud_status import CloudStatus
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_identity import DeviceIdentity
from twinspan.model.device_report import Event
from twinspan.model.errors import Rejected, Unavailable
from twinspan.wire.dhcp_options import CloudOptions

if TYPE_CHECKING:
    from twinspan.agent.cloud_connection.manager import ConnectionManager
    from twinspan.agent.cloud_connection.services import LogModule, TelemetryModule
    from twinspan.agent.node import Node


LINKS_S = 3.0
"""So long the first attempt waits for the links to have carrier and addresses. A node that cannot have them dials all
the same: the cloud connection may be the only way to its people."""


class CloudAgent:
    """Between a `Node` and its connection manager."""

    def __init__(self, node: Node, node_dir: Path) -> None:
        self._node, self._dir = node, node_dir
        self.identity: DeviceIdentity = msgspec.structs.replace(
            load_identity(node_dir, node.events.node),
            software=f"Twinspan {importlib.metadata.version('twinspan')}",
        )
        self._needed = asyncio.Event()
        self._manager: ConnectionManager | None = None
        self._telemetry: TelemetryModule | None = None
        self._log: LogModule | None = None
        self._heard = DhcpOffer()
        """The newest that DHCP said, until there is somebody to tell."""
        self._learnt = DhcpValues()

    async def run(self) -> None:
        """Wait until a config asks for a cloud connection, then keep one."""
        await self._needed.wait()
        manager = self._make()
        self._manager = manager
        config = self._node.converger.config
        manager.configure(config.cloud if config else None)
        kept = manager.dhcp
        self._learnt = DhcpValues(domain=kept[0], password=kept[1])
        self._judge(self._heard)
        await self._node.converger.addressed(LINKS_S)
        await keep_running(manager.run, lambda what, detail: self._node.events.record("cloud", what, detail))

    def config_changed(self, config: DeviceConfig) -> None:
        """The node has a new config."""
        if self._manager is not None:
            self._manager.configure(config.cloud)
            self._judge(DhcpOffer())
        elif config.cloud is not None:
            self._needed.set()

    def dhcp_heard(self, options: CloudOptions) -> None:
        """DHCP says something new. That a lease has gone takes nothing back."""
        self._node.record_cloud_options(options)
        self._heard = DhcpOffer(domain=options.domain, password=options.password)
        if self._manager is not None:
            self._judge(self._heard)

    def _judge(self, offer: DhcpOffer) -> None:
        """Decide what counts, and say so if it is not what DHCP wishes."""
        manager, config = self._manager, self._node.converger.config
        if manager is None or config is None or config.cloud is None:
            return
        decision = decide_dhcp(config.cloud, offer, self._learnt, manager.running())
        self._learnt = decision.learnt
        ignored = decision.reason if decision.action == "ignore" else ""
        if ignored:
            self._node.events.record("cloud", "DHCP ignored", ignored)
        password = decision.password if decision.password_source == "dhcp" else None
        notes = "; ".join(filter(None, (ignored, *decision.notes)))
        manager.dhcp_values(decision.domain, password, notes, reconnect=decision.action == "reconnect")

    def on_event(self, event: Event) -> None:
        """Something happened on the node: the server shall hear of it soon."""
        if self._log is not None and self._telemetry is not None:
            self._log.event()
            if event.source not in ("cloud", "probe"):
                self._telemetry.event()

    def status(self) -> CloudStatus:
        """How far it got."""
        if self._manager is not None:
            return self._manager.status()
        config = self._node.converger.config
        return intended(self.identity.serial, config.cloud if config is not None else None)

    async def examine(self) -> tuple[CloudCheck, ...]:
        """Why it cannot connect, step by step."""
        if self._manager is None:
            detail = "this device has no cloud-management settings"
            remedy = "cloud-management server domain NAME"
            return (CloudCheck(topic="server", subject="", passed=False, detail=detail, remedy=remedy),)
        return await self._manager.examine()

    def reset(self) -> None:
        """Tear the connection down and begin with the first server."""
        if self._manager is not None:
            self._manager.reset()

    async def unbinding_code(self, code: str) -> str:
        """Pass a verification code on; what the server said to it. Raises Rejected and Unavailable."""
        result = await self._manager.unbinding_code(code) if self._manager is not None else None
        if result is None:
            raise Unavailable(
                "not sent: there is no cloud connection, or the server did not answer",
                remedy="display cloud-management state",
            )
        if not result.accepted:
            raise Rejected(f"refused: {result.detail}")
        return f"accepted: {result.detail}"

    def _make(self) -> ConnectionManager:
        # Late: a node without a cloud connection shall not pay for TLS and WebSockets.
        from twinspan.agent.cloud_connection.actions import actions_of  # noqa: PLC0415
        from twinspan.agent.cloud_connection.cli import CliModule  # noqa: PLC0415
        from twinspan.agent.cloud_connection.diagnostics import DiagnosticsModule  # noqa: PLC0415
        from twinspan.agent.cloud_connection.manager import ConnectionManager, ManagerPorts  # noqa: PLC0415
        from twinspan.agent.cloud_connection.services import (  # noqa: PLC0415
            ConfigModule,
            LogModule,
            Module,
            TelemetryModule,
        )
        from twinspan.agent.cloud_connection.trust import TrustStore  # noqa: PLC0415

        node = self._node
        self._telemetry = TelemetryModule(node.report)
        self._log = LogModule(lambda at_ns: tuple(node.events.since(at_ns)))
        modules: list[Module] = [
            ConfigModule(node.ownership.last_pushed, node.apply_pushed, node.trials, node.try_pushed),
            self._telemetry,
            self._log,
            DiagnosticsModule(node.journal, actions_of(node), lambda: self.status().epoch),
            CliModule(node.command_line),
        ]
        return ConnectionManager(
            self.identity,
            boot_id(self._dir),
            TrustStore(node.journal),
            modules,
            ManagerPorts(
                record=lambda what, detail: node.events.record("cloud", what, detail),
                dns_servers=self._dns_servers,
                config=lambda: node.converger.config,
            ),
        )

    def _dns_servers(self) -> tuple[str, ...]:
        """Those of the config, then those of the DHCP lease."""
        config = self._node.converger.config
        configured = config.resolvers if config is not None else ()
        return configured or self._node.drivers.dhcp_client.dns_servers()


def boot_id(node_dir: Path) -> str:
    """The same until the machine restarts, whoever starts the agent again; another on a copy of the machine."""
    kernel = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    here = f"{kernel.strip()}:{node_dir.stat().st_ino}:{node_dir}"
    return hashlib.sha256(here.encode()).hexdigest()[:32]
