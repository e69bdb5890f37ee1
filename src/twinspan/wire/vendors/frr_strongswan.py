"""FRR and strongSwan on Linux.

In: a `Page`. Out: `PeerFile`s. Distances: eBGP 20, the static standby 250; 255 would never be installed. The probe's
loop adds and removes the static routes. Next: `bird_strongswan.py`.
"""

from __future__ import annotations

from ipaddress import ip_network

from twinspan.model.device_config import BgpPeer
from twinspan.model.peer_configuration import PeerFile, PeerTunnel
from twinspan.wire.vendors.linux import device, file, guard_file, shared_files
from twinspan.wire.vendors.writing import LIMIT_WARNING_PERCENT, Page, is_v6, longest

_FLOOR = 254


def render(page: Page) -> list[PeerFile]:
    """All files."""
    commands = {t.number: (_vtysh(page, t, ""), _vtysh(page, t, "no ")) for t in page.peer.tunnels}
    return [
        *shared_files(page),
        file("/etc/frr/daemons", ["bgpd=yes", "bfdd=yes", "staticd=yes", "vtysh_enable=yes"]),
        file("/etc/frr/frr.conf", _frr(page)),
        *guard_file(page, commands),
    ]


def _vtysh(page: Page, one: PeerTunnel, no: str) -> str:
    lines = " ".join(f"-c '{no}{route}'" for route in _standby(page, one))
    return f"vtysh -c 'configure terminal' {lines}"


def _standby(page: Page, one: PeerTunnel) -> list[str]:
    return [f"ip route {prefix} {device(one)} {page.standby(one)}" for prefix in page.peer.standby_prefixes]


def _frr(page: Page) -> list[str]:
    lines = ["frr defaults traditional", "log syslog informational"]
    for one in page.peer.tunnels:
        lines += _standby(page, one)
    for prefix in page.floors():
        lines.append(f"{'ipv6' if is_v6(prefix) else 'ip'} route {prefix} Null0 {_FLOOR}")
    return [*lines, *_bgp(page)]


def _bgp(page: Page) -> list[str]:
    sessions = page.sessions()
    if not sessions or page.peer.asn is None:
        return []
    lines = _bfd_profiles([s for s, _ in sessions])
    for session, _ in sessions:
        lines += _lists(page, session)
    lines += [f"router bgp {page.peer.asn}", f" bgp router-id {page.peer.router_id}", " no bgp default ipv4-unicast"]
    for session, tunnel in sessions:
        lines += _session(page, session, tunnel)
    for family in ("ipv4", "ipv6"):
        own = [s for s, _ in sessions if s.family == family]
        if own:
            lines += [f" address-family {family} unicast"]
            lines += [f"  network {p}" for p in page.peer.networks if is_v6(p) == (family == "ipv6")]
            for session in own:
                lines += _activated(page, session)
            lines.append(" exit-address-family")
    return [*lines, "exit"]


def _bfd_profiles(sessions: list[BgpPeer]) -> list[str]:
    lines = []
    for session in sessions:
        if session.bfd:
            lines += [
                f" profile {session.name}",
                f"  detect-multiplier {session.bfd.detect_multiplier}",
                f"  receive-interval {session.bfd.min_rx_interval_ms}",
                f"  transmit-interval {session.bfd.min_tx_interval_ms}",
                " exit",
            ]
    return ["bfd", *lines, "exit"] if lines else []


def _lists(page: Page, session: BgpPeer) -> list[str]:
    head = "ipv6 prefix-list" if session.family == "ipv6" else "ip prefix-list"
    match = "ipv6" if session.family == "ipv6" else "ip"
    lines = []
    for n, one in enumerate(session.import_filters, 1):
        le = f" le {longest(one)}" if longest(one) != ip_network(one.prefix).prefixlen else ""
        lines.append(f"{head} {session.name}-in seq {n * 5} permit {one.prefix}{le}")
    for n, prefix in enumerate(page.exports(session), 1):
        lines.append(f"{head} {session.name}-out seq {n * 5} permit {prefix}")
    lines += [f"route-map {session.name}-in permit 10", f" match {match} address prefix-list {session.name}-in"]
    lines += [f" set local-preference {session.local_pref}"] if session.local_pref != 100 else []
    out = [f"route-map {session.name}-out permit 10", f" match {match} address prefix-list {session.name}-out"]
    return [*lines, "exit", *out, "exit"]


def _session(page: Page, session: BgpPeer, tunnel: PeerTunnel | None) -> list[str]:
    head = f" neighbor {session.peer_address}"
    lines = [
        f"{head} remote-as {session.peer_asn}",
        f"{head} description {session.name}",
        f"{head} timers {session.keepalive_interval_s} {session.hold_time_s}",
        f"{head} timers connect 5",
        f"{head} update-source {session.local_address}",
    ]
    if session.auth_key is not None:
        lines.append(f"{head} password {page.secret(session.auth_key)}")
    if session.ebgp_multihop > 1:
        lines.append(f"{head} ebgp-multihop {session.ebgp_multihop}")
    if session.bfd:
        lines += [f"{head} bfd", f"{head} bfd profile {session.name}"]
    return lines


def _activated(page: Page, session: BgpPeer) -> list[str]:
    head = f"  neighbor {session.peer_address}"
    lines = [f"{head} activate", f"{head} route-map {session.name}-in in", f"{head} route-map {session.name}-out out"]
    if session.import_limit is not None:
        page.quota(session)
        lines.append(f"{head} maximum-prefix {session.import_limit} {LIMIT_WARNING_PERCENT} warning-only")
    return lines
