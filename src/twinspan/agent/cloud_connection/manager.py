"""The connection manager: one cloud connection at a time, to the first server of the stored order that works.

In: the cloud part of the config, DHCP values, orders (reset, unbinding code). Out: a connection that comes back by
itself, and `CloudStatus`, which names each step, reason and time. Next: `session`, `dial`, `trust`.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import socket
import ssl
from collections.abc import Callable, Sequence

import msgspec

from twinspan.agent.clock import pause, steady_ns, wall_ns
from twinspan.agent.cloud_connection.dial import DialFailed, Target, fetch_authorities, log_in, open_connection
from twinspan.agent.cloud_connection.services import Module
from twinspan.agent.cloud_connection.session import Down, Session
from twinspan.agent.cloud_connection.trust import TrustStore, acceptable, blind_context, fingerprint
from twinspan.drivers.resolver import ResolveFailed, resolve
from twinspan.drivers.vpn_instance import socket_factory
from twinspan.engine.dhcp_trust import Running
from twinspan.model.cloud_management import CloudManagement
from twinspan.model.cloud_status import CloudStatus, DeviceState, ProcessState, StepReached, SubConnection, ValueSource
from twinspan.model.device_config import Family
from twinspan.model.device_identity import DeviceIdentity
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret
from twinspan.wire.cloud_connection.backoff import BackoffState, after_establishment, next_wait
from twinspan.wire.cloud_connection.device import DeviceLogin, Identity, Proof, ResumeState, Timers, Upgrade
from twinspan.wire.cloud_connection.messages import UnbindingResult
from twinspan.wire.cloud_connection.scram import make_verifier
from twinspan.wire.cloud_connection.server_order import Endpoint, dial_order, next_after

_PROCESS: dict[DeviceState, ProcessState] = {
    "Resolving": "Name not resolved",
    "Connecting": "Name resolved",
    "TLS": "Name resolved",
    "Authentication": "Message sent",
    "Register": "Message sent",
    "Register_success": "Message received",
    "Request_success": "Message received",
}


class ManagerPorts(msgspec.Struct, frozen=True, kw_only=True):
    """What the manager needs of its node."""

    record: Callable[[str, str], None]
    """(what, detail): an event."""
    dns_servers: Callable[[], tuple[str, ...]] = tuple
    """Of the node's own; none: the system's resolver is asked."""


class ConnectionManager:
    def __init__(
        self,
        identity: DeviceIdentity,
        boot_id: str,
        trust: TrustStore,
        modules: Sequence[Module],
        ports: ManagerPorts,
    ) -> None:
        self._record, self._dns_servers = ports.record, ports.dns_servers
        self._identity, self._boot_id, self._trust, self._modules = identity, boot_id, trust, modules
        self._config: CloudManagement | None = None
        self._dhcp: tuple[str | None, Secret | None] = (trust.memory.dhcp_domain, trust.memory.dhcp_password)
        self._changed = asyncio.Event()
        self._why: Down = Down(reason="restart")
        self._session: Session | None = None
        self._status = CloudStatus(serial=identity.serial)
        self._backoff = BackoffState()
        self._current: Endpoint | None = None

    # ------------------------------------------------------------------------------------------------ orders

    def configure(self, config: CloudManagement | None) -> None:
        """Take new settings. A connection that they do not concern is kept."""
        if config != self._config:
            self._config = config
            self._interrupt(Down(reason="configuration", detail="the cloud-management settings changed"))

    @property
    def dhcp(self) -> tuple[str | None, Secret | None]:
        """Server and password from DHCP that count; after a start those of before."""
        return self._dhcp

    def running(self) -> Running:
        """What the connection, or the attempt at one, runs on."""
        manual = self._config.password if self._config is not None else None
        domain = self._status.server_domain if self._status.state == "Established" else None
        return Running(domain=domain, dhcp_domain=self._dhcp[0], password=self._dhcp[1] or manual)

    def dhcp_values(self, domain: str | None, password: Secret | None, note: str = "", *, reconnect: bool) -> None:
        """What DHCP says now, as already judged; equal values keep the connection (seed 000)."""
        self._dhcp = (domain, password)
        self._trust.change(dhcp_domain=domain, dhcp_password=password)
        self._note(dhcp_note=note)
        if reconnect:
            self._interrupt(Down(reason="dhcp", detail="DHCP brought another server or password"))

    def reset(self) -> None:
        """Tear down and begin with the first server again (`reset cloud-management tunnel`)."""
        self._current = None
        self._interrupt(Down(reason="reset", detail="reset by command"))

    async def unbinding_code(self, code: str) -> UnbindingResult | None:
        """Pass a verification code on; None without a connection or an answer."""
        return await self._session.unbinding_code(code) if self._session is not None else None

    def status(self) -> CloudStatus:
        """Now."""
        session = self._session
        if session is None:
            return self._status
        states = tuple(
            SubConnection(
                name=name,
                state=s.state,
                since_ns=wall_ns(s.since_ns) if s.since_ns is not None else None,
                reason=s.reason,
                sent=s.link.sent if s.link else 0,
                received=s.link.received if s.link else 0,
                dropped=s.link.dropped if s.link else 0,
            )
            for name, s in session.subconnections.items()
        )
        dropped = sum(s.dropped for s in states)
        return msgspec.structs.replace(self._status, subconnections=states, dropped_at_limit=dropped)

    # ------------------------------------------------------------------------------------------------ loop

    async def run(self) -> None:
        """Connect and stay connected, for ever; every change of the settings starts anew."""
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            cycle = loop.create_task(self._cycle(), name="cloud connection")
            try:
                changed = loop.create_task(self._changed.wait(), name="cloud settings")
                await asyncio.wait((cycle, changed), return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
            finally:
                cycle.cancel()
                await asyncio.gather(cycle, return_exceptions=True)
                self._down(self._why)

    async def _cycle(self) -> None:
        config = self._config
        order = dial_order(config, self._dhcp[0]) if config is not None else ()
        if config is None or not order:
            self._note(state="Unconnected", device_state="Idle", failure="no_server" if config else None)
            return await self._for_ever()
        turn = next_after(order, None)
        endpoint = self._current if self._current in order else (turn.endpoint if turn else order[0])
        began = endpoint
        while True:
            hint_s: float | None = None
            round_over = True
            try:
                down = await self._connect(config, endpoint)
                hint_s, began = down.wait_s, endpoint
                self._down(down)
            except DialFailed as failed:
                hint_s = failed.retry_after_s
                self._failed(endpoint, failed)
                following = next_after(order, endpoint, began)
                if following is not None:
                    endpoint, round_over = following.endpoint, following.round_over
            wait, self._backoff = next_wait(
                self._backoff, random.random(), steady_ns(), hint_s=hint_s, round_over=round_over
            )
            due_ns = wall_ns(steady_ns()) + int(wait.delay_s * 1e9)
            self._note(state="Unconnected", device_state="Waiting", next_attempt_ns=due_ns)
            await pause(wait.delay_s)

    async def _for_ever(self) -> None:
        await asyncio.get_running_loop().create_future()

    async def _connect(self, config: CloudManagement, endpoint: Endpoint) -> Down:
        """One attempt: every address of the name, the first that works. Raises DialFailed with the last reason."""
        self._note(
            state="Request", device_state="Resolving", server_domain=endpoint.domain, server_port=endpoint.port,
            server_address=None, next_attempt_ns=None,
            domain_source=_source(self._dhcp[0], config.primary is not None),
            password_source=_source(self._dhcp[1], config.password is not None),
        )  # fmt: skip
        failed = DialFailed("name", f"{endpoint.domain}: no address")
        for target in await self._targets(endpoint):
            self._note(server_address=target.address)
            try:
                return await self._dial(config, endpoint, target)
            except DialFailed as error:
                failed = error
        raise failed

    async def _targets(self, endpoint: Endpoint) -> list[Target]:
        """Every address of the name: a server may be reached by one of them only."""
        families: tuple[Family, ...] = ("ipv6",) if endpoint.ipv6 else ("ipv4", "ipv6")
        if endpoint.source_ip is not None:
            families = ("ipv4",)
        try:
            open_socket = socket_factory(endpoint.vpn_instance)
            servers = self._dns_servers()
            addresses = await resolve(endpoint.domain, servers, families=families, open_socket=open_socket)
        except ResolveFailed as error:
            raise DialFailed("name", error.message) from error
        except Rejected as error:
            raise DialFailed("vpn_instance", error.message) from error
        return [
            Target(
                domain=endpoint.domain.removesuffix("."),
                port=endpoint.port,
                address=address,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                source_ip=endpoint.source_ip,
                vpn_instance=endpoint.vpn_instance,
            )
            for address in addresses
        ]

    async def _dial(self, config: CloudManagement, endpoint: Endpoint, target: Target) -> Down:
        now_ns = wall_ns(steady_ns())
        authorities = await self._authorities(config, target)
        context = self._trust.context(authorities, now_ns)
        timers = Timers(keepalive_s=config.keepalive_s, ping_s=config.ping_s, dead_after_s=config.dead_after_s)
        session = Session(target, context, timers, self._modules, self._new_authorities)
        connection = await open_connection(target, context, self._step)
        try:
            login = self._login(config, target, connection.binding())
            names = tuple(m.name for m in self._modules)
            first = login.start(names, timers, self._status.last_down_detail)
            done = await log_in(connection, target.netloc, login, first, self._step)
            self._trusted(config, authorities, done, target)
            self._step("Request")
            running = asyncio.get_running_loop().create_task(session.run(connection, done.url), name="cloud session")
            try:
                session.websocket.on_open = lambda: self._established(endpoint, target, done, session, context)
                return await running
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
        finally:
            self._session = None
            if not session.websocket.open:
                connection.transport.abort()

    def _login(self, config: CloudManagement, target: Target, binding: bytes) -> DeviceLogin:
        memory = self._trust.memory
        resume = None
        if memory.ticket and memory.ticket_key is not None and memory.ticket_domain == target.netloc:
            resume = ResumeState(ticket=memory.ticket, key=memory.ticket_key)
        identity = Identity(
            serial=self._identity.serial,
            boot_id=self._boot_id,
            platform=self._identity.platform,
            module_type=self._identity.module_type,
            software=self._identity.software,
        )
        return DeviceLogin(identity, self._proof(config), resume, secrets.token_urlsafe(18), binding)

    def _proof(self, config: CloudManagement) -> Proof | None:
        password = self._dhcp[1] or config.password
        if password is not None:
            return Proof(method="password", secret=password)
        memory = self._trust.memory
        if memory.secret is not None and config.enrolment_token is None:
            return Proof(method="password", secret=memory.secret)
        if config.enrolment_token is None:
            return None
        # Saved before it is told: a device that dies in between still knows what the server expects.
        secret = memory.secret or Secret(secrets.token_urlsafe(32))
        self._trust.change(secret=secret)
        verifier = make_verifier(secret.reveal(), secrets.token_bytes(16))
        return Proof(method="token", secret=config.enrolment_token, enrolment=verifier)

    async def _authorities(self, config: CloudManagement, target: Target) -> tuple[str, ...]:
        """Whom to trust at this attempt: the pinned ones, or at the first trust what the server offers."""
        pinned = self._trust.memory.authorities
        rotated = self._trust.memory.trust == "rotated"
        if pinned and (config.fingerprint is None or rotated or acceptable(pinned, config.fingerprint)):
            return pinned
        offered = await fetch_authorities(target, self._step, blind_context())
        found = acceptable(offered, config.fingerprint)
        if not found:
            raise DialFailed("authority", "none of the server's authorities has the configured fingerprint")
        return found

    # ------------------------------------------------------------------------------------------------ notes

    def _trusted(self, config: CloudManagement, authorities: tuple[str, ...], done: Upgrade, target: Target) -> None:
        """Both ends have proved themselves: only now the server's authority is pinned."""
        memory = self._trust.memory
        trust = memory.trust
        if authorities != memory.authorities:
            trust = "configured" if config.fingerprint else "first_use"
        wrong = self._trust.clock_is_wrong(wall_ns(steady_ns()))
        self._trust.change(
            authorities=authorities,
            trust=trust,
            ticket=done.resume.ticket if done.resume else "",
            ticket_key=done.resume.key if done.resume else None,
            ticket_domain=target.netloc,
            last_time_ns=max(memory.last_time_ns, done.server_time_ns),
        )
        self._note(
            trust=trust,
            authority_fingerprint=fingerprint(authorities[0]),
            clock_note="this device's clock is behind the server's; certificate dates were not checked"
            if wrong
            else "",
        )

    def _new_authorities(self, authorities: tuple[str, ...]) -> None:
        """Told in band by a trusted server: a rotation."""
        if authorities and set(authorities) != set(self._trust.memory.authorities):
            self._trust.change(authorities=authorities, trust="rotated")
            self._note(trust="rotated", authority_fingerprint=fingerprint(authorities[0]))
            self._record("authorities changed", ", ".join(fingerprint(pem)[:16] for pem in authorities))

    def _established(
        self, endpoint: Endpoint, target: Target, done: Upgrade, session: Session, context: ssl.SSLContext
    ) -> None:
        del context
        self._current, self._session = endpoint, session
        self._backoff = after_establishment(self._backoff, steady_ns())
        again = self._status.last_down_at_ns is not None
        self._note(
            state="Established",
            device_state="Request_success",
            epoch=done.epoch,
            connected_at_ns=wall_ns(steady_ns()),
            failure=None,
            failure_detail="",
            reconnects=self._status.reconnects + again,
        )
        how = "resumed" if done.resumed else "authenticated"
        self._record("established", f"{target.netloc} ({target.address}), epoch {done.epoch}, {how}")

    def _failed(self, endpoint: Endpoint, failed: DialFailed) -> None:
        if (self._status.failure, self._status.failure_detail) != (failed.reason, failed.detail):
            self._record("attempt failed", f"{endpoint.domain} port {endpoint.port}: {failed.reason}: {failed.detail}")
        self._note(failure=failed.reason, failure_detail=failed.detail, state="Unconnected")

    def _down(self, down: Down) -> None:
        if self._status.connected_at_ns is None:
            return
        self._note(
            state="Unconnected",
            device_state="Idle",
            connected_at_ns=None,
            epoch=None,
            last_down=down.reason,
            last_down_detail=down.detail,
            last_down_at_ns=wall_ns(steady_ns()),
        )
        self._record("down", f"{down.reason}: {down.detail}")

    def _step(self, state: DeviceState) -> None:
        self._note(device_state=state)

    def _note(self, **fields: object) -> None:
        state = fields.get("device_state")
        if state is not None:
            process = _PROCESS.get(state, self._status.process_state)  # type: ignore[call-overload]
            fields.setdefault("process_state", process)
            fields["steps"] = self._steps_with(state)  # type: ignore[arg-type]
        self._status = msgspec.structs.replace(self._status, **fields)

    def _steps_with(self, state: DeviceState) -> tuple[StepReached, ...]:
        """Times of the newest attempt's steps; what follows an attempt is none of it."""
        if state in ("Idle", "Waiting"):
            return self._status.steps
        before = () if state == "Resolving" else self._status.steps
        if before and before[-1].state == state:
            return before
        return (*before, StepReached(state=state, at_ns=wall_ns(steady_ns())))

    def _interrupt(self, why: Down) -> None:
        self._why = why
        self._changed.set()


def _source(from_dhcp: object, manual: bool) -> ValueSource:
    return "dhcp" if from_dhcp is not None else "manual" if manual else "none"
