"""`twinspan server run`: one worker of the cloud server, from its state directory to its open port.

In: options. Out: a listening server until SIGTERM, then a drain. Everything that reads settings, files or the clock at
the start is here; what it makes is handed down as small values. Next: nothing, this is where the room begins.
"""

from __future__ import annotations

import asyncio
import gc
import hmac
import signal
from collections.abc import Callable
from pathlib import Path

import aiofastnet
import msgspec

from twinspan.model.errors import Unavailable
from twinspan.server.authority import ServerTls, authorities, load_names, renew_leaf_if_due
from twinspan.server.clock import pause, wall_ns
from twinspan.server.config_store import ConfigTable
from twinspan.server.events import EventLog
from twinspan.server.front import Front
from twinspan.server.hub import Hub, HubSettings
from twinspan.server.key_file import ticket_key
from twinspan.server.line_log import LineLog
from twinspan.server.services import ConfigService, LogService, Service, TelemetryService
from twinspan.server.store import FILE_NAME, DeviceStore
from twinspan.wire.cloud_connection import services as names
from twinspan.wire.cloud_connection.server import LoginKeys

RENEWAL_LOOK_S = 3600.0
DRAIN_S = 0.0


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a person chooses."""

    state_dir: Path
    listen: tuple[str, ...] = ("0.0.0.0", "::")
    """Addresses to bind."""
    port: int = 19443
    public: str | None = None
    """Name that devices use for this worker; None: the first name of the certificate."""
    plain: bool = False
    """Without TLS, on loopback only: for measuring."""
    drain_s: float = DRAIN_S
    """How long devices get to leave before a planned end."""


class Worker:
    """One process of the server."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self.store = DeviceStore(options.state_dir / FILE_NAME)
        self.events = EventLog(self.store)
        self.tls = None if options.plain else ServerTls(options.state_dir)
        self.config = ConfigService(ConfigTable(self.store))
        self.telemetry = TelemetryService()
        services: dict[str, Service] = {
            names.CONFIG: self.config,
            names.TELEMETRY: self.telemetry,
            names.LOG: LogService(LineLog(self.events)),
        }
        self.hub = Hub(self._settings(), self.store, self.events, services, _no_unbinding)

    def _settings(self) -> HubSettings:
        options = self._options
        key = ticket_key(options.state_dir)
        scheme, name = ("ws", "127.0.0.1") if options.plain else ("wss", load_names(options.state_dir)[0])
        host = options.public or name
        return HubSettings(
            worker="worker-0",
            base_url=f"{scheme}://{f'[{host}]' if ':' in host else host}:{options.port}",
            ticket_key=_derived(key, b"url"),
            login_keys=LoginKeys(decoy=_derived(key, b"decoy"), resume=_derived(key, b"resume")),
            binding=self._binding,
            authorities=lambda: () if options.plain else authorities(options.state_dir),
        )

    def _binding(self) -> bytes:
        return self.tls.binding if self.tls is not None else b""

    async def serve(self, ready: Callable[[], None]) -> None:
        """Listen until SIGTERM or SIGINT. Raises Unavailable if the port cannot be had."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        # Whoever was connected to this worker before its end is not any more.
        self.store.release_worker(self.hub.settings.worker, "the server restarted", wall_ns())
        listening = await self._listen(loop)
        _tune_memory()
        tasks = [
            loop.create_task(self.hub.sweep(), name="sweep"),
            loop.create_task(self._renewal(), name="renewal"),
        ]
        ready()
        await stop.wait()
        for server in listening:
            server.close()
        if self._options.drain_s:
            await self.hub.drain(self._options.drain_s)
            await pause(self._options.drain_s)
        await self.hub.shut()
        for task in tasks:
            task.cancel()
        await pause(0.05)  # close frames leave
        self.store.close()

    async def _listen(self, loop: asyncio.AbstractEventLoop) -> list[asyncio.AbstractServer]:
        options = self._options
        found: list[asyncio.AbstractServer] = []
        for address in ("127.0.0.1",) if options.plain else options.listen:
            try:
                found.append(
                    await aiofastnet.create_server(
                        loop,
                        lambda: Front(self.hub),
                        address,
                        options.port,
                        ssl=self.tls.context if self.tls is not None else None,
                        backlog=4096,
                    )
                )
            except OSError as error:
                if address == "::" and found:
                    continue  # a machine without IPv6
                raise Unavailable(
                    f"cannot listen on {address} port {options.port}: {error.strerror or error}",
                    remedy="another server may have the port; choose one with --port",
                ) from error
        return found

    async def _renewal(self) -> None:
        """The leaf is renewed in time; a new one on disk, also of another process, is taken up."""
        while True:
            await pause(RENEWAL_LOOK_S)
            if self.tls is not None:
                renew_leaf_if_due(self._options.state_dir, wall_ns())
                self.tls.reload()


def run_server(options: ServerOptions, ready: Callable[[], None]) -> None:
    """Run one worker in this process until it is told to end."""
    worker = Worker(options)
    import uvloop  # noqa: PLC0415 - of the server process alone

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(worker.serve(ready))


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")


def _tune_memory() -> None:
    """What exists now lives for ever; full collections over thousands of connections cost more than they find."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 1000)


def _no_unbinding(_serial: str, _code: str, _now_ns: int) -> tuple[bool, str]:
    return False, "this server gives out no codes"
