"""One worker process of the server: its parts, its port, its loops.

In: options and a number. Out: a listening worker until SIGTERM, then a drain. What reads files at the start is here;
what is made of them is handed down as small values. Next: `run` starts as many as asked for.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec

from twinspan.drivers.listener import Listener, Tls
from twinspan.drivers.quiet_tls import quiet_tls
from twinspan.engine.admission_control import HandshakeBudget
from twinspan.model.errors import Unavailable
from twinspan.server import memory
from twinspan.server.admin import Admin
from twinspan.server.admin_route import Office
from twinspan.server.authority import ServerTls, load_names, renew_leaf_if_due
from twinspan.server.clock import pause, steady_ns, wall_ns
from twinspan.server.commands import CommandQueue
from twinspan.server.config_store import ConfigTable
from twinspan.server.database.place import database_url, server_id, sqlite_path
from twinspan.server.diagnostics import DiagnosticsService
from twinspan.server.door import AdminDoor, HubRelay
from twinspan.server.drain import drain
from twinspan.server.events import Event, EventLog
from twinspan.server.front import Front
from twinspan.server.housekeeping import Heard, Housekeeping
from twinspan.server.hub import Hub, HubSettings
from twinspan.server.key_file import ticket_key
from twinspan.server.line_log import LineLog
from twinspan.server.peers import WorkerPeers
from twinspan.server.plain_paths import PlainPaths
from twinspan.server.report_board import ReportBoard
from twinspan.server.request_log import Logged, RequestLog
from twinspan.server.resources.parts import ResourceOptions, ResourceParts
from twinspan.server.resources.seal import FILE_NAME as SEAL_KEY
from twinspan.server.resources.seal import SealKey
from twinspan.server.services import ConfigService, LogService, Service, TelemetryService
from twinspan.server.shell import CliService
from twinspan.server.store import DeviceStore
from twinspan.server.supervisor import for_ever
from twinspan.server.ticket import TicketSettings
from twinspan.server.unbinding import Unbinding
from twinspan.wire.cloud_connection import services as names
from twinspan.wire.cloud_connection.messages import CloseCode
from twinspan.wire.cloud_connection.server import LoginKeys

RENEWAL_LOOK_S = 10.0
"""Between two looks at the certificates on disk: so soon a command on them has its effect."""
TLS_HANDSHAKE_S = 10.0
"""A connection that has not finished it by then is cut off: it counts among no others until then."""
FAREWELL_S = 3.0
"""For a device to take leave in turn: of a dead one nothing is left after that."""
FINISH_S = 2.0
"""For requests that are being answered, before the process ends."""
CLOSE_FRAMES_S = 0.05
"""For close frames to leave before the process ends."""


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a person chooses."""

    state_dir: Path
    listen: tuple[str, ...] = ("0.0.0.0", "::")
    """Addresses to bind."""
    port: int = 19443
    workers: int = 1
    """Processes. With more than one, worker n has a port of its own, `port` + 1 + n, besides the shared one."""
    public: str | None = None
    """Name that devices use where they did not say one; None: the first name of the certificate."""
    plain: bool = False
    """Without TLS, on loopback only: for measuring."""
    drain_s: float = 0.0
    """How long devices get to leave before a planned end."""
    budget: HandshakeBudget = HandshakeBudget()
    """Logins that one worker takes."""
    resources: ResourceOptions = ResourceOptions()
    log: Logged = "refused"
    """Which requests become lines on standard error."""


class Worker:
    """One process of the server."""

    def __init__(self, options: ServerOptions, number: int = 0) -> None:
        self._options, self._number = options, number
        url = database_url(options.state_dir, options.resources.database)
        self.store = DeviceStore(url, SealKey.load_or_create(options.state_dir / SEAL_KEY))
        self._shared = sqlite_path(url) is None
        """Servers of other machines may use the database too."""
        self.events = EventLog(self.store)
        self.tls = None if options.plain else ServerTls(options.state_dir)
        self.config = ConfigService(ConfigTable(self.store))
        self.telemetry = TelemetryService()
        self.board = ReportBoard(self.store, self.telemetry.reports, shared=self._shared or options.workers > 1)
        self.telemetry.heard = self.board.heard
        key = ticket_key(options.state_dir)
        unbinding = Unbinding(self.store, _derived(key, b"unbinding"))
        self.hub = Hub(self._settings(key), self.store, self.events, {}, self._unbind(unbinding))
        commands = CommandQueue(self.store)
        self.diagnostics = DiagnosticsService(commands)
        office = Office(self.store, self.events, HubRelay(self.hub, self.diagnostics), unbinding)
        office.reports = self.telemetry.reports
        cli = CliService(options.state_dir / "recordings", self._noted)
        self.services: dict[str, Service] = {
            names.CONFIG: self.config,
            names.TELEMETRY: self.telemetry,
            names.LOG: LogService(LineLog(self.events)),
            names.DIAGNOSTICS: self.diagnostics,
            names.CLI: cli,
        }
        self.housekeeping = Housekeeping(self.store, self.events, commands)
        self.hub.services.update(self.services)
        admin = Admin(office, options.resources.rate)
        self.resources = ResourceParts(
            options.resources, options.state_dir, self.store, admin.metrics, alone=options.workers == 1
        )
        office.resources, office.followers = self.resources.writer, self.resources.followers
        office.access_keys = self.resources.keys
        self.request_log = RequestLog(options.log)
        self.door = AdminDoor(admin, cli, PlainPaths(admin, self._gauges), self.request_log)
        self.door.compatible = self.resources.compatible
        self.hub.admin = self.door
        self.peers = WorkerPeers(options.state_dir, self.hub, self.diagnostics, commands)
        if options.workers > 1:
            self.hub.peers = self.peers

    def _gauges(self) -> dict[str, float]:
        devices = {"devices_connected": float(len(self.hub.tunnels)), "events_lost": float(self.events.lost)}
        return devices | self.resources.gauges()

    def _settings(self, key: bytes) -> HubSettings:
        options = self._options
        scheme, name = ("ws", "127.0.0.1") if options.plain else ("wss", load_names(options.state_dir)[0])
        host = options.public or name
        return HubSettings(
            worker=f"{server_id(options.state_dir) if self._shared else 'worker'}-{self._number}",
            tickets=TicketSettings(
                base_url=f"{scheme}://{f'[{host}]' if ':' in host else host}:{options.port}",
                own_port=options.port + 1 + self._number if options.workers > 1 else None,
                key=_derived(key, b"url"),
            ),
            login_keys=LoginKeys(decoy=_derived(key, b"decoy"), resume=_derived(key, b"resume")),
            binding=self._binding,
            authorities=lambda: self.tls.announced if self.tls is not None else (),
            budget=options.budget,
        )

    def _binding(self) -> bytes:
        return self.tls.binding if self.tls is not None else b""

    def _noted(self, serial: str, detail: str, epoch: int) -> None:
        self.events.note(Event(serial=serial, at_ns=wall_ns(), kind="shell", detail=detail, epoch=epoch))

    def _unbind(self, unbinding: Unbinding) -> Callable[[str, str, int], tuple[bool, str]]:
        """A code that a device sends; with an accepted one the connection ends after the answer has left."""

        def redeem(serial: str, code: str, now_ns: int) -> tuple[bool, str]:
            accepted, detail = unbinding.redeem(serial, code, now_ns)
            if accepted:
                ending = self.hub.end(serial, self.hub.settings.worker, CloseCode.UNBOUND, "unbound from its account")
                self.hub.spawn(ending, "end of the unbound")
            return accepted, detail

        return redeem

    # ------------------------------------------------------------------------------------------------ running

    async def serve(self, ready: Callable[[], None]) -> None:
        """Listen until SIGTERM or SIGINT. Raises Unavailable if the port cannot be had."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        quiet_tls(loop)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        # Whoever was connected to this worker before its end is not any more.
        self.store.release_worker(self.hub.settings.worker, "the server restarted", wall_ns())
        self.resources.writer.start()
        listening = self._listen()
        memory.tune_collection()
        loops = {
            "sweep": self.hub.sweep,
            "renewal": self._renewal,
            "peers": self.peers.serve,
            "configs": self.config.watch,
            "housekeeping": lambda: self.housekeeping.run(self._heard),
            "memory": lambda: memory.keep_small(self.hub.ended_count),
            "reports": self.board.run,
            **self.resources.loops(ConfigTable(self.store), self.board, first=self._number == 0),
        }
        tasks = [loop.create_task(for_ever(name, work), name=name) for name, work in loops.items()]
        ready()
        await stop.wait()
        for server in listening:
            server.close()
        if self._options.drain_s:
            await drain(self.hub.tunnels, self._options.drain_s)
        await self.door.finish(FINISH_S)
        await self.hub.shut()
        for task in tasks:
            task.cancel()
        await pause(CLOSE_FRAMES_S)
        await self.resources.close()
        self.request_log.close()
        self.hub.departures.catch_up(wall_ns())
        self.store.close()

    def _listen(self) -> list[Listener]:
        options = self._options
        own = self.hub.settings.tickets.own_port
        ports = (options.port,) if own is None else (options.port, own)
        addresses = ("127.0.0.1",) if options.plain else options.listen
        tls = None
        if self.tls is not None:
            tls = Tls(context=self.tls.context, handshake_s=TLS_HANDSHAKE_S, farewell_s=FAREWELL_S)
        found: list[Listener] = []
        for address in addresses:
            for port in ports:
                try:
                    found.append(Listener(address, port, lambda: Front(self.hub), tls, shared=own is not None))
                except OSError as error:
                    if address == "::" and found:
                        continue  # a machine without IPv6
                    raise _not_listening(address, port, error) from error
        return found

    def _heard(self) -> list[Heard]:
        to_wall_ns = wall_ns() - steady_ns()
        return [(t.serial, t.epoch, t.heard_ns + to_wall_ns) for t in self.hub.tunnels.values()]

    async def _renewal(self) -> None:
        """The leaf is renewed in time; a new one on disk, also of another process, is taken up."""
        while True:
            await pause(RENEWAL_LOOK_S)
            if self.tls is not None:
                renew_leaf_if_due(self._options.state_dir, wall_ns())
                before = self.tls.announced
                self.tls.reload()
                if self.tls.announced != before:
                    self.hub.announce_authorities()


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")


def _not_listening(address: str, port: int, error: OSError) -> Unavailable:
    if (error.errno or 0) < 0:  # EAI_*: getaddrinfo found nothing
        return Unavailable(
            f"cannot listen on {address}: it is no address", remedy="give addresses of this machine with --listen"
        )
    why = os.strerror(error.errno) if error.errno else str(error)
    remedy = "another program may have the port; choose one with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        remedy = "give addresses of this machine with --listen"
    return Unavailable(f"cannot listen on {address} port {port}: {why}", remedy=remedy)
