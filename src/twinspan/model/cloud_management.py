"""How a device is managed over the cloud connection: servers, timers, password, trust.

In: nothing. It is part of `DeviceConfig`; the Comware text and the agent's connection manager read it. Ranges and
defaults: seed 000, "Configuring the local device"; what the seed leaves open says so. Next: `model.cloud_status`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from twinspan.model.secret import Secret

DEFAULT_PORT = 19443
"""TCP port of the authentication (seed 000, step 6 of the procedure)."""
KEEPALIVE_S, PING_S = 180, 60
"""Seed 000, steps 4 and 5."""
MAX_BACKUP_SERVERS, MAX_PORTS_PER_DOMAIN = 8, 3
"""Seed 000, restrictions. The eight are entries (domain and port); the three count primary and backups together."""

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Domain = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
Interval = Annotated[int, msgspec.Meta(ge=10, le=600)]
"""Seconds. The seed gives no range; this is the one its vendor's devices accept."""
TrustPolicy = Literal["always", "first", "never"]
"""What a value from DHCP may do. `always`: it wins over a manual one (the seed). `first`: only while nothing is set
by hand. `never`: it is ignored, and said."""


class CloudServer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry: where a cloud server is and how it is reached."""

    domain: Domain
    """Name or address; case is kept."""
    port: Port | None = None
    """None: the port of `CloudManagement.port`."""
    vpn_instance: Annotated[str, msgspec.Meta(min_length=1, max_length=31)] | None = None
    """VRF where the kernel has it, else a named network namespace."""
    source_ip: str | None = None
    """An IPv4 address of the device that it dials from."""
    ipv6: bool = False
    """The name is resolved to IPv6 addresses only."""


class CloudManagement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The cloud-management commands of one device as values."""

    primary: CloudServer | None = None
    backups: Annotated[tuple[CloudServer, ...], msgspec.Meta(max_length=MAX_BACKUP_SERVERS)] = ()
    port: Port = DEFAULT_PORT
    keepalive_s: Interval = KEEPALIVE_S
    ping_s: Interval = PING_S
    password: Secret | None = None
    enrolment_token: Secret | None = None
    """One-time proof for a device that has no password yet; after it the device keeps a secret of its own."""
    certificate: bool = False
    """Prove the serial by a client certificate (`device.pem` in the node's directory) instead of a password."""
    fingerprint: str | None = None
    """SHA-256 of the server authority's certificate, 64 hex digits; None: the first one that proves the password."""
    dead_after_s: Annotated[float, msgspec.Meta(ge=1, le=1800)] | None = None
    """Shorter detection than three keepalives: so long without a sign of life, and the path is dead."""
    switch_back: bool = False
    """Return to a server of higher priority, make-before-break. The seed never does."""
    dhcp_trust: TrustPolicy = "always"
    dhcp_link: str | None = None
    """Link whose DHCP lease may name the server (option 253) and the password (option 252): the seed's VLAN
    interface 1."""
