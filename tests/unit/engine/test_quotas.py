"""Quotas: defaults with their sources, what is counted in what, what an operator raises."""

import pytest
from tests.unit.engine.resource_samples import resource

from twinspan.engine.quotas import QUOTAS, exceeded, limit_of
from twinspan.model.resource import Resource


def connections(count: int, gateway: str = "vpn-1") -> list[Resource]:
    return [resource("IpsecConnection", f"vco-{gateway}-{number}", vpn_gateway=gateway) for number in range(count)]


def test_the_defaults_are_those_of_the_cloud() -> None:
    assert {quota.name: quota.limit for quota in QUOTAS} == {
        "routes_per_bgp_peer": 110,
        "tags_per_resource": 20,
        "bgp_peers_per_vbr": 8,
        "unbuilt_circuits_per_account": 5,
        "vpn_gateways_per_account": 30,
        "connections_per_vpn_gateway": 10,
        "destination_routes_per_vpn_gateway": 20,
        "policy_routes_per_vpn_gateway": 20,
        "bgp_routes_per_vpn_gateway": 50,
        "customer_gateways_per_account": 100,
        "vpn_attachments_per_transit_router": 50,
        "routes_per_transit_router_table": 2000,
        "resources_per_failover_test_job": 16,
    }
    assert all(quota.source and quota.text.endswith(".") for quota in QUOTAS)


def test_the_last_one_fits_and_the_next_does_not() -> None:
    one_more = resource("IpsecConnection", "new", vpn_gateway="vpn-1")
    assert exceeded(one_more, connections(9)) is None
    refusal = exceeded(one_more, connections(10))
    assert refusal is not None
    assert refusal.code == "QuotaExceeded.connections_per_vpn_gateway"
    assert refusal.value == "vpn-1"
    assert "10 of 10" in refusal.problem


def test_an_operator_raises_it() -> None:
    one_more = resource("IpsecConnection", "new", vpn_gateway="vpn-1")
    assert exceeded(one_more, connections(10), {"connections_per_vpn_gateway": 11}) is None


def test_what_belongs_to_another_parent_is_not_counted() -> None:
    one_more = resource("IpsecConnection", "new", vpn_gateway="vpn-1")
    assert exceeded(one_more, [*connections(9), *connections(10, "vpn-2")]) is None


def test_peers_are_counted_per_vbr_across_its_groups() -> None:
    groups = [resource("BgpGroup", f"bgpg-{n}", virtual_border_router="vbr-1") for n in (1, 2)]
    peers = [resource("BgpPeer", f"bgp-{n}", bgp_group=f"bgpg-{n % 2 + 1}", peer_ip=f"10.0.0.{n}") for n in range(8)]
    one_more = resource("BgpPeer", "new", bgp_group="bgpg-1", peer_ip="10.0.0.99")
    assert exceeded(one_more, [*groups, *peers[:7]]) is None
    assert exceeded(one_more, [*groups, *peers]) is not None


def test_only_vpn_attachments_count_as_such() -> None:
    plain = [resource("Attachment", f"tr-attach-{n}", transit_router="tr-1", vpc=f"vpc-{n}") for n in range(50)]
    one_more = resource("Attachment", "new", transit_router="tr-1", ipsec_connection="vco-1")
    assert exceeded(one_more, plain) is None
    vpns = [resource("Attachment", f"t-{n}", transit_router="tr-1", ipsec_connection=f"v-{n}") for n in range(50)]
    assert exceeded(one_more, vpns) is not None
    assert exceeded(resource("Attachment", "new", transit_router="tr-1", vpc="vpc-x"), vpns) is None


def test_only_circuits_that_are_not_enabled_yet_count() -> None:
    enabled = [resource("PhysicalConnection", f"pc-{n}") for n in range(9)]
    waiting = [resource("PhysicalConnection", f"pw-{n}", phase="initial") for n in range(5)]
    one_more = resource("PhysicalConnection", "new", phase="initial")
    assert exceeded(one_more, enabled) is None
    assert exceeded(one_more, [*enabled, *waiting]) is not None


def test_a_name_that_is_no_quota_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        limit_of("nonsense")
