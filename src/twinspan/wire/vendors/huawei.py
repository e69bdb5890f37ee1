"""Huawei VRP.

In: a `Page`. Out: lines. External BGP has preference 255 there as on Comware, so it is brought to 50 and the static
standby stands at 200. Next: `juniper.py`.
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
    spaced_length,
    spaced_mask,
)

_CIPHERS = {"aes128": "aes-128", "aes192": "aes-192", "aes256": "aes-256", "3des": "3des", "des": "des"}
_HASHES = {"md5": "md5", "sha1": "sha1", "sha256": "sha2-256", "sha384": "sha2-384", "sha512": "sha2-512"}
_MACS = {h: f"hmac-{words}" for h, words in _HASHES.items()}
_DPD_SHORTEST_S = 10
_INTERNAL, _LOCAL = 255, 255
_FLOOR = 254


def render(page: Page) -> list[str]:
    """All lines without the comments."""
    blocks = [_bfd(page), *_interfaces(page), *_ipsec(page), *_guards(page), *_bgp(page), _routes(page)]
    return [line for block in blocks if block for line in ("#", *block)] + ["#", "return"]


def _bfd(page: Page) -> list[str]:
    sessions = page.peer.sessions
    lines = ["ipv6"] if any(s.family == "ipv6" for s in sessions) else []
    return [*lines, *(["bfd"] if any(s.bfd for s in sessions) else [])]


def _interfaces(page: Page) -> list[list[str]]:
    blocks = [["interface LoopBack0", *_addresses(page.peer.pins)]] if page.peer.pins else []
    for name, link in page.links():
        blocks.append([f"interface {name}", *_interface(link)])
    return blocks


def _interface(link: Link) -> list[str]:
    lines = [f" dot1q termination vid {link.vlan_id}"] if link.kind == "vlan" else []
    lines += [f" mtu {link.mtu}"] if link.mtu != 1500 else []
    lines += [" ipv6 enable"] if any(is_v6(a) for a in link.addresses) else []
    return lines + _addresses(link.addresses)


def _addresses(addresses: tuple[str, ...]) -> list[str]:
    first, lines = True, []
    for address in addresses:
        if is_v6(address):
            lines.append(f" ipv6 address {address}")
            continue
        lines.append(f" ip address {spaced_mask(address)}{'' if first else ' sub'}")
        first = False
    return lines


def _ipsec(page: Page) -> list[list[str]]:
    blocks: list[list[str]] = []
    for one in page.peer.tunnels:
        page.only_any(one)
        page.slower(f"tunnels[{one.tunnel.name}].dpd_delay_s", one.tunnel.dpd_delay_s, _DPD_SHORTEST_S, "s")
        blocks += [_ike_proposal(one), _ike_peer(page, one), *_esp(one), _tunnel(page, one)]
    return blocks


def _ike_proposal(one: PeerTunnel) -> list[str]:
    cipher, hash_, group = parts(one.tunnel.ike_proposal)
    v2 = one.tunnel.ike_version == "ikev2"
    return [
        f"ike proposal {one.number}",
        " authentication-method pre-share",
        f" encryption-algorithm {_CIPHERS[cipher]}",
        f" dh group{group}",
        f" authentication-algorithm {_HASHES[hash_]}",
        *([f" integrity-algorithm {_MACS[hash_]}", f" prf {_MACS[hash_]}"] if v2 else []),
        f" sa duration {one.tunnel.ike_lifetime_s}",
    ]


def _ike_peer(page: Page, one: PeerTunnel) -> list[str]:
    tunnel = one.tunnel
    v2 = tunnel.ike_version == "ikev2"
    return [
        f"ike peer twinspan{one.number}",
        *([" undo version 1", " version 2"] if v2 else [" undo version 2", " version 1"]),
        *([] if v2 else [f" exchange-mode {tunnel.ike_mode}"]),
        f" pre-shared-key cipher {page.secret(tunnel.psk)}",
        f" ike-proposal {one.number}",
        *_identity("local", tunnel.local_id),
        *_identity("remote", tunnel.remote_id),
        f" remote-address {tunnel.remote_address}",
        " rekey-initiate enable" if tunnel.initiate else " undo rekey-initiate enable",
        " dpd type periodic",
        f" dpd idle-time {max(_DPD_SHORTEST_S, tunnel.dpd_delay_s)}",
    ]


def _identity(end: str, identity: str) -> list[str]:
    if all(c.isdigit() or c == "." for c in identity):
        kind = f" {end}-id-type ip"
        return [kind, f" {end}-id {identity}"] if end == "remote" else [kind]
    return [f" {end}-id-type fqdn", f" {end}-id {identity}"]


def _esp(one: PeerTunnel) -> list[list[str]]:
    cipher, hash_, group = parts(one.tunnel.esp_proposal)
    n = one.number
    return [
        [
            f"ipsec proposal twinspan{n}",
            " encapsulation-mode tunnel",
            " transform esp",
            f" esp authentication-algorithm {_HASHES[hash_]}",
            f" esp encryption-algorithm {_CIPHERS[cipher]}",
        ],
        [
            f"ipsec profile twinspan{n}",
            f" ike-peer twinspan{n}",
            f" proposal twinspan{n}",
            *([f" pfs dh-group{group}"] if group else []),
            f" sa duration time-based {one.tunnel.ipsec_lifetime_s}",
        ],
    ]


def _tunnel(page: Page, one: PeerTunnel) -> list[str]:
    tunnel, n = one.tunnel, one.number
    inner = _addresses(tunnel.inner_addresses)
    return [
        f"interface Tunnel0/0/{n}",
        *(inner or [f" ip address unnumbered interface {page.port('isp')}"]),
        f" mtu {tunnel.mtu}",
        *([f" tcp adjust-mss {tunnel.tcp_mss}"] if tunnel.tcp_mss else []),
        " tunnel-protocol ipsec",
        f" source {page.port('isp')}",
        f" destination {tunnel.remote_address}",
        f" ipsec profile twinspan{n}",
    ]


def _guards(page: Page) -> list[list[str]]:
    blocks = []
    for one in page.guarded():
        guard = one.guard
        if guard is None:
            continue
        every = seconds(guard.interval_ms)
        page.slower(f"probes[{guard.name}].interval_ms", guard.interval_ms, every * 1000, "ms")
        # The test fails by its probes: so many at this interval, all lost, and the next round begins at once.
        blocks.append(
            [
                f"nqa test-instance twinspan vpn{one.number}",
                " test-type icmp",
                f" destination-address ipv4 {guard.destination}",
                f" source-address ipv4 {guard.source}",
                f" interval seconds {every}",
                " timeout 1",
                f" probe-count {guard.lost_threshold}",
                " fail-percent 100",
                f" frequency {every * guard.lost_threshold + 2}",
                " start now",
            ]
        )
    return blocks


def _routes(page: Page) -> list[str]:
    ends = dict.fromkeys(t.tunnel.remote_address for t in page.peer.tunnels)
    lines = [f"ip route-static {end} 255.255.255.255 {page.peer.isp_next_hop}" for end in ends]
    tracked = page.guarded()
    lines += [
        f"ip route-static {one.guard.destination} 255.255.255.255 Tunnel0/0/{one.number}"
        for one in tracked
        if one.guard and needs_route(one)
    ]
    for one in page.peer.tunnels:
        track = f" track nqa twinspan vpn{one.number}" if one in tracked else ""
        for prefix in page.peer.standby_prefixes:
            way = f"Tunnel0/0/{one.number} preference {page.standby(one)}"
            lines.append(f"ip route-static {spaced_mask(prefix)} {way}{track}")
    for prefix in page.floors():
        v6 = is_v6(prefix)
        head = f"ipv6 route-static {spaced_length(prefix)}" if v6 else f"ip route-static {spaced_mask(prefix)}"
        lines.append(f"{head} NULL0 preference {_FLOOR}")
    return lines


def _bgp(page: Page) -> list[list[str]]:
    sessions = page.sessions()
    if not sessions or page.peer.asn is None:
        return []
    lists: list[str] = []
    blocks = []
    for session, _ in sessions:
        lists += _lists(page, session)
        if session.local_pref != 100:
            blocks.append(
                [f"route-policy {session.name}-in permit node 10", f" apply local-preference {session.local_pref}"]
            )
    lines = [f"bgp {page.peer.asn}", f" router-id {page.peer.router_id}"]
    for session, tunnel in sessions:
        lines += _session(page, session, tunnel)
    for family in ("ipv4", "ipv6"):
        lines += _family(page, family, [s for s, _ in sessions if s.family == family])
    return [lists, *blocks, lines]


def _lists(page: Page, session: BgpPeer) -> list[str]:
    head = "ip ipv6-prefix" if session.family == "ipv6" else "ip ip-prefix"
    lines = []
    for n, one in enumerate(session.import_filters, 1):
        most = longest(one)
        le = f" less-equal {most}" if most != ip_network(one.prefix).prefixlen else ""
        lines.append(f"{head} {session.name}-in index {n * 10} permit {spaced_length(one.prefix)}{le}")
    for n, prefix in enumerate(page.exports(session), 1):
        lines.append(f"{head} {session.name}-out index {n * 10} permit {spaced_length(prefix)}")
    return lines


def _session(page: Page, session: BgpPeer, tunnel: PeerTunnel | None) -> list[str]:
    head = f" peer {session.peer_address}"
    lines = [f"{head} as-number {session.peer_asn}", f"{head} description {session.name}"]
    if session.ebgp_multihop > 1:
        lines.append(f"{head} ebgp-max-hop {session.ebgp_multihop}")
    lines.append(f"{head} connect-interface {f'Tunnel0/0/{tunnel.number}' if tunnel else page.circuit}")
    lines.append(f"{head} timer keepalive {session.keepalive_interval_s} hold {session.hold_time_s}")
    if session.auth_key is not None:
        lines.append(f"{head} password cipher {page.secret(session.auth_key)}")
    if session.bfd:
        bfd = session.bfd
        lines += [
            f"{head} bfd min-tx-interval {bfd.min_tx_interval_ms} min-rx-interval {bfd.min_rx_interval_ms} "
            f"detect-multiplier {bfd.detect_multiplier}",
            f"{head} bfd enable",
        ]
    return lines


def _family(page: Page, family: str, sessions: list[BgpPeer]) -> list[str]:
    if not sessions:
        return []
    lines = [" #", f" {family}-family unicast"]
    lines.append(f"  preference {page.vendor.preferences.primary} {_INTERNAL} {_LOCAL}")
    for prefix in page.peer.networks:
        if is_v6(prefix) == (family == "ipv6"):
            one = ip_interface(prefix)
            lines.append(f"  network {spaced_length(prefix) if is_v6(prefix) else f'{one.ip} {one.netmask}'}")
    kind = "ipv6-prefix" if family == "ipv6" else "ip-prefix"
    for session in sessions:
        head = f"  peer {session.peer_address}"
        lines += [f"{head} enable", f"{head} {kind} {session.name}-out export"]
        lines += [f"{head} {kind} {session.name}-in import"] if session.import_filters else []
        lines += [f"{head} route-policy {session.name}-in import"] if session.local_pref != 100 else []
        if session.import_limit is not None:
            page.quota(session)
            lines.append(f"{head} route-limit {session.import_limit} {LIMIT_WARNING_PERCENT} alert-only")
    return lines
