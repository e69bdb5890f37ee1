"""Addresses that are chosen once."""

from __future__ import annotations

from tests.unit.engine.resource_samples import resource
from tests.unit.engine.test_site_assembly import blank

from twinspan.engine.chosen_addresses import chosen_on_create
from twinspan.model.health_check import HealthCheckSpec
from twinspan.model.resource import Resource
from twinspan.model.vpn_gateway import VpnGatewaySpec


def gateway(resource_id: str, **fields: object) -> Resource:
    return resource("VpnGateway", resource_id, vpc="vpc-1", **fields)


def test_a_vpn_gateway_gets_a_public_address_of_its_own() -> None:
    first = chosen_on_create(gateway("vpn-1"), [blank()])
    assert isinstance(first, VpnGatewaySpec)
    second = chosen_on_create(gateway("vpn-2"), [gateway("vpn-1", internet_ip=first.internet_ip)])
    assert isinstance(second, VpnGatewaySpec)
    assert (first.internet_ip, second.internet_ip) == ("198.18.1.2", "198.18.1.6")
    assert first.disaster_recovery_internet_ip == ""


def test_a_gateway_in_two_zones_gets_two() -> None:
    spec = chosen_on_create(gateway("vpn-1", disaster_recovery_vswitch="vsw-2"), [])
    assert isinstance(spec, VpnGatewaySpec)
    assert (spec.internet_ip, spec.disaster_recovery_internet_ip) == ("198.18.1.2", "198.18.1.6")


def test_an_address_that_is_written_stays() -> None:
    spec = chosen_on_create(gateway("vpn-1", internet_ip="203.0.113.9"), [])
    assert isinstance(spec, VpnGatewaySpec)
    assert spec.internet_ip == "203.0.113.9"


def test_a_health_check_gets_a_source_that_no_other_has_and_the_vbr_s_customer_side() -> None:
    vbr = resource("VirtualBorderRouter", "vbr-1", peer_gateway_ip="10.0.0.2")
    other = resource("HealthCheck", "hc-1", virtual_border_router="vbr-2", source_ip="100.96.0.1")
    spec = chosen_on_create(resource("HealthCheck", "hc-2", virtual_border_router="vbr-1"), [vbr, other])
    assert isinstance(spec, HealthCheckSpec)
    assert (spec.source_ip, spec.target_ip) == ("100.96.0.2", "10.0.0.2")


def test_a_custom_source_is_not_chosen() -> None:
    spec = chosen_on_create(resource("HealthCheck", "hc-2", source_method="custom"), [])
    assert isinstance(spec, HealthCheckSpec)
    assert spec.source_ip == ""
