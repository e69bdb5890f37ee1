"""Spans: that there are two, that they are what they say, and that they cover for each other.

In: `Site`. Out: findings. Next: `admit.py`.
"""

from collections.abc import Iterator

from twinspan.engine import addressing
from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.fields import SEED_PLANNING, SEED_STEP_1, SEED_STEP_2, TWINSPAN
from twinspan.model.site import PROBE_PREFIX, Site
from twinspan.model.span import SpanSpec

CONNECTIONS_PER_SPAN = 2
"""An active IPsec connection and its standby (seed 004 Step 2)."""


@rule("R-SPAN-001", "A site has two spans: a circuit that is active and a vpn that stands by.", source=SEED_PLANNING)
def _two(site: Site) -> Iterator[Problem]:
    if len(site.spans) > 2:
        problem = f"{len(site.spans)} spans are listed, and more than two are not supported"
        yield Problem(("spans", 2), problem, "keep one circuit and one vpn; put a further site into its own file")
        return
    found = sorted((span.kind, span.role) for span in site.spans)
    if found != [("circuit", "active"), ("vpn", "standby")]:
        listed = "listed: " + ", ".join(f"{span.name} ({span.kind}, {span.role})" for span in site.spans)
        remedy = "list one span with kind: circuit, role: active and one with kind: vpn, role: standby; or none"
        yield Problem(("spans",), listed, remedy)


@rule("R-SPAN-002", "Span names and probe addresses are unique.", source=TWINSPAN)
def _unique(site: Site) -> Iterator[Problem]:
    names: set[str] = set()
    addresses: set[str] = set()
    for index, span in enumerate(site.spans):
        if span.name in names:
            yield Problem(("spans", index, "name"), "another span has this name", "choose another", span.name)
        names.add(span.name)
        for field in ("probe_local_ip", "probe_remote_ip"):
            ip = getattr(span, field)
            if ip in addresses:
                yield Problem(("spans", index, field), "another probe has this address", "leave it out", ip)
            addresses.add(ip)


@rule("R-SPAN-003", "Pinned probes have addresses of 198.19.255.0/24.", source=TWINSPAN)
def _probe_block(site: Site) -> Iterator[Problem]:
    for index, span in enumerate(site.spans):
        for field in ("probe_local_ip", "probe_remote_ip"):
            ip = getattr(span, field)
            if not addressing.inside(ip, PROBE_PREFIX):
                yield Problem(("spans", index, field), f"it is not in {PROBE_PREFIX}", "leave it out", ip)


@rule("R-SPAN-004", "A circuit span names a VBR, a vpn span IPsec connections.", source=SEED_PLANNING)
def _parts(site: Site) -> Iterator[Problem]:
    for index, span in enumerate(site.spans):
        if span.kind == "circuit" and span.ipsec_connections:
            shown = ", ".join(span.ipsec_connections)
            yield Problem(("spans", index, "ipsec_connections"), "this span is a circuit", "remove the field", shown)
        if span.kind == "vpn" and span.virtual_border_router:
            path = ("spans", index, "virtual_border_router")
            yield Problem(path, "this span is a vpn", "remove the field", span.virtual_border_router)


@rule(
    "R-SPAN-005",
    "A vpn span has one connection, or two on one VPN gateway that stand by for each other.",
    source=SEED_STEP_2,
)
def _connections(site: Site) -> Iterator[Problem]:
    for index, span in enumerate(site.spans):
        path = ("spans", index, "ipsec_connections")
        gateways = {site.ipsec_connections[name].vpn_gateway for name in span.ipsec_connections}
        if len(set(span.ipsec_connections)) > CONNECTIONS_PER_SPAN:
            problem = f"it has {len(span.ipsec_connections)} connections"
            yield Problem(path, problem, "keep an active and a standby one", ", ".join(span.ipsec_connections))
        elif len(gateways) > 1:
            problem = f"its connections end at {' and '.join(sorted(gateways))}"
            yield Problem(path, problem, "let both end at one VPN gateway", ", ".join(span.ipsec_connections))


@rule("R-SPAN-006", "The VBR of the circuit belongs to this account.", source=SEED_STEP_1)
def _own_vbr(site: Site) -> Iterator[Problem]:
    for index, span in enumerate(site.spans):
        vbr = site.virtual_border_routers.get(span.virtual_border_router)
        if vbr is not None and vbr.account != "current":
            problem = f"it belongs to account {vbr.account}, whose traffic is isolated in its VLAN"
            path = ("spans", index, "virtual_border_router")
            yield Problem(path, problem, "name a VBR of this account", span.virtual_border_router)


@rule("R-SPAN-007", "IPv6 has a standby too; the VPN carries IPv4 only.", source=SEED_STEP_1, severity="warning")
def _ipv6(site: Site) -> Iterator[Problem]:
    for name in _circuit_vbrs(site):
        if site.virtual_border_routers[name].enable_ipv6:
            yield Problem(
                ("virtual_border_routers", name, "enable_ipv6"),
                "when the circuit fails, IPv6 is cut off until it is back",
                "let applications fall back to IPv4, or keep IPv6 for what may be cut",
                True,
            )


@rule("R-SPAN-008", "BFD notices a dead circuit within max_outage_ms.", source=TWINSPAN, severity="warning")
def _detection(site: Site) -> Iterator[Problem]:
    for name in _circuit_vbrs(site):
        vbr = site.virtual_border_routers[name]
        detection_ms = vbr.detect_multiplier * max(vbr.min_tx_interval_ms, vbr.min_rx_interval_ms)
        if detection_ms > site.max_outage_ms:
            yield Problem(
                ("virtual_border_routers", name, "detect_multiplier"),
                f"{vbr.detect_multiplier} packets at {max(vbr.min_tx_interval_ms, vbr.min_rx_interval_ms)} ms take "
                f"{detection_ms} ms, and max_outage_ms is {site.max_outage_ms}",
                "shorten min_tx_interval_ms and min_rx_interval_ms, or raise max_outage_ms",
                vbr.detect_multiplier,
            )


def _circuit_vbrs(site: Site) -> Iterator[str]:
    spans: tuple[SpanSpec, ...] = site.spans
    for span in spans:
        if span.kind == "circuit" and span.virtual_border_router:
            yield span.virtual_border_router


@rule("R-SPAN-009", "The longest hold-down is not shorter than the first.", source=TWINSPAN)
def _hold_down(site: Site) -> Iterator[Problem]:
    failback = site.failover.failback
    if failback.max_hold_down_s < failback.hold_down_s:
        path = ("failover", "failback", "max_hold_down_s")
        remedy = f"write {failback.hold_down_s} or more"
        yield Problem(path, f"hold_down_s is {failback.hold_down_s}", remedy, failback.max_hold_down_s)


RULES = (_two, _unique, _probe_block, _parts, _connections, _own_vbr, _ipv6, _detection, _hold_down)
