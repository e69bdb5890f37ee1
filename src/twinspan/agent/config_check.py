"""Whether a config can be carried out at all, asked before it replaces the one that works.

In: a `DeviceConfig` whose types are right. Out: nothing, or `Rejected` with every flaw by its field. Who made the
config has judged what is wise (`engine.admission`); here is only what would leave the agent without a way to go on: a
name that nothing carries, an address that is none, a text no daemon can read. Next: `agent.node`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address, ip_interface, ip_network

from twinspan.model.device_config import DeviceConfig, Failover, Link, NextHop, Probe, StaticRoute
from twinspan.model.errors import Rejected
from twinspan.model.kernel import MAIN_TABLE
from twinspan.wire.bird import render_bird
from twinspan.wire.cloud_connection.server_order import check_servers
from twinspan.wire.dnsmasq import render_dnsmasq
from twinspan.wire.nftables import render_nftables
from twinspan.wire.swanctl import connection, render_strongswan_conf

_LINK_NAME = re.compile(r"[^\s/:\"'\\]{1,15}", re.ASCII)
_TUNNEL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,39}", re.ASCII)
_KERNEL_TABLES = (0, 253, MAIN_TABLE, 255)
_SHOWN = 8


def check_config(config: DeviceConfig) -> None:
    """Raises `Rejected` if the node could not be that; the text names fields and values, never a secret."""
    flaws = list(_flaws(config))
    if not flaws:
        try:
            _rehearse(config)
        except ValueError as error:
            flaws = [str(error)]
    if flaws:
        more = f"; and {len(flaws) - _SHOWN} more" if len(flaws) > _SHOWN else ""
        raise Rejected(f"config refused: {'; '.join(flaws[:_SHOWN])}{more}", remedy="the running one stays")


def _flaws(config: DeviceConfig) -> Iterator[str]:
    names = _Names(config)
    for i, link in enumerate(config.links):
        yield from _link(f"links[{i}]", link, names)
    for i, table in enumerate(config.tables):
        if table.table_id in _KERNEL_TABLES or not 0 < table.table_id < 1 << 32 or table.name == "main":
            yield f"tables[{i}] {table.name} {table.table_id}: the kernel's own, or none"
    yield from _twice("tables", (t.name for t in config.tables))
    yield from _twice("tables", (str(t.table_id) for t in config.tables))
    for i, rule in enumerate(config.rules):
        yield from names.want(f"rules[{i}].table", rule.table, names.tables)
        yield from _address(f"rules[{i}].source", rule.source, ip_network)
        if not 0 < rule.priority < 32766:
            yield f"rules[{i}].priority {rule.priority}: must be between 1 and 32765"
    for i, route in enumerate(config.routes):
        yield from _route(f"routes[{i}]", route, names)
    for i, tunnel in enumerate(config.tunnels):
        if not _TUNNEL_NAME.fullmatch(tunnel.name):
            yield f"tunnels[{i}].name {tunnel.name!r}: 1 to 40 letters, digits, underscores, points and hyphens"
        for address in tunnel.inner_addresses:
            yield from _address(f"tunnels[{i}].inner_addresses", address, ip_interface)
    yield from _twice("tunnels", names.tunnels)
    yield from _watching(config, names)


def _watching(config: DeviceConfig, names: _Names) -> Iterator[str]:
    """Probes and those who listen to them."""
    for i, probe in enumerate(config.probes):
        yield from _probe(f"probes[{i}]", probe, names)
    yield from _twice("probes", names.probes)
    for i, check in enumerate(config.health_checks):
        yield from names.want(f"health_checks[{i}].probe", check.probe, names.probes)
    if config.failover is not None:
        yield from _failover(config.failover, names)
    if config.cloud is not None:
        for finding in check_servers(config.cloud):
            yield f"cloud.{'.'.join(map(str, finding.path))}: {finding.problem}"


class _Names:
    """What may be referred to."""

    def __init__(self, config: DeviceConfig) -> None:
        self.links = [link.name for link in config.links]
        self.tables = [*(t.name for t in config.tables), "main"]
        self.tunnels = [t.name for t in config.tunnels]
        self.probes = [p.name for p in config.probes]
        self.peers = [p.name for p in (config.bgp.peers if config.bgp else ())]

    def want(self, field: str, name: str | None, known: list[str]) -> Iterator[str]:
        """A flaw if `name` is given and nothing is called so."""
        if name is not None and name not in known:
            yield f"{field} {name!r}: there is none of that name"

    def hop(self, field: str, hop: NextHop) -> Iterator[str]:
        if (hop.link is None) == (hop.tunnel is None):
            yield f"{field}: exactly one of link and tunnel must be set"
        yield from self.want(f"{field}.link", hop.link, self.links)
        yield from self.want(f"{field}.tunnel", hop.tunnel, self.tunnels)
        yield from self.want(f"{field}.track", hop.track, self.probes)
        yield from _address(f"{field}.via", hop.via, ip_address)


def _link(field: str, link: Link, names: _Names) -> Iterator[str]:
    if not _LINK_NAME.fullmatch(link.name) or link.name in (".", ".."):
        yield f"{field}.name {link.name!r}: not a name the kernel takes (1 to 15 characters)"
    if link.kind == "vlan" and (link.parent is None or link.vlan_id is None):
        yield f"{field} {link.name}: a VLAN needs parent and vlan_id"
    yield from names.want(f"{field}.parent", link.parent, names.links)
    if not 68 <= link.mtu <= 65535:
        yield f"{field}.mtu {link.mtu}: must be between 68 and 65535 bytes"
    for address in link.addresses:
        yield from _address(f"{field}.addresses", address, ip_interface)


def _route(field: str, route: StaticRoute, names: _Names) -> Iterator[str]:
    yield from names.want(f"{field}.table", route.table, names.tables)
    yield from _address(f"{field}.prefix", route.prefix, ip_network)
    for j, hop in enumerate(route.next_hops):
        yield from names.hop(f"{field}.next_hops[{j}]", hop)


def _probe(field: str, probe: Probe, names: _Names) -> Iterator[str]:
    yield from names.want(f"{field}.link", probe.link, names.links)
    yield from names.want(f"{field}.tunnel", probe.tunnel, names.tunnels)
    yield from _address(f"{field}.source", probe.source, ip_address)
    yield from _address(f"{field}.destination", probe.destination, ip_address)
    if min(probe.interval_ms, probe.lost_threshold, probe.recover_threshold) < 1:
        yield f"{field} {probe.name}: interval_ms, lost_threshold and recover_threshold must be above 0"
    if not 28 <= probe.packet_size <= 65535:
        yield f"{field}.packet_size {probe.packet_size}: must be between 28 and 65535 bytes"


def _failover(policy: Failover, names: _Names) -> Iterator[str]:
    if sorted(span.role for span in policy.spans) != ["active", "standby"]:
        yield "failover.spans: exactly one active and one standby are needed"
    yield from _twice("failover.spans", (span.name for span in policy.spans))
    yield from names.want("failover.override_table", policy.override_table, names.tables[:-1])
    for prefix in policy.prefixes:
        yield from _address("failover.prefixes", prefix, ip_network)
    for i, span in enumerate(policy.spans):
        field = f"failover.spans[{i}]"
        for probe in span.probes:
            yield from names.want(f"{field}.probes", probe.probe, names.probes)
        for peer in span.peers:
            yield from names.want(f"{field}.peers", peer, names.peers)
        for link in span.links:
            yield from names.want(f"{field}.links", link, names.links)
        for j, hop in enumerate(span.next_hops):
            yield from names.hop(f"{field}.next_hops[{j}]", hop)


def _twice(field: str, names: Iterable[str]) -> Iterator[str]:
    found = list(names)
    yield from (f"{field}: {name!r} stands there twice" for name in sorted({n for n in found if found.count(n) > 1}))


def _address(field: str, text: str | None, read: Callable[[str], object]) -> Iterator[str]:
    """A flaw unless `text` is one and written as the kernel prints it: another spelling would look like drift."""
    if text is None:
        return
    try:
        canonical = str(read(text))
    except ValueError as error:
        yield f"{field} {text!r}: {error}"
        return
    if text != canonical and f"{text}/" != canonical[: len(text) + 1]:
        yield f"{field} {text!r}: write it as {canonical}"


def _rehearse(config: DeviceConfig) -> None:
    """Render all that daemons will read. Raises `Rejected` or ValueError for a value that cannot be written down."""
    devices = {tunnel.name: f"ipsec{i}" for i, tunnel in enumerate(config.tunnels)}
    render_bird(config, devices, log_path="bird.log")
    render_nftables(config, devices)
    render_dnsmasq(config)
    for tunnel in config.tunnels:
        render_strongswan_conf(tunnel)
        connection(tunnel)
