"""Opens and shuts the node's SSH service as its config says; the SSH library is loaded only when it is first opened.

In: configs. Out: a listening service, or none. A port that is taken, or a disk too full for the host key, is
said and tried again. Next: `agent.ssh_server`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from twinspan.agent.clock import pause
from twinspan.agent.command_line import CommandLine
from twinspan.model.device_access import DeviceAccess
from twinspan.model.device_config import DeviceConfig

if TYPE_CHECKING:
    from twinspan.agent.ssh_server import SshServer

RETRY_S = 5.0
_Place = tuple[tuple[str, ...], int]
"""Addresses and port."""


class SshDoor:
    def __init__(self, desk: CommandLine, node_dir: Path) -> None:
        self._desk, self._dir = desk, node_dir
        self._access = DeviceAccess()
        self._changed = asyncio.Event()
        self._server: SshServer | None = None
        self._open: _Place | None = None
        self._trouble = ""

    def config_changed(self, config: DeviceConfig) -> None:
        """The node has a new config."""
        self._access = config.access or DeviceAccess()
        if self._access.ssh or self._server is not None:
            self._changed.set()

    async def run(self) -> None:
        """Follow the config until cancelled."""
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                await self._settle()
                if self._trouble:
                    await pause(RETRY_S)
                    self._changed.set()
        finally:
            if self._server is not None:
                await self._server.close()

    async def _settle(self) -> None:
        wanted = (self._access.ssh_addresses, self._access.ssh_port) if self._access.ssh else None
        if self._server is not None and wanted != self._open:
            await self._server.close()
            self._server = None
            self._say("SSH closed", _words(self._open))
        if wanted is None:
            self._trouble = ""
        elif self._server is None:
            await self._listen(wanted)
        if self._server is not None:
            self._server.users_changed()

    async def _listen(self, place: _Place) -> None:
        from twinspan.agent.ssh_server import SshServer  # noqa: PLC0415  late: it costs some 10 MiB

        try:
            server = SshServer(self._desk, self._dir, lambda: self._access)
            await server.listen(*place)
        except OSError as error:
            trouble = f"{_words(place)}: {error.strerror or error}"
            if trouble != self._trouble:
                self._say("SSH cannot be opened", trouble)
            self._trouble = trouble
            return
        self._server, self._open, self._trouble = server, place, ""
        self._say("SSH opened", f"{_words(place)}, host key {server.fingerprint}")

    def _say(self, what: str, detail: str) -> None:
        self._desk.node.events.record("config", what, detail)


def _words(place: _Place | None) -> str:
    addresses, port = place or ((), 0)
    return f"{', '.join(addresses) or 'all addresses'} port {port}"
