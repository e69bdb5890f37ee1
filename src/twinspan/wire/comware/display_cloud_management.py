"""`display cloud-management state` and `display cloud-management backup-server state`.

In: a `CloudStatus`, the names of the links on the command line, and the time. Out: text. The first fields are those of
the seed's device family, word for word; below them stands what makes a device's trouble visible: the sub-connections,
where domain and password come from, whom it trusts. Next: whoever typed the command.
"""

from __future__ import annotations

from collections.abc import Mapping

from twinspan.model.cloud_status import DOWN_TEXT, FAILURE_TEXT, CloudStatus, SubConnection, Trust, ValueSource
from twinspan.wire.comware.display_layout import NONE, calendar, days, full_name, table

_WIDTH = 24
_SOURCE: dict[ValueSource, str] = {"none": "Not set", "manual": "Manual", "dhcp": "DHCP"}
_TRUST: dict[Trust, str] = {
    "none": "None yet",
    "configured": "configured",
    "first_use": "trusted on first use",
    "rotated": "handed over by the authority before it",
}

_SUBCONNECTIONS = (
    ("Subconnection", 16),
    ("State", 13),
    ("Duration", 17),
    ("Sent", 11),
    ("Received", 11),
    ("Dropped", 9),
    ("Reason", 6),
)
_SERVERS = (
    ("  Role", 10),
    ("Port", 7),
    ("Source", 8),
    ("Failures", 10),
    ("Last failure", 42),
    ("Domain name", 11),
)


def display_cloud_management_state(status: CloudStatus, names: Mapping[str, str], now_ns: int) -> str:
    """State, server, reasons and counters; then the sub-connections as a table."""
    fields = [*_connection(status, now_ns), *_reasons(status), *_counters(status), *_origins(status, names)]
    lines = [f"{name:<{_WIDTH}} : {value}" for name, value in fields]
    if status.subconnections:
        lines += ["", *table(_SUBCONNECTIONS, (_subconnection(sub, now_ns) for sub in status.subconnections))]
    return "\n".join(lines)


def display_cloud_management_servers(status: CloudStatus) -> str:
    """The servers in the order in which they are tried, the one in use marked with an asterisk."""
    if not status.servers:
        return "No cloud server is configured."
    here = (status.server_domain, status.server_port)
    rows = (
        (
            f"{'*' if (server.domain, server.port) == here else ' '} {server.role.capitalize()}",
            server.port,
            _SOURCE[server.source],
            server.attempts,
            FAILURE_TEXT[server.failure] if server.failure else NONE,
            server.domain,
        )
        for server in status.servers
    )
    return "\n".join(["* - Server in use or being tried", "", *table(_SERVERS, rows)])


def _connection(status: CloudStatus, now_ns: int) -> list[tuple[str, object]]:
    since = status.connected_at_ns
    return [
        ("Cloud connection state", status.state),
        ("Device state", status.device_state),
        ("Cloud server address", _or_none(status.server_address)),
        ("Cloud server domain name", _or_none(status.server_domain)),
        ("Cloud server port", _or_none(status.server_port)),
        ("Cloud connection mode", "Https" if status.server_domain else NONE),
        ("Local address", _or_none(status.local_address)),
        ("Local port", _or_none(status.local_port)),
        ("Connected at", calendar(since)),
        ("Duration", days(now_ns - since) if since is not None else NONE),
        ("Process state", status.process_state),
        *([("Next attempt at", calendar(status.next_attempt_ns))] if status.next_attempt_ns is not None else []),
    ]


def _reasons(status: CloudStatus) -> list[tuple[str, object]]:
    failure = FAILURE_TEXT[status.failure] if status.failure else NONE
    down = DOWN_TEXT[status.last_down] if status.last_down else NONE
    return [
        ("Failure reason", failure + _details(status.failure_detail)),
        ("Last down reason", down + _details(status.last_down_detail)),
        ("Last down at", calendar(status.last_down_at_ns)),
        ("Reconnects", status.reconnects),
    ]


def _counters(status: CloudStatus) -> list[tuple[str, object]]:
    return [
        ("Dropped packets after reaching buffer limit", status.dropped_at_limit),
        ("Total dropped packets", status.dropped_total),
        ("Buffer full count", status.buffer_full),
    ]


def _origins(status: CloudStatus, names: Mapping[str, str]) -> list[tuple[str, object]]:
    trust = status.authority_fingerprint
    return [
        ("Serial number", _or_none(status.serial or None)),
        ("Epoch", _or_none(status.epoch)),
        ("Domain name source", _SOURCE[status.domain_source]),
        ("Password source", _SOURCE[status.password_source]),
        *([("DHCP note", status.dhcp_note)] if status.dhcp_note else []),
        ("Trusted authority", f"{trust} ({_TRUST[status.trust]})" if trust else _TRUST["none"]),
        *([("Clock", status.clock_note)] if status.clock_note else []),
        ("Outgoing interface", full_name(names, status.local_link)),
        ("Fallback", _or_none(status.fallback or None)),
    ]


def _subconnection(sub: SubConnection, now_ns: int) -> tuple[object, ...]:
    lasted = days(now_ns - sub.since_ns) if sub.since_ns is not None else NONE
    return (sub.name, sub.state, lasted, sub.sent, sub.received, sub.dropped, sub.reason or NONE)


def _details(text: str) -> str:
    return f" (Details: {text})" if text else ""


def _or_none(value: object | None) -> object:
    return NONE if value is None else value
