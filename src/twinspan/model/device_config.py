"""`DeviceConfig`: everything one node shall be, as one typed value; JSON is its saved form.

In: nothing. `engine.compile` makes these from a site, `wire.bird`, `wire.swanctl` and `wire.dnsmasq` render them, and
the agent realises them. All values are frozen. Addresses and prefixes are strings in canonical form ("10.0.0.2/30"),
because they are compared and printed far more often than computed with. Next: `model.device_report`, the way back up.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from twinspan.model.cloud_management import CloudManagement
from twinspan.model.device_access import DeviceAccess
from twinspan.model.fields import Profile
from twinspan.model.secret import Secret

Family = Literal["ipv4", "ipv6"]
NodeRole = Literal[
    "gateway", "vbr", "vpn_gateway", "transit_router", "office_vpc", "user_vpc", "services", "pc", "office_host"
]
RouteRole = Literal["primary", "standby", "pinned", "fixed"]


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One interface of the node. `physical` and `loopback` exist already; `vlan` is made by the agent on `parent`."""

    name: str
    """Kernel interface name, at most 15 characters."""
    kind: Literal["physical", "loopback", "vlan"] = "physical"
    addresses: tuple[str, ...] = ()
    """Address with prefix length, e.g. "10.0.0.2/30"; both families."""
    mtu: int = 1500
    """Bytes of IP packet; the parent of a VLAN link is raised by four for the tag."""
    parent: str | None = None
    """For `vlan`: the physical link that carries the tag."""
    vlan_id: int | None = None
    """For `vlan`: 802.1Q VLAN ID, 1 to 2999 (seed 004 Step 1)."""
    management: bool = False
    """A management link: nothing is ever forwarded from or to it."""


class NextHop(msgspec.Struct, frozen=True, kw_only=True):
    """One way for a static route. Exactly one of `link` and `tunnel` is set."""

    link: str | None = None
    tunnel: str | None = None
    """Name of an `IpsecTunnel`; its device name is only known while its IKE daemon runs."""
    via: str | None = None
    """Neighbour's address; None on point-to-point devices."""
    track: str | None = None
    """Name of a `Probe`; this way is usable only while the probe answers. None: usable while its device exists."""


class StaticRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A route the agent installs itself with its own protocol id, by *role*; the driver picks numbers for the role.

    Of several next hops the first usable one is installed; if none is usable the last installed one stays
    (fail-static: the seed's cloud keeps the active route when both connections are down). Without any next hop the
    prefix is refused (a blackhole entry of a route table, but one that answers).
    """

    prefix: str
    next_hops: tuple[NextHop, ...]
    role: RouteRole = "fixed"
    """`standby` gets the worst metric: a BGP route in the same table wins, and its loss falls here at once."""
    table: str = "main"
    """Name from `DeviceConfig.tables`, or "main"."""


class PolicyRule(msgspec.Struct, frozen=True, kw_only=True):
    """`ip rule`: packets from `source` (None: all) look in `table` first."""

    priority: int
    table: str
    source: str | None = None


class RouteTable(msgspec.Struct, frozen=True, kw_only=True):
    """A kernel routing table of the agent. `guarded` ends it with an unreachable default: nothing falls through."""

    name: str
    table_id: int
    guarded: bool = False


class Bfd(msgspec.Struct, frozen=True, kw_only=True):
    """BFD for one BGP peer (RFC 5880). Detection time is `detect_multiplier` times the negotiated interval."""

    min_tx_interval_ms: int
    min_rx_interval_ms: int
    detect_multiplier: int
    hop_count: int = 1
    """1: single hop (UDP 3784); more: multi-hop (RFC 5883, UDP 4784)."""


class PrefixFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Admits `prefix` itself and, if `max_length` is set, longer ones up to it."""

    prefix: str
    max_length: int | None = None
    pinned: bool = False
    """Passes even while the span's import is held: probe and health-check addresses."""


class BgpPeer(msgspec.Struct, frozen=True, kw_only=True):
    """One BGP session. Without `span` it is a session inside the cloud: routes live in the master table."""

    name: str
    """Lower case letters, digits, underscore; part of protocol names."""
    family: Family = "ipv4"
    local_address: str
    peer_address: str
    local_asn: int
    peer_asn: int
    link: str | None = None
    """The interface the session is bound to; None with multi-hop or over a tunnel."""
    tunnel: str | None = None
    """Name of the `IpsecTunnel` the session runs through."""
    span: str | None = None
    """Span this session belongs to; its routes then live in a table of their own and pass switchable pipes."""
    auth_key: Secret | None = None
    """TCP-MD5 key (RFC 2385), the seed's BGP key."""
    bfd: Bfd | None = None
    ebgp_multihop: int = 1
    hold_time_s: int = 9
    keepalive_interval_s: int = 3
    import_filters: tuple[PrefixFilter, ...] = ()
    export_filters: tuple[PrefixFilter, ...] = ()
    import_limit: int | None = None
    """The seed's route quota: routes above it are dropped, the session stays."""
    local_pref: int = 100
    """Set on import; routes learned by the VPN carry 50 inside the cloud."""
    kernel: bool = True
    """Whether what it brings may go to the kernel."""
    reflect: bool = False
    """iBGP inside the cloud: route reflection to this peer with next-hop-self and additional paths (RFC 4456, 7911)."""


class Originate(msgspec.Struct, frozen=True, kw_only=True):
    """A prefix this node announces by itself. With `span` only to that span's peers, else to all sessions."""

    prefix: str
    span: str | None = None
    pinned: bool = False
    """Stays announced while the span's export is held: probe and health-check addresses."""
    local_pref: int = 100


class Bgp(msgspec.Struct, frozen=True, kw_only=True):
    """The BGP speaker of the node."""

    router_id: str
    asn: int
    peers: tuple[BgpPeer, ...] = ()
    originate: tuple[Originate, ...] = ()


class IpsecTunnel(msgspec.Struct, frozen=True, kw_only=True):
    """One IPsec connection or one tunnel of it, with an IKE daemon of its own.

    One daemon each, because a userspace ESP device sends by selector: two tunnels with the same selectors on one
    device could not be told apart. Several daemons on one node use their own IKE ports.
    """

    name: str
    ike_version: Literal["ikev1", "ikev2"] = "ikev2"
    ike_mode: Literal["main", "aggressive"] = "main"
    local_address: str
    remote_address: str
    local_id: str
    remote_id: str
    psk: Secret
    ike_port: int = 500
    nat_t_port: int = 4500
    ike_proposal: str = "aes256-sha256-modp2048"
    """strongSwan spelling."""
    esp_proposal: str = "aes256-sha256-modp2048"
    ike_lifetime_s: int = 86400
    ipsec_lifetime_s: int = 86400
    local_ts: tuple[str, ...] = ("0.0.0.0/0",)
    remote_ts: tuple[str, ...] = ("0.0.0.0/0",)
    inner_addresses: tuple[str, ...] = ()
    """Addresses of the tunnel device, e.g. "169.254.10.2/30"."""
    initiate: bool = False
    """Exactly one end starts and restarts; both doing so leaves duplicate SAs for seconds."""
    dpd_delay_s: int = 1
    """0: dead peer detection off."""
    mtu: int = 1400
    tcp_mss: int = 1360
    """Clamp for TCP over the tunnel, in both directions; 0 = none."""
    bandwidth_mbit: int | None = None


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A pinned ICMP echo probe: bound to its device, so an answer that returns by another path counts as lost."""

    name: str
    source: str
    destination: str
    link: str | None = None
    tunnel: str | None = None
    interval_ms: int = 500
    lost_threshold: int = 3
    """So many consecutive losses make it down."""
    recover_threshold: int = 3
    """So many consecutive answers make it up again."""
    packet_size: int = 84
    """Whole IP packet in bytes; sent with Don't Fragment."""


class SpanProbe(msgspec.Struct, frozen=True, kw_only=True):
    """A probe of a span, and what it stands for: the same `target` is asked over every span."""

    probe: str
    target: str
    """E.g. "172.16.0.0/12" or "172.16.0.0/12 large"."""


class FailoverSpan(msgspec.Struct, frozen=True, kw_only=True):
    """One of the site's spans as its gateway sees it."""

    name: str
    role: Literal["active", "standby"]
    peers: tuple[str, ...] = ()
    """BGP peers that bring `expected_prefixes`; empty for a static span."""
    expected_prefixes: tuple[str, ...] = ()
    """Prefixes that must be in the kernel by BGP from this span before it may carry traffic."""
    next_hops: tuple[NextHop, ...] = ()
    """Where an override onto this span points."""
    links: tuple[str, ...] = ()
    """Devices without which the span is down."""
    probes: tuple[SpanProbe, ...] = ()


class Failover(msgspec.Struct, frozen=True, kw_only=True):
    """Policy of the gateway's failover (engine.failover decides, the agent carries out)."""

    spans: tuple[FailoverSpan, ...]
    prefixes: tuple[str, ...]
    """What an override moves: all prefixes reached over the spans."""
    refused: tuple[str, ...] = ()
    """What has no standby (IPv6): while an override is in force it is unreachable, so that hosts learn it at once and
    try another way instead of waiting for a dead span."""
    override_table: str = "override"
    hold_down_s: float = 5.0
    """A span must be healthy for so long before traffic returns to it."""
    hold_down_max_s: float = 300.0
    """Doubled for every flap within `flap_window_s`, up to this."""
    flap_window_s: float = 300.0


class HealthCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The VBR health check (seed 004 Step 3): moves cloud to data centre away from the circuit."""

    name: str
    probe: str
    span: str
    change_route: bool = True
    """False: probe only, never move a route."""


class DnsServer(msgspec.Struct, frozen=True, kw_only=True):
    """A dnsmasq that answers names and/or forwards suffixes (seed 004 Step 6)."""

    listen_addresses: tuple[str, ...]
    records: tuple[tuple[str, str], ...] = ()
    """(name, address) it is authoritative for."""
    local_suffixes: tuple[str, ...] = ()
    forward_suffixes: tuple[str, ...] = ()
    """Names under these go to `forwarders`."""
    upstream_servers: tuple[str, ...] = ()
    """Resolvers for every other name; none: those are refused."""
    forwarders: tuple[str, ...] = ()


class DhcpServer(msgspec.Struct, frozen=True, kw_only=True):
    """The DHCP service of the data centre, by the same dnsmasq."""

    link: str
    range_start: str
    range_end: str
    netmask: str
    router: str
    dns_servers: tuple[str, ...]
    lease_s: int = 3600
    cloud_domain: str | None = None
    """Name or address of the cloud server for clients that ask for option 253 (seed 000, "Configuring the local
    device")."""
    cloud_password: Secret | None = None
    """Password for it, for clients that ask for option 252. Everyone on the link can read it."""


class DeviceConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole desired state of one node. Applying it twice is the same as applying it once."""

    node: str
    role: NodeRole
    site: str
    profile: Profile = "edge"
    generation: int = 1
    forwarding: bool = False
    links: tuple[Link, ...] = ()
    tables: tuple[RouteTable, ...] = ()
    rules: tuple[PolicyRule, ...] = ()
    routes: tuple[StaticRoute, ...] = ()
    bgp: Bgp | None = None
    tunnels: tuple[IpsecTunnel, ...] = ()
    probes: tuple[Probe, ...] = ()
    failover: Failover | None = None
    health_checks: tuple[HealthCheck, ...] = ()
    dns: DnsServer | None = None
    dhcp: DhcpServer | None = None
    dhcp_client: str | None = None
    """Link on which the node asks for its address (the PC when the data centre's DHCP hands out DNS)."""
    resolvers: tuple[str, ...] = ()
    """DNS servers of a host with a fixed address."""
    cloud: CloudManagement | None = None
    """How the node is managed over the cloud connection; None: it is not."""
    access: DeviceAccess | None = None
    """Its own command line: name, SSH, users; None: as made, reached by the local socket only."""
    names: tuple[tuple[str, str], ...] = ()
    """Comware's name of a link, tunnel or probe and ours, e.g. ("GigabitEthernet1/0/7", "eth5"), ("track 7", "vpn").
    What is not here is numbered in its order."""
    shutdown: tuple[str, ...] = ()
    """Links that are held down by hand."""
    descriptions: tuple[tuple[str, str], ...] = ()
    """A link's name and what somebody noted of it."""
