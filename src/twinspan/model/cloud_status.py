"""`CloudStatus`: how far the cloud connection of a device got, and why it is not further.

In: nothing. The agent's connection manager fills it at every step; `display cloud-management state`, the report and
`doctor` read it. Times are wall-clock nanoseconds (CLOCK_REALTIME). The names of the connection states, of the device
state of a finished connection and of the display's fields are those of the seed's device family; the other words are
our own. Next: `wire.comware.display_cloud_management`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

ConnectionState = Literal["Unconnected", "Request", "Established"]
"""`Request` from the first name lookup until the handshake response."""
DeviceState = Literal[
    "Idle",
    "Waiting",
    "Resolving",
    "Connecting",
    "TLS",
    "Authentication",
    "Authentication_success",
    "Register",
    "Register_success",
    "Request",
    "Request_success",
]
"""The step reached, in the order of seed 000, "Cloud connection establishment". `Waiting`: for the next attempt.
`Request` is the WebSocket handshake; `Request_success` lasts as long as the connection."""
ProcessState = Literal[
    "Not started", "Name not resolved", "Name resolved", "Message not sent", "Message sent", "Message received"
]
"""What the step is doing: it tells a name that is not found from a server that is silent."""
FailureReason = Literal[
    "no_server",
    "no_password",
    "certificate",
    "source_address",
    "vpn_instance",
    "name",
    "route",
    "refused",
    "timeout",
    "tls",
    "authority",
    "server_name",
    "clock",
    "not_admitted",
    "hardware",
    "duplicate",
    "quarantined",
    "version",
    "busy",
    "ticket",
    "protocol",
    "handshake",
    "closed",
]
FAILURE_TEXT: dict[FailureReason, str] = {
    "no_server": "No cloud server is configured or learned",
    "no_password": "The server demands a password and none is set",
    "certificate": "The client certificate of this device cannot be used",
    "source_address": "The source address is not on this device",
    "vpn_instance": "The VPN instance does not exist",
    "name": "The domain name could not be resolved",
    "route": "No route to the server",
    "refused": "The server's port refused the connection",
    "timeout": "No answer from the server",
    "tls": "The TLS session could not be set up",
    "authority": "The server's certificate is not from the trusted authority",
    "server_name": "The server's certificate is for other names",
    "clock": "The server's certificate does not fit this device's clock",
    "not_admitted": "Authentication failed: serial number not added, or wrong password",
    "hardware": "This hardware does not support cloud connections",
    "duplicate": "Another device with this serial number is connected",
    "quarantined": "The serial number is quarantined: devices took it from each other",
    "version": "The server speaks another protocol version",
    "busy": "The server is busy and asked to wait",
    "ticket": "The ticket of the URL was refused",
    "protocol": "The server's message could not be understood",
    "handshake": "The WebSocket handshake failed",
    "closed": "The server closed the connection",
}
"""One line for people; the detail stands beside it in `CloudStatus.failure_detail`."""
DownReason = Literal[
    "restart",
    "socket",
    "silent",
    "closed",
    "configuration",
    "dhcp",
    "reset",
    "superseded",
    "quarantined",
    "removed",
    "unbound",
    "draining",
    "protocol",
    "overflow",
    "switch_back",
]
DOWN_TEXT: dict[DownReason, str] = {
    "restart": "Device or process restarted",
    "socket": "Socket error",
    "silent": "No sign of life from the server",
    "closed": "Closed by the server",
    "configuration": "Configuration changed",
    "dhcp": "DHCP brought another server or password",
    "reset": "Reset by command",
    "superseded": "A newer connection of this serial number took over",
    "quarantined": "The serial number was quarantined",
    "removed": "The serial number was removed from the server",
    "unbound": "The device was unbound from its account",
    "draining": "The server is about to restart",
    "protocol": "Protocol error",
    "overflow": "The send buffer was full for too long",
    "switch_back": "Returned to a server of higher priority",
}
ValueSource = Literal["none", "manual", "dhcp"]
"""Where the domain name or the password in use comes from; `dhcp` is option 253 or 252 (seed 000)."""
Trust = Literal["none", "configured", "first_use", "rotated"]
"""How the server's authority came to be trusted; `rotated`: told in band by the authority before it."""


class SubConnection(msgspec.Struct, frozen=True, kw_only=True):
    """One service's own WebSocket."""

    name: str
    state: ConnectionState = "Unconnected"
    since_ns: int | None = None
    """Of the state."""
    reason: str = ""
    """Why it is not established."""
    sent: int = 0
    """Messages since the main connection was established."""
    received: int = 0
    dropped: int = 0
    """Messages thrown away because its buffer was full."""


class StepReached(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the newest attempt, and when it began."""

    state: DeviceState
    at_ns: int


class ServerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One server of the stored sequence (seed 000: primary first, names alphabetical, ports descending)."""

    domain: str
    port: int
    role: Literal["primary", "backup"]
    source: ValueSource = "manual"
    attempts: int = 0
    """Failed ones since it last worked."""
    failure: FailureReason | None = None
    """Of the last attempt."""


class CloudStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The cloud connection of one device, now. Without an argument: a device that was never told to connect."""

    state: ConnectionState = "Unconnected"
    device_state: DeviceState = "Idle"
    process_state: ProcessState = "Not started"
    serial: str = ""
    epoch: int | None = None
    """Of the live connection."""
    server_address: str | None = None
    """The resolved address that is tried or in use."""
    server_domain: str | None = None
    server_port: int | None = None
    local_address: str | None = None
    local_port: int | None = None
    local_link: str | None = None
    """Linux name of the link it dials by."""
    fallback: str = ""
    """What it would dial by if this link failed, in words; empty: nothing."""
    connected_at_ns: int | None = None
    """None unless `Established`."""
    next_attempt_ns: int | None = None
    """While `Waiting`."""
    failure: FailureReason | None = None
    """Of the current or last attempt; None once a connection is established."""
    failure_detail: str = ""
    last_down: DownReason | None = None
    last_down_detail: str = ""
    last_down_at_ns: int | None = None
    reconnects: int = 0
    """Connections established since the agent started, without the first."""
    dropped_at_limit: int = 0
    """Messages dropped after a buffer reached its limit, on this connection."""
    dropped_total: int = 0
    """Messages dropped for any reason, on this connection."""
    buffer_full: int = 0
    """How often a buffer reached its limit, on this connection."""
    domain_source: ValueSource = "none"
    password_source: ValueSource = "none"
    """`none`: no password is set."""
    dhcp_note: str = ""
    """What DHCP offered and was not used, and the policy that says so; never the password itself."""
    authority_fingerprint: str | None = None
    """SHA-256 of the pinned authority's certificate, 64 hex digits."""
    trust: Trust = "none"
    clock_note: str = ""
    """Set while the device's clock is known to be wrong or was taken from the server."""
    servers: tuple[ServerEntry, ...] = ()
    subconnections: tuple[SubConnection, ...] = ()
    steps: tuple[StepReached, ...] = ()
    """Of the newest attempt, in order; the last one of a finished attempt is `Request_success`."""
