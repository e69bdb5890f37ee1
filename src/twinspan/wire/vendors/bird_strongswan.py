"""BIRD 2 and strongSwan on Linux, without our agent.

In: a `Page`. Out: `PeerFile`s. In BIRD the higher preference wins: BGP has 100, so the static standby has 10 rather
than its usual 200. A static protocol per tunnel, which the probe's loop disables. Next: `render.py`.
"""

from __future__ import annotations

from ipaddress import ip_network

from twinspan.model.device_config import BgpPeer, PrefixFilter
from twinspan.model.peer_configuration import PeerFile
from twinspan.wire.vendors.linux import device, file, guard_file, shared_files
from twinspan.wire.vendors.writing import Page, is_v6, longest


def render(page: Page) -> list[PeerFile]:
    """All files."""
    commands = {t.number: (_switch("enable", t.number), _switch("disable", t.number)) for t in page.peer.tunnels}
    return [*shared_files(page), file("/etc/bird/bird.conf", _bird(page)), *guard_file(page, commands)]


def _switch(verb: str, number: int) -> str:
    return f"birdc {verb} standby{number} >/dev/null"


def _bird(page: Page) -> list[str]:
    families = ["ipv4", *(["ipv6"] if any(s.family == "ipv6" for s in page.peer.sessions) else [])]
    lines = [
        f"router id {page.peer.router_id or (page.peer.tunnels[0].tunnel.local_address if page.peer.tunnels else '')};",
        "log syslog all;",
        "protocol device { scan time 1; }",
        f"protocol direct connected {{ {' '.join(f'{family};' for family in families)} }}",
    ]
    for family in families:
        lines += _kernel(page, family)
    lines += _statics(page)
    lines += _bfd(page)
    for session, _ in page.sessions():
        lines += _session(page, session)
    return lines


def _kernel(page: Page, family: str) -> list[str]:
    digit = "6" if family == "ipv6" else "4"
    # What is connected is in the kernel already, and a floor is there for BGP only.
    wanted = 'source = RTS_BGP || proto ~ "standby*"' if digit == "4" else "source = RTS_BGP"
    return [f"protocol kernel kernel{digit} {{", f"  {family} {{ import none; export where {wanted}; }};", "}"]


def _statics(page: Page) -> list[str]:
    lines = []
    for one in page.peer.tunnels:
        routes = [f'  route {prefix} via "{device(one)}";' for prefix in page.peer.standby_prefixes]
        if routes:
            channel = f"  ipv4 {{ preference {page.standby(one)}; }};"
            lines += [f"protocol static standby{one.number} {{", channel, *routes, "}"]
    for family, version in (("ipv4", False), ("ipv6", True)):
        floors = [f"  route {p} unreachable;" for p in page.floors() if is_v6(p) is version]
        if floors:
            head = f"protocol static own{'6' if version else '4'} {{"
            lines += [head, f"  {family} {{ preference 1; }};", *floors, "}"]
    return lines


def _bfd(page: Page) -> list[str]:
    return ["protocol bfd { }"] if any(s.bfd for s, _ in page.sessions()) else []


def _session(page: Page, session: BgpPeer) -> list[str]:
    hops = max(session.ebgp_multihop, session.bfd.hop_count if session.bfd else 1)
    lines = [
        f"protocol bgp {session.name} {{",
        f"  local {session.local_address} as {session.local_asn};",
        f"  neighbor {session.peer_address} as {session.peer_asn};",
        f"  multihop {hops};" if hops > 1 else "  direct;",
        f"  hold time {session.hold_time_s};",
        f"  keepalive time {session.keepalive_interval_s};",
        # After an error BIRD would wait a minute and more before it asks again: so long would the standby carry.
        "  connect delay time 1;",
        "  connect retry time 5;",
        "  error wait time 1, 5;",
    ]
    if session.auth_key is not None:
        lines.append(f'  password "{page.secret(session.auth_key)}";')
    if session.bfd:
        tx, rx, times = session.bfd.min_tx_interval_ms, session.bfd.min_rx_interval_ms, session.bfd.detect_multiplier
        lines.append(f"  bfd {{ min tx interval {tx} ms; min rx interval {rx} ms; multiplier {times}; }};")
    preferred = f"bgp_local_pref = {session.local_pref}; " if session.local_pref != 100 else ""
    wanted = f"net ~ [ {', '.join(map(_pattern, session.import_filters))} ]" if session.import_filters else "true"
    lines += [
        f"  {session.family} {{",
        f"    import filter {{ if {wanted} then {{ {preferred}accept; }} reject; }};",
        *_limit(page, session),
        f"    export {_exported(page, session)};",
        "  };",
        "}",
    ]
    return lines


def _pattern(one: PrefixFilter) -> str:
    length = ip_network(one.prefix).prefixlen
    return one.prefix if longest(one) == length else f"{one.prefix}{{{length},{longest(one)}}}"


def _limit(page: Page, session: BgpPeer) -> list[str]:
    if session.import_limit is None:
        return []
    page.quota(session)
    return [f"    import limit {session.import_limit} action warn;"]


def _exported(page: Page, session: BgpPeer) -> str:
    prefixes = page.exports(session)
    if not prefixes:
        return "none"
    return f"where source ~ [ RTS_DEVICE, RTS_STATIC ] && net ~ [ {', '.join(prefixes)} ]"
