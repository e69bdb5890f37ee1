"""From what a node shall be and what its kernel holds to the steps in between, pure.

In: a `DeviceConfig`, the devices of its tunnels, which probes answer, what was installed last, and the observed
`KernelState`. Out: `wanted` gives the kernel state the config asks for, `plan` the ordered steps that lead there.
An equal state gives an empty plan; additions come before removals, so that no destination loses its path on the way.
Next: `drivers.netlink` carries the steps out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Literal

import msgspec

from twinspan.model.device_config import DeviceConfig, NextHop, RouteRole, StaticRoute
from twinspan.model.kernel import MAIN_TABLE, KernelLink, KernelRoute, KernelRule, KernelState

STANDBY_METRIC = 255 << 24
"""Worst usable metric; the top byte reads as distance 255 to FRR as well, so BGP wins there too."""
GUARD_METRIC = STANDBY_METRIC - 1
IPV6_DEFAULT_METRIC = 1024
"""IP6_RT_PRIO_USER: the kernel turns metric 0 into this for IPv6."""

StepVerb = Literal[
    "forwarding",
    "link_up",
    "link_down",
    "mtu",
    "address_add",
    "address_del",
    "rule_add",
    "rule_del",
    "route_replace",
    "route_del",
]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One change to the kernel. Which fields are set follows from `verb`."""

    verb: StepVerb
    link: str | None = None
    value: str | None = None
    route: KernelRoute | None = None
    rule: KernelRule | None = None

    def describe(self) -> str:
        """A line for people."""
        if self.route is not None:
            way = f"dev {self.route.device}" if self.route.device else "unreachable"
            return f"{self.verb} {self.route.prefix} table {self.route.table_id} {way}"
        if self.rule is not None:
            return f"{self.verb} {self.rule.priority} from {self.rule.source or 'all'} table {self.rule.table_id}"
        return " ".join(x for x in (self.verb, self.link, self.value) if x)


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What besides the config decides which routes are wanted."""

    devices: Mapping[str, str]
    """Tunnel name to kernel device, for tunnels whose IKE daemon runs."""
    probes_up: Mapping[str, bool | None] = {}
    """Probe name to its state; None: not known yet."""
    links_down: frozenset[str] = frozenset()
    """Devices without carrier or administratively down."""
    override_onto: str | None = None
    """Span that the failover decision overrides onto."""
    installed: Mapping[tuple[str, int, int], KernelRoute] = {}
    """What is installed now, for fail-static choices."""
    shut_links: frozenset[str] = frozenset()
    """Links that an order keeps administratively down."""


def wanted(config: DeviceConfig, view: View, observed_links: Mapping[str, KernelLink]) -> KernelState:
    """The kernel state that `config` asks for in this `view`."""
    tables = {t.name: t.table_id for t in config.tables} | {"main": MAIN_TABLE}
    routes = [r for route in config.routes if (r := _static(route, tables, view)) is not None]
    routes += [_guard(t.table_id, family) for t in config.tables if t.guarded for family in (4, 6)]
    routes += _override(config, tables, view)
    return KernelState(
        links=_links(config, view, observed_links),
        routes=frozenset(routes),
        rules=frozenset(rule for r in config.rules for rule in _rules(r.priority, tables[r.table], r.source)),
        forwarding=config.forwarding,
    )


def plan(want: KernelState, have: KernelState, owned_addresses: frozenset[tuple[str, str]]) -> tuple[Step, ...]:
    """Steps from `have` to `want`. Of addresses only those in `owned_addresses` (link, address) are ever removed."""
    steps: list[Step] = []
    if want.forwarding != have.forwarding:
        steps.append(Step(verb="forwarding", value="1" if want.forwarding else "0"))
    for name, link in want.links.items():
        steps += _link_steps(name, link, have.links.get(name))
    steps += [Step(verb="rule_add", rule=r) for r in sorted(want.rules - have.rules, key=lambda r: r.priority)]
    steps += [
        Step(verb="route_replace", route=r)
        for r in sorted(want.routes - have.routes, key=lambda r: (r.table_id == MAIN_TABLE, r.table_id, r.prefix))
        if r.device is None or r.device in have.links or r.device in want.links
    ]
    kept = {r.key() for r in want.routes}
    steps += [
        Step(verb="route_del", route=r)
        for r in sorted(have.routes - want.routes, key=lambda r: (r.table_id, r.prefix))
        if r.key() not in kept
    ]
    steps += [Step(verb="rule_del", rule=r) for r in sorted(have.rules - want.rules, key=lambda r: r.priority)]
    steps += _address_removals(want, have, owned_addresses)
    return tuple(steps)


def usable(hop: NextHop, view: View) -> bool:
    """Whether a next hop may be used now: its device exists and works and its probe is not dead."""
    device = view.devices.get(hop.tunnel) if hop.tunnel else hop.link
    if device is None or device in view.links_down:
        return False
    return hop.track is None or view.probes_up.get(hop.track) is not False


def _static(route: StaticRoute, tables: Mapping[str, int], view: View) -> KernelRoute | None:
    table_id = tables[route.table]
    if not route.next_hops:
        return KernelRoute(prefix=route.prefix, table_id=table_id, metric=_metric(route.role, route.prefix))
    chosen = next((h for h in route.next_hops if usable(h, view)), None)
    if chosen is not None:
        return _kernel_route(route.prefix, table_id, route.role, chosen, view)
    for hop in route.next_hops:
        fallback = _kernel_route(route.prefix, table_id, route.role, hop, view)
        last = view.installed.get(fallback.key())
        if last is not None and _exists(last, view):
            return last
        if fallback.device is not None and fallback.device not in view.links_down:
            return fallback  # over a link that is down the kernel takes no route
    return None


def _exists(route: KernelRoute, view: View) -> bool:
    return route.device in view.devices.values() or not (route.device or "").startswith("ipsec")


def _kernel_route(prefix: str, table_id: int, role: RouteRole, hop: NextHop, view: View) -> KernelRoute:
    device = view.devices.get(hop.tunnel) if hop.tunnel else hop.link
    return KernelRoute(prefix=prefix, table_id=table_id, metric=_metric(role, prefix), device=device, via=hop.via)


def _metric(role: RouteRole, prefix: str) -> int:
    if role == "standby":
        return STANDBY_METRIC
    return IPV6_DEFAULT_METRIC if ":" in prefix else 0


def _guard(table_id: int, family: int) -> KernelRoute:
    return KernelRoute(prefix="0.0.0.0/0" if family == 4 else "::/0", table_id=table_id, metric=GUARD_METRIC)


def _override(config: DeviceConfig, tables: Mapping[str, int], view: View) -> list[KernelRoute]:
    if config.failover is None or view.override_onto is None:
        return []
    span = next(s for s in config.failover.spans if s.name == view.override_onto)
    found = []
    for prefix in config.failover.prefixes:
        version = ipaddress.ip_network(prefix).version
        hops = [h for h in span.next_hops if h.via is None or ipaddress.ip_address(h.via).version == version]
        hop = next((h for h in hops if usable(h, view)), None)
        if hop is not None:
            found.append(_kernel_route(prefix, tables[config.failover.override_table], "fixed", hop, view))
    if found:
        found += [
            KernelRoute(prefix=p, table_id=tables[config.failover.override_table], metric=_metric("fixed", p))
            for p in config.failover.refused
        ]
    return found


def _rules(priority: int, table_id: int, source: str | None) -> tuple[KernelRule, ...]:
    if source is not None:
        network = ipaddress.ip_network(source, strict=False)
        # The kernel tells a single host without its length, however it was given.
        shown = str(network.network_address) if network.num_addresses == 1 else str(network)
        family: Literal["ipv4", "ipv6"] = "ipv6" if network.version == 6 else "ipv4"
        return (KernelRule(priority=priority, table_id=table_id, source=shown, family=family),)
    return (
        KernelRule(priority=priority, table_id=table_id, family="ipv4"),
        KernelRule(priority=priority, table_id=table_id, family="ipv6"),
    )


def _links(config: DeviceConfig, view: View, observed: Mapping[str, KernelLink]) -> dict[str, KernelLink]:
    links = {}
    raised = {link.parent: link.mtu + 4 for link in config.links if link.parent}
    for link in config.links:
        if link.name in observed or link.kind == "physical":
            mtu = 65536 if link.kind == "loopback" else max(link.mtu, raised.get(link.name, 0))
            links[link.name] = KernelLink(
                name=link.name,
                admin_up=_up(link.name, config, view, observed),
                carrier=True,
                mtu=mtu,
                addresses=frozenset(link.addresses),
            )
    for tunnel in config.tunnels:
        device = view.devices.get(tunnel.name)
        if device is not None:
            links[device] = KernelLink(
                name=device, admin_up=True, carrier=True, mtu=tunnel.mtu, addresses=frozenset(tunnel.inner_addresses)
            )
    return links


def _up(link: str, config: DeviceConfig, view: View, observed: Mapping[str, KernelLink]) -> bool:
    """A link that an order keeps down is left as it is: whoever ends the order opens it."""
    if link in config.shutdown:
        return False
    return link not in view.shut_links or (link in observed and observed[link].admin_up)


def _link_steps(name: str, link: KernelLink, seen: KernelLink | None) -> list[Step]:
    if seen is None:
        return []
    steps = []
    if link.mtu != seen.mtu and name != "lo":
        steps.append(Step(verb="mtu", link=name, value=str(link.mtu)))
    steps += [Step(verb="address_add", link=name, value=a) for a in sorted(link.addresses - seen.addresses)]
    if link.admin_up and not seen.admin_up:
        steps.append(Step(verb="link_up", link=name))
    if seen.admin_up and not link.admin_up:
        steps.append(Step(verb="link_down", link=name))
    return steps


def _address_removals(want: KernelState, have: KernelState, owned: frozenset[tuple[str, str]]) -> list[Step]:
    steps: list[Step] = []
    for name, seen in have.links.items():
        wanted_here = want.links[name].addresses if name in want.links else frozenset()
        steps += [
            Step(verb="address_del", link=name, value=address)
            for address in sorted(seen.addresses - wanted_here)
            if (name, address) in owned
        ]
    return steps
