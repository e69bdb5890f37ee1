"""What both Linux gateways share: strongSwan's files, the script that makes links and routes, the probe's loop.

In: a `Page`. Out: `PeerFile`s. A tunnel is an XFRM interface, so its routes are the routing daemon's like any other;
strongSwan must install none, for its own table stands before the main one and would draw all traffic into the tunnel.
Next: `frr_strongswan.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from twinspan.model.device_config import IpsecTunnel
from twinspan.model.peer_configuration import PeerFile, PeerTunnel
from twinspan.wire.vendors.writing import Page, needs_route, seconds

REKEY_MARGIN = 0.1
"""Share of a lifetime before whose end keys are renewed."""


def device(tunnel: PeerTunnel) -> str:
    """Name of the tunnel's interface; its number is its XFRM id too."""
    return f"vpn{tunnel.number}"


def file(path: str, lines: Iterable[str]) -> PeerFile:
    """A file of lines."""
    return PeerFile(path=path, text="\n".join(lines) + "\n")


def shared_files(page: Page) -> list[PeerFile]:
    """`links.sh` and strongSwan's files."""
    files = [file("/etc/twinspan-peer/links.sh", _links(page))]
    if page.peer.tunnels:
        files.append(file("/etc/strongswan.d/twinspan.conf", _strongswan(page)))
        files.append(file("/etc/swanctl/conf.d/twinspan.conf", _swanctl(page)))
    return files


def _links(page: Page) -> list[str]:
    """Idempotent: what is there already stays."""
    lines = ["#!/bin/sh", "set -eu", "sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"]
    circuit = page.peer.circuit
    if circuit and circuit.kind == "vlan":
        parent = page.port("circuit")
        made = f"ip link add link {parent} name {page.circuit} type vlan id {circuit.vlan_id}"
        lines += [f"ip link show {page.circuit} >/dev/null 2>&1 || {made}", f"ip link set {page.circuit} up"]
    for name, link in page.links():
        lines += [f"ip address replace {address} dev {name}" for address in link.addresses]
        lines += [f"ip link set {name} mtu {link.mtu}"] if link.mtu != 1500 else []
    lines += [f"ip address replace {pin} dev lo" for pin in page.peer.pins]
    for end in dict.fromkeys(t.tunnel.remote_address for t in page.peer.tunnels):
        lines.append(f"ip route replace {end}/32 via {page.peer.isp_next_hop} dev {page.port('isp')}")
    for one in page.peer.tunnels:
        lines += _link_of(page, one)
    return lines


def _link_of(page: Page, one: PeerTunnel) -> list[str]:
    name, tunnel = device(one), one.tunnel
    made = f"ip link add {name} type xfrm dev {page.port('isp')} if_id {one.number}"
    lines = [f"ip link show {name} >/dev/null 2>&1 || {made}", f"ip link set {name} mtu {tunnel.mtu} up"]
    lines += [f"ip address replace {address} dev {name}" for address in tunnel.inner_addresses]
    if one.guard and needs_route(one):
        lines.append(f"ip route replace {one.guard.destination}/32 dev {name} src {one.guard.source}")
    if tunnel.tcp_mss:
        table = f"inet twinspan_{name}"
        clamp = f"tcp flags syn tcp option maxseg size set {tunnel.tcp_mss}"
        lines += [
            f"nft add table {table}",
            f"nft flush table {table}",
            f"nft add chain {table} clamp '{{ type filter hook forward priority mangle; }}'",
            f"nft add rule {table} clamp oifname {name} {clamp}",
            f"nft add rule {table} clamp iifname {name} {clamp}",
        ]
    return lines


def _strongswan(page: Page) -> list[str]:
    aggressive = any(t.tunnel.ike_version == "ikev1" and t.tunnel.ike_mode == "aggressive" for t in page.peer.tunnels)
    weak = ["  i_dont_care_about_security_and_use_aggressive_mode_psk = yes"] if aggressive else []
    return [
        "charon {",
        "  install_routes = no",
        "  install_virtual_ip = no",
        "  retransmit_timeout = 1.0",
        "  retransmit_base = 1.0",
        "  retransmit_tries = 3",
        *weak,
        "}",
    ]


def _swanctl(page: Page) -> list[str]:
    lines = ["connections {"]
    for one in page.peer.tunnels:
        lines += _connection(one)
    lines += ["}", "secrets {"]
    for one in page.peer.tunnels:
        lines += [
            f"  ike-{one.number} {{",
            f"    id-1 = {one.tunnel.local_id}",
            f"    id-2 = {one.tunnel.remote_id}",
            f'    secret = "{page.secret(one.tunnel.psk)}"',
            "  }",
        ]
    return [*lines, "}"]


def _connection(one: PeerTunnel) -> list[str]:
    tunnel = one.tunnel
    margin_s = round(tunnel.ike_lifetime_s * REKEY_MARGIN)
    v1 = tunnel.ike_version == "ikev1"
    lines = [
        f"version = {tunnel.ike_version.removeprefix('ikev')}",
        *([f"aggressive = {'yes' if tunnel.ike_mode == 'aggressive' else 'no'}"] if v1 else []),
        f"local_addrs = {tunnel.local_address}",
        f"remote_addrs = {tunnel.remote_address}",
        f"proposals = {tunnel.ike_proposal}",
        f"rekey_time = {tunnel.ike_lifetime_s - margin_s}s",
        f"over_time = {margin_s}s",
        "reauth_time = 0s",
        f"dpd_delay = {tunnel.dpd_delay_s}s",
        *([f"dpd_timeout = {max(1, tunnel.dpd_delay_s) * 3}s"] if v1 else []),
        "mobike = no",
        "keyingtries = 0",
        "fragmentation = yes",
        "unique = replace",
        f"if_id_in = {one.number}",
        f"if_id_out = {one.number}",
        "local {",
        "  auth = psk",
        f"  id = {tunnel.local_id}",
        "}",
        "remote {",
        "  auth = psk",
        f"  id = {tunnel.remote_id}",
        "}",
        "children {",
        f"  vpn{one.number} {{",
        *(f"    {line}" for line in _child(tunnel)),
        "  }",
        "}",
    ]
    return [f"  vpn{one.number} {{", *(f"    {line}" for line in lines), "  }"]


def _child(tunnel: IpsecTunnel) -> list[str]:
    margin_s = round(tunnel.ipsec_lifetime_s * REKEY_MARGIN)
    again = "start" if tunnel.initiate else "none"
    return [
        f"local_ts = {','.join(tunnel.local_ts)}",
        f"remote_ts = {','.join(tunnel.remote_ts)}",
        f"esp_proposals = {tunnel.esp_proposal}",
        f"rekey_time = {tunnel.ipsec_lifetime_s - margin_s}s",
        f"life_time = {tunnel.ipsec_lifetime_s}s",
        f"start_action = {again}",
        f"dpd_action = {'restart' if tunnel.initiate else 'clear'}",
        f"close_action = {again}",
    ]


def guard_loop(one: PeerTunnel, up: str, down: str) -> list[str]:
    """A loop that asks through the tunnel and runs `up` or `down` when the answer changes; the first is known by
    asking, never assumed."""
    guard = one.guard
    if guard is None:
        return []
    every = seconds(guard.interval_ms)
    ask = f"ping -n -q -c 1 -W {every} -I {guard.source} {guard.destination} >/dev/null 2>&1"
    return [
        f"watch{one.number}() {{",
        "  state=unknown lost=0 heard=0",
        "  while :; do",
        f"    if {ask}; then lost=0 heard=$((heard + 1)); else heard=0 lost=$((lost + 1)); fi",
        f"    if [ $lost -ge {guard.lost_threshold} ] && [ $state != down ]; then {down} && state=down; fi",
        f"    if [ $heard -ge {guard.recover_threshold} ] && [ $state != up ]; then {up} && state=up; fi",
        f"    sleep {every}",
        "  done",
        "}",
    ]


def guard_file(page: Page, commands: dict[int, tuple[str, str]]) -> list[PeerFile]:
    """`guard.sh`. `commands`: by tunnel number, what brings its routes and what takes them away."""
    lines = ["#!/bin/sh"]
    guarded = page.guarded()
    for one in guarded:
        lines += guard_loop(one, *commands[one.number])
        if one.guard:
            every_ms = seconds(one.guard.interval_ms) * 1000
            page.slower(f"probes[{one.guard.name}].interval_ms", one.guard.interval_ms, every_ms, "ms")
    lines += [f"watch{one.number} &" for one in guarded]
    return [file("/etc/twinspan-peer/guard.sh", [*lines, "wait"])] if guarded else []
