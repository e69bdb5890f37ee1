"""A whole device: the agent's own connection manager, with what it saw and said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

from tests.inprocess.site import PASSWORD, Cloud, Site, until

from twinspan.agent.cloud import CloudAgent
from twinspan.agent.cloud_connection.manager import ConnectionManager, ManagerPorts
from twinspan.agent.cloud_connection.services import Link, LogModule, Module
from twinspan.agent.cloud_connection.trust import TrustStore
from twinspan.agent.journal import Journal
from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.model.cloud_status import CloudStatus
from twinspan.model.device_identity import DeviceIdentity
from twinspan.model.secret import Secret
from twinspan.wire.cloud_connection.services import ServiceMessage


class Echo:
    """A service module that remembers what it got."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.got: list[ServiceMessage] = []
        self.link: Link | None = None

    async def run(self, link: Link) -> None:
        self.link = link
        await asyncio.get_running_loop().create_future()

    def received(self, link: Link, message: ServiceMessage) -> None:
        self.got.append(message)


class Device:
    def __init__(
        self, site: Site, management: CloudManagement, modules: Sequence[Module] = (), folder: Path | None = None
    ) -> None:
        self.folder = folder or site.new_folder("device")
        self.events: list[tuple[float, str, str]] = []
        """(when, what, detail)."""
        self.manager = ConnectionManager(
            DeviceIdentity(serial="SN1"),
            "boot-1",
            TrustStore(Journal(self.folder)),
            modules or (LogModule(lambda _: ()),),
            ManagerPorts(record=lambda what, detail: self.events.append((time.monotonic(), what, detail))),
        )
        self._management = management
        self._tasks: list[asyncio.Task[None]] = []
        site.keep(self)

    def start(self) -> Device:
        self.manager.configure(self._management)
        self._tasks.append(asyncio.get_running_loop().create_task(self.manager.run()))
        return self

    def start_agent(self) -> CloudAgent:
        """The same behind the part of the agent that judges what DHCP says."""
        config = SimpleNamespace(cloud=self._management, resolvers=())
        node = SimpleNamespace(
            converger=SimpleNamespace(config=config, addressed=_at_once),
            events=SimpleNamespace(node="gateway", record=lambda *_: None),
            record_cloud_options=lambda _: None,
        )
        agent = CloudAgent(node, self.folder)  # type: ignore[arg-type]
        agent._make = lambda: self.manager  # type: ignore[method-assign]
        self._tasks.append(asyncio.get_running_loop().create_task(agent.run()))
        agent.config_changed(config)  # type: ignore[arg-type]
        return agent

    @property
    def status(self) -> CloudStatus:
        return self.manager.status()

    @property
    def reached(self) -> str | None:
        """The server that it is connected to now."""
        status = self.status
        return f"{status.server_domain}:{status.server_port}" if status.state == "Established" else None

    async def connected_to(self, cloud: Cloud, deadline_s: float = 15.0) -> None:
        await until(lambda: self.reached == cloud.netloc, deadline_s, f"connected to {cloud.netloc}: {self.status}")

    def said(self, what: str) -> list[str]:
        """The details of all events of that name."""
        return [detail for _, name, detail in self.events if name == what]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _at_once(_within_s: float) -> None:
    """Its links have their addresses."""


def server(cloud: Cloud) -> CloudServer:
    return CloudServer(domain=cloud.address, port=cloud.port)


def managed_by(primary: Cloud | CloudServer, *backups: Cloud | CloudServer, **fields: object) -> CloudManagement:
    """Settings for these servers; intervals in tests are shorter than what people may set."""
    entries = [server(one) if isinstance(one, Cloud) else one for one in (primary, *backups)]
    fields.setdefault("password", Secret(PASSWORD))
    return CloudManagement(primary=entries[0], backups=tuple(entries[1:]), **fields)  # type: ignore[arg-type]
