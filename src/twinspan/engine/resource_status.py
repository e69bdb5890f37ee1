"""What came of each resource, from what the nodes report.

Words are those of BIRD, strongSwan and the RFCs; each door says them in its own. Nothing that counts up is in it, so
that a status changes only when something happened. A resource of which no node has reported is not mentioned.

In: a site, ids of its resources, reports by node. Out: statuses by id. Next: the store keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from twinspan.engine.compile.facts import GATEWAY, TRANSIT_ROUTER, VBR, VPN_GATEWAY, Facts, TunnelFacts, gather
from twinspan.engine.route_choice import Choice
from twinspan.engine.route_tables import Known, route_table, vpn_routes
from twinspan.model.device_config import Family
from twinspan.model.device_report import BgpStatus, DeviceReport, TunnelStatus
from twinspan.model.site import Site

Reports = Mapping[str, DeviceReport]
"""By node."""
ESTABLISHED = "Established"
IKE_UP = frozenset({"ESTABLISHED", "REKEYING", "REKEYED"})
CHILD_UP = frozenset({"INSTALLED", "REKEYING", "REKEYED", "UPDATING"})
"""strongSwan's words; while an SA is renewed the old one still carries."""
_PEERS = "bgp_peers."
_MAIN_TABLE = frozenset({"main", "254"})
_SECTIONS = {
    "attachment": "attachments",
    "circuit": "physical_connections",
    "vpc": "vpcs",
    "vpn_gateway": "vpn_gateways",
    "ipsec_connection": "ipsec_connections",
}
_SESSIONS: dict[str, dict[Family, str]] = {
    VBR: {"ipv4": "gateway", "ipv6": "gateway6"},
    GATEWAY: {"ipv4": "vbr", "ipv6": "vbr6"},
}
"""What the circuit's sessions are called at each end."""


def status_of(site: Site, ids: Mapping[str, str], reports: Reports) -> dict[str, dict[str, Any]]:
    """Status of every resource of which something is known, by id.

    ids: key (vpcs.user) to id, as `site_assembly.Assembled` has it.
    """
    facts = gather(site)
    found: dict[str, dict[str, Any]] = {}
    for part in (_circuit, _health_checks, _vpn, _site):
        found |= {ids[key]: status for key, status in part(facts, reports) if key in ids}
    found |= {ids[key]: status for key, status in _route_tables(facts, reports, ids) if key in ids}
    if GATEWAY in reports or VBR in reports:
        silenced = [key for key in ids if key.startswith(_PEERS) and key.removeprefix(_PEERS) not in site.bgp_peers]
        found |= {ids[key]: _no_session() | {"last_error": "a failover test has it out"} for key in silenced}
    return found


def connection_status(ike_state: str, child_state: str) -> str:
    """An IPsec connection's state in one word (DescribeVpnConnection, Status)."""
    if ike_state not in IKE_UP:
        return "ike_sa_not_established"
    return "ipsec_sa_established" if child_state in CHILD_UP else "ipsec_sa_not_established"


Statuses = Iterator[tuple[str, dict[str, Any]]]


# ------------------------------------------------------------------------------------------------- circuit


def _circuit(facts: Facts, reports: Reports) -> Statuses:
    """BGP peers, their groups, the VBR and its circuit."""
    if not facts.has_circuit:
        return
    site = facts.site
    sessions: dict[str, dict[str, Any]] = {}
    for name, peer in site.bgp_peers.items():
        of = site.bgp_groups.get(peer.bgp_group)
        if of is not None and of.virtual_border_router == facts.vbr_name:
            session = _session(facts, reports, of.ip_version, peer.peer_ip)
            if session is not None:
                sessions[name] = session
                yield f"bgp_peers.{name}", session
    for name, group in site.bgp_groups.items():
        if group.virtual_border_router != facts.vbr_name:
            continue
        states = [
            sessions[p]["bgp_state"] for p, spec in site.bgp_peers.items() if spec.bgp_group == name and p in sessions
        ]
        if VBR in reports or GATEWAY in reports:
            yield f"bgp_groups.{name}", {"bgp_state": _worst(states), "peers": len(states)}
    states = [session["bgp_state"] for session in sessions.values()]
    link = _circuit_link(facts, reports)
    if states or link is not None:
        bfd = next((session["bfd_state"] for session in sessions.values() if session["bfd_state"]), "")
        yield (
            f"virtual_border_routers.{facts.vbr_name}",
            {"bgp_state": _worst(states), "bfd_state": bfd, "link_up": link, "healthy": _healthy(facts, reports)},
        )
    if link is not None:
        yield f"physical_connections.{facts.vbr.physical_connection}", {"link_up": link}


def _session(facts: Facts, reports: Reports, family: Family, peer_ip: str) -> dict[str, Any] | None:
    """One session, as the VBR sees it, or seen from the other end where the VBR is silent."""
    customer = {facts.vbr.peer_gateway_ip, facts.vbr.peer_ipv6_gateway_ip}
    for node in (VBR, GATEWAY):
        report = reports.get(node)
        if report is None:
            continue
        session = next((one for one in report.bgp if one.peer == _SESSIONS[node][family]), None)
        if peer_ip not in customer or session is None:
            return _no_session()
        ways = (session.imported, session.exported)
        received, advertised = ways if node == VBR else reversed(ways)
        bfd = next((one for one in report.bfd if one.peer_address == session.peer_address), None)
        return _no_session() | {
            "bgp_state": session.state,
            "since": session.since,
            "received_routes": received,
            "advertised_routes": advertised,
            "dropped_routes": session.dropped if node == VBR else 0,
            "last_error": session.last_error,
            "bfd_state": bfd.state if bfd is not None else "",
            "bfd_interval_ms": bfd.interval_ms if bfd is not None else 0,
            "bfd_detect_ms": bfd.detect_ms if bfd is not None else 0,
        }
    return None


def _no_session() -> dict[str, Any]:
    return {
        "bgp_state": "Idle",
        "since": "",
        "received_routes": 0,
        "advertised_routes": 0,
        "dropped_routes": 0,
        "last_error": "",
        "bfd_state": "",
        "bfd_interval_ms": 0,
        "bfd_detect_ms": 0,
    }


def _worst(states: list[str]) -> str:
    """The state of all of them together: Established if each is."""
    return next((state for state in states if state != ESTABLISHED), states[0] if states else "Idle")


def _circuit_link(facts: Facts, reports: Reports) -> bool | None:
    for node, port in ((VBR, "circ0"), (GATEWAY, facts.site.gateway.ports.circuit)):
        if node in reports:
            return any(link.name == port and link.up for link in reports[node].links)
    return None


def _healthy(facts: Facts, reports: Reports) -> bool | None:
    """Whether every health check of the VBR finds it healthy; None: there is none, or nothing is known."""
    if VBR not in reports or not facts.health_checks:
        return None
    seen = {check.name: check.healthy for check in reports[VBR].health_checks}
    return all(seen.get(name, False) for name in facts.health_checks)


def _health_checks(facts: Facts, reports: Reports) -> Statuses:
    if VBR not in reports:
        return
    for check in reports[VBR].health_checks:
        yield f"health_checks.{check.name}", {"healthy": check.healthy, "route_moved": check.route_moved}


# ------------------------------------------------------------------------------------------------- VPN


def _vpn(facts: Facts, reports: Reports) -> Statuses:
    """Connections with their tunnels, the gateway, and which of its routes is used."""
    site = facts.site
    node = next((node for node in (VPN_GATEWAY, GATEWAY) if node in reports), None)
    if node is None or not facts.has_vpn_gateway:
        return
    report = reports[node]
    connections: dict[str, list[dict[str, Any]]] = {}
    for tunnel in facts.tunnels:
        connections.setdefault(tunnel.connection_name, []).append(_tunnel(tunnel, report, node))
    for name, tunnels in connections.items():
        best = next((one for one in tunnels if one["status"] == "ipsec_sa_established"), tunnels[0])
        healthy = [one["healthy"] for one in tunnels if one["healthy"] is not None]
        yield (
            f"ipsec_connections.{name}",
            {
                "status": best["status"],
                "bgp_state": _best([one["bgp_state"] for one in tunnels]),
                "healthy": any(healthy) if healthy else None,
                "tunnels": tunnels,
            },
        )
    up = sum(any(one["status"] == "ipsec_sa_established" for one in tunnels) for tunnels in connections.values())
    gateway = next(name for name, spec in site.vpn_gateways.items() if spec is facts.vpn_gateway)
    yield (
        f"vpn_gateways.{gateway}",
        {
            "connections": len(connections),
            "connections_up": up,
            "internet_ip": site.vpn_gateways[gateway].internet_ip,
            "disaster_recovery_internet_ip": site.vpn_gateways[gateway].disaster_recovery_internet_ip,
        },
    )
    for key, choice in vpn_routes(site, known_of(facts, reports)).items():
        yield key, {"route_status": choice.status.lower(), "reason": choice.reason}


def _tunnel(tunnel: TunnelFacts, report: DeviceReport, node: str) -> dict[str, Any]:
    seen = next((one for one in report.tunnels if one.name == tunnel.name), None) or TunnelStatus(
        name=tunnel.name, device=None, ike_state="down", child_state="down"
    )
    session_name = f"gateway_{tunnel.name}" if node == VPN_GATEWAY else f"vpn_{tunnel.name}"
    session: BgpStatus | None = next((one for one in report.bgp if one.peer == session_name), None)
    probe = next((one for one in report.probes if one.name == f"tunnel {tunnel.name}"), None)
    speaks = tunnel.tunnel.bgp is not None
    return {
        "role": tunnel.tunnel.role,
        "status": connection_status(seen.ike_state, seen.child_state),
        "ike_state": seen.ike_state,
        "child_state": seen.child_state,
        "bgp_state": (session.state if session is not None else "Idle") if speaks else "",
        "healthy": None if probe is None or probe.state == "unknown" else probe.state == "up",
    }


def _best(states: list[str]) -> str:
    """Of the sessions of two tunnels one is enough."""
    return ESTABLISHED if ESTABLISHED in states else next(iter(states), "")


def known_of(facts: Facts, reports: Reports) -> Known:
    """What the nodes say of the ways into the data centre, for the choice of routes."""
    dead: dict[str, str] = {}
    node = next((node for node in (VPN_GATEWAY, GATEWAY) if node in reports), None)
    if node is not None:
        alive = {t.connection_name for t in facts.tunnels if _carries(t, _tunnel(t, reports[node], node))}
        names = dict.fromkeys(t.connection_name for t in facts.tunnels)
        dead = {name: f"IPsec connection {name} is down" for name in names if name not in alive}
    moved = VBR in reports and any(check.route_moved for check in reports[VBR].health_checks)
    session = _session(facts, reports, "ipv4", facts.vbr.peer_gateway_ip) if facts.sessions else None
    silent = session is not None and session["bgp_state"] != ESTABLISHED
    return Known(
        dead_connections=dead,
        dead_circuits={facts.vbr_name: f"the health check of VBR {facts.vbr_name} fails"} if moved else {},
        silent_circuits=frozenset({facts.vbr_name}) if silent else frozenset(),
    )


def _carries(tunnel: TunnelFacts, seen: dict[str, Any]) -> bool:
    """Negotiated, and its health check answers where there is one (seed 004 Step 2)."""
    checked = tunnel.connection.health_check is not None
    return seen["status"] == "ipsec_sa_established" and not (checked and seen["healthy"] is False)


# ------------------------------------------------------------------------------------------------- routes, site


def _route_tables(facts: Facts, reports: Reports, ids: Mapping[str, str]) -> Statuses:
    known = known_of(facts, reports)
    for name, table in facts.site.route_tables.items():
        if table.vpc:
            node = facts.vpc_nodes.get(table.vpc, "")
        else:
            node = VBR if table.virtual_border_router == facts.vbr_name != "" else ""
            node = TRANSIT_ROUTER if table.transit_router else node
        if node in reports:
            installed = {(r.prefix, r.device) for r in reports[node].routes if r.table in _MAIN_TABLE}
            choices = route_table(facts.site, name, known)
            yield (
                f"route_tables.{name}",
                {"routes": [_route(facts, node, choice, installed, ids) for choice in choices]},
            )


def _route(
    facts: Facts, node: str, choice: Choice, installed: set[tuple[str, str | None]], ids: Mapping[str, str]
) -> dict[str, Any]:
    route = choice.route
    next_hop = f"{_SECTIONS.get(route.next_hop_kind, '')}.{route.next_hop}"
    device = _device(facts, node, choice)
    return {
        "destination": route.destination,
        "next_hop_kind": route.next_hop_kind,
        "next_hop": ids.get(next_hop, route.next_hop),
        "origin": route.origin,
        "status": choice.status,
        "reason": choice.reason,
        "installed": None if device is None else (route.destination, device) in installed,
    }


def _device(facts: Facts, node: str, choice: Choice) -> str | None:
    """The link of the node that such a route leaves by; None where it is no route of the kernel's main table."""
    route = choice.route
    if choice.status != "Active" or route.next_hop_kind in {"local", "blackhole"}:
        return None
    if route.next_hop_kind == "vpn_gateway":
        return "vpn0"
    if node != TRANSIT_ROUTER:
        circuit = f"circ0.{facts.vbr.vlan_id}" if facts.vbr.vlan_id else "circ0"
        return circuit if route.next_hop_kind == "circuit" else "tr0"
    attachment = facts.site.attachments.get(route.next_hop)
    if attachment is None:
        return None
    return "vbr0" if attachment.virtual_border_router else f"vpc{facts.vpc_cables.get(attachment.vpc, 0)}"


def _site(facts: Facts, reports: Reports) -> Statuses:
    """Who carries, and which nodes are as they shall be."""
    if not reports:
        return
    failover = reports[GATEWAY].failover if GATEWAY in reports else None
    status: dict[str, Any] = {
        "nodes": {
            node: {"generation": report.observed_generation, "converged": report.converged}
            for node, report in sorted(reports.items())
        },
        "alarms": [
            {"node": node, "name": alarm.name, "subject": alarm.subject, "detail": alarm.detail}
            for node, report in sorted(reports.items())
            for alarm in report.alarms
        ],
    }
    if failover is not None:
        status |= {
            "carrying": failover.carrying,
            "reason": failover.reason,
            "override": failover.override,
            "spans": [
                {"name": span.name, "role": span.role, "healthy": span.healthy, "reasons": list(span.reasons)}
                for span in failover.spans
            ],
        }
    yield f"sites.{facts.site.site}", status
