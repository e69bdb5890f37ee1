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

from twinspan.model.device_config import Bgp, BgpPeer, DeviceConfig, Family, NextHop, Originate, PrefixFilter
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret

KERNEL_METRIC = 32
"""Below every metric that the agent's own static routes use, so that a BGP route wins over a standby."""
LOG_LIMIT_BYTES = 1_000_000
"""Then BIRD renames its log to `.old` and begins a new one: two of these are the most it keeps."""
FAMILIES: tuple[Family, ...] = ("ipv4", "ipv6")
_DEFAULT_LOCAL_PREF = 100
_DEBUG = "debug { states, events };"
"""Makes BIRD log every change of a session; only here, for the kernel protocol would log each of its scans."""


def symbol(name: str) -> str:
    """`name` as BIRD's grammar and commands want it: in apostrophes if it is more than letters, digits, underscore."""
    return name if re.fullmatch(r"\w+", name, re.ASCII) else f"'{name}'"


def _safe(span: str) -> str:
    """A span's name with what BIRD allows in no symbol at all replaced by its code."""
    return re.sub(r"[^A-Za-z0-9_.:-]", lambda m: f":{ord(m[0]):x}:", span)


def session_name(peer: str) -> str:
    """BIRD's name of the BGP session with `peer`."""
    return f"peer_{peer}"


def peer_name(protocol: str) -> str | None:
    """The inverse of `session_name`; None if `protocol` is not a session."""
    return protocol.removeprefix("peer_") if protocol.startswith("peer_") else None


def import_switches(config: DeviceConfig, span: str) -> list[str]:
    """Protocols to disable while the import of `span` is held; pinned prefixes keep coming in."""
    return [f"in_{_safe(span)}{_digit(family)}" for family in _families(config.bgp, span)]


def export_switches(config: DeviceConfig, span: str) -> list[str]:
    """Protocols to disable while the export over `span` is held; pinned prefixes stay announced."""
    names = []
    for family in _families(config.bgp, span):
        if _originated(config.bgp, span, family, pinned=False):
            names.append(f"origin_{_safe(span)}{_digit(family)}")
        names.append(f"out_{_safe(span)}{_digit(family)}")
    return names


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
    lines += ["protocol direct connected { ipv4; ipv6; }", *_bfd_protocol(bgp)]
    for family in FAMILIES:
        if _families(bgp) and family in _families(bgp):
            lines += ["", *_master(config, devices, bgp, family)]
        for span in _spans(bgp, family):
            lines += ["", *_span(bgp, span, family)]
    for peer in bgp.peers:
        lines += ["", *_session(bgp, peer)]
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


def _digit(family: Family) -> str:
    return "4" if family == "ipv4" else "6"


def _families(bgp: Bgp | None, span: str | None = None) -> list[Family]:
    peers = bgp.peers if bgp else ()
    return [f for f in FAMILIES if any(p.family == f and (span is None or p.span == span) for p in peers)]


def _spans(bgp: Bgp, family: Family) -> list[str]:
    return sorted({p.span for p in bgp.peers if p.span is not None and p.family == family})


def _span_peers(bgp: Bgp, span: str, family: Family) -> list[BgpPeer]:
    return [p for p in bgp.peers if p.span == span and p.family == family]


def _originated(bgp: Bgp | None, span: str | None, family: Family, *, pinned: bool | None) -> list[Originate]:
    version = int(_digit(family))
    return [
        o
        for o in (bgp.originate if bgp else ())
        if o.span == span and ip_network(o.prefix).version == version and pinned in (None, o.pinned)
    ]


# --------------------------------------------------------------------------------------------- master table and kernel


def _master(config: DeviceConfig, devices: Mapping[str, str], bgp: Bgp, family: Family) -> list[str]:
    digit = _digit(family)
    silent = [session_name(p.name) for p in bgp.peers if p.family == family and not p.kernel]
    wanted = f"source = RTS_BGP && !{_from(silent)}" if silent else "source = RTS_BGP"
    lines = [
        f"protocol kernel kernel{digit} {{",
        f"  {family} {{ table master{digit}; import none; export where {wanted}; }};",
        f"  metric {KERNEL_METRIC}; scan time 10; merge paths off;",
        "}",
    ]
    lines += _static(f"originated{digit}", family, f"master{digit}", _originated(bgp, None, family, pinned=None))
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
        if peer.family != family or not _is_multihop(peer):
            continue
        address = ip_address(peer.peer_address)
        ways = [r for r in config.routes if r.table == "main" and address in ip_network(r.prefix)]
        for route in sorted(ways, key=lambda r: ip_network(r.prefix).prefixlen, reverse=True)[:1]:
            via = next((v for v in (_via(h, devices) for h in route.next_hops) if v), None)
            if via:
                routes[route.prefix] = via
    if not routes:
        return []
    digit = _digit(family)
    body = [f"  route {prefix} via {via};" for prefix, via in sorted(routes.items())]
    return [f"protocol static next_hops{digit} {{", f"  {family} {{ table master{digit}; }};", *body, "}"]


def _via(hop: NextHop, devices: Mapping[str, str]) -> str | None:
    device = hop.link or devices.get(hop.tunnel or "")
    if hop.via and device and ip_address(hop.via).is_link_local:
        return f"{hop.via}%'{device}'"
    return hop.via or (f'"{device}"' if device else None)


# -------------------------------------------------------------------------------------------------------------- spans


def _span(bgp: Bgp, span: str, family: Family) -> list[str]:
    digit, peers, name = _digit(family), _span_peers(bgp, span, family), _safe(span)
    table, mine = f"t_{name}{digit}", _from(session_name(p.name) for p in peers)
    imports = [f for p in peers for f in p.import_filters]
    exports = [f for p in peers for f in p.export_filters]
    pinned_in, pinned_out = [f for f in imports if f.pinned], [f for f in exports if f.pinned]
    learned = f"source = RTS_BGP && {mine}"
    foreign = f"source = RTS_BGP && !{mine}"
    outward = f"({foreign} && {_match(exports)}{_but_not(pinned_out)})"
    if _originated(bgp, None, family, pinned=None):
        outward = f"{_from([f'originated{digit}'])} || {outward}"
    lines = [
        f"{family} table {symbol(table)};",
        *_static(f"origin_{name}{digit}", family, table, _originated(bgp, span, family, pinned=False)),
        *_static(f"pin_{name}{digit}", family, table, _originated(bgp, span, family, pinned=True)),
        *_pipe(f"in_{name}{digit}", table, "import", f"{learned}{_but_not(pinned_in)}", digit),
        *_pipe(f"out_{name}{digit}", table, "export", outward, digit),
    ]
    if pinned_in:
        lines += _pipe(f"inpin_{name}{digit}", table, "import", f"{learned} && {_match(pinned_in)}", digit)
    if pinned_out:
        lines += _pipe(f"outpin_{name}{digit}", table, "export", f"{foreign} && {_match(pinned_out)}", digit)
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


def _from(protocols: Iterable[str]) -> str:
    """Condition: the route entered BIRD by one of these protocols; a pipe does not change that.

    Always in parentheses: in BIRD's grammar `&&` does not bind closer than `||`.
    """
    conditions = [f'proto = "{name}"' for name in protocols]
    return f"({' || '.join(conditions)})"


def admitted(peer: BgpPeer) -> str:
    """Condition for what `peer` may announce to us, also used to count what is over the quota."""
    return _match(peer.import_filters) if peer.span or peer.import_filters else "true"


def table_name(peer: BgpPeer) -> str:
    """The routing table in which the routes of `peer` arrive."""
    return f"t_{_safe(peer.span)}{_digit(peer.family)}" if peer.span else f"master{_digit(peer.family)}"


def _match(filters: Iterable[PrefixFilter]) -> str:
    items = []
    for item in filters:
        length = ip_network(item.prefix).prefixlen
        longer = item.max_length is not None and item.max_length > length
        items.append(f"{item.prefix}{{{length},{item.max_length}}}" if longer else item.prefix)
    return f"net ~ [ {', '.join(dict.fromkeys(items))} ]" if items else "false"


def _but_not(filters: list[PrefixFilter]) -> str:
    return f" && !({_match(filters)})" if filters else ""


# ----------------------------------------------------------------------------------------------------------- sessions


def _is_multihop(peer: BgpPeer) -> bool:
    return _hops(peer) > 1


def _hops(peer: BgpPeer) -> int:
    return max(peer.ebgp_multihop, peer.bfd.hop_count if peer.bfd else 1)


def _bfd_protocol(bgp: Bgp) -> list[str]:
    kinds = sorted({f"{p.family} {'multihop' if _is_multihop(p) else 'direct'}" for p in bgp.peers if p.bfd})
    accepts = " ".join(f"accept {kind};" for kind in kinds)
    return [f"protocol bfd bfd1 {{ {_DEBUG} {accepts} }}"] if kinds else []


def _session(bgp: Bgp, peer: BgpPeer) -> list[str]:
    hops = _hops(peer)
    reach = f"multihop {hops};" if hops > 1 else "direct;"
    if hops == 1 and peer.link:
        reach += f' interface "{peer.link}";'
    lines = [
        f"protocol bgp {session_name(peer.name)} {{",
        f"  {_DEBUG}",
        f"  local {peer.local_address} as {peer.local_asn};",
        f"  neighbor {peer.peer_address} as {peer.peer_asn};",
        f"  {reach}",
        f"  hold time {peer.hold_time_s}; keepalive time {peer.keepalive_interval_s};",
        "  connect delay time 1; connect retry time 1; error wait time 1, 1;",
        "  graceful restart off;",
    ]
    if peer.auth_key:
        lines.append(f'  password "{_key(peer, peer.auth_key)}";')
    if peer.bfd:
        tx, rx = peer.bfd.min_tx_interval_ms, peer.bfd.min_rx_interval_ms
        lines.append(
            f"  bfd {{ min tx interval {tx} ms; min rx interval {rx} ms; multiplier {peer.bfd.detect_multiplier}; }};"
        )
    if peer.reflect:
        lines.append("  rr client;")
    return [*lines, f"  {peer.family} {{", *(f"    {line}" for line in _channel(bgp, peer)), "  };", "}"]


def _channel(bgp: Bgp, peer: BgpPeer) -> list[str]:
    digit, internal = _digit(peer.family), peer.local_asn == peer.peer_asn
    lines = []
    if peer.span:
        # A peer that is not on a connected link is reached by routes of the master table.
        lines.append(f"table {symbol(table_name(peer))}; igp table master{digit};")
    # An internal session carries LOCAL_PREF itself (RFC 4271 5.1.5); only a chosen value replaces what came.
    set_pref = "" if internal and peer.local_pref == _DEFAULT_LOCAL_PREF else f"bgp_local_pref = {peer.local_pref}; "
    lines.append(f"import filter {{ if {admitted(peer)} then {{ {set_pref}accept; }} reject; }};")
    lines.append(f"export where {_exported(bgp, peer)};")
    if peer.import_limit is not None:
        # Kept, so that how many are over the quota can be counted.
        lines.append(f"import keep filtered on; import limit {peer.import_limit} action block;")
    if internal:
        lines.append(f"next hop self; add paths {'on' if peer.reflect else 'rx'};")
    return lines


def _exported(bgp: Bgp, peer: BgpPeer) -> str:
    """Own originations always; of what BGP brought, what the filters name. Without span and filters, all of it."""
    digit = _digit(peer.family)
    own = [f"originated{digit}"] if _originated(bgp, None, peer.family, pinned=None) else []
    learned = "source = RTS_BGP"
    if peer.span:
        own += [
            f"{kind}_{_safe(peer.span)}{digit}"
            for kind, pinned in (("origin", False), ("pin", True))
            if _originated(bgp, peer.span, peer.family, pinned=pinned)
        ]
        learned += f" && !{_from(session_name(p.name) for p in _span_peers(bgp, peer.span, peer.family))}"
    if peer.span or peer.export_filters:
        learned += f" && {_match(peer.export_filters)}"
    return f"{_from(own)} || ({learned})" if own else learned


def _key(peer: BgpPeer, secret: Secret) -> str:
    key = secret.reveal()
    if not key or any(c in key for c in '"\r\n'):
        raise Rejected(
            f"bgp.peers[{peer.name}].auth_key is empty or has a quotation mark or a line break in it",
            remedy="choose a key of letters, digits and other printable characters",
        )
    return key
