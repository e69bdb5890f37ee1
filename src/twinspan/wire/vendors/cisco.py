"""Cisco IOS-XE.

In: a `Page`. Out: lines. Distances: eBGP 20, the static standby 250; 255 would never be installed. The probe has a
route of its own into the tunnel, for it would follow BGP over the circuit otherwise. Next: `huawei.py`.
"""

from __future__ import annotations

from ipaddress import ip_interface, ip_network

from twinspan.model.device_config import BgpPeer, Link
from twinspan.model.peer_configuration import PeerTunnel
from twinspan.wire.vendors.writing import (
    LIMIT_WARNING_PERCENT,
    Page,
    is_v6,
    longest,
    needs_route,
    parts,
    seconds,
    spaced_mask,
)

_CIPHERS = {"aes128": "aes-cbc-128", "aes192": "aes-cbc-192", "aes256": "aes-cbc-256", "3des": "3des", "des": "des"}
_V1_CIPHERS = {"aes128": "aes 128", "aes192": "aes 192", "aes256": "aes 256", "3des": "3des", "des": "des"}
_V1_HASHES = {"sha1": "sha"}
_ESP = {"aes128": "esp-aes", "aes192": "esp-aes 192", "aes256": "esp-aes 256", "3des": "esp-3des", "des": "esp-des"}
_ESP_HASHES = {"sha1": "esp-sha-hmac", "md5": "esp-md5-hmac"}
_DPD_SHORTEST_S = 10
_FLOOR = 254


def render(page: Page) -> list[str]:
    """All lines without the comments."""
    return [*_interfaces(page), *_ipsec(page), *_routes(page), *_bgp(page)]


def _interfaces(page: Page) -> list[str]:
    lines: list[str] = ["ipv6 unicast-routing"] if any(s.family == "ipv6" for s in page.peer.sessions) else []
    lines += _bfd_templates(page)
    if page.peer.pins:
        lines.append("interface Loopback0")
        lines += _addresses(page.peer.pins)
    circuit = page.peer.circuit
    for name, link in page.links():
        if link is circuit and circuit.kind == "vlan":
            lines += [f"interface {page.port('circuit')}", " no ip address", " no shutdown"]
        lines += [f"interface {name}", *_interface(page, link, name)]
    return lines


def _interface(page: Page, link: Link, name: str) -> list[str]:
    lines = [f" encapsulation dot1Q {link.vlan_id}"] if link.kind == "vlan" else []
    lines += _addresses(link.addresses)
    lines += [f" ip mtu {link.mtu}"] if link.mtu != 1500 else []
    single = [s.bfd for s in page.peer.sessions if s.bfd and s.bfd.hop_count == 1 and link is page.peer.circuit]
    for bfd in single[:1]:
        lines.append(
            f" bfd interval {bfd.min_tx_interval_ms} min_rx {bfd.min_rx_interval_ms} multiplier {bfd.detect_multiplier}"
        )
    return [*lines, " no shutdown"]


def _addresses(addresses: tuple[str, ...]) -> list[str]:
    first = True
    lines = []
    for address in addresses:
        if is_v6(address):
            lines.append(f" ipv6 address {address}")
            continue
        lines.append(f" ip address {spaced_mask(address)}{'' if first else ' secondary'}")
        first = False
    return lines


def _bfd_templates(page: Page) -> list[str]:
    lines = []
    for session in page.peer.sessions:
        if session.bfd and session.bfd.hop_count > 1:
            bfd, bits = session.bfd, 128 if session.family == "ipv6" else 32
            lines += [
                f"bfd-template multi-hop {session.name}",
                f" interval min-tx {bfd.min_tx_interval_ms} min-rx {bfd.min_rx_interval_ms} "
                f"multiplier {bfd.detect_multiplier}",
                f"bfd map {session.family} {session.peer_address}/{bits} {session.local_address}/{bits} {session.name}",
            ]
    return lines


def _ipsec(page: Page) -> list[str]:
    lines: list[str] = []
    for one in page.peer.tunnels:
        page.only_any(one)
        page.slower(f"tunnels[{one.tunnel.name}].dpd_delay_s", one.tunnel.dpd_delay_s, _DPD_SHORTEST_S, "s")
        if not one.tunnel.initiate:
            page.skip(f"tunnels[{one.tunnel.name}].initiate", "a VTI initiates; let the cloud's end only respond")
        lines += _ikev2(page, one) if one.tunnel.ike_version == "ikev2" else _ikev1(page, one)
        lines += _esp(one)
        lines += _tunnel(page, one)
    return lines


def _ikev2(page: Page, one: PeerTunnel) -> list[str]:
    tunnel, n = one.tunnel, one.number
    cipher, hash_, group = parts(tunnel.ike_proposal)
    return [
        f"crypto ikev2 proposal TWINSPAN-{n}",
        f" encryption {_CIPHERS[cipher]}",
        f" integrity {hash_}",
        f" group {group}",
        f"crypto ikev2 policy TWINSPAN-{n}",
        f" proposal TWINSPAN-{n}",
        f"crypto ikev2 keyring TWINSPAN-{n}",
        " peer CLOUD",
        f"  address {tunnel.remote_address}",
        f"  pre-shared-key {page.secret(tunnel.psk)}",
        f"crypto ikev2 profile TWINSPAN-{n}",
        f" match identity remote {_identity(tunnel.remote_id, mask=True)}",
        f" identity local {_identity(tunnel.local_id)}",
        " authentication remote pre-share",
        " authentication local pre-share",
        f" keyring local TWINSPAN-{n}",
        f" lifetime {tunnel.ike_lifetime_s}",
        f" dpd {max(_DPD_SHORTEST_S, tunnel.dpd_delay_s)} 3 periodic",
    ]


def _ikev1(page: Page, one: PeerTunnel) -> list[str]:
    tunnel, n = one.tunnel, one.number
    cipher, hash_, group = parts(tunnel.ike_proposal)
    if tunnel.ike_mode == "aggressive":
        page.skip(f"tunnels[{tunnel.name}].ike_mode", "the text has main mode; set the cloud's end to main as well")
    return [
        f"crypto isakmp policy {n * 10}",
        f" encryption {_V1_CIPHERS[cipher]}",
        f" hash {_V1_HASHES.get(hash_, hash_)}",
        " authentication pre-share",
        f" group {group}",
        f" lifetime {tunnel.ike_lifetime_s}",
        f"crypto keyring TWINSPAN-{n}",
        f" pre-shared-key address {tunnel.remote_address} key {page.secret(tunnel.psk)}",
        f"crypto isakmp profile TWINSPAN-{n}",
        f" keyring TWINSPAN-{n}",
        f" self-identity {'address' if _is_ip(tunnel.local_id) else f'fqdn {tunnel.local_id}'}",
        f" match identity {_v1_identity(tunnel.remote_id)}",
        f" keepalive {max(_DPD_SHORTEST_S, tunnel.dpd_delay_s)} retry 3",
    ]


def _esp(one: PeerTunnel) -> list[str]:
    tunnel, n = one.tunnel, one.number
    cipher, hash_, group = parts(tunnel.esp_proposal)
    kind = "ikev2" if tunnel.ike_version == "ikev2" else "isakmp"
    return [
        f"crypto ipsec transform-set TWINSPAN-{n} {_ESP[cipher]} {_ESP_HASHES.get(hash_, f'esp-{hash_}-hmac')}",
        " mode tunnel",
        f"crypto ipsec profile TWINSPAN-{n}",
        f" set transform-set TWINSPAN-{n}",
        *([f" set pfs group{group}"] if group else []),
        f" set security-association lifetime seconds {tunnel.ipsec_lifetime_s}",
        f" set {kind}-profile TWINSPAN-{n}",
    ]


def _tunnel(page: Page, one: PeerTunnel) -> list[str]:
    tunnel, n = one.tunnel, one.number
    lines = [f"interface Tunnel{n}", *_addresses(tunnel.inner_addresses)]
    lines += [] if tunnel.inner_addresses else [f" ip unnumbered {page.port('isp')}"]
    lines.append(f" ip mtu {tunnel.mtu}")
    lines += [f" ip tcp adjust-mss {tunnel.tcp_mss}"] if tunnel.tcp_mss else []
    return [
        *lines,
        f" tunnel source {page.port('isp')}",
        " tunnel mode ipsec ipv4",
        f" tunnel destination {tunnel.remote_address}",
        f" tunnel protection ipsec profile TWINSPAN-{n}",
        " no shutdown",
    ]


def _is_ip(identity: str) -> bool:
    return all(c.isdigit() or c == "." for c in identity)


def _identity(identity: str, *, mask: bool = False) -> str:
    return f"address {identity}{' 255.255.255.255' if mask else ''}" if _is_ip(identity) else f"fqdn {identity}"


def _v1_identity(identity: str) -> str:
    return f"address {identity} 255.255.255.255" if _is_ip(identity) else f"host {identity}"


def _routes(page: Page) -> list[str]:
    ends = dict.fromkeys(t.tunnel.remote_address for t in page.peer.tunnels)
    lines = [f"ip route {end} 255.255.255.255 {page.peer.isp_next_hop}" for end in ends]
    tracked = page.guarded()
    for one in tracked:
        lines += _guard(page, one)
    for one in page.peer.tunnels:
        track = f" track {one.number}" if one in tracked else ""
        for prefix in page.peer.standby_prefixes:
            lines.append(f"ip route {spaced_mask(prefix)} Tunnel{one.number} {page.standby(one)}{track}")
    for prefix in page.floors():
        way = f"ipv6 route {prefix}" if is_v6(prefix) else f"ip route {spaced_mask(prefix)}"
        lines.append(f"{way} Null0 {_FLOOR}")
    return lines


def _guard(page: Page, one: PeerTunnel) -> list[str]:
    guard, n = one.guard, one.number
    if guard is None:
        return []
    every = seconds(guard.interval_ms)
    page.slower(f"probes[{guard.name}].interval_ms", guard.interval_ms, every * 1000, "ms")
    lines = [f"ip route {guard.destination} 255.255.255.255 Tunnel{n}"] if needs_route(one) else []
    return [
        *lines,
        f"ip sla {n}",
        f" icmp-echo {guard.destination} source-ip {guard.source}",
        f"  threshold {every * 1000}",
        f"  timeout {every * 1000}",
        f"  frequency {every}",
        f"ip sla schedule {n} life forever start-time now",
        f"track {n} ip sla {n} reachability",
        f" delay down {guard.lost_threshold * every} up {guard.recover_threshold * every}",
    ]


def _bgp(page: Page) -> list[str]:
    sessions = page.sessions()
    if not sessions or page.peer.asn is None:
        return []
    lines: list[str] = []
    for session, _ in sessions:
        lines += _lists(page, session)
        if session.local_pref != 100:
            lines += [f"route-map {session.name}-in permit 10", f" set local-preference {session.local_pref}"]
    lines += [f"router bgp {page.peer.asn}", f" bgp router-id {page.peer.router_id}", " no bgp default ipv4-unicast"]
    for session, tunnel in sessions:
        lines += _session(page, session, tunnel)
    for family in ("ipv4", "ipv6"):
        own = [s for s, _ in sessions if s.family == family]
        if own:
            lines += [f" address-family {family} unicast", *_networks(page, family)]
            for session in own:
                lines += _activated(page, session)
            lines.append(" exit-address-family")
    return lines


def _lists(page: Page, session: BgpPeer) -> list[str]:
    head = "ipv6 prefix-list" if session.family == "ipv6" else "ip prefix-list"
    lines = []
    for n, one in enumerate(session.import_filters, 1):
        le = f" le {longest(one)}" if longest(one) != ip_network(one.prefix).prefixlen else ""
        lines.append(f"{head} {session.name}-in seq {n * 5} permit {one.prefix}{le}")
    exports = page.exports(session)
    return lines + [f"{head} {session.name}-out seq {n * 5} permit {p}" for n, p in enumerate(exports, 1)]


def _session(page: Page, session: BgpPeer, tunnel: PeerTunnel | None) -> list[str]:
    head = f" neighbor {session.peer_address}"
    lines = [f"{head} remote-as {session.peer_asn}", f"{head} description {session.name}"]
    lines.append(f"{head} timers {session.keepalive_interval_s} {session.hold_time_s}")
    if session.auth_key is not None:
        lines.append(f"{head} password {page.secret(session.auth_key)}")
    if session.ebgp_multihop > 1:
        lines.append(f"{head} ebgp-multihop {session.ebgp_multihop}")
    lines.append(f"{head} update-source {f'Tunnel{tunnel.number}' if tunnel else page.circuit}")
    if session.bfd:
        lines.append(f"{head} fall-over bfd{' multi-hop' if session.bfd.hop_count > 1 else ''}")
    return lines


def _networks(page: Page, family: str) -> list[str]:
    own = [p for p in page.peer.networks if is_v6(p) == (family == "ipv6")]
    if family == "ipv6":
        return [f"  network {p}" for p in own]
    return [f"  network {ip_interface(p).ip} mask {ip_interface(p).netmask}" for p in own]


def _activated(page: Page, session: BgpPeer) -> list[str]:
    head = f"  neighbor {session.peer_address}"
    lines = [f"{head} activate", f"{head} prefix-list {session.name}-out out"]
    lines += [f"{head} prefix-list {session.name}-in in"] if session.import_filters else []
    lines += [f"{head} route-map {session.name}-in in"] if session.local_pref != 100 else []
    if session.import_limit is not None:
        page.quota(session)
        lines.append(f"{head} maximum-prefix {session.import_limit} {LIMIT_WARNING_PERCENT} warning-only")
    return lines
