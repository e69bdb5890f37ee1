"""Builds the `DeviceReport` of a node from what its drivers see right now.

In: a `Node`. Out: one value that says all. Next: `model.device_report`.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from twinspan.agent.clock import steady_ns, wall_ns
from twinspan.drivers.ethtool import link_speed
from twinspan.drivers.rtnetlink_dump import observe_facts
from twinspan.engine.health import ProbeState, probe_status
from twinspan.model.config_digest import config_digest
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import (
    DaemonStatus,
    DeviceReport,
    FailoverStatus,
    HealthCheckStatus,
    LinkStatus,
    ProbeStatus,
    RouteStatus,
    SpanStatus,
)
from twinspan.model.kernel import KernelLink, KernelRoute
from twinspan.wire.rtnetlink_dump import LinkFacts

if TYPE_CHECKING:
    from twinspan.agent.node import Node


async def build_report(node: Node) -> DeviceReport:
    """Ask every driver and put the answers together."""
    config = node.converger.config or DeviceConfig(node=node.events.node, role="gateway", site="")
    drivers = node.drivers
    (bgp, bfd), tunnels, (kernel, bgp_routes) = await asyncio.gather(
        drivers.bird.observe(config),
        drivers.strongswan.observe(config),
        drivers.netlink.observe(),
    )
    facts = observe_facts()
    node.world.set_sessions(bgp, steady_ns())
    owner = node.ownership.owner
    return DeviceReport(
        node=config.node,
        role=config.role,
        site=config.site,
        profile=config.profile,
        observed_generation=node.converger.converged_generation or 0,
        digest=config_digest(config),
        config_source=owner.source,
        server_generation=owner.pushed_generation,
        server_digest=owner.pushed_digest,
        diverged=node.ownership.diverged(config) and not node.trials.going,
        converged=node.converger.converged,
        at_ns=time.time_ns(),
        agent_pid=os.getpid(),
        links=tuple(_link(link, facts.links.get(link.name)) for link in kernel.links.values()),
        bgp=tuple(bgp),
        bfd=tuple(bfd),
        tunnels=tuple(tunnels),
        routes=_routes(kernel.routes, "twinspan") + _routes(bgp_routes, "bgp"),
        probes=_probes(node, config),
        failover=_failover(node, config),
        health_checks=_health_checks(node, config),
        alarms=node.alarms.alarms(),
        daemons=_daemons(node),
        families=("ipv4", "ipv6") if any(":" in r.prefix for r in bgp_routes) else ("ipv4",),
        repairs=node.converger.repairs,
        leases=tuple(drivers.dhcp_client.describe()),
        neighbors=facts.neighbors,
        foreign_routes=facts.foreign_routes,
        cloud=node.cloud.status() if config.cloud is not None else None,
    )


def _link(link: KernelLink, facts: LinkFacts | None) -> LinkStatus:
    speed_mbit, full_duplex = link_speed(link.name)
    return LinkStatus(
        name=link.name,
        up=link.admin_up and link.carrier,
        mtu=link.mtu,
        addresses=tuple(sorted(link.addresses)),
        admin_up=link.admin_up,
        kind=facts.kind if facts else "other",
        mac=facts.mac if facts else None,
        speed_mbit=speed_mbit,
        full_duplex=full_duplex,
        counters=facts.counters if facts else None,
    )


def _routes(routes: frozenset[KernelRoute], protocol: str) -> tuple[RouteStatus, ...]:
    return tuple(
        RouteStatus(
            prefix=r.prefix, table=str(r.table_id), via=r.via, device=r.device, protocol=protocol, metric=r.metric
        )
        for r in sorted(routes, key=lambda r: (r.table_id, r.prefix, r.metric))
    )


def _probes(node: Node, config: DeviceConfig) -> tuple[ProbeStatus, ...]:
    return tuple(probe_status(p.name, node.world.probes.get(p.name, ProbeState())) for p in config.probes)


def _failover(node: Node, config: DeviceConfig) -> FailoverStatus | None:
    decision = node.failover.decision
    if decision is None or config.failover is None:
        return None
    return FailoverStatus(
        carrying=decision.carrying,
        reason=decision.reason,
        override=decision.override_onto is not None,
        export_held=decision.export_held,
        hold_down_until_ns=wall_ns(decision.recheck_at_ns) if decision.recheck_at_ns is not None else None,
        flaps=decision.flaps,
        spans=tuple(
            SpanStatus(
                name=s.name,
                role=s.role,
                healthy=decision.verdicts[s.name].healthy is True,
                reasons=decision.verdicts[s.name].reasons
                or (() if decision.verdicts[s.name].healthy else ("not proven yet",)),
            )
            for s in config.failover.spans
        ),
    )


def _health_checks(node: Node, config: DeviceConfig) -> tuple[HealthCheckStatus, ...]:
    return tuple(
        HealthCheckStatus(
            name=c.name,
            healthy=node.world.probe_up(c.probe) is True,
            route_moved=c.span in node.failover.import_held,
        )
        for c in config.health_checks
    )


def _daemons(node: Node) -> tuple[DaemonStatus, ...]:
    drivers = node.drivers
    return (*drivers.bird.daemons(), *drivers.strongswan.daemons(), *drivers.dnsmasq.daemons())
