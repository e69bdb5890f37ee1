"""Seed 004, Step 6: the services network and the two ways to its resolvers."""

import pytest

RESOLVERS = ("100.100.2.136", "100.100.2.138")


def test_the_services_network_is_reached_over_both_spans_and_lies_behind_the_user_vpc(complete, deploy) -> None:
    deployment = deploy(complete("01-two-spans/site.yaml"))
    assert "100.64.0.0/10" in deployment.cloud_prefixes
    circuit, vpn = deployment.configs["gateway"].failover.spans
    assert "100.64.0.0/10" in circuit.expected_prefixes
    assert {p.target for p in vpn.probes} >= {"100.64.0.0/10"}
    beside = [(w.a.node, w.b.node) for w in deployment.topology.wires if "services" in (w.a.node, w.b.node)]
    assert beside == [("user-vpc", "services")]


def test_the_services_answer_at_the_two_resolvers_the_name_that_is_tested(complete, deploy) -> None:
    deployment = deploy(complete())
    dns = deployment.configs["services"].dns
    assert dns.listen_addresses == RESOLVERS
    assert deployment.dns_name == "ecd-vpc.cn-hangzhou.aliyuncs.com"
    assert deployment.dns_name in dict(dns.records)


def test_method_one_dhcp_hands_out_both_resolvers(complete, deploy) -> None:
    site = complete(dhcp_services={"dhcp": {}})
    gateway = deploy(site).configs["gateway"]
    assert gateway.dhcp.dns_servers == RESOLVERS
    assert gateway.dhcp.router == site.data_center.gateway_address


@pytest.mark.parametrize("suffix", ["aliyuncs.com"])
def test_method_two_the_resolver_forwards_the_clouds_suffix_only(complete, deploy, suffix: str) -> None:
    gateway = deploy(complete(dns_services={"dns": {"method": "forward"}})).configs["gateway"]
    assert gateway.dns.forward_suffixes == (suffix,)
    assert gateway.dns.forwarders == RESOLVERS
