"""Why a device cannot connect, on one page: every step is tried by itself, for every server, address by address.

In: the settings and the last status. Out: `CloudCheck`s in the order in which a connection needs them. Nothing that is
established is disturbed: the doctor opens connections of its own and never logs in. Next: `model.cloud_check`.
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator

from twinspan.agent.clock import steady_ns, wall_ns
from twinspan.agent.cloud_connection.attempt import Attempts
from twinspan.agent.cloud_connection.dial import DialFailed, Target, fetch_authorities, open_connection
from twinspan.agent.cloud_connection.trust import TrustStore, acceptable, blind_context, fingerprint, still_trusted
from twinspan.model.cloud_check import CloudCheck, Topic
from twinspan.model.cloud_management import CloudManagement
from twinspan.model.cloud_status import FAILURE_TEXT, CloudStatus, FailureReason, ServerEntry
from twinspan.wire.cloud_connection.server_order import Endpoint, dial_order

_REMEDIES: dict[FailureReason, str] = {
    "no_password": "cloud-management server password simple STRING, or have DHCP send option 252",
    "certificate": "put certificate and key, PEM, into {file}; or: undo twinspan cloud-management certificate",
    "source_address": "give an address of this device as source-ip, or leave it out",
    "vpn_instance": "make the VPN instance, or leave vpn-instance out",
    "name": "check the spelling and the DNS servers (display dns server); the resolver must know the name",
    "route": "check the routes to the server: display ip routing-table",
    "refused": "is the cloud server running, and is this its port? The default is 19443",
    "timeout": "a firewall or NAT on the way may drop the packets; TCP to this port must be let out",
    "tls": "something on the way may be taking TLS apart, or another program has the port",
    "authority": "compare its fingerprint with `twinspan server show`; a server set up anew has another one",
    "server_name": "dial it by a name in its certificate, or add this one there: twinspan server authority names",
    "clock": "set the clock, or configure NTP",
    "not_admitted": "add this serial number on the server (twinspan device add), and compare the password",
    "hardware": "this hardware cannot be managed over a cloud connection",
    "duplicate": "find the other device with this serial number: twinspan device events",
    "quarantined": "find out which of the devices is the real one, then: twinspan device release",
    "version": "update whichever of server and device is older",
    "busy": "wait: the device tries again by itself, when the server asked it to",
    "ticket": "another connection of this serial number may have come in between: twinspan device events",
    "protocol": "another program may have the port, or a proxy is in between; compare name and port",
    "handshake": "a proxy in between may not let WebSockets through; the server's log says more",
    "closed": "a firewall or proxy may break it off, or the server restarts; its log says more",
}

_NOBODY_VOUCHES = "a device with a certificate needs the server's fingerprint configured"


async def examine(
    config: CloudManagement | None, dhcp_domain: str | None, status: CloudStatus, attempts: Attempts, trust: TrustStore
) -> tuple[CloudCheck, ...]:
    """All checks; the first that failed is the place to begin."""
    if config is None:
        return (_check("server", "", None, "this device has no cloud-management settings", "cloud-management server"),)
    order = dial_order(config, dhcp_domain)
    checks = [_servers(order, status), _proof(config, status, trust), _clock(status, trust)]
    for endpoint in order:
        checks += [check async for check in _endpoint(endpoint, attempts, trust, config)]
    return (*checks, _serial(status), _state(status))


async def _endpoint(
    endpoint: Endpoint, attempts: Attempts, trust: TrustStore, config: CloudManagement
) -> AsyncIterator[CloudCheck]:
    name = f"{endpoint.domain} port {endpoint.port}"
    try:
        targets = await attempts.targets(endpoint)
    except DialFailed as failed:
        yield _failed("dns", name, failed)
        yield _check("port", name, None, "not looked at: there is no address", "")
        return
    yield _check("dns", name, True, ", ".join(target.address for target in targets))
    for target in targets:
        for check in await _target(target, trust, config):
            yield check


async def _target(target: Target, trust: TrustStore, config: CloudManagement) -> list[CloudCheck]:
    wanted = config.fingerprint
    where = f"{target.address} port {target.port}"
    try:
        offered = await fetch_authorities(target, lambda _: None, blind_context())
    except DialFailed as failed:
        topic: Topic = "route" if failed.reason in ("route", "source_address", "vpn_instance") else "port"
        return [_failed("tls" if failed.reason in ("tls", "protocol") else topic, where, failed)]
    found = [_check("port", where, True, "a cloud server answers")]
    pin = trust.memory.pins.get(target.domain)
    if pin is not None and not still_trusted(pin, wanted):
        pin = None
    if pin is None and wanted is None and config.certificate:
        return [*found, _check("tls", where, False, _NOBODY_VOUCHES, "twinspan cloud-management fingerprint HEX")]
    authorities = pin.authorities if pin is not None else acceptable(offered, wanted)
    if not authorities:
        shown = ", ".join(fingerprint(pem)[:16] + "…" for pem in acceptable(offered, None)[:4]) or "no certificate"
        other = DialFailed("authority", f"it is {shown}, and {wanted} is configured")
        return [*found, _failed("tls", where, other)]
    context = trust.context(authorities, wall_ns(steady_ns()))
    try:
        connection = await open_connection(target, context, lambda _: None)
    except DialFailed as failed:
        return [*found, _failed("clock" if failed.reason == "clock" else "tls", where, failed)]
    connection.transport.abort()
    how = "pinned" if pin is not None else "not pinned yet"
    return [*found, _check("tls", where, True, f"authority {fingerprint(authorities[0])[:16]}…, {how}")]


def _servers(order: tuple[Endpoint, ...], status: CloudStatus) -> CloudCheck:
    if order:
        named = zip(order, status.servers, strict=True)
        return _check("server", "", True, ", ".join(f"{e.domain} port {e.port} ({e.kind}{_did(s)})" for e, s in named))
    remedy = "cloud-management server domain NAME, or have DHCP send option 253"
    return _check("server", "", False, FAILURE_TEXT["no_server"], remedy)


def _did(server: ServerEntry) -> str:
    """How the attempts of the device itself went since that server last worked."""
    times = "once" if server.attempts == 1 else f"{server.attempts} times"
    return f", failed {times}: {FAILURE_TEXT[server.failure]}" if server.failure else ""


def _proof(config: CloudManagement, status: CloudStatus, trust: TrustStore) -> CloudCheck:
    """What it would prove its serial number with."""
    if status.failure in ("no_password", "certificate"):
        detail = f"{FAILURE_TEXT[status.failure]}: {status.failure_detail}"
        return _check("password", "", False, detail, _REMEDIES[status.failure].format(file=trust.certificate_file))
    if config.certificate:
        return _check("password", "", True, f"a client certificate, {trust.certificate_file}")
    if status.password_source == "none":
        if trust.memory.secret is not None:
            return _check("password", "", True, "an own secret, made in place of the one-time token")
        if config.enrolment_token is not None:
            return _check("password", "", True, "a one-time token")
        return _check("password", "", False, "none is set, and a server demands one", _REMEDIES["no_password"])
    return _check("password", "", True, f"set, source: {status.password_source}")


def _clock(status: CloudStatus, trust: TrustStore) -> CloudCheck:
    now_ns = wall_ns(steady_ns())
    shown = datetime.datetime.fromtimestamp(now_ns / 1e9, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if trust.clock_is_wrong(now_ns):
        detail = f"{shown} is certainly wrong; certificate dates are not checked"
        return _check("clock", "", False, detail, _REMEDIES["clock"])
    return _check("clock", "", True, status.clock_note or shown)


def _serial(status: CloudStatus) -> CloudCheck:
    reasons: tuple[FailureReason, ...] = ("not_admitted", "hardware", "duplicate", "quarantined", "version", "busy")
    if status.state == "Established":
        return _check("serial", status.serial, True, "admitted")
    if status.failure in reasons:
        detail = f"{FAILURE_TEXT[status.failure]}: {status.failure_detail}"
        return _check("serial", status.serial, False, detail, _REMEDIES[status.failure])
    return _check("serial", status.serial, None, "not asked yet: the server was not reached")


def _state(status: CloudStatus) -> CloudCheck:
    if status.state == "Established":
        return _check("state", "", True, f"established with {status.server_domain}, epoch {status.epoch}")
    why = f"{FAILURE_TEXT[status.failure]}: {status.failure_detail}" if status.failure else status.device_state
    return _check("state", "", False, f"not established ({why})", "begin with the first line above that failed")


def _failed(topic: Topic, subject: str, failed: DialFailed) -> CloudCheck:
    detail = f"{FAILURE_TEXT[failed.reason]}: {failed.detail}"
    return _check(topic, subject, False, detail, _REMEDIES.get(failed.reason, ""))


def _check(topic: Topic, subject: str, passed: bool | None, detail: str, remedy: str = "") -> CloudCheck:
    return CloudCheck(topic=topic, subject=subject, passed=passed, detail=detail, remedy="" if passed else remedy)
