"""VyOS 1.4, as `set` lines.

In: a `Page`. Out: lines. Its distances are FRR's: eBGP 20, the static standby 250. A tunnel interface (VTI) is down
while its tunnel is, which dead peer detection decides. A failover route with a probe would be a kernel route, which
beats BGP there, so there is none. Next: `linux.py`.
"""

from __future__ import annotations

from ipaddress import ip_network

from twinspan.model.device_config import BgpPeer
from twinspan.model.peer_configuration import PeerTunnel
from twinspan.wire.vendors.writing import GROUPS, Page, is_v6, longest, needs_route, parts

_DPD_SHORTEST_S = 2
_FLOOR = 254
_TIMEOUT_DELAYS = 3


def render(page: Page) -> list[str]:
    """All lines without the comments."""
    return [*_interfaces(page), *_ipsec(page), *_routes(page), *_bgp(page)]


def _ethernet(name: str) -> str:
    port, _, vlan = name.partition(".")
    return f"set interfaces ethernet {port}{f' vif {vlan}' if vlan else ''}"


def _interfaces(page: Page) -> list[str]:
    lines = [f"set interfaces dummy dum0 address '{pin}'" for pin in page.peer.pins]
    for name, link in page.links():
        lines += [f"{_ethernet(name)} address '{address}'" for address in link.addresses]
        lines += [f"{_ethernet(name)} mtu '{link.mtu}'"] if link.mtu != 1500 else []
    return lines


def _ipsec(page: Page) -> list[str]:
    lines: list[str] = []
    for one in page.peer.tunnels:
        page.only_any(one)
        if one.guard is not None:
            page.skip(
                f"probes[{one.guard.name}]",
                "no probe guards the static routes: they go with the tunnel, which dead peer detection ends",
            )
        page.slower(f"tunnels[{one.tunnel.name}].dpd_delay_s", one.tunnel.dpd_delay_s, _DPD_SHORTEST_S, "s")
        lines += [*_groups(one), *_peer(page, one), *_tunnel(one)]
    return lines + (["set vpn ipsec options disable-route-autoinstall"] if lines else [])


def _proposal(proposal: str) -> list[str]:
    cipher, hash_, group = parts(proposal)
    lines = [f"encryption '{cipher}'", f"hash '{hash_}'"]
    return lines + ([f"dh-group '{group}'"] if group else [])


def _groups(one: PeerTunnel) -> list[str]:
    tunnel, name = one.tunnel, f"twinspan{one.number}"
    ike, esp = f"set vpn ipsec ike-group {name}", f"set vpn ipsec esp-group {name}"
    delay = max(_DPD_SHORTEST_S, tunnel.dpd_delay_s)
    ike_lines = [
        f"key-exchange '{tunnel.ike_version}'",
        *([f"mode '{tunnel.ike_mode}'"] if tunnel.ike_version == "ikev1" else ["disable-mobike"]),
        f"lifetime '{tunnel.ike_lifetime_s}'",
        "dead-peer-detection action 'restart'",
        f"dead-peer-detection interval '{delay}'",
        f"dead-peer-detection timeout '{delay * _TIMEOUT_DELAYS}'",
        "close-action 'start'" if tunnel.initiate else "close-action 'none'",
        *(f"proposal 1 {line}" for line in _proposal(tunnel.ike_proposal)),
    ]
    numbers = {number: name for name, number in GROUPS.items()}
    group = parts(tunnel.esp_proposal)[2]
    esp_lines = [
        f"lifetime '{tunnel.ipsec_lifetime_s}'",
        "mode 'tunnel'",
        f"pfs 'dh-group{group}'" if group in numbers else "pfs 'disable'",
        *(f"proposal 1 {line}" for line in _proposal(tunnel.esp_proposal) if not line.startswith("dh-group")),
    ]
    return [*(f"{ike} {line}" for line in ike_lines), *(f"{esp} {line}" for line in esp_lines)]


def _peer(page: Page, one: PeerTunnel) -> list[str]:
    tunnel, name = one.tunnel, f"twinspan{one.number}"
    psk, peer = f"set vpn ipsec authentication psk {name}", f"set vpn ipsec site-to-site peer {name}"
    return [
        f"{psk} id '{tunnel.local_id}'",
        f"{psk} id '{tunnel.remote_id}'",
        f"{psk} secret '{page.secret(tunnel.psk)}'",
        f"{peer} authentication mode 'pre-shared-secret'",
        f"{peer} authentication local-id '{tunnel.local_id}'",
        f"{peer} authentication remote-id '{tunnel.remote_id}'",
        f"{peer} connection-type '{'initiate' if tunnel.initiate else 'respond'}'",
        f"{peer} ike-group '{name}'",
        f"{peer} local-address '{tunnel.local_address}'",
        f"{peer} remote-address '{tunnel.remote_address}'",
        f"{peer} vti bind 'vti{one.number}'",
        f"{peer} vti esp-group '{name}'",
    ]


def _tunnel(one: PeerTunnel) -> list[str]:
    vti = f"set interfaces vti vti{one.number}"
    lines = [f"{vti} address '{address}'" for address in one.tunnel.inner_addresses]
    lines.append(f"{vti} mtu '{one.tunnel.mtu}'")
    return lines + ([f"{vti} ip adjust-mss '{one.tunnel.tcp_mss}'"] if one.tunnel.tcp_mss else [])


def _routes(page: Page) -> list[str]:
    static = "set protocols static"
    ends = dict.fromkeys(t.tunnel.remote_address for t in page.peer.tunnels)
    lines = [f"{static} route {end}/32 next-hop {page.peer.isp_next_hop}" for end in ends]
    for one in page.peer.tunnels:
        if one.guard and needs_route(one):
            lines.append(f"{static} route {one.guard.destination}/32 interface vti{one.number}")
        lines += [
            f"{static} route {prefix} interface vti{one.number} distance '{page.standby(one)}'"
            for prefix in page.peer.standby_prefixes
        ]
    return lines + [
        f"{static} route{'6' if is_v6(prefix) else ''} {prefix} blackhole distance '{_FLOOR}'"
        for prefix in page.floors()
    ]


def _bgp(page: Page) -> list[str]:
    sessions = page.sessions()
    if not sessions or page.peer.asn is None:
        return []
    bgp = "set protocols bgp"
    lines = [f"{bgp} system-as '{page.peer.asn}'", f"{bgp} parameters router-id '{page.peer.router_id}'"]
    lines += [f"{bgp} parameters network-import-check"]
    for prefix in page.peer.networks:
        lines.append(f"{bgp} address-family {'ipv6' if is_v6(prefix) else 'ipv4'}-unicast network {prefix}")
    for session, _ in sessions:
        lines += [*_policy(page, session), *_session(page, session), *_family(page, session)]
    return lines


def _policy(page: Page, session: BgpPeer) -> list[str]:
    kind = "prefix-list6" if session.family == "ipv6" else "prefix-list"
    lines = []
    for n, one in enumerate(session.import_filters, 1):
        rule = f"set policy {kind} {session.name}-in rule {n * 5}"
        lines += [f"{rule} action 'permit'", f"{rule} prefix '{one.prefix}'"]
        lines += [f"{rule} le '{longest(one)}'"] if longest(one) != ip_network(one.prefix).prefixlen else []
    for n, prefix in enumerate(page.exports(session), 1):
        rule = f"set policy {kind} {session.name}-out rule {n * 5}"
        lines += [f"{rule} action 'permit'", f"{rule} prefix '{prefix}'"]
    if session.local_pref != 100:
        rule = f"set policy route-map {session.name}-in rule 10"
        lines += [f"{rule} action 'permit'", f"{rule} set local-preference '{session.local_pref}'"]
    return lines


def _session(page: Page, session: BgpPeer) -> list[str]:
    head = f"set protocols bgp neighbor {session.peer_address}"
    lines = [
        f"{head} remote-as '{session.peer_asn}'",
        f"{head} description '{session.name}'",
        f"{head} update-source '{session.local_address}'",
        f"{head} timers keepalive '{session.keepalive_interval_s}'",
        f"{head} timers holdtime '{session.hold_time_s}'",
    ]
    if session.auth_key is not None:
        lines.append(f"{head} password '{page.secret(session.auth_key)}'")
    if session.ebgp_multihop > 1:
        lines.append(f"{head} ebgp-multihop '{session.ebgp_multihop}'")
    if session.bfd:
        bfd, profile = session.bfd, f"set protocols bfd profile {session.name}"
        lines += [
            f"{profile} interval transmit '{bfd.min_tx_interval_ms}'",
            f"{profile} interval receive '{bfd.min_rx_interval_ms}'",
            f"{profile} interval multiplier '{bfd.detect_multiplier}'",
            f"{head} bfd profile '{session.name}'",
        ]
    return lines


def _family(page: Page, session: BgpPeer) -> list[str]:
    head = f"set protocols bgp neighbor {session.peer_address} address-family {session.family}-unicast"
    lines = [f"{head} prefix-list export '{session.name}-out'"]
    lines += [f"{head} prefix-list import '{session.name}-in'"] if session.import_filters else []
    lines += [f"{head} route-map import '{session.name}-in'"] if session.local_pref != 100 else []
    if session.import_limit is not None:
        # FRR below closes the session above a limit, and VyOS has no word for "warn only".
        page.skip(
            f"bgp.peers[{session.name}].import_limit",
            f"there is no limit: above {session.import_limit} routes this device would close the session",
        )
    return lines
