"""The connection manager: one cloud connection at a time, to the first server of the stored order that works.

In: the cloud part of the config, DHCP values, orders (reset, unbinding code). Out: a connection that comes back by
itself, and `CloudStatus`, which names each step, reason and time. Next: `session`, `dial`, `trust`.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable, Sequence

import msgspec

from twinspan.agent.clock import pause, steady_ns, wall_ns
from twinspan.agent.cloud_connection.attempt import Attempts, Opened, Settings
from twinspan.agent.cloud_connection.dial import DialFailed
from twinspan.agent.cloud_connection.doctor import examine
from twinspan.agent.cloud_connection.services import Module
from twinspan.agent.cloud_connection.session import Down, Session
from twinspan.agent.cloud_connection.status_notes import StatusNotes
from twinspan.agent.cloud_connection.trust import Pin, TrustStore, acceptable, fingerprint
from twinspan.agent.cloud_connection.way import find_way
from twinspan.drivers.quiet_tls import quiet_tls
from twinspan.engine.dhcp_trust import Running
from twinspan.model.cloud_check import CloudCheck
from twinspan.model.cloud_management import CloudManagement
from twinspan.model.cloud_status import CloudStatus, SubConnection, ValueSource
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_identity import DeviceIdentity
from twinspan.model.secret import Secret
from twinspan.wire.cloud_connection.backoff import NS_PER_S, BackoffState, after_establishment, next_wait
from twinspan.wire.cloud_connection.messages import UnbindingResult
from twinspan.wire.cloud_connection.server_order import Endpoint, dial_order, next_after, preferred_to, same_server

SWITCH_BACK_S = 120.0
"""How often a server of higher priority is tried while another one works, if that is wanted at all."""
_OF_A_CONNECTION = ("keepalive_s", "ping_s", "dead_after_s", "certificate", "fingerprint")
"""Settings that the server was told, or that the present trust rests on; the password and the servers are looked at by
what they come to."""
SUPERSEDED_S = 5.0
"""How long the connection that took over from the present one may need to be open."""


class ManagerPorts(msgspec.Struct, frozen=True, kw_only=True):
    """What the manager needs of its node."""

    record: Callable[[str, str], None]
    """(what, detail): an event."""
    dns_servers: Callable[[], tuple[str, ...]] = tuple
    """Of the node's own; none: the system's resolver is asked."""
    config: Callable[[], DeviceConfig | None] = lambda: None
    """The node's whole config: its links tell which way is left."""


class ConnectionManager:
    def __init__(
        self,
        identity: DeviceIdentity,
        boot_id: str,
        trust: TrustStore,
        modules: Sequence[Module],
        ports: ManagerPorts,
    ) -> None:
        self._ports, self._record = ports, ports.record
        self._trust = trust
        trust.on_trouble = lambda detail: ports.record("not saved", detail)
        self._attempts = Attempts(identity, boot_id, trust, modules, ports.dns_servers)
        self._config: CloudManagement | None = None
        self._dhcp: tuple[str | None, Secret | None] = (trust.memory.dhcp_domain, trust.memory.dhcp_password)
        self._changed = asyncio.Event()
        self._why: Down = Down(reason="restart")
        self._session: Session | None = None
        self._switching = False
        """A better server is being dialled, beside the present connection."""
        self._notes = StatusNotes(identity.serial)
        self._backoff = BackoffState()
        self._current: Endpoint | None = None

    # ------------------------------------------------------------------------------------------------ orders

    def configure(self, config: CloudManagement | None) -> None:
        """Take new settings. A connection that would be made the same way again is kept; an attempt begins anew."""
        if config == self._config:
            return
        kept = self._session is not None and self._kept(self._config, config)
        self._config = config
        self._notes.note(**self._sources())
        if not kept:
            self._notes.aims_at(self._order())
            self._interrupt(Down(reason="configuration", detail="the cloud-management settings changed"))

    @property
    def dhcp(self) -> tuple[str | None, Secret | None]:
        """Server and password from DHCP that count; after a start those of before."""
        return self._dhcp

    def running(self) -> Running:
        """What the connection, or the attempt at one, runs on."""
        manual = self._config.password if self._config is not None else None
        domain = self._notes.status.server_domain if self._notes.status.state == "Established" else None
        return Running(domain=domain, dhcp_domain=self._dhcp[0], password=self._dhcp[1] or manual)

    def dhcp_values(self, domain: str | None, password: Secret | None, note: str = "", *, reconnect: bool) -> None:
        """What DHCP says now, as already judged; equal values keep the connection (seed 000)."""
        self._dhcp = (domain, password)
        self._trust.change(dhcp_domain=domain, dhcp_password=password)
        self._notes.note(dhcp_note=note)
        if reconnect:
            self._current = None  # from the first server on: the one before is still in the order, behind it
            self._interrupt(Down(reason="dhcp", detail="DHCP brought another server or password"))

    def reset(self) -> None:
        """Tear down and begin with the first server again (`reset cloud-management tunnel`)."""
        self._current = None
        self._interrupt(Down(reason="reset", detail="reset by command"))

    async def unbinding_code(self, code: str) -> UnbindingResult | None:
        """Pass a verification code on; None without a connection or an answer."""
        return await self._session.unbinding_code(code) if self._session is not None else None

    async def examine(self) -> tuple[CloudCheck, ...]:
        """Every step of a connection tried by itself, without touching the one there is."""
        return await examine(self._config, self._dhcp[0], self.status(), self._attempts, self._trust)

    def status(self) -> CloudStatus:
        """Now."""
        session, order = self._session, self._order()
        status = msgspec.structs.replace(self._notes.status, servers=self._notes.servers(order))
        if session is None:
            return status
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
        full = sum(s.link.websocket.full_count for s in session.subconnections.values() if s.link)
        return msgspec.structs.replace(
            status, subconnections=states, dropped_at_limit=dropped, dropped_total=dropped, buffer_full=full
        )

    # ------------------------------------------------------------------------------------------------ loop

    async def run(self) -> None:
        """Connect and stay connected, for ever; a change that concerns the connection starts anew."""
        loop = asyncio.get_running_loop()
        quiet_tls(loop)
        for sentence in self._trust.damage:
            self._record("file set aside", sentence)
        while True:
            self._changed.clear()
            cycle = loop.create_task(self._cycle(), name="cloud connection")
            try:
                changed = loop.create_task(self._changed.wait(), name="cloud settings")
                await asyncio.wait((cycle, changed), return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if cycle.done():
                    cycle.result()  # it never ends by itself: this raises our mistake, for the supervisor
            finally:
                cycle.cancel()
                await asyncio.gather(cycle, return_exceptions=True)
                self._down(self._why)

    def _sources(self) -> dict[str, ValueSource]:
        primary, password = (self._config.primary, self._config.password) if self._config is not None else (None, None)
        return {
            "domain_source": _source(self._dhcp[0], manual=primary is not None),
            "password_source": _source(self._dhcp[1], manual=password is not None),
        }

    def _order(self) -> tuple[Endpoint, ...]:
        return dial_order(self._config, self._dhcp[0]) if self._config is not None else ()

    def _kept(self, old: CloudManagement | None, new: CloudManagement | None) -> bool:
        """Whether the present connection stays under the new settings: its server is still stored, reached the same
        way, and both prove themselves and keep time as before. The server was told the timers at the registration."""
        if old is None or new is None or self._current is None:
            return False
        same = same_server(dial_order(new, self._dhcp[0]), self._current)
        if same is None or any(getattr(old, field) != getattr(new, field) for field in _OF_A_CONNECTION):
            return False
        if self._dhcp[1] is None and old.password != new.password:
            return False
        self._current = same
        return True

    async def _cycle(self) -> None:
        config, order = self._config, self._order()
        if config is None or not order:
            failure = "no_server" if config else None
            self._notes.note(state="Unconnected", device_state="Idle", failure=failure)
            return await self._for_ever()
        turn = next_after(order, None)
        endpoint = self._current if self._current in order else (turn.endpoint if turn else order[0])
        began = endpoint
        while True:
            hint_s: float | None = None
            round_over = True
            try:
                down = await self._connected(await self._connect(config, endpoint))
                endpoint = began = self._current or endpoint
                config, order = self._config or config, self._order()  # both may be new: the connection was kept
                hint_s = down.wait_s
            except DialFailed as failed:
                hint_s = failed.retry_after_s
                self._failed(endpoint, failed)
                following = next_after(order, endpoint, began)
                if following is not None:
                    endpoint, round_over = following.endpoint, following.round_over
            await self._wait(hint_s, round_over=round_over)

    async def _wait(self, hint_s: float | None, *, round_over: bool) -> None:
        wait, self._backoff = next_wait(
            self._backoff, random.random(), steady_ns(), hint_s=hint_s, round_over=round_over
        )
        due_ns = wall_ns(steady_ns()) + int(wait.delay_s * NS_PER_S)
        self._notes.note(state="Unconnected", device_state="Waiting", next_attempt_ns=due_ns)
        await pause(wait.delay_s)

    async def _for_ever(self) -> None:
        await asyncio.get_running_loop().create_future()

    async def _connect(self, config: CloudManagement, endpoint: Endpoint) -> Opened:
        """One attempt, step by step in the status. Raises DialFailed."""
        self._notes.note(
            state="Request",
            server_domain=endpoint.domain,
            server_port=endpoint.port,
            server_address=None,
            next_attempt_ns=None,
            **self._sources(),
        )
        return await self._attempts.open(
            endpoint,
            self._settings(config),
            lambda state: self._notes.note(device_state=state),
            lambda target: self._notes.note(server_address=target.address),
            lambda authorities: self._new_authorities(endpoint.domain, authorities),
        )

    async def _connected(self, opened: Opened | None) -> Down:
        """Stay on a connection, and on the one that follows it without a gap, until there is none."""
        down = Down(reason="closed")
        while opened is not None:
            self._established(opened)
            down, opened = await self._stay(opened)
            self._session = None
            self._down(down)
        return down

    async def _stay(self, opened: Opened) -> tuple[Down, Opened | None]:
        """Until it ends, or until a server of higher priority has taken over (make-before-break)."""
        loop = asyncio.get_running_loop()
        staying = loop.create_task(opened.session.stay(), name="cloud session")
        returning = loop.create_task(self._return(), name="cloud switch-back")
        looking = loop.create_task(self._look(opened), name="cloud way out")
        try:
            await asyncio.wait((staying, returning), return_when=asyncio.FIRST_COMPLETED)
            if staying.done() and staying.result().reason == "superseded" and self._switching:
                # By ourselves: behind the better entry is the same server, and the old connection had to go first.
                await asyncio.wait((returning,), timeout=SUPERSEDED_S)
            if not returning.done():
                return staying.result(), None
            return Down(reason="switch_back", detail=returning.result().endpoint.domain), returning.result()
        finally:
            for task in (returning, staying, looking):
                task.cancel()
            await asyncio.gather(staying, returning, looking, return_exceptions=True)

    async def _look(self, opened: Opened) -> None:
        """Say which link it goes out by."""
        local = opened.local[0] if opened.local else None
        way = await find_way(self._ports.config(), opened.target.address, local)
        self._notes.note(local_link=way.link, fallback=way.fallback)

    async def _return(self) -> Opened:
        """A connection to a better server, opened while the present one carries on."""
        while True:
            await pause(SWITCH_BACK_S * (0.75 + random.random() / 2))
            config = self._config
            if config is None or not config.switch_back or self._current is None:
                continue
            for endpoint in preferred_to(self._order(), self._current):
                self._switching = True
                try:
                    return await self._attempts.open(
                        endpoint,
                        self._settings(config),
                        lambda _: None,
                        lambda _: None,
                        functools.partial(self._new_authorities, endpoint.domain),
                    )
                except DialFailed as failed:
                    self._notes.failed_at(endpoint, failed.reason)  # no event: the present connection works
                finally:
                    self._switching = False

    def _settings(self, config: CloudManagement) -> Settings:
        last_down = self._notes.status.last_down_detail
        return Settings(config=config, dhcp_password=self._dhcp[1], last_down=last_down)

    # ------------------------------------------------------------------------------------------------ notes

    def _new_authorities(self, domain: str, authorities: tuple[str, ...]) -> None:
        """Told in band by a trusted server: a rotation, if they are others."""
        pins = self._trust.memory.pins
        known = pins.get(domain)
        authorities = acceptable(authorities, None)
        if known is None or not authorities or authorities == known.authorities:
            return
        new = Pin(authorities=authorities, trust="rotated", began_with=known.began_with)
        self._trust.change(pins={**pins, domain: new})
        self._notes.note(trust="rotated", authority_fingerprint=fingerprint(authorities[0]))
        if set(authorities) == set(known.authorities):
            return  # another one of them issues now
        self._record("authorities changed", ", ".join(fingerprint(pem)[:16] for pem in authorities))

    def _established(self, opened: Opened) -> None:
        self._current, self._session = opened.endpoint, opened.session
        self._notes.worked_at(opened.endpoint)
        self._backoff = after_establishment(self._backoff, steady_ns())
        done, target = opened.upgrade, opened.target
        wrong = self._trust.clock_is_wrong(wall_ns(steady_ns()))
        self._notes.note(
            state="Established",
            device_state="Request_success",
            epoch=done.epoch,
            server_domain=opened.endpoint.domain,
            server_port=target.port,
            server_address=target.address,
            local_address=opened.local[0] if opened.local else None,
            local_port=opened.local[1] if opened.local else None,
            connected_at_ns=wall_ns(steady_ns()),
            failure=None,
            failure_detail="",
            reconnects=self._notes.status.reconnects + (self._notes.status.last_down_at_ns is not None),
            trust=opened.pin.trust,
            authority_fingerprint=fingerprint(opened.pin.authorities[0]),
            clock_note="the clock is behind the server's; certificate dates were not checked" if wrong else "",
        )
        how = "resumed" if done.resumed else "authenticated"
        self._record("established", f"{target.netloc} ({target.address}), epoch {done.epoch}, {how}")

    def _failed(self, endpoint: Endpoint, failed: DialFailed) -> None:
        if (self._notes.status.failure, self._notes.status.failure_detail) != (failed.reason, failed.detail):
            self._record("attempt failed", f"{endpoint.domain} port {endpoint.port}: {failed.reason}: {failed.detail}")
        self._notes.failed_at(endpoint, failed.reason)
        self._notes.note(failure=failed.reason, failure_detail=failed.detail, state="Unconnected")

    def _down(self, down: Down) -> None:
        if self._notes.status.connected_at_ns is None:
            return
        self._notes.note(
            state="Unconnected",
            device_state="Idle",
            connected_at_ns=None,
            epoch=None,
            last_down=down.reason,
            last_down_detail=down.detail,
            last_down_at_ns=wall_ns(steady_ns()),
        )
        self._record("down", f"{down.reason}: {down.detail}")

    def _interrupt(self, why: Down) -> None:
        self._why = why
        self._changed.set()


def _source(from_dhcp: object, *, manual: bool) -> ValueSource:
    return "dhcp" if from_dhcp is not None else "manual" if manual else "none"
