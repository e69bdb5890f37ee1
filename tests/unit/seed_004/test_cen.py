"""Seed 004, Step 3: attachments of the CEN instance and the VBR's health check."""

import ipaddress

import pytest


def rules(findings, severity="error"):
    return {one.rule.id for one in findings if one.severity == severity}


def test_vbr_and_vpcs_are_attached_to_one_transit_router_that_is_made_if_nobody_made_it(complete) -> None:
    site = complete()
    assert len(site.transit_routers) == 1
    assert {attachment.transit_router for attachment in site.attachments.values()} == set(site.transit_routers)
    assert any(one.startswith("transit_routers") for one in site.made)


def test_the_transit_router_is_cabled_to_the_vbr_and_to_every_vpc(complete, deploy) -> None:
    wires = deploy(complete()).topology.wires
    beside = {w.b.node if w.a.node == "transit-router" else w.a.node for w in wires
              if "transit-router" in (w.a.node, w.b.node)}  # fmt: skip
    assert beside == {"vbr", "office-vpc", "user-vpc"}


def test_an_attachment_belongs_to_this_account_and_region_unless_told_otherwise(complete) -> None:
    site = complete()
    assert {attachment.account for attachment in site.attachments.values()} == {"current"}
    assert site.region == "cn-hangzhou"


def test_the_transit_router_takes_the_data_centre_from_the_vbr_and_hands_it_to_the_office(complete, deploy) -> None:
    peers = {peer.name: peer for peer in deploy(complete()).configs["transit-router"].bgp.peers}
    assert "192.168.1.0/24" in {one.prefix for one in peers["vbr"].import_filters}
    assert "192.168.1.0/24" in {one.prefix for one in peers["vpc1"].export_filters}


@pytest.mark.parametrize(("seconds", "accepted"), [(1, False), (2, True), (3, True), (4, False)])
def test_the_probe_interval_is_2_or_3_seconds(judge, seconds: int, accepted: bool) -> None:
    assert (not rules(judge(health_checks={"vbr": {"interval_s": seconds}}))) is accepted


@pytest.mark.parametrize(("packets", "accepted"), [(2, False), (3, True), (8, True), (9, False)])
def test_the_probe_packets_are_3_to_8(judge, packets: int, accepted: bool) -> None:
    assert (not rules(judge(health_checks={"vbr": {"probe_packets": packets}}))) is accepted


def test_the_check_probes_every_2_s_counts_8_and_moves_routes_unless_told_otherwise(complete, deploy) -> None:
    vbr = deploy(complete(health_checks={"vbr": {}})).configs["vbr"]
    (check,) = vbr.health_checks
    probe = next(one for one in vbr.probes if one.name == check.probe)
    assert (probe.interval_ms, probe.lost_threshold, check.change_route) == (2000, 8, True)


def test_the_check_asks_the_customer_side_of_the_vbr_from_the_automatic_pool(complete, deploy) -> None:
    vbr = deploy(complete(health_checks={"vbr": {}})).configs["vbr"]
    probe = next(one for one in vbr.probes if one.name == vbr.health_checks[0].probe)
    assert probe.destination == "10.0.0.2"
    assert ipaddress.ip_address(probe.source) in ipaddress.ip_network("100.96.0.0/16")


def test_the_check_watches_the_vbr_and_the_cen_instance_of_the_site(complete) -> None:
    site = complete(health_checks={"pulse": {}})
    check = site.health_checks["pulse"]
    assert check.virtual_border_router in site.virtual_border_routers
    assert check.cen in site.cens


@pytest.mark.parametrize("source", ["10.77.0.9", "172.31.255.9", "192.168.77.9"])
def test_a_custom_source_is_private_and_used(complete, deploy, source: str) -> None:
    site = complete(
        vpcs={"office": {"cidr_block": "172.16.0.0/16"}, "user": {"cidr_block": "192.168.0.0/24"}},
        health_checks={"vbr": {"source_method": "custom", "source_ip": source}},
    )
    vbr = deploy(site).configs["vbr"]
    assert next(one for one in vbr.probes if one.name == vbr.health_checks[0].probe).source == source


@pytest.mark.parametrize("source", ["8.8.8.8", "10.0.0.1", "10.0.0.2"])
def test_a_public_custom_source_or_one_of_the_circuits_own_is_refused(judge, source: str) -> None:
    assert rules(judge(health_checks={"vbr": {"source_method": "custom", "source_ip": source}}))


def test_the_source_is_advertised_over_the_circuit_and_the_gateway_takes_it(complete, deploy) -> None:
    configs = deploy(complete(health_checks={"vbr": {}})).configs
    source = next(iter(configs["vbr"].probes)).source + "/32"
    assert source in {one.prefix for one in configs["vbr"].bgp.originate if one.span == "circuit"}
    (peer,) = configs["gateway"].bgp.peers
    assert source in {one.prefix for one in peer.import_filters}


def test_with_change_route_off_the_node_is_told_to_probe_only(complete, deploy) -> None:
    vbr = deploy(complete(health_checks={"vbr": {"change_route": False}})).configs["vbr"]
    assert [check.change_route for check in vbr.health_checks] == [False]


@pytest.mark.parametrize(
    ("region", "limit"),
    [("cn-hangzhou", 16), ("eu-central-1", 16), ("ap-southeast-6", 8), ("ap-northeast-2", 8), ("cn-fuzhou", 8)],
)
def test_a_region_gives_so_many_automatic_sources_and_no_more(judge, region: str, limit: int) -> None:
    def refused(vbrs: int) -> bool:
        names = ["vbr", *(f"vbr-{n}" for n in range(2, vbrs + 1))]
        routers = {
            name: {
                "physical_connection": "circuit",
                "vlan_id": n,
                "account": "current" if n == 1 else str(1000 + n),
                "local_gateway_ip": f"10.9.{n}.1",
                "peer_gateway_ip": f"10.9.{n}.2",
            }
            for n, name in enumerate(names, start=1)
        }
        found = judge(
            region=region,
            gateway={"public_address": "198.18.0.154", "local_asn": 65001, "trunk_ports": ["circuit"]},
            physical_connections={"circuit": {}},
            virtual_border_routers=routers,
            health_checks={name: {"virtual_border_router": name} for name in names},
        )
        return "R-HC-006" in rules(found)

    assert not refused(limit)
    assert refused(limit + 1)
