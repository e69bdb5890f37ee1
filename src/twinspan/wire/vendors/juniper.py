"""Junos on SRX, as `set` lines.

In: a `Page`. Out: lines. A static route has preference 5 there and BGP 170, so the standby stands at 200. The guard is
the VPN's own monitor: it pings through the tunnel, and the tunnel's interface goes down with it, and the routes too.
Next: `vyos.py`.
"""

from __future__ import annotations

from ipaddress import ip_network

from twinspan.model.device_config import BgpPeer
from twinspan.model.peer_configuration import PeerTunnel
from twinspan.wire.vendors.writing import Page, is_v6, longest, needs_route, parts

_CIPHERS = {
    "aes128": "aes-128-cbc",
    "aes192": "aes-192-cbc",
    "aes256": "aes-256-cbc",
    "3des": "3des-cbc",
    "des": "des-cbc",
}
_HASHES = {"md5": "md5", "sha1": "sha1", "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}
_ESP_HASHES = {
    "md5": "hmac-md5-96",
    "sha1": "hmac-sha1-96",
    "sha256": "hmac-sha-256-128",
    "sha384": "hmac-sha-384",
    "sha512": "hmac-sha-512",
}
_DPD_SHORTEST_S = 2
_MONITOR_SHORTEST_S = 2
_IKE = "set security ike"
_IPSEC = "set security ipsec"


def render(page: Page) -> list[str]:
    """All lines without the comments."""
    return [*_interfaces(page), *_ipsec(page), *_zones(page), *_routes(page), *_bgp(page)]


def _unit(name: str) -> str:
    port, _, vlan = name.partition(".")
    return f"{port} unit {vlan or 0}"


def _interface(name: str) -> str:
    return name if "." in name else f"{name}.0"


def _family(address: str) -> str:
    return "inet6" if is_v6(address) else "inet"


def _interfaces(page: Page) -> list[str]:
    lines = [f"set interfaces lo0 unit 0 family inet address {pin}" for pin in page.peer.pins]
    for name, link in page.links():
        unit = f"set interfaces {_unit(name)}"
        if link.kind == "vlan":
            lines += [f"set interfaces {name.partition('.')[0]} vlan-tagging", f"{unit} vlan-id {link.vlan_id}"]
        for address in link.addresses:
            lines.append(f"{unit} family {_family(address)} address {address}")
        if link.mtu != 1500:
            lines += [f"{unit} family {f} mtu {link.mtu}" for f in dict.fromkeys(map(_family, link.addresses))]
    return lines


def _ipsec(page: Page) -> list[str]:
    lines: list[str] = []
    for one in page.peer.tunnels:
        page.only_any(one)
        page.slower(f"tunnels[{one.tunnel.name}].dpd_delay_s", one.tunnel.dpd_delay_s, _DPD_SHORTEST_S, "s")
        lines += [*_ike(page, one), *_esp(one), *_vpn(page, one), *_tunnel(one)]
    clamps = [t.tunnel.tcp_mss for t in page.peer.tunnels if t.tunnel.tcp_mss]
    if clamps:
        lines.append(f"set security flow tcp-mss ipsec-vpn mss {min(clamps)}")
    if len(set(clamps)) > 1:
        page.skip("tunnels.tcp_mss", "there is one clamp for all tunnels; the text has the smallest")
    return lines


def _ike(page: Page, one: PeerTunnel) -> list[str]:
    tunnel, name = one.tunnel, f"TWINSPAN{one.number}"
    cipher, hash_, group = parts(tunnel.ike_proposal)
    proposal, policy, gateway = f"{_IKE} proposal {name}", f"{_IKE} policy {name}", f"{_IKE} gateway {name}"
    lines = [
        f"{proposal} authentication-method pre-shared-keys",
        f"{proposal} dh-group group{group}",
        f"{proposal} authentication-algorithm {_HASHES[hash_]}",
        f"{proposal} encryption-algorithm {_CIPHERS[cipher]}",
        f"{proposal} lifetime-seconds {tunnel.ike_lifetime_s}",
    ]
    v2 = tunnel.ike_version == "ikev2"
    lines += [] if v2 else [f"{policy} mode {tunnel.ike_mode}"]
    return [
        *lines,
        f"{policy} proposals {name}",
        f'{policy} pre-shared-key ascii-text "{page.secret(tunnel.psk)}"',
        f"{gateway} ike-policy {name}",
        f"{gateway} address {tunnel.remote_address}",
        f"{gateway} external-interface {_interface(page.port('isp'))}",
        f"{gateway} local-address {tunnel.local_address}",
        f"{gateway} local-identity {_identity(tunnel.local_id)}",
        f"{gateway} remote-identity {_identity(tunnel.remote_id)}",
        f"{gateway} version {'v2-only' if v2 else 'v1-only'}",
        f"{gateway} dead-peer-detection always-send",
        f"{gateway} dead-peer-detection interval {max(_DPD_SHORTEST_S, tunnel.dpd_delay_s)}",
        f"{gateway} dead-peer-detection threshold 3",
    ]


def _identity(identity: str) -> str:
    return f"inet {identity}" if all(c.isdigit() or c == "." for c in identity) else f"hostname {identity}"


def _esp(one: PeerTunnel) -> list[str]:
    name = f"TWINSPAN{one.number}"
    cipher, hash_, group = parts(one.tunnel.esp_proposal)
    proposal, policy = f"{_IPSEC} proposal {name}", f"{_IPSEC} policy {name}"
    return [
        f"{proposal} protocol esp",
        f"{proposal} authentication-algorithm {_ESP_HASHES[hash_]}",
        f"{proposal} encryption-algorithm {_CIPHERS[cipher]}",
        f"{proposal} lifetime-seconds {one.tunnel.ipsec_lifetime_s}",
        *([f"{policy} perfect-forward-secrecy keys group{group}"] if group else []),
        f"{policy} proposals {name}",
    ]


def _vpn(page: Page, one: PeerTunnel) -> list[str]:
    name = f"TWINSPAN{one.number}"
    vpn = f"{_IPSEC} vpn {name}"
    lines = [
        f"{vpn} bind-interface st0.{one.number}",
        f"{vpn} ike gateway {name}",
        f"{vpn} ike ipsec-policy {name}",
        f"{vpn} establish-tunnels {'immediately' if one.tunnel.initiate else 'responder-only'}",
    ]
    if one not in page.guarded() or one.guard is None:
        return lines
    # The monitor takes an interface and not an address; the loopback's first address is the probe's source.
    source = "lo0.0" if f"{one.guard.source}/32" in page.peer.pins else f"st0.{one.number}"
    page.slower(f"probes[{one.guard.name}].interval_ms", one.guard.interval_ms, _MONITOR_SHORTEST_S * 1000, "ms")
    return [
        *lines,
        f"{vpn} vpn-monitor source-interface {source}",
        f"{vpn} vpn-monitor destination-ip {one.guard.destination}",
        f"set security ipsec vpn-monitor-options interval {_MONITOR_SHORTEST_S}",
        f"set security ipsec vpn-monitor-options threshold {max(2, one.guard.lost_threshold)}",
    ]


def _tunnel(one: PeerTunnel) -> list[str]:
    unit = f"set interfaces st0 unit {one.number} family inet"
    inner = [f"{unit} address {address}" for address in one.tunnel.inner_addresses]
    return [f"{unit} mtu {one.tunnel.mtu}", *inner]


def _zones(page: Page) -> list[str]:
    """Circuit and tunnels share a zone: a session that changes its zone is dropped, one that changes its way is not."""
    zone = "set security zones security-zone"
    lines = [f"{zone} site interfaces {_interface(page.port('lan'))} host-inbound-traffic system-services ping"]
    if page.peer.circuit:
        circuit = f"{zone} cloud interfaces {_interface(page.circuit)} host-inbound-traffic"
        lines += [f"{circuit} system-services ping", f"{circuit} protocols bgp", f"{circuit} protocols bfd"]
    if page.peer.tunnels:
        internet = f"{zone} internet interfaces {_interface(page.port('isp'))} host-inbound-traffic"
        lines.append(f"{internet} system-services ike")
    for one in page.peer.tunnels:
        vpn = f"{zone} cloud interfaces st0.{one.number} host-inbound-traffic"
        lines.append(f"{vpn} system-services ping")
        lines += [f"{vpn} protocols bgp"] if one.session else []
    lines += [f"{zone} site interfaces lo0.0 host-inbound-traffic system-services ping"] if page.peer.pins else []
    for ends in ("from-zone site to-zone cloud", "from-zone cloud to-zone site"):
        policy = f"set security policies {ends} policy twinspan"
        lines += [
            f"{policy} match source-address any destination-address any application any",
            f"{policy} then permit",
        ]
    return lines


def _routes(page: Page) -> list[str]:
    static = "set routing-options static route"
    ends = dict.fromkeys(t.tunnel.remote_address for t in page.peer.tunnels)
    lines = [f"{static} {end}/32 next-hop {page.peer.isp_next_hop}" for end in ends]
    lines += [
        f"{static} {one.guard.destination}/32 next-hop st0.{one.number}"
        for one in page.guarded()
        if one.guard and needs_route(one)
    ]
    for prefix in page.peer.standby_prefixes:
        for one in page.peer.tunnels:
            hop = f"qualified-next-hop st0.{one.number}"
            lines.append(f"{static} {prefix} {hop} preference {page.standby(one)}")
    return lines + [
        f"set routing-options {'rib inet6.0 ' if is_v6(prefix) else ''}static route {prefix} discard preference 254"
        for prefix in page.floors()
    ]


def _bgp(page: Page) -> list[str]:
    sessions = page.sessions()
    if not sessions or page.peer.asn is None:
        return []
    lines = [
        f"set routing-options router-id {page.peer.router_id}",
        f"set routing-options autonomous-system {page.peer.asn}",
    ]
    for session, _ in sessions:
        lines += [*_policies(page, session), *_session(page, session)]
    return lines


def _policies(page: Page, session: BgpPeer) -> list[str]:
    policy = "set policy-options policy-statement"
    lines = []
    for one in session.import_filters:
        most = longest(one)
        how = "exact" if most == ip_network(one.prefix).prefixlen else f"upto /{most}"
        lines.append(f"{policy} {session.name}-in term wanted from route-filter {one.prefix} {how}")
    if session.local_pref != 100:
        lines.append(f"{policy} {session.name}-in term wanted then local-preference {session.local_pref}")
    lines += [f"{policy} {session.name}-in term wanted then accept", f"{policy} {session.name}-in then reject"]
    for prefix in page.exports(session):
        lines.append(f"{policy} {session.name}-out term own from route-filter {prefix} exact")
    own = f"{policy} {session.name}-out term own"
    lines += [f"{own} from protocol [ direct static ]", f"{own} then accept"]
    return [*lines, f"{policy} {session.name}-out then reject"]


def _session(page: Page, session: BgpPeer) -> list[str]:
    group = f"set protocols bgp group {session.name}"
    neighbor = f"{group} neighbor {session.peer_address}"
    lines = [
        f"{group} type external",
        f"{group} local-address {session.local_address}",
        f"{group} import {session.name}-in",
        f"{group} export {session.name}-out",
        f"{neighbor} peer-as {session.peer_asn}",
        f"{neighbor} hold-time {session.hold_time_s}",
    ]
    if session.keepalive_interval_s * 3 != session.hold_time_s:
        page.skip(
            f"bgp.peers[{session.name}].keepalive_interval_s", "Junos sends a keepalive every third of the hold time"
        )
    if session.auth_key is not None:
        lines.append(f'{neighbor} authentication-key "{page.secret(session.auth_key)}"')
    if session.ebgp_multihop > 1:
        lines.append(f"{group} multihop ttl {session.ebgp_multihop}")
    if session.bfd:
        bfd = f"{neighbor} bfd-liveness-detection"
        lines += [
            f"{bfd} transmit-interval minimum-interval {session.bfd.min_tx_interval_ms}",
            f"{bfd} minimum-receive-interval {session.bfd.min_rx_interval_ms}",
            f"{bfd} multiplier {session.bfd.detect_multiplier}",
        ]
    if session.import_limit is not None:
        page.quota(session)
        family = "inet6" if session.family == "ipv6" else "inet"
        # Without `teardown` it only logs.
        lines.append(f"{neighbor} family {family} unicast accepted-prefix-limit maximum {session.import_limit}")
    return lines
