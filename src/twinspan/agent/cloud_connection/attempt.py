"""One attempt at one server: every address of its name, until one gives an established main connection.

In: an endpoint, the settings. Out: `Opened`, or `DialFailed` with the last reason. What was proved is remembered here:
an authority is pinned, a ticket kept, only after both ends have shown that they know the secret. Next: `manager`.
"""

from __future__ import annotations

import secrets
import socket
import ssl
from collections.abc import Callable, Sequence

import msgspec

from twinspan.agent.clock import steady_ns, wall_ns
from twinspan.agent.cloud_connection.dial import (
    DialFailed,
    Progress,
    Target,
    fetch_authorities,
    log_in,
    open_connection,
    upgrade,
)
from twinspan.agent.cloud_connection.services import Module
from twinspan.agent.cloud_connection.session import Session
from twinspan.agent.cloud_connection.trust import Pin, Ticket, TrustStore, acceptable, blind_context, still_trusted
from twinspan.drivers.resolver import ResolveFailed, resolve
from twinspan.drivers.vpn_instance import socket_factory
from twinspan.model.cloud_management import CloudManagement
from twinspan.model.cloud_status import FailureReason, Trust
from twinspan.model.device_config import Family
from twinspan.model.device_identity import DeviceIdentity
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret
from twinspan.wire.cloud_connection.device import DeviceLogin, Identity, Proof, ResumeState, Timers, Upgrade
from twinspan.wire.cloud_connection.scram import make_verifier
from twinspan.wire.cloud_connection.server_order import Endpoint


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt goes by."""

    config: CloudManagement
    dhcp_password: Secret | None = None
    last_down: str = ""
    """Told to the server: why the connection before this one ended."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An established main connection that waits for `session.stay`."""

    endpoint: Endpoint
    target: Target
    session: Session
    upgrade: Upgrade
    pin: Pin
    local: tuple[str, int] | None = None
    """Address and port it dialled from."""


_TELLING: tuple[FailureReason, ...] = (
    "name",
    "route",
    "vpn_instance",
    "source_address",
    "timeout",
    "refused",
    "closed",
    "tls",
    "protocol",
    "clock",
    "authority",
    "server_name",
    "ticket",
    "handshake",
    "busy",
    "no_password",
    "certificate",
    "version",
    "not_admitted",
    "hardware",
    "duplicate",
    "quarantined",
)
"""Of the failures at several addresses the one is told that stands last here: it got furthest."""


class Attempts:
    """Makes attempts for one device."""

    def __init__(
        self,
        identity: DeviceIdentity,
        boot_id: str,
        trust: TrustStore,
        modules: Sequence[Module],
        dns_servers: Callable[[], tuple[str, ...]],
    ) -> None:
        self._identity = Identity(
            serial=identity.serial,
            boot_id=boot_id,
            platform=identity.platform,
            module_type=identity.module_type,
            software=identity.software,
        )
        self._trust, self._modules, self._dns_servers = trust, modules, dns_servers

    async def open(
        self,
        endpoint: Endpoint,
        settings: Settings,
        progress: Progress,
        on_target: Callable[[Target], None],
        on_authorities: Callable[[tuple[str, ...]], None],
    ) -> Opened:
        """The first address and the first proof that work. Raises DialFailed with the reason that says most."""
        progress("Resolving")
        failed = DialFailed("name", f"{endpoint.domain}: no address")
        proofs = self._proofs(settings)
        for target in await self.targets(endpoint):
            on_target(target)
            for proof in proofs:
                try:
                    return await self._dial(endpoint, target, settings, proof, (progress, on_authorities))
                except DialFailed as error:
                    failed = max(failed, error, key=_says)
                    if error.reason != "not_admitted":
                        break
        raise failed

    async def targets(self, endpoint: Endpoint) -> list[Target]:
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

    async def _dial(
        self,
        endpoint: Endpoint,
        target: Target,
        settings: Settings,
        proof: Proof | None,
        calls: tuple[Progress, Callable[[tuple[str, ...]], None]],
    ) -> Opened:
        progress, on_authorities = calls
        config = settings.config
        pin = await self._pin(config, target, progress)
        context = self._context(config, pin)
        timers = Timers(keepalive_s=config.keepalive_s, ping_s=config.ping_s, dead_after_s=config.dead_after_s)
        connection = await open_connection(target, context, progress)
        try:
            login = DeviceLogin(
                self._identity, proof, self._resume(target), secrets.token_urlsafe(18), connection.binding()
            )
            first = login.start(tuple(m.name for m in self._modules), timers, settings.last_down)
            done = await log_in(connection, target.netloc, login, first, progress)
            self._remember(target, pin, done, enrolled=proof is not None and proof.method == "token")
            progress("Request")
            session = Session(target, self._renewed_context(config, target, pin), timers, self._modules, on_authorities)
            await upgrade(connection, done.url, session.websocket)
        except BaseException:
            connection.transport.abort()
            raise
        name = connection.transport.get_extra_info("sockname")
        local = (str(name[0]), int(name[1])) if name else None
        return Opened(endpoint=endpoint, target=target, session=session, upgrade=done, pin=pin, local=local)

    # ------------------------------------------------------------------------------------------------ proofs and trust

    def _context(self, config: CloudManagement, pin: Pin) -> ssl.SSLContext:
        try:
            return self._trust.context(pin.authorities, wall_ns(steady_ns()), certificate=config.certificate)
        except OSError as error:  # also ssl.SSLError
            detail = f"{self._trust.certificate_file}: {error.strerror or 'no certificate with its key'}"
            raise DialFailed("certificate", detail) from error

    def _renewed_context(self, config: CloudManagement, target: Target, pin: Pin) -> Callable[[], ssl.SSLContext]:
        """By whom the server is trusted at that moment."""
        return lambda: self._context(config, self._trust.memory.pins.get(target.domain, pin))

    def _proofs(self, settings: Settings) -> tuple[Proof | None, ...]:
        """What to prove it with, the best first; None where nothing is set."""
        config, memory = settings.config, self._trust.memory
        if config.certificate:
            return (Proof(method="certificate"),)
        password = settings.dhcp_password or config.password
        if password is not None:
            return (Proof(method="password", secret=password),)
        own = (Proof(method="password", secret=memory.secret),) if memory.secret is not None else ()
        if config.enrolment_token is None or memory.enrolled:
            return own or (None,)
        # Saved before it is told: a device that dies in between still knows what the server expects.
        secret = memory.secret or Secret(secrets.token_urlsafe(32))
        if not self._trust.change(secret=secret):
            raise DialFailed("no_password", "the secret that replaces the one-time token cannot be saved")
        verifier = make_verifier(secret.reveal(), secrets.token_bytes(16))
        return (Proof(method="token", secret=config.enrolment_token, enrolment=verifier), *own)

    def _resume(self, target: Target) -> ResumeState | None:
        kept = self._trust.memory.tickets.get(target.netloc)
        return ResumeState(ticket=kept.ticket, key=kept.key) if kept is not None else None

    async def _pin(self, config: CloudManagement, target: Target, progress: Progress) -> Pin:
        """Whom to trust at this attempt: who is pinned for this name, or at the first trust what the server offers."""
        pinned = self._trust.memory.pins.get(target.domain)
        if pinned is not None and still_trusted(pinned, config.fingerprint):
            return pinned
        if config.certificate and config.fingerprint is None:
            # A certificate of ours proves nothing about the server: there is nobody to vouch for its authority.
            raise DialFailed("authority", "a device with a certificate needs the server's fingerprint configured")
        offered = await fetch_authorities(target, progress, blind_context())
        found = acceptable(offered, config.fingerprint)
        if not found and config.fingerprint is None:
            raise DialFailed("protocol", "what the server calls its authorities are no certificates")
        if not found:
            raise DialFailed("authority", "none of the server's authorities has the configured fingerprint")
        trust: Trust = "configured" if config.fingerprint else "first_use"
        return Pin(authorities=found, trust=trust, began_with=config.fingerprint)

    def _remember(self, target: Target, pin: Pin, done: Upgrade, *, enrolled: bool) -> None:
        """Both ends have proved themselves: only now the server's authority is pinned."""
        memory = self._trust.memory
        tickets = dict(memory.tickets)
        tickets.pop(target.netloc, None)
        if done.resume is not None:
            tickets[target.netloc] = Ticket(ticket=done.resume.ticket, key=done.resume.key)
        self._trust.change(
            pins={**memory.pins, target.domain: pin},
            tickets=tickets,
            enrolled=memory.enrolled or enrolled,
            last_time_ns=max(memory.last_time_ns, done.server_time_ns),
        )


def _says(failed: DialFailed) -> int:
    """How much that failure tells; of equal ones the first is kept."""
    return _TELLING.index(failed.reason) if failed.reason in _TELLING else -1
