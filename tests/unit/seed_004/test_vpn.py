"""Seed 004, Step 2: destination-based routes, weights, and what goes on to the VPC."""

import pytest

ROUTE = {"ipsec_connection": "vpn", "destination": "192.168.1.0/24"}


def rules(findings, severity="error"):
    return {one.rule.id for one in findings if one.severity == severity}


def announced_by_the_vpn_gateway(deployment):
    return {one.prefix for one in deployment.configs["vpn-gateway"].bgp.originate}


def test_the_vpn_gateway_sends_the_data_centre_into_the_connection_and_tells_the_vpc(complete, deploy) -> None:
    deployment = deploy(complete(ipsec_connections={"vpn": {}}, destination_routes={"dc": ROUTE}))
    (route,) = [one for one in deployment.configs["vpn-gateway"].routes if one.prefix == "192.168.1.0/24"]
    assert [hop.tunnel for hop in route.next_hops] == ["t1"]
    assert "192.168.1.0/24" in announced_by_the_vpn_gateway(deployment)


def test_a_route_that_is_not_advertised_stays_in_the_vpn_gateway(complete, deploy) -> None:
    route = {**ROUTE, "advertise_to_vpc": False}
    deployment = deploy(complete(ipsec_connections={"vpn": {}}, destination_routes={"dc": route}))
    assert "192.168.1.0/24" not in announced_by_the_vpn_gateway(deployment)
    assert [one for one in deployment.configs["vpn-gateway"].routes if one.prefix == "192.168.1.0/24"]


def test_a_route_names_a_connection_that_exists(judge) -> None:
    found = judge(ipsec_connections={"vpn": {}}, destination_routes={"dc": {**ROUTE, "ipsec_connection": "gone"}})
    assert rules(found) == {"R-REF-001"}


def test_a_route_is_active_and_advertised_unless_told_otherwise(complete) -> None:
    site = complete(ipsec_connections={"vpn": {}}, destination_routes={"dc": ROUTE})
    route = site.destination_routes["dc"]
    assert (route.weight, route.advertise_to_vpc) == (100, True)


@pytest.mark.parametrize("weight", [1, 50, 101])
def test_a_weight_is_100_or_0(judge, weight: int) -> None:
    assert rules(judge(ipsec_connections={"vpn": {}}, destination_routes={"dc": {**ROUTE, "weight": weight}}))


def test_the_connection_of_weight_100_is_tried_before_that_of_weight_0(complete, deploy) -> None:
    site = complete("02-two-tunnels/site.yaml")
    vpn = deploy(site).configs["vpn-gateway"]
    (route,) = [one for one in vpn.routes if one.prefix == "192.168.1.0/24"]
    assert [hop.tunnel for hop in route.next_hops] == ["t1", "t2"]
    assert [route.ipsec_connection for route in site.destination_routes.values() if route.weight == 100] == ["vpn-a"]


def test_every_way_of_a_doubled_standby_has_its_own_health_check(complete, deploy) -> None:
    vpn = deploy(complete("02-two-tunnels/site.yaml")).configs["vpn-gateway"]
    (route,) = [one for one in vpn.routes if one.prefix == "192.168.1.0/24"]
    tracks = [hop.track for hop in route.next_hops]
    probes = {probe.name: probe for probe in vpn.probes}
    assert len(set(tracks)) == 2
    assert [(probes[t].tunnel, probes[t].interval_ms, probes[t].lost_threshold) for t in tracks] == [
        ("t1", 1000, 3), ("t2", 1000, 3),
    ]  # fmt: skip
