"""From a complete `Site` to one `DeviceConfig` per node and the cables between them, pure.

In: a `Site` that admission let pass, and its keys. Out: a `Deployment`. One module per part of the picture: `facts`
(worked out once), `gateway`, `vpn`, `cloud`, `hosts`. Next: `lab` builds it, `twinspan plan` prints it.

A site that is being made resource by resource has configs too (`compile_partial`): each node is told what is there.
"""

from __future__ import annotations

from msgspec.structs import replace

from twinspan.engine.compile.cloud import cables
from twinspan.engine.compile.facts import GATEWAY, PC, VBR, VPN_GATEWAY, Facts, gather
from twinspan.engine.compile.foreign_vbr import PORT, compile_foreign_vbr, foreign_vbrs
from twinspan.engine.compile.gateway import compile_gateway
from twinspan.engine.compile.hosts import (
    compile_office_host,
    compile_pc,
    compile_services,
    dns_name,
    office_endpoint,
    pc_endpoint,
)
from twinspan.engine.compile.keys import Keys
from twinspan.engine.compile.missing import missing_parts
from twinspan.engine.compile.route_map import NOTHING_DENIED, Denials, denials
from twinspan.engine.compile.transit_router import compile_transit_router
from twinspan.engine.compile.vbr import compile_vbr
from twinspan.engine.compile.vpc import compile_vpc
from twinspan.engine.compile.vpn import compile_vpn_gateway
from twinspan.model.deployment import Deployment, Expectation, Port, Segment, Topology, Wire
from twinspan.model.device_config import DeviceConfig
from twinspan.model.site import Site

__all__ = ["Denials", "compile_partial", "compile_site", "denials", "missing_parts"]


def compile_site(site: Site, keys: Keys) -> Deployment:
    """The whole site as configs, cables and expectations. Equal input gives equal output."""
    facts = gather(site)
    return Deployment(
        site=site.site,
        profile=site.profile,
        region=site.region,
        topology=_topology(facts),
        configs=_configs(facts, keys),
        site_endpoint=pc_endpoint(facts),
        cloud_endpoint=office_endpoint(facts),
        expectation=_expectation(facts),
        dns_name=dns_name(facts),
        site_prefixes=facts.site_prefixes,
        cloud_prefixes=facts.cloud_prefixes,
    )


def compile_partial(site: Site, keys: Keys, denied: Denials = NOTHING_DENIED) -> dict[str, DeviceConfig]:
    """Configs, by node, of a site that need not be complete: what is not made yet, no node is told of.

    A node of which nothing is made is not in it: it has its ports and no more. `missing_parts` says what is not there.
    denied: what route maps deny; a site file has none.
    """
    return _configs(replace(gather(site), denials=denied), keys)


def _configs(facts: Facts, keys: Keys) -> dict[str, DeviceConfig]:
    site = facts.site
    configs = [
        compile_gateway(facts, keys),
        *([compile_vbr(facts, keys)] if facts.has_circuit else []),
        *([compile_vpn_gateway(facts, keys)] if facts.has_vpn_gateway else []),
        *([compile_transit_router(facts)] if site.transit_routers else []),
        *(compile_vpc(facts, name) for name in facts.vpc_nodes),
        compile_services(facts),
        compile_pc(facts),
        *([compile_office_host(facts)] if facts.office_vpc else []),
        *(compile_foreign_vbr(site, node, vbr) for node, vbr in foreign_vbrs(site).items()),
    ]
    return {config.node: config for config in configs}


def _topology(facts: Facts) -> Topology:
    ports = facts.site.gateway.ports
    lan = ((GATEWAY, ports.lan), (PC, "eth0"))
    wires = tuple(Wire(a=Port(node=a[0], link=a[1]), b=Port(node=b[0], link=b[1])) for a, b in (lan, *cables(facts)))
    nodes, strangers = tuple(facts.node_index), foreign_vbrs(facts.site)
    return Topology(
        nodes=(*nodes, *strangers),
        wires=wires,
        segments=(
            _segment(
                "circuit",
                (GATEWAY, ports.circuit),
                (VBR, PORT),
                *((node, PORT) for node in strangers),
                mtu=max(vbr.mtu for vbr in (facts.vbr, *strangers.values())),
            ),
            _segment("isp", (GATEWAY, ports.isp), (VPN_GATEWAY, "wan0")),
            Segment(name="management", kind="management", ports=tuple(Port(node=n, link="mgmt0") for n in nodes)),
        ),
    )


def _segment(name: str, *ports: tuple[str, str], mtu: int = 1500) -> Segment:
    return Segment(
        name=name,
        kind="circuit" if name == "circuit" else "isp",
        ports=tuple(Port(node=node, link=link) for node, link in ports),
        mtu=mtu,
    )


def _expectation(facts: Facts) -> Expectation:
    site = facts.site
    check = next(iter(facts.health_checks.values()), None)
    _, group = facts.circuit_group("ipv4")
    return Expectation(
        bfd_interval_ms=max(facts.bfd.min_tx_interval_ms, facts.bfd.min_rx_interval_ms) if facts.bfd else None,
        bfd_multiplier=facts.bfd.detect_multiplier if facts.bfd else None,
        probe_interval_ms=site.failover.probe.interval_ms,
        probe_lost_threshold=site.failover.probe.lost_threshold,
        hold_time_s=group.hold_time_s,
        hold_down_s=site.failover.failback.hold_down_s,
        health_check_interval_s=check.interval_s if check else None,
        health_check_packets=check.probe_packets if check else None,
        max_outage_ms=site.max_outage_ms,
    )
