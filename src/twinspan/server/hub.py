"""The hub: who is connected to this worker, and who may be.

In: requests of connections that are not upgraded yet (`front`), tickets, the end of tunnels. Out: registrations under
a new epoch, sub-connections, presence in the store, an event with a reason for every up and down. Next: `run`.

    Front --request--> Hub --ServerLogin--> registration --claim an epoch--> URL with a ticket
    Front --upgrade--> Hub --redeem the ticket--> Tunnel or Subconnection
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from twinspan.drivers.websocket import WebSocket
from twinspan.engine.admission_control import HandshakeBudget
from twinspan.engine.failure_limit import FailureLimit
from twinspan.server.clock import pause, steady_ns, wall_ns
from twinspan.server.departures import Departures
from twinspan.server.events import Event, EventKind, EventLog
from twinspan.server.front import Front, HttpRequest
from twinspan.server.hub_ports import AdminApi, Peers
from twinspan.server.registration import Gate, KnownDevice, Registrar
from twinspan.server.services import Service
from twinspan.server.store import DeviceStore
from twinspan.server.ticket import TicketOffice, TicketSettings
from twinspan.server.tunnel import Subconnection, Tunnel
from twinspan.wire.cloud_connection.liveness import NS_PER_S
from twinspan.wire.cloud_connection.messages import (
    AUTHENTICATION_PATH,
    AUTHORITY_PATH,
    MAX_SERVICES,
    REGISTRATION_PATH,
    Authorities,
    CloseCode,
    RegistrationRequest,
    Subconnections,
    UnbindingCode,
    UnbindingResult,
    encode,
)
from twinspan.wire.cloud_connection.server import (
    RANDOM_BYTES,
    Answer,
    Credential,
    LoginKeys,
    RegistrationAsked,
    ServerLogin,
)
from twinspan.wire.cloud_connection.ticket import URL_TTL_NS

LOGIN_LIMIT_NS = 15 * NS_PER_S
"""From the TCP connection to the upgrade: past it a connection is cut (slow-loris)."""
SWEEP_S = 0.5
MAX_LOGINS = 4096
"""Connections of this worker that are not upgraded yet; the oldest goes when another comes."""


class HubSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Read once at the start."""

    worker: str
    """Name of this process, the same after its restart."""
    tickets: TicketSettings
    login_keys: LoginKeys
    binding: Callable[[], bytes]
    """tls-server-end-point of the certificate in use; empty on a plain listener."""
    authorities: Callable[[], tuple[str, ...]]
    """PEM of all authorities that devices shall trust."""
    budget: HandshakeBudget = HandshakeBudget()


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """A device that is registered and has still to come with its URL."""

    request: RegistrationRequest
    epoch: int
    own_url: str
    """Where its sub-connections reach this worker."""
    until_ns: int
    """Wall clock: when the ticket of its URL is over."""


class Hub:
    def __init__(
        self,
        settings: HubSettings,
        store: DeviceStore,
        events: EventLog,
        services: dict[str, Service],
        unbind: Callable[[str, str, int], tuple[bool, str]],
    ) -> None:
        self.settings, self.store, self.events, self.services = settings, store, events, services
        self.departures = Departures(store, events)
        self._unbind = unbind
        self._tickets = TicketOffice(settings.tickets)
        self.tunnels: dict[str, Tunnel] = {}
        self.admin: AdminApi | None = None
        self._logins: dict[Front, None] = {}
        self._arrived = 0
        self._announced: tuple[tuple[str, ...] | None, bytes] = (None, b"")
        self._expected: dict[str, Expected] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.gate = Gate(settings.budget)
        self._failures = FailureLimit()
        self._registrar = Registrar(self)
        self.peers: Peers | None = None

    # ------------------------------------------------------------------------------------------------ front

    def arrived(self, front: Front) -> None:
        """A TCP connection. The oldest that has not logged in yet goes if there are too many."""
        self._logins[front] = None
        self._arrived += 1
        if len(self._logins) > MAX_LOGINS:
            oldest = next(iter(self._logins))
            del self._logins[oldest]
            oldest.cut()

    def ended_count(self) -> int:
        """How many connections have ended since the start."""
        sockets = sum(1 + len(tunnel.services) for tunnel in self.tunnels.values())
        return self._arrived - len(self._logins) - sockets

    def left(self, front: Front) -> None:
        """It was closed, or became a WebSocket."""
        self._logins.pop(front, None)
        self.gate.left(front)

    def new_login(self, certificate: Any, binding: bytes) -> ServerLogin:
        """For a connection that was shown the leaf of `binding` and showed `certificate` (None: none)."""
        return ServerLogin(self._credential, self.settings.login_keys, binding, frozenset(_serials_in(certificate)))

    def request(self, front: Front, request: HttpRequest) -> None:
        """One request of a connection."""
        path = request.path
        if path in (AUTHENTICATION_PATH, REGISTRATION_PATH) and request.method == "POST":
            self._login_step(front, request)
        elif path == AUTHORITY_PATH and request.method == "GET":
            front.answer(Answer(status=200, body=encode(Authorities(certificates=self.settings.authorities()))))
        elif self.admin is not None and (path.startswith("/api/") or self.admin.takes(path)):
            self.spawn(self.admin.handle(front, request), "admin request")
        else:
            front.refuse(404, "protocol", "no such path")

    def refused_body(self) -> None:
        """A request was refused for the length of its body."""
        if self.admin is not None:
            self.admin.refused(413, "body")

    def upgrade(self, front: Front, request: HttpRequest) -> WebSocket | None:
        """The WebSocket for this request; None after a refusal."""
        if request.path.startswith("/api/"):
            found = self.admin.upgrade(request) if self.admin is not None else None
            if isinstance(found, WebSocket):
                return found
            front.answer(found or Answer(status=404, body=b"{}", close=True))
            return None
        socket = self._redeem(request)
        if socket is None:
            self.note("", "refused", f"a URL ticket that is spent, expired or forged, from {front.address}")
            front.refuse(401, "ticket", "the ticket is spent, expired or of an older connection")
        return socket

    def _login_step(self, front: Front, request: HttpRequest) -> None:
        """The first request of a connection passes the gate; the others belong to a login that is in."""
        if front.admitted:
            self._log_in(front, request)
            return

        def go() -> None:
            front.admitted = True
            self._log_in(front, request)

        self.gate.pass_through(front, front.address, go)

    def _log_in(self, front: Front, request: HttpRequest) -> None:
        login = front.login
        wait_s = self._failures.wait_s(front.address, login.serial, steady_ns()) if login.serial else None
        if wait_s is not None:
            front.refuse(429, "busy", "too many failed attempts with this serial number", wait_s)
            return
        found = login.receive(request.path, request.body, wall_ns(), secrets.token_bytes(RANDOM_BYTES))
        if isinstance(found, RegistrationAsked):
            self._failures.succeeded(front.address, login.serial)
            self._registrar.register(front, login, found)
            return
        if found.status == 401 and found.close:
            self._failures.failed(front.address, login.serial, steady_ns())
            self.note(login.serial, "refused", f"authentication failed, from {front.address}")
        front.answer(found)

    def _credential(self, serial: str) -> Credential | None:
        row = self.store.find(serial)
        if row is None or (row.credential == "token" and not row.token_is_good(wall_ns())):
            return None
        return KnownDevice(kind=row.credential, verifier=row.verifier, resume_id=row.resume_id or "", row=row)

    # ------------------------------------------------------------------------------------------------ tickets

    def expect(self, request: RegistrationRequest, epoch: int, host: str) -> str:
        """The URL for the tunnel of a device that was just registered under `epoch`, and calls this server `host`."""
        self._expected.pop(request.serial, None)  # so that the oldest is the first, for `_sweep`
        self._expected[request.serial] = Expected(
            request=request,
            epoch=epoch,
            own_url=self._tickets.own_url(host),
            until_ns=wall_ns() + URL_TTL_NS,
        )
        return self._tickets.tunnel_url(host, request.serial, epoch)

    def subconnections(self, tunnel: Tunnel, asked: Iterable[str]) -> Subconnections:
        """A URL for each service that both sides have."""
        wanted = tuple(dict.fromkeys(asked))[:MAX_SERVICES]
        known = [name for name in wanted if name in self.services]
        return Subconnections(
            services=self._tickets.service_urls(tunnel.own_url, tunnel.serial, tunnel.epoch, known),
            unknown=tuple(name for name in wanted if name not in self.services),
        )

    def _redeem(self, request: HttpRequest) -> WebSocket | None:
        ticket = self._tickets.redeem(request.path, wall_ns())
        if ticket is None:
            return None
        if ticket.kind == "tunnel":
            # It stays expected until its handshake is done; a URL of an earlier registration takes nothing from it.
            expected = self._expected.get(ticket.serial)
            if expected is None or expected.epoch != ticket.epoch:
                return None
            socket = Tunnel(self, expected.request, expected.epoch, expected.own_url).socket
            socket.greeting = self._announcement()
            return socket
        tunnel, service = self.tunnels.get(ticket.serial), self.services.get(ticket.service)
        if tunnel is None or tunnel.epoch != ticket.epoch or service is None:
            return None
        return Subconnection(tunnel, ticket.service, service).socket

    def _announcement(self) -> bytes:
        """All authorities, as every device is told them; made anew only when they have changed."""
        now = self.settings.authorities()
        if self._announced[0] is not now:
            self._announced = (now, encode(Authorities(certificates=now)))
        return self._announced[1]

    # ------------------------------------------------------------------------------------------------ tunnels

    def tunnel_up(self, tunnel: Tunnel) -> None:
        """The handshake is done. It counts only if no newer registration came in between."""
        expected = self._expected.get(tunnel.serial)
        if expected is None or expected.epoch != tunnel.epoch:
            tunnel.close(CloseCode.SUPERSEDED, "a newer connection of this device is there")
            return
        del self._expected[tunnel.serial]
        self.tunnels[tunnel.serial] = tunnel
        self.note(tunnel.serial, "connected", "", epoch=tunnel.epoch)

    def tunnel_down(self, tunnel: Tunnel, code: int, reason: str) -> None:
        """It is gone, for whatever reason. Only the current one changes anything."""
        for service in tuple(tunnel.services.values()):
            service.socket.close(CloseCode.DEAD, "the main connection is gone")
        if self.tunnels.get(tunnel.serial) is not tunnel:
            return
        del self.tunnels[tunnel.serial]
        why = reason or ("the TCP connection broke" if code == 1006 else f"closed with code {code}")
        self.departures.tell(tunnel.serial, tunnel.epoch, why, wall_ns())  # nothing, if another worker has it by now
        self.note(tunnel.serial, "down", why, epoch=tunnel.epoch)

    def unbinding_code(self, tunnel: Tunnel, message: UnbindingCode) -> UnbindingResult:
        """The device passes on a verification code that somebody typed there (seed 000, unbinding)."""
        accepted, detail = self._unbind(tunnel.serial, message.code, wall_ns())
        return UnbindingResult(id=message.id, accepted=accepted, detail=detail)

    def supersede(self, serial: str, epoch: int) -> None:
        """`epoch` has just been granted: what an older connection on this worker still says counts for nothing."""
        old = self.tunnels.get(serial)
        if old is not None and old.epoch < epoch:
            why = "a newer connection of this device took over"
            del self.tunnels[serial]  # first, so that its end is a late one
            self.note(serial, "down", why, epoch=old.epoch)
            old.close(CloseCode.SUPERSEDED, why)

    async def end(self, serial: str, worker: str | None, code: int, reason: str, epoch: int | None = None) -> None:
        """End the connection of a device, on whichever worker it is; with `epoch` given only if it is still that one.

        Without it a device that is registered and has not come yet does not get in either.
        """
        tunnel, expected = self.tunnels.get(serial), self._expected.get(serial)
        if expected is not None and epoch in (None, expected.epoch):
            self._forget(expected, reason)
        if tunnel is not None and epoch in (None, tunnel.epoch):
            tunnel.close(code, reason)
        elif worker is not None and worker != self.settings.worker and self.peers is not None:
            await self.peers.end(worker, serial, code, reason, epoch)

    async def alive(self, serial: str, worker: str | None, deadline_s: float) -> bool:
        """Whether the device behind that worker's tunnel shows life in time."""
        if worker is not None and worker != self.settings.worker:
            return self.peers is not None and await self.peers.alive(worker, serial, deadline_s)
        return await self._alive_here(serial, deadline_s)

    async def _alive_here(self, serial: str, deadline_s: float) -> bool:
        tunnel = self.tunnels.get(serial)
        if tunnel is None:
            return False
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def pong(_payload: bytes) -> None:
            if not answered.done():
                answered.set_result(None)

        tunnel.socket.on_pong = pong
        tunnel.socket.ping(b"probe")
        try:
            async with asyncio.timeout(deadline_s):
                await answered
        except TimeoutError:
            return False
        return self.tunnels.get(serial) is tunnel

    # ------------------------------------------------------------------------------------------------ loops

    async def sweep(self) -> None:
        """For ever: cut what is silent or too slow, forget spent tickets, write events and presence."""
        while True:
            await pause(SWEEP_S)
            self._sweep(steady_ns(), wall_ns())

    def _sweep(self, now_ns: int, now_wall_ns: int) -> None:
        for front in [f for f in self._logins if now_ns - f.since_ns > LOGIN_LIMIT_NS]:
            if self.admin is not None and front.unfinished:
                self.admin.refused(408, "slow")
            self.left(front)
            front.cut()
        for tunnel in [t for t in self.tunnels.values() if now_ns - t.heard_ns > t.limit_ns]:
            # Gone first, so that the end of its sockets is a late one.
            del self.tunnels[tunnel.serial]
            silent_s = tunnel.limit_ns / NS_PER_S
            self.departures.tell(tunnel.serial, tunnel.epoch, "keepalive expired", now_wall_ns)
            self.note(tunnel.serial, "down", f"keepalive expired: nothing heard for {silent_s:g} s", epoch=tunnel.epoch)
            tunnel.abort()
        while self._expected and (first := next(iter(self._expected.values()))).until_ns < now_wall_ns:
            self._forget(first, "registered, and never came with its URL")
        self._tickets.sweep(now_wall_ns)
        self.departures.catch_up(now_wall_ns)

    def announce_authorities(self) -> None:
        """The authorities have changed: tell every device that is connected."""
        message = self._announcement()
        for tunnel in tuple(self.tunnels.values()):
            tunnel.socket.send(message)

    def _forget(self, expected: Expected, why: str) -> None:
        """A device that was registered does not come any more."""
        serial = expected.request.serial
        del self._expected[serial]
        if self.departures.tell(serial, expected.epoch, why, wall_ns()):
            self.note(serial, "down", why, epoch=expected.epoch)

    def note(self, serial: str, kind: EventKind, detail: str, *, epoch: int | None = None) -> None:
        """An event of the history."""
        self.events.note(Event(serial=serial, at_ns=wall_ns(), kind=kind, detail=detail, epoch=epoch))

    def spawn(self, work: Awaitable[None], name: str) -> None:
        """Work that outlives a callback; it ends with the hub."""
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(_run(work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def shut(self) -> None:
        """End all connections and tasks."""
        for tunnel in tuple(self.tunnels.values()):
            tunnel.close(CloseCode.DRAINING, "the server restarts")
        for task in tuple(self._tasks):
            task.cancel()
        self.events.flush(wall_ns())


async def _run(work: Awaitable[None]) -> None:
    await work


def _serials_in(certificate: Any) -> Iterable[str]:
    """serialNumber and commonName of a verified client certificate."""
    for group in (certificate or {}).get("subject", ()):
        for name, value in group:
            if name in ("serialNumber", "commonName"):
                yield value
