"""`DeviceReport`: everything one node is, as one typed value, with the generation of the config it has applied.

In: nothing. The agent fills it from its drivers; the lab, the drill and the server read it. The counterpart of
`model.device_config`. Times are wall-clock nanoseconds (CLOCK_REALTIME), the only clock two nodes can compare.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from twinspan.model.cloud_status import CloudStatus
from twinspan.model.device_config import Family, NodeRole
from twinspan.model.fields import Profile

EventSource = Literal[
    "link",
    "bfd",
    "bgp",
    "ike",
    "probe",
    "route",
    "failover",
    "health_check",
    "dns",
    "daemon",
    "config",
    "drift",
    "cloud",
]
LinkKind = Literal["ethernet", "loopback", "other"]
ConfigSource = Literal["file", "cli", "server"]
"""Who made the running config: a file or the local socket, somebody at the command line, the cloud server."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened on a node."""

    at_ns: int
    node: str
    source: EventSource
    what: str
    """Short and stable, e.g. "BFD down", "override set"."""
    detail: str = ""


class LinkCounters(msgspec.Struct, frozen=True, kw_only=True):
    """Packets and bytes since the link was made, as the kernel counts them (rtnl_link_stats64)."""

    rx_packets: int = 0
    rx_bytes: int = 0
    rx_errors: int = 0
    rx_dropped: int = 0
    rx_multicast: int = 0
    tx_packets: int = 0
    tx_bytes: int = 0
    tx_errors: int = 0
    tx_dropped: int = 0


class LinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    up: bool
    """Administratively up and with carrier."""
    mtu: int
    addresses: tuple[str, ...] = ()
    admin_up: bool | None = None
    """None: a report of an older agent."""
    kind: LinkKind = "other"
    mac: str | None = None
    """Hardware address, "02:fc:00:00:00:01"."""
    speed_mbit: int | None = None
    """As the driver says; None where there is no such thing, as with a tunnel device."""
    full_duplex: bool | None = None
    counters: LinkCounters | None = None


class NeighborStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A neighbor whose hardware address the kernel knows (ARP or neighbor discovery)."""

    address: str
    mac: str
    device: str
    permanent: bool = False
    """Set by hand: it does not age."""
    age_s: int = 0
    """Since it was last confirmed."""


class BgpStatus(msgspec.Struct, frozen=True, kw_only=True):
    peer: str
    peer_address: str
    state: str
    """RFC 4271 8.2.2 name: Idle, Connect, Active, OpenSent, OpenConfirm, Established."""
    since: str = ""
    imported: int = 0
    exported: int = 0
    dropped: int = 0
    """Routes over the quota."""
    last_error: str = ""
    span: str | None = None
    import_held: bool = False
    export_held: bool = False
    updates_received: int = 0
    """Route changes since the session began; BIRD counts those, not messages."""
    updates_sent: int = 0


class BfdStatus(msgspec.Struct, frozen=True, kw_only=True):
    peer_address: str
    state: str
    interval_ms: float
    detect_ms: float


class TunnelStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    device: str | None
    """Kernel device while the IKE daemon runs."""
    ike_state: str
    """strongSwan's word, e.g. ESTABLISHED; "down" without an SA."""
    child_state: str
    bytes_in: int = 0
    bytes_out: int = 0
    packets_in: int = 0
    packets_out: int = 0
    local_address: str | None = None
    """Outer addresses of the IKE SA; None without one."""
    remote_address: str | None = None
    initiator: bool = False
    """This end began the IKE SA."""
    established_s: int | None = None
    """Age of the IKE SA."""
    spi_in: str | None = None
    """Eight hex digits; of the CHILD SA that carries."""
    spi_out: str | None = None
    child_age_s: int | None = None
    child_remaining_s: int | None = None
    """Until the CHILD SA's lifetime ends; it is renewed before."""
    encapsulated: bool = False
    """ESP in UDP (RFC 3948)."""


class RouteStatus(msgspec.Struct, frozen=True, kw_only=True):
    prefix: str
    table: str
    via: str | None
    device: str | None
    protocol: str
    """bgp, twinspan, kernel, or another number's name."""
    metric: int = 0


class ProbeStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: Literal["up", "down", "unknown"]
    rtt_ms: float | None = None
    sent: int = 0
    lost: int = 0
    last_answer_ns: int | None = None


class SpanStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    role: Literal["active", "standby"]
    healthy: bool
    reasons: tuple[str, ...] = ()
    """Why it is not healthy; empty when it is."""


class FailoverStatus(msgspec.Struct, frozen=True, kw_only=True):
    carrying: str
    """Name of the span that traffic uses now, by this node's decision."""
    reason: str
    override: bool
    export_held: tuple[str, ...] = ()
    hold_down_until_ns: int | None = None
    flaps: int = 0
    spans: tuple[SpanStatus, ...] = ()


class HealthCheckStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    healthy: bool
    route_moved: bool


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """A condition somebody must know of, from its raise to its clear."""

    name: str
    """Of the failover decision: active_dead, standby_dead, both_dead, target_dead, flapping. Of the node itself:
    quota_high, tunnel_dead, cannot_converge; bgp_down (a session is down for longer than its hold time and no other
    alarm says why) and link_missing (the config names a physical link that the machine does not have)."""
    subject: str
    since_ns: int
    detail: str = ""


class DaemonStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    pid: int | None
    restarts: int = 0


class DeviceReport(msgspec.Struct, frozen=True, kw_only=True):
    node: str
    role: NodeRole
    site: str
    profile: Profile
    observed_generation: int
    digest: str
    """SHA-256 of the applied config's JSON, first 16 hex digits."""
    config_source: ConfigSource = "file"
    server_generation: int | None = None
    """Of the last config that the cloud server pushed; None: it never did."""
    server_digest: str | None = None
    """Of that config, as `digest` is of the running one."""
    diverged: bool = False
    """The running config is not the one that the server pushed last. It is reported, and never reverted."""
    converged: bool
    """The last look found nothing to repair."""
    at_ns: int
    agent_pid: int
    links: tuple[LinkStatus, ...] = ()
    bgp: tuple[BgpStatus, ...] = ()
    bfd: tuple[BfdStatus, ...] = ()
    tunnels: tuple[TunnelStatus, ...] = ()
    routes: tuple[RouteStatus, ...] = ()
    probes: tuple[ProbeStatus, ...] = ()
    failover: FailoverStatus | None = None
    health_checks: tuple[HealthCheckStatus, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    daemons: tuple[DaemonStatus, ...] = ()
    families: tuple[Family, ...] = ("ipv4",)
    repairs: int = 0
    """Drift repairs since the agent started."""
    leases: tuple[str, ...] = ()
    neighbors: tuple[NeighborStatus, ...] = ()
    foreign_routes: tuple[RouteStatus, ...] = ()
    """IPv4 and IPv6 routes of the main table that are neither Twinspan's nor BIRD's nor a link's own, e.g. by DHCP."""
    cloud: CloudStatus | None = None
    """The node's cloud connection; None while no config asks for one."""
