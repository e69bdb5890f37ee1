"""BIRD 2's configuration of one node, and the names of the protocols in it.

In: a `DeviceConfig` and the kernel devices of its tunnels. Out: the text of `bird.conf`, and the names of the protocols
to disable while a span is held. Next: `wire.bird_text` reads what BIRD says back, `drivers.bird` runs it.

    peers of span S <-> t_S4 --in_S4, inpin_S4--> master4 <-> peers without span, kernel
         origin_S4, pin_S4 -> t_S4 <--out_S4, outpin_S4-- master4 <- originated4

Every span has a table of its own, and one-way pipes join it with the master table. Disabling `in_S4` therefore takes a
span's routes away from everybody at once and disabling `out_S4` and `origin_S4` stops announcing over it, while the
BGP session, its BFD and what is pinned (the addresses that probes need to see the span recover) stay up. Pipes never
carry a route back into the table it came from: BIRD would report a pipe collision. The last character of a name is its
address family, so names of two spans cannot meet; sessions are called `peer_...`, because `bgp_path` and eleven more
words that begin with `bgp_` are keywords.

The kernel gets only what BGP brought, with metric 32, and nothing is learned from it. `persist` is off, so a BIRD that
stops takes its routes with it; one that is killed cannot, and `BirdDriver.flush_kernel_routes` does it in its place,
for nobody watches BFD then and its routes would point into a hole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network

from twinspan.model.device_config import Bgp, DeviceConfig, Family, NextHop, Originate
from twinspan.wire.bird_names import (
    FAMILIES,
    digit_of,
    export_switches,
    families_of,
    import_switches,
    originated,
    safe,
    session_name,
    span_peers,
    spans_of,
    symbol,
)
from twinspan.wire.bird_session import bfd_protocol, brought_by, but_not, is_multihop, matches, session

__all__ = ["KERNEL_METRIC", "export_switches", "import_switches", "render_bird", "session_name", "with_disabled"]

KERNEL_METRIC = 32
"""Below every metric that the agent's own static routes use, so that a BGP route wins over a standby."""
LOG_LIMIT_BYTES = 1_000_000
"""Then BIRD renames its log to `.old` and begins a new one: two of these are the most it keeps."""


def render_bird(config: DeviceConfig, devices: Mapping[str, str], *, log_path: str) -> str:
    """`bird.conf` of a node. `devices` maps a tunnel's name to its kernel device; one that is missing is not used.

    Raises `Rejected` for a BGP key that BIRD cannot express.
    """
    bgp = config.bgp
    lines = [
        f'log "{log_path}" {LOG_LIMIT_BYTES} "{log_path}.old" all;',
        "timeformat log iso long us;",
        # One word, so that the columns of `show protocols` can be told apart.
        'timeformat protocol "%FT%T.%6f";',
        "protocol device devices { scan time 1; }",
    ]
    if bgp is None:
        return _text(["router id 127.0.0.1;", *lines])
    lines.insert(0, f"router id {bgp.router_id};")
    lines += ["protocol direct connected { ipv4; ipv6; }", *bfd_protocol(bgp)]
    for family in FAMILIES:
        if families_of(bgp) and family in families_of(bgp):
            lines += ["", *_master(config, devices, bgp, family)]
        for span in spans_of(bgp, family):
            lines += ["", *_span(bgp, span, family)]
    for peer in bgp.peers:
        lines += ["", *session(bgp, peer)]
    return _text(lines)


def with_disabled(text: str, protocols: Iterable[str]) -> str:
    """`text` with these protocols disabled from the start.

    BIRD starts anew what is disabled by command when it is configured, so that a held span would announce for a moment.
    """
    for name in protocols:
        text = re.sub(rf"^(protocol \w+ {re.escape(symbol(name))} {{)$", r"\1\n  disabled;", text, flags=re.MULTILINE)
    return text


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _master(config: DeviceConfig, devices: Mapping[str, str], bgp: Bgp, family: Family) -> list[str]:
    digit = digit_of(family)
    silent = [session_name(p.name) for p in bgp.peers if p.family == family and not p.kernel]
    wanted = f"source = RTS_BGP && !{brought_by(silent)}" if silent else "source = RTS_BGP"
    lines = [
        f"protocol kernel kernel{digit} {{",
        f"  {family} {{ table master{digit}; import none; export where {wanted}; }};",
        f"  metric {KERNEL_METRIC}; scan time 10; merge paths off;",
        "}",
    ]
    lines += _static(f"originated{digit}", family, f"master{digit}", originated(bgp, None, family, pinned=None))
    return lines + _next_hop_routes(config, devices, bgp, family)


def _static(name: str, family: Family, table: str, originate: list[Originate]) -> list[str]:
    """Originations, as routes to nowhere: BGP announces them with itself as next hop, the kernel never gets them."""
    if not originate:
        return []
    routes = [f"  route {o.prefix} unreachable {{ bgp_local_pref = {o.local_pref}; }};" for o in originate]
    return [f"protocol static {symbol(name)} {{", f"  {family} {{ table {symbol(table)}; }};", *routes, "}"]


def _next_hop_routes(config: DeviceConfig, devices: Mapping[str, str], bgp: Bgp, family: Family) -> list[str]:
    """How to reach multi-hop peers: BIRD learns nothing from the kernel, so the agent's static routes are repeated."""
    routes: dict[str, str] = {}
    for peer in bgp.peers:
        if peer.family != family or not is_multihop(peer):
            continue
        address = ip_address(peer.peer_address)
        ways = [r for r in config.routes if r.table == "main" and address in ip_network(r.prefix)]
        for route in sorted(ways, key=lambda r: ip_network(r.prefix).prefixlen, reverse=True)[:1]:
            via = next((v for v in (_via(h, devices) for h in route.next_hops) if v), None)
            if via:
                routes[route.prefix] = via
    if not routes:
        return []
    digit = digit_of(family)
    body = [f"  route {prefix} via {via};" for prefix, via in sorted(routes.items())]
    return [f"protocol static next_hops{digit} {{", f"  {family} {{ table master{digit}; }};", *body, "}"]


def _via(hop: NextHop, devices: Mapping[str, str]) -> str | None:
    device = hop.link or devices.get(hop.tunnel or "")
    if hop.via and device and ip_address(hop.via).is_link_local:
        return f"{hop.via}%'{device}'"
    return hop.via or (f'"{device}"' if device else None)


def _span(bgp: Bgp, span: str, family: Family) -> list[str]:
    digit, peers, name = digit_of(family), span_peers(bgp, span, family), safe(span)
    table, mine = f"t_{name}{digit}", brought_by(session_name(p.name) for p in peers)
    imports = [f for p in peers for f in p.import_filters]
    exports = [f for p in peers for f in p.export_filters]
    pinned_in, pinned_out = [f for f in imports if f.pinned], [f for f in exports if f.pinned]
    learned = f"source = RTS_BGP && {mine}"
    foreign = f"source = RTS_BGP && !{mine}"
    outward = f"({foreign} && {matches(exports)}{but_not(pinned_out)})"
    if originated(bgp, None, family, pinned=None):
        outward = f"{brought_by([f'originated{digit}'])} || {outward}"
    lines = [
        f"{family} table {symbol(table)};",
        *_static(f"origin_{name}{digit}", family, table, originated(bgp, span, family, pinned=False)),
        *_static(f"pin_{name}{digit}", family, table, originated(bgp, span, family, pinned=True)),
        *_pipe(f"in_{name}{digit}", table, "import", f"{learned}{but_not(pinned_in)}", digit),
        *_pipe(f"out_{name}{digit}", table, "export", outward, digit),
    ]
    if pinned_in:
        lines += _pipe(f"inpin_{name}{digit}", table, "import", f"{learned} && {matches(pinned_in)}", digit)
    if pinned_out:
        lines += _pipe(f"outpin_{name}{digit}", table, "export", f"{foreign} && {matches(pinned_out)}", digit)
    return lines


def _pipe(name: str, table: str, way: str, condition: str, digit: str) -> list[str]:
    other = "export" if way == "import" else "import"
    return [
        f"protocol pipe {symbol(name)} {{",
        f"  table master{digit}; peer table {symbol(table)};",
        f"  {way} where {condition};",
        f"  {other} none;",
        "}",
    ]
