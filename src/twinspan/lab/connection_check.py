"""Connection tests of a lab's site (seed 004 Steps 5 and 6): over each span from the gateway, and from the PC.

In: a running lab, whether to close the circuit's port first. Out: `ConnectionCheck`s in the order of the table. What
was closed opens again when the test is over, and by itself after `at_most_s` if this process is killed. Next:
`cli.check`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network

import msgspec

from twinspan.drivers.connection_check import Way, connect, echoes, hops, lookup, path_mtu, route_by, route_now
from twinspan.engine.connection_check import judge, moved_line, not_looked_at, port_line
from twinspan.lab import places
from twinspan.lab.clock import wait_until
from twinspan.lab.injection import Injection
from twinspan.lab.lab import Lab
from twinspan.lab.namespace import call_inside
from twinspan.lab.places import GATEWAY
from twinspan.lab.state import FaultOptions
from twinspan.model.connection_check import (
    CheckPlace,
    CheckTopic,
    ConnectionCheck,
    Lookup,
    Measured,
    RouteSeen,
    SpanKind,
)
from twinspan.model.device_config import DeviceConfig, FailoverSpan
from twinspan.model.dns_service import CLOUD_DNS_SERVERS, CLOUD_SERVICES_PREFIX
from twinspan.model.errors import Rejected, TwinspanError

SERVICE_PORT = 443
AT_MOST_S = 60.0
"""How long the circuit's port stays closed at the most."""
MOVE_S = 10.0
RETURN_MARGIN_S = 30.0
"""What it may take to return to the circuit, besides the hold-down."""
AT_ONCE = 8
"""Measurements side by side; they mostly wait."""
FULL_MTU = 1500

Work = tuple[CheckPlace, str, Callable[[], Measured]]
"""What the line is about, the namespace to measure in, the measurement."""
_NO_RESOLVER = "no DNS server is configured"


class LabSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A span as the gateway's own config and report have it."""

    name: str
    role: str
    kind: SpanKind
    device: str
    """Empty: the tunnel is not up."""
    mtu: int
    source: str
    """Of its probes: what is sent from it goes over the span, and so do the answers."""


def check_lab(lab: Lab, *, standby: bool = False, at_most_s: float = AT_MOST_S) -> tuple[ConnectionCheck, ...]:
    """All lines. With `standby` the circuit's port is closed meanwhile. Raises Rejected for a site without spans."""
    config = places.config(lab, GATEWAY)
    if config.failover is None:
        raise Rejected(f"lab {lab.name} has no spans to compare", remedy="bring one up that has: examples/01-two-spans")
    if not standby:
        return _measured(lab, config, closed=None)
    _standby_is_ready(lab)
    active = next(span.name for span in config.failover.spans if span.role == "active")
    place = CheckPlace(topic="port", origin=GATEWAY, subject=places.circuit_port(lab, GATEWAY), span=active)
    with lab.agent(GATEWAY) as agent:
        agent.expect_drill(at_most_s)
    injection = Injection(lab, "port-shutdown", FaultOptions(expires_s=at_most_s))
    try:
        injection.fire()
        moved, seconds = _waited(lambda: _carrying(lab) != active and _user_gets_through(lab), MOVE_S)
        found = (moved_line(place, moved=moved, seconds=seconds), *_measured(lab, config, closed=active))
    finally:
        injection.heal()
    back, seconds = _waited(lambda: _carrying(lab) == active, config.failover.hold_down_s + RETURN_MARGIN_S)
    return (*found, port_line(place, opened=back, seconds=seconds))


def _standby_is_ready(lab: Lab) -> None:
    """Raises Rejected if closing the port would cut users off, or would change nothing."""
    with lab.agent(GATEWAY) as agent:
        failover = agent.report().failover
    for span in failover.spans if failover else ():
        if not span.healthy:
            why = "; ".join(span.reasons) or "its probes do not answer"
            raise Rejected(
                f"the port stays open: {span.name} ({span.role}) is not healthy now: {why}",
                remedy="run `twinspan check` without --standby, and repair what it finds",
            )


def _user_gets_through(lab: Lab) -> bool:
    netns, office = lab.netns(lab.deployment.site_endpoint.node), _office(lab)
    found = call_inside(netns, lambda: echoes(Way(), office))
    return 0 < found.sent == found.received


def _measured(lab: Lab, config: DeviceConfig, closed: str | None) -> tuple[ConnectionCheck, ...]:
    work: list[Work] = []
    left_out: list[ConnectionCheck] = []
    for span in _spans(lab, config):
        if span.name == closed:
            place = CheckPlace(topic="ping", origin=GATEWAY, subject=_office(lab), span=span.name, kind=span.kind)
            left_out.append(not_looked_at(place, "its port is closed for this test"))
        else:
            work += _span_work(lab, span)
    work += _user_work(lab)
    return (*left_out, *_all(work))


def _all(work: Iterable[Work]) -> Iterator[ConnectionCheck]:
    def one(item: Work) -> ConnectionCheck:
        place, netns, measure = item
        return judge(place, call_inside(netns, measure))

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        yield from pool.map(one, work)


def _span_work(lab: Lab, span: LabSpan) -> Iterator[Work]:
    netns, office = lab.netns(GATEWAY), _office(lab)
    out = Way(source=_site_source(lab), device=span.device)
    both = Way(source=span.source)

    def line(topic: CheckTopic, subject: str, measure: Callable[[], Measured]) -> Work:
        place = CheckPlace(topic=topic, origin=GATEWAY, subject=subject, span=span.name, kind=span.kind)
        if not span.device:
            return place, netns, lambda: RouteSeen(problem="the tunnel is not up")
        return place, netns, measure

    yield line("ping", f"{office} from {out.source}", lambda: echoes(out, office))
    yield line("round trip", office, lambda: echoes(both, office))
    yield line("traceroute", office, lambda: hops(both, office))
    yield line("path mtu", office, lambda: path_mtu(both, office, span.mtu, span.mtu))
    yield line("route", CLOUD_SERVICES_PREFIX, lambda: route_by(CLOUD_SERVICES_PREFIX, (span.device,)))
    yield from (line(*item) for item in _service_work(lab, both))


def _user_work(lab: Lab) -> Iterator[Work]:
    """As users have it: no source, no device, the PC's own resolvers first."""
    node, office, way = lab.deployment.site_endpoint.node, _office(lab), Way()
    netns, name = lab.netns(node), lab.deployment.dns_name
    servers = _resolvers(lab, node)

    def line(topic: CheckTopic, subject: str, measure: Callable[[], Measured]) -> Work:
        return CheckPlace(topic=topic, origin=node, subject=subject), netns, measure

    yield line("ping", office, lambda: echoes(way, office))
    yield line("traceroute", office, lambda: hops(way, office))
    yield line("path mtu", office, lambda: path_mtu(way, office, FULL_MTU, None))
    yield line("route", CLOUD_SERVICES_PREFIX, lambda: route_now(CLOUD_SERVICES_PREFIX))
    yield line("dns", name, lambda: lookup(way, name, servers) if servers else Lookup(problem=_NO_RESOLVER))
    yield from (line(*item) for item in _service_work(lab, way))


def _service_work(lab: Lab, way: Way) -> Iterator[tuple[CheckTopic, str, Callable[[], Measured]]]:
    name, service = lab.deployment.dns_name, _service(lab)
    for server in CLOUD_DNS_SERVERS:
        yield "dns", f"{name} @{server}", lambda server=server: lookup(way, name, (server,))  # type: ignore[misc]
    yield "tcp", f"{service} port {SERVICE_PORT}", lambda: connect(way, service, SERVICE_PORT)


# ------------------------------------------------------------------------------------------------------- the places


def _spans(lab: Lab, config: DeviceConfig) -> Iterator[LabSpan]:
    with lab.agent(GATEWAY) as agent:
        report = agent.report()
    devices = {tunnel.name: tunnel.device for tunnel in report.tunnels if tunnel.device}
    for span in config.failover.spans if config.failover else ():
        yield _span(config, span, devices)


def _span(config: DeviceConfig, span: FailoverSpan, devices: dict[str, str]) -> LabSpan:
    hop = next((hop for hop in span.next_hops if hop.link or hop.tunnel in devices), span.next_hops[0])
    sources = {probe.name: probe.source for probe in config.probes}
    ends = config.links if hop.link else config.tunnels
    return LabSpan(
        name=span.name,
        role=span.role,
        kind="circuit" if hop.link else "vpn",
        device=hop.link or devices.get(hop.tunnel or "", ""),
        mtu=next(end.mtu for end in ends if end.name == (hop.link or hop.tunnel)),
        source=sources[span.probes[0].probe],
    )


def _site_source(lab: Lab) -> str:
    """The gateway's address in the data centre's prefix."""
    sites = [ip_network(prefix) for prefix in lab.deployment.site_prefixes]
    for link in places.config(lab, GATEWAY).links:
        for address in (ip_address(text.partition("/")[0]) for text in link.addresses):
            if any(address in site for site in sites):
                return str(address)
    raise Rejected(
        "the gateway has no address in the data centre's prefix", remedy="give it data_center.gateway_address"
    )


def _office(lab: Lab) -> str:
    return lab.deployment.cloud_endpoint.address


def _service(lab: Lab) -> str:
    """Where the lab's stand-in for the service is."""
    dns = lab.deployment.configs["services"].dns
    return dict(dns.records if dns else ()).get(lab.deployment.dns_name, _office(lab))


def _resolvers(lab: Lab, node: str) -> tuple[str, ...]:
    """What the PC asks: as DHCP gave it, or as it was told."""
    path = lab.paths.node(node) / "dhcp" / "resolv.conf"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    given = tuple(words[1] for line in lines if (words := line.split())[:1] == ["nameserver"] and len(words) > 1)
    return given or places.config(lab, node).resolvers


def _carrying(lab: Lab) -> str:
    try:
        with lab.agent(GATEWAY) as agent:
            failover = agent.report().failover
    except TwinspanError:
        return ""
    return failover.carrying if failover else ""


def _waited(condition: Callable[[], bool], limit_s: float) -> tuple[bool, float]:
    began = time.monotonic()
    return wait_until(condition, limit_s, 0.1), time.monotonic() - began
