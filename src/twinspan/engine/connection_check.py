"""Verdicts of connection tests: whether what was measured is as it should be, and the way out where it is not.

In: a `CheckPlace` and what was measured there. Out: a `ConnectionCheck`. Decides nothing else and asks nobody.
Next: `lab.connection_check` measures in a lab, `cli.check` prints.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import assert_never

from twinspan.model.connection_check import (
    CheckPlace,
    CheckTopic,
    ConnectionCheck,
    Echoes,
    Lookup,
    Measured,
    PathMtu,
    RouteSeen,
    SpanKind,
    TcpConnection,
    Trace,
)

LEAST_MTU = 1280
"""Bytes: with less, IPv6 does not work (RFC 8200 5), and few tunnels are so small."""

_BY_SPAN: dict[tuple[CheckTopic, SpanKind], str] = {
    ("ping", "circuit"): "see whether BGP and BFD with the VBR are up (display bgp peer ipv4, display bfd session); if "
    "they are down, have the line tested by its operator",
    ("round trip", "circuit"): "if the ping above passes, the way back is wrong: see that the VBR has the /32 of the "
    "probe and a route to the data centre",
    ("traceroute", "circuit"): "the last hop that answers is where to look: none is the line, the VBR's address is the "
    "way behind it (CEN attachment, route table)",
    ("path mtu", "circuit"): "ask the operator of the circuit for the full packet size, or lower the mtu of the port "
    "and the TCP MSS on it",
    ("route", "circuit"): "see that BGP with the VBR is up, and that the VBR announces 100.64.0.0/10",
    ("dns", "circuit"): "see the route to 100.64.0.0/10 over the circuit, and that UDP and TCP port 53 are let through",
    ("tcp", "circuit"): "see the route to 100.64.0.0/10 over the circuit, and that the port is let through",
    (
        "ping",
        "vpn",
    ): "see that the tunnel is up (display ike sa, display ipsec sa) and has a route to the office network",
    ("round trip", "vpn"): "if the ping above passes, the way back is wrong: the VPN gateway needs a route to the data "
    "centre, advertised to the VPC",
    ("traceroute", "vpn"): "the last hop that answers is where to look: none is the tunnel, the VPN gateway is the way "
    "behind it (route advertised to the VPC)",
    ("path mtu", "vpn"): "lower the mtu of the tunnel, or the TCP MSS on it: ESP takes up to 80 bytes of each packet",
    ("route", "vpn"): "add a static route to 100.64.0.0/10 by the tunnel, less preferred than BGP",
    ("dns", "vpn"): "see the route to 100.64.0.0/10 over the tunnel, and that its selectors let 100.64.0.0/10 through",
    ("tcp", "vpn"): "see the route to 100.64.0.0/10 over the tunnel, and that the port is let through",
}
_BY_TOPIC: dict[CheckTopic, str] = {
    "port": "open it: twinspan lab mend port-shutdown",
    "ping": "see the lines of the gateway; if they pass, see the route from here to the gateway, and the firewall of "
    "the cloud computer",
    "round trip": "see that the cloud has a route back to the data centre",
    "traceroute": "the last hop that answers is where to look",
    "path mtu": "let ICMP 'fragmentation needed' through on the way, or clamp the TCP MSS at the gateway",
    "route": "route 100.64.0.0/10 to the gateway, and there to the user VPC over both spans",
    "dns": "have DHCP hand out 100.100.2.136 and 100.100.2.138, or forward aliyuncs.com to them on your DNS server",
    "tcp": "see the route to 100.64.0.0/10, and that no firewall on the way drops the port",
    "site": "",
}
_NO_ANSWER_OF_SERVER = "see the route to 100.64.0.0/10, and that UDP and TCP port 53 are let through to this server"
_PUBLIC = "the public address answers, not the private one: ask 100.100.2.136 or 100.100.2.138 for these names"
_PRIVATE = tuple(
    ipaddress.ip_network(prefix) for prefix in ("100.64.0.0/10", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)


def judge(place: CheckPlace, found: Measured) -> ConnectionCheck:
    """The line for what was measured."""
    if found.problem:
        return _failed(place, found.problem)
    match found:
        case Echoes():
            return _echoes(place, found)
        case Trace():
            return _trace(place, found)
        case PathMtu():
            return _path_mtu(place, found)
        case Lookup():
            return _lookup(place, found)
        case TcpConnection():
            return _connection(place, found)
        case RouteSeen():
            return _route(place, found)
        case _:
            assert_never(found)


def not_looked_at(place: CheckPlace, why: str) -> ConnectionCheck:
    """A line for what was left out."""
    return ConnectionCheck(place=place, passed=None, result=why)


def port_line(place: CheckPlace, *, opened: bool, seconds: float) -> ConnectionCheck:
    """Whether the circuit's port, closed for the test, is open again and the circuit carries."""
    if opened:
        return ConnectionCheck(
            place=place, passed=True, result="closed for the test, open again", value=round(seconds, 1), unit="s"
        )
    return _failed(place, f"opened again, but the circuit does not carry after {seconds:.0f} s")


def moved_line(place: CheckPlace, *, moved: bool, seconds: float) -> ConnectionCheck:
    """Whether the standby took over when the circuit's port was closed."""
    if moved:
        result = "closed for the test, the standby carries"
        return ConnectionCheck(place=place, passed=True, result=result, value=round(seconds, 2), unit="s")
    remedy = "see why the standby is not healthy: twinspan lab status; its lines below say where"
    return _failed(place, f"closed for the test, and the standby does not carry after {seconds:.0f} s", remedy)


def all_well(checks: Iterable[ConnectionCheck]) -> bool:
    """Whether no line failed."""
    return all(check.passed is not False for check in checks)


def remedy_for(place: CheckPlace) -> str:
    """The way out for a line that failed."""
    if place.kind is not None and (place.topic, place.kind) in _BY_SPAN:
        return _BY_SPAN[place.topic, place.kind]
    return _BY_TOPIC[place.topic]


def _echoes(place: CheckPlace, found: Echoes) -> ConnectionCheck:
    counted = f"{found.received} of {found.sent} answered"
    if found.received == 0:
        return _failed(place, counted)
    if found.received < found.sent:
        return _failed(place, counted, "packets are lost: see the line's error counters and its load", found.rtt_ms)
    return _passed(place, counted, found.rtt_ms, "ms")


def _trace(place: CheckPlace, found: Trace) -> ConnectionCheck:
    way = " > ".join(found.hops) or "nothing answered"
    if found.reached:
        return _passed(place, way, float(len(found.hops)), "hops")
    answered = [hop for hop in found.hops if hop != "*"]
    last = f"it ends after {answered[-1]}" if answered else "no hop answers"
    return _failed(place, last)


def _path_mtu(place: CheckPlace, found: PathMtu) -> ConnectionCheck:
    if found.bytes is None:
        return _failed(place, "nothing was answered, however small")
    wanted = found.wanted or LEAST_MTU
    size = float(found.bytes)
    if found.bytes < wanted:
        return _failed(place, f"larger packets are lost; {wanted} bytes should pass", None, size, "bytes")
    if found.silent and found.wanted is None:
        return _failed(place, "larger packets are lost, and no router says so", None, size, "bytes")
    return _passed(place, "passes with Don't Fragment", size, "bytes")


def _lookup(place: CheckPlace, found: Lookup) -> ConnectionCheck:
    shown = ", ".join(found.addresses)
    if not found.addresses:
        return _failed(place, "no address")
    if not _all_private(found.addresses):
        return _failed(place, f"{shown} is public", _PUBLIC)
    return _passed(place, shown, found.took_ms, "ms")


def _all_private(addresses: Sequence[str]) -> bool:
    parsed = [ipaddress.ip_address(address) for address in addresses]
    return all(any(one in network for network in _PRIVATE if network.version == one.version) for one in parsed)


def _connection(place: CheckPlace, found: TcpConnection) -> ConnectionCheck:
    if found.connected:
        return _passed(place, "connected", found.took_ms, "ms")
    if found.refused:
        return _passed(place, "answered: the way works, nothing listens there", found.took_ms, "ms")
    return _failed(place, "no answer")


def _route(place: CheckPlace, found: RouteSeen) -> ConnectionCheck:
    if not found.device:
        return _failed(place, "there is no route")
    return _passed(place, f"via {found.via} on {found.device}" if found.via else f"on {found.device}", None, "")


def _passed(place: CheckPlace, result: str, value: float | None, unit: str) -> ConnectionCheck:
    return ConnectionCheck(place=place, passed=True, result=result, value=value, unit=unit if value is not None else "")


def _failed(
    place: CheckPlace, result: str, remedy: str | None = None, value: float | None = None, unit: str = "ms"
) -> ConnectionCheck:
    if remedy is None:
        remedy = remedy_for(place)
        if place.topic == "dns" and place.kind is None and "@" in place.subject:
            remedy = _NO_ANSWER_OF_SERVER
    return ConnectionCheck(
        place=place,
        passed=False,
        result=result,
        value=value,
        unit=unit if value is not None else "",
        remedy=remedy,
    )
