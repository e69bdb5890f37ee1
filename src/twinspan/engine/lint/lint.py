"""The rules H001 to H014: the mistakes of the published sample, wherever they stand.

In: a `GatewayText`. Out: findings in the order of their lines. A rule about something that is missing speaks at the
line that needs it. Next: `rules.py` has their sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Network, ip_address, ip_network

from twinspan.engine.lint.rules import RULES
from twinspan.model.finding import Finding
from twinspan.model.gateway_text import GatewayText, TextPrefix, TextRoute

_TUNNELS = ("tunnel", "st0", "vti", "vpn", "xfrm", "ipsec")
_NOWHERE = ("null0", "discard", "blackhole", "reject", "unreachable")
_CLOSED = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15")))
"""What may lie behind a tunnel; the last one is for tests (RFC 2544)."""
_SYNTAX = {"two-commands": "H001", "broken-line": "H002", "foreign-words": "H003"}
Found = tuple[str, int, str, str]
"""Rule, line, problem, way out."""


def lint(text: GatewayText) -> tuple[Finding, ...]:
    """All findings."""
    found = [one for check in _CHECKS for one in check(text)]
    found.sort(key=lambda one: (one[1], one[0]))
    return tuple(
        Finding(rule=RULES[rule], path=(), line=line or None, problem=problem, remedy=remedy)
        for rule, line, problem, remedy in found
    )


def _syntax(text: GatewayText) -> Iterator[Found]:
    for one in text.syntax:
        yield (
            _SYNTAX[one.kind],
            one.line,
            f"no device takes this as it is meant: {one.text}",
            f"write: {one.correction}",
        )


def _networks(text: GatewayText) -> Iterator[Found]:
    known = {n.network for n in text.connected} | {r.target.network for r in text.routes if not _is_standby(text, r)}
    for one in text.networks:
        if one.has_host_bits:
            yield "H004", one.line, f"{_shown(one)} has host bits", f"write {one.network}, or the prefix that is meant"
        if one.network not in known:
            remedy = "announce exactly a prefix that an interface or a static route of this device has"
            yield "H005", one.line, f"no route equals {one.network}: nothing is announced", remedy
        behind = [r.target for r in _standbys(text)]
        other = next((x for x in behind if _overlap(one, x)), None)
        if other is not None:
            remedy = "announce only what lies in the data centre, and route only what lies in the cloud"
            yield "H006", one.line, f"{one.network} is announced and {other.network} is routed to the cloud", remedy


def _standby_routes(text: GatewayText) -> Iterator[Found]:
    for route in _standbys(text):
        target, network = route.target, route.target.network
        if network is None:
            continue
        if target.has_host_bits:
            remedy = "write the cloud's prefix with its own mask"
            yield "H007", target.line, f"{_shown(target)} means {network} to a device", remedy
        elif isinstance(network, IPv4Network) and not any(network.subnet_of(c) for c in _CLOSED if c.version == 4):
            yield "H007", target.line, f"{network} covers public addresses", "route the cloud's own prefixes only"
        if not _is_tunnel(route.hop):
            problem = f"{route.hop} is no neighbour: the packets leave in clear, by the default route or not at all"
            yield "H008", target.line, problem, "name the tunnel's interface as the next hop"
        if (why := _wrong_number(text, route)) is not None:
            yield "H009", target.line, why, "give it a number that loses to BGP and is installed"


def _wrong_number(text: GatewayText, route: TextRoute) -> str | None:
    number = text.default_static if route.preference is None else route.preference
    if number == text.never:
        return f"{number} is never installed on this device: there is no standby"
    if number == text.bgp_preference:
        return f"{number} is what BGP has: which of the two wins is chance"
    if (number > text.bgp_preference) is text.higher_wins:
        return f"{number} beats BGP's {text.bgp_preference}: the standby carries everything"
    return None


def _missing(text: GatewayText) -> Iterator[Found]:
    standbys = _standbys(text)
    if not standbys:
        return
    line = standbys[0].target.line
    if not text.has_ipsec:
        yield "H010", line, "there is no IPsec in this text", "have both spans in one: twinspan gateway config"
    hosts = {r.target.written for r in text.routes if r.target.length == 32 and not _is_tunnel(r.hop)}
    default = any(str(r.target.network) == "0.0.0.0/0" for r in text.routes)
    lost = [end for end in text.tunnel_ends if end.written not in hosts]
    if (lost or not text.tunnel_ends) and not default:
        where = lost[0].written if lost else "the VPN gateway"
        remedy = "add a host route to it by the Internet provider's router"
        yield "H011", lost[0].line if lost else line, f"no route leads to {where} past the circuit", remedy
    if not text.has_mss_clamp:
        problem = "TCP keeps the circuit's segment size on the tunnel, which is smaller"
        yield "H013", line, problem, "clamp the MSS on the tunnel: 1360 with an MTU of 1400"


def _sessions(text: GatewayText) -> Iterator[Found]:
    for peer in text.peers:
        if _inside_tunnel(text, peer.address):
            continue
        facts = (("BFD", peer.bfd), ("timers", peer.timers), ("a key", peer.key))
        lacking = [name for name, there in facts if not there]
        if lacking:
            problem = f"the session with {peer.address} lacks {', '.join(lacking)}"
            yield "H012", peer.line, problem, "add what the cloud's end has: BFD, keepalive and hold time, the BGP key"


def _probe_routes(text: GatewayText) -> Iterator[Found]:
    peers = {peer.address for peer in text.peers}
    for route in text.routes:
        if route.target.length == 32 and route.hop in peers:
            problem = (
                f"BGP with {route.hop} brings this route, and takes it away when the circuit fails; this one stays"
            )
            yield "H014", route.target.line, problem, "leave it out"


_CHECKS: tuple[Callable[[GatewayText], Iterator[Found]], ...] = (
    _syntax,
    _networks,
    _standby_routes,
    _missing,
    _sessions,
    _probe_routes,
)


def _standbys(text: GatewayText) -> list[TextRoute]:
    """Static routes to networks that lead into a tunnel, or to nobody next door, which is what was meant by them."""
    return [route for route in text.routes if _is_standby(text, route)]


def _is_standby(text: GatewayText, route: TextRoute) -> bool:
    if route.target.length in (0, 32, 128) or route.hop.lower() in _NOWHERE:
        return False
    return _is_tunnel(route.hop) or not (_is_port(route.hop) or _is_neighbour(text, route.hop))


def _is_tunnel(hop: str) -> bool:
    return hop.lower().startswith(_TUNNELS)


def _is_port(hop: str) -> bool:
    return hop[:1].isalpha() and not _is_address(hop)


def _is_address(hop: str) -> bool:
    try:
        ip_address(hop)
    except ValueError:
        return False
    return True


def _is_neighbour(text: GatewayText, hop: str) -> bool:
    return _is_address(hop) and any(n.network and ip_address(hop) in n.network for n in text.connected)


def _inside_tunnel(text: GatewayText, address: str) -> bool:
    inner = [n.network for n in text.connected if _is_tunnel(n.interface)]
    return _is_address(address) and any(n is not None and ip_address(address) in n for n in inner)


def _overlap(one: TextPrefix, other: TextPrefix) -> bool:
    a, b = one.network, other.network
    return isinstance(a, IPv4Network) and isinstance(b, IPv4Network) and a.overlaps(b)


def _shown(one: TextPrefix) -> str:
    return f"{one.written}/{one.length}"
