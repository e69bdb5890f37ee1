"""What reports of nodes say of resources."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.engine.resource_samples import resource, stored
from tests.unit.engine.test_site_assembly import site_of

from twinspan.engine.resource_status import connection_status, status_of
from twinspan.engine.site_assembly import assemble
from twinspan.engine.site_drafts import key_of
from twinspan.model.device_config import NodeRole
from twinspan.model.device_report import (
    Alarm,
    BfdStatus,
    BgpStatus,
    DeviceReport,
    FailoverStatus,
    HealthCheckStatus,
    LinkStatus,
    ProbeStatus,
    RouteStatus,
    SpanStatus,
    TunnelStatus,
)

DC = "192.168.1.0/24"


def report(node: str, role: NodeRole, **fields: Any) -> DeviceReport:
    return DeviceReport(
        **{
            "node": node,
            "role": role,
            "site": "two-spans",
            "profile": "edge",
            "observed_generation": 3,
            "digest": "",
            "converged": True,
            "at_ns": 1,
            "agent_pid": 1,
            **fields,
        }
    )


def statuses(*reports: DeviceReport, example: str = "01-two-spans/site.yaml") -> dict[str, dict[str, Any]]:
    """By key instead of id."""
    own, resources = stored(site_of(example))
    assembled = assemble(own, resources)
    keys = {one.id: key_of(one.kind, one.name) for one in resources}
    found = status_of(assembled.site, assembled.ids, {one.node: one for one in reports})
    return {keys[one]: status for one, status in found.items()}


def vbr(state: str = "Established", *, healthy: bool = True, link_up: bool = True) -> DeviceReport:
    return report(
        "vbr",
        "vbr",
        bgp=(BgpStatus(peer="gateway", peer_address="10.0.0.2", state=state, imported=2, exported=5, dropped=1),),
        bfd=(BfdStatus(peer_address="10.0.0.2", state="Up", interval_ms=300, detect_ms=900),),
        links=(LinkStatus(name="circ0", up=link_up, mtu=1500),),
        health_checks=(HealthCheckStatus(name="vbr", healthy=healthy, route_moved=not healthy),),
        routes=(RouteStatus(prefix=DC, table="254", via="10.0.0.2", device="circ0", protocol="bgp"),),
    )


def tunnel(name: str = "t1", ike: str = "ESTABLISHED", child: str = "INSTALLED") -> TunnelStatus:
    return TunnelStatus(name=name, device="tun0", ike_state=ike, child_state=child)


def vpn_gateway(*tunnels: TunnelStatus, **fields: Any) -> DeviceReport:
    return report("vpn-gateway", "vpn_gateway", tunnels=tunnels, **fields)


def test_nothing_is_said_of_what_nobody_reports() -> None:
    assert statuses() == {}
    assert "ipsec_connections.vpn" not in statuses(vbr())


def test_a_session_shows_its_state_counts_and_bfd() -> None:
    found = statuses(vbr())
    assert found["bgp_peers.vbr"] == {
        "bgp_state": "Established",
        "since": "",
        "received_routes": 2,
        "advertised_routes": 5,
        "dropped_routes": 1,
        "last_error": "",
        "bfd_state": "Up",
        "bfd_interval_ms": 300,
        "bfd_detect_ms": 900,
    }
    assert found["bgp_groups.vbr"] == {"bgp_state": "Established", "peers": 1}
    assert found["virtual_border_routers.vbr"] == {
        "bgp_state": "Established",
        "bfd_state": "Up",
        "link_up": True,
        "healthy": True,
    }
    assert found["physical_connections.circuit"] == {"link_up": True}


def test_where_the_vbr_is_silent_the_gateway_speaks_for_both() -> None:
    session = BgpStatus(peer="vbr", peer_address="10.0.0.1", state="Active", imported=5, exported=2)
    found = statuses(report("gateway", "gateway", bgp=(session,)))["bgp_peers.vbr"]
    assert (found["bgp_state"], found["received_routes"], found["advertised_routes"]) == ("Active", 2, 5)


def test_a_session_that_the_node_does_not_have_yet_is_idle() -> None:
    assert statuses(report("vbr", "vbr"))["bgp_peers.vbr"]["bgp_state"] == "Idle"


@pytest.mark.parametrize("healthy", [True, False])
def test_a_health_check_says_whether_the_vbr_is_healthy(healthy: bool) -> None:
    found = statuses(vbr(healthy=healthy))
    assert found["health_checks.vbr"] == {"healthy": healthy, "route_moved": not healthy}
    assert found["virtual_border_routers.vbr"]["healthy"] is healthy


@pytest.mark.parametrize(
    ("ike", "child", "word"),
    [
        ("down", "down", "ike_sa_not_established"),
        ("CONNECTING", "down", "ike_sa_not_established"),
        ("ESTABLISHED", "down", "ipsec_sa_not_established"),
        ("ESTABLISHED", "INSTALLED", "ipsec_sa_established"),
        ("REKEYING", "REKEYING", "ipsec_sa_established"),
    ],
)
def test_an_ipsec_connection_has_one_word(ike: str, child: str, word: str) -> None:
    assert connection_status(ike, child) == word
    assert statuses(vpn_gateway(tunnel(ike=ike, child=child)))["ipsec_connections.vpn"]["status"] == word


def test_of_two_tunnels_one_is_enough_and_each_is_shown() -> None:
    found = statuses(
        vpn_gateway(tunnel("t1", "down", "down"), tunnel("t2")), example="02-two-tunnels/dual-tunnel.yaml"
    )["ipsec_connections.vpn"]
    assert found["status"] == "ipsec_sa_established"
    assert [(one["role"], one["status"]) for one in found["tunnels"]] == [
        ("master", "ike_sa_not_established"),
        ("slave", "ipsec_sa_established"),
    ]


def test_a_gateway_counts_its_connections() -> None:
    found = statuses(vpn_gateway(tunnel("t1", "down", "down"), tunnel("t2")), example="02-two-tunnels/site.yaml")
    gateway = found["vpn_gateways.vpn-gateway"]
    assert (gateway["connections"], gateway["connections_up"]) == (2, 1)
    assert gateway["internet_ip"] == "198.18.1.2"


def test_the_standby_route_takes_over_from_a_connection_whose_probes_die() -> None:
    """The site of two connections watches them by health checks."""
    up, down = ProbeStatus(name="tunnel t2", state="up"), ProbeStatus(name="tunnel t1", state="down")
    found = statuses(vpn_gateway(tunnel("t1"), tunnel("t2"), probes=(up, down)), example="02-two-tunnels/site.yaml")
    routes = {key: status["route_status"] for key, status in found.items() if key.startswith("destination_routes.")}
    assert sorted(routes.values()) == ["active", "standby"]
    assert routes["destination_routes.data-center"] == "standby"


def test_a_route_table_shows_what_was_chosen_and_whether_the_node_has_it() -> None:
    transit = report(
        "transit-router",
        "transit_router",
        routes=(RouteStatus(prefix=DC, table="254", via="198.18.128.1", device="vbr0", protocol="bgp"),),
    )
    own, resources = stored(site_of("01-two-spans/site.yaml"))
    ids = {key_of(one.kind, one.name): one.id for one in resources}
    routes = statuses(transit, vbr(), vpn_gateway(tunnel()))["route_tables.transit-router-routes"]["routes"]
    ours = [route for route in routes if route["destination"] == DC]
    assert [(route["next_hop"], route["status"], route["installed"]) for route in ours] == [
        (ids["attachments.vbr-attachment"], "Active", True),
        (ids["attachments.user-attachment"], "Standby", None),
    ]
    office = next(route for route in routes if route["destination"] == "172.16.0.0/12")
    assert office["installed"] is False
    assert own.kind == "Site"


def test_the_site_shows_who_carries_and_what_is_wrong() -> None:
    gateway = report(
        "gateway",
        "gateway",
        converged=False,
        failover=FailoverStatus(
            carrying="vpn",
            reason="circuit is dead",
            override=True,
            spans=(SpanStatus(name="circuit", role="active", healthy=False, reasons=("bfd down",)),),
        ),
        alarms=(Alarm(name="active_dead", subject="circuit", since_ns=7),),
    )
    assert statuses(gateway)["sites.two-spans"] == {
        "nodes": {"gateway": {"generation": 3, "converged": False}},
        "alarms": [{"node": "gateway", "name": "active_dead", "subject": "circuit", "detail": ""}],
        "carrying": "vpn",
        "reason": "circuit is dead",
        "override": True,
        "spans": [{"name": "circuit", "role": "active", "healthy": False, "reasons": ["bfd down"]}],
    }


def test_a_status_is_the_same_for_the_same_events_whatever_was_counted_meanwhile() -> None:
    busy = TunnelStatus(
        name="t1", device="tun0", ike_state="ESTABLISHED", child_state="INSTALLED", bytes_in=99, established_s=1000
    )
    assert statuses(vpn_gateway(busy)) == statuses(vpn_gateway(tunnel()))


def test_what_a_failover_test_has_out_is_idle() -> None:
    own, resources = stored(site_of("01-two-spans/site.yaml"))
    ids = {key_of(one.kind, one.name): one.id for one in resources}
    job = resource("FailoverTestJob", "ftj-1", phase="testing", resources=(ids["physical_connections.circuit"],))
    assembled = assemble(own, [*resources, job])
    found = status_of(assembled.site, assembled.ids, {"vbr": report("vbr", "vbr")})
    session = found[ids["bgp_peers.vbr"]]
    assert (session["bgp_state"], session["last_error"]) == ("Idle", "a failover test has it out")
    assert found[ids["bgp_groups.vbr"]]["bgp_state"] == "Idle"
