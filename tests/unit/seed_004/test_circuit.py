"""Seed 004, Step 1: circuit, VBR, BGP group and BGP peer."""

import pytest

TRUNK = {"public_address": "198.18.0.154", "local_asn": 65001, "trunk_ports": ["circuit"]}


def rules(findings, severity="error"):
    return {one.rule.id for one in findings if one.severity == severity}


@pytest.mark.parametrize("vlan_id", [0, 1, 2999])
def test_a_vlan_id_from_0_to_2999_is_accepted(judge, vlan_id: int) -> None:
    assert not rules(judge(gateway=TRUNK, virtual_border_routers={"vbr": {"vlan_id": vlan_id}}))


@pytest.mark.parametrize("vlan_id", [-1, 3000])
def test_a_vlan_id_outside_is_refused(judge, vlan_id: int) -> None:
    assert rules(judge(gateway=TRUNK, virtual_border_routers={"vbr": {"vlan_id": vlan_id}})) == {"R-FIELD-004"}


def test_a_vlan_makes_the_port_of_both_ends_a_subinterface_with_that_vlan(complete, deploy) -> None:
    configs = deploy(complete("04-vlan/site.yaml")).configs
    vlans = {node: [link for link in configs[node].links if link.kind == "vlan"] for node in ("gateway", "vbr")}
    assert {node: [link.vlan_id for link in links] for node, links in vlans.items()} == {"gateway": [100], "vbr": [100]}
    for node, (link,) in vlans.items():
        parent = next(one for one in configs[node].links if one.name == link.parent)
        assert not parent.addresses, "with a VLAN, the port itself routes nothing"


def test_a_hosted_circuit_gives_its_vlan_and_bandwidth_to_the_vbr(complete) -> None:
    (vbr,) = complete("04-vlan/site.yaml").virtual_border_routers.values()
    assert (vbr.vlan_id, vbr.bandwidth_mbps) == (100, 500)


def test_two_accounts_share_a_circuit_in_two_vlans(judge) -> None:
    vbrs = {
        "vbr": {"vlan_id": 20},
        "guest": {
            "vlan_id": 21, "account": "1234", "physical_connection": "circuit",
            "local_gateway_ip": "10.9.0.1", "peer_gateway_ip": "10.9.0.2",
        },
    }  # fmt: skip
    sections = {"physical_connections": {"circuit": {}}, "virtual_border_routers": vbrs}
    assert not rules(judge(gateway=TRUNK, **sections))


def test_a_vbr_belongs_to_this_account_and_a_dedicated_circuit_unless_told_otherwise(complete) -> None:
    site = complete()
    assert [vbr.account for vbr in site.virtual_border_routers.values()] == ["current"]
    assert [one.type for one in site.physical_connections.values()] == ["dedicated"]


def test_names_descriptions_and_bandwidth_are_kept(complete) -> None:
    site = complete(
        virtual_border_routers={"north": {"description": "to the north", "bandwidth_mbps": 200}},
        bgp_groups={"edge": {"description": "the edge"}},
        health_checks={"pulse": {"description": "the pulse"}},
    )
    assert site.virtual_border_routers["north"].bandwidth_mbps == 200
    assert site.virtual_border_routers["north"].description == "to the north"
    assert site.bgp_groups["edge"].description == "the edge"
    assert site.health_checks["pulse"].description == "the pulse"


def test_the_mask_of_the_circuit_may_be_shorter_than_two_addresses_need(complete, deploy) -> None:
    site = complete(virtual_border_routers={"vbr": {"prefix_length": 28}})
    configs = deploy(site).configs
    assert ("10.0.0.1/28",) in [link.addresses for link in configs["vbr"].links]
    assert ("10.0.0.2/28",) in [link.addresses for link in configs["gateway"].links]


def test_a_custom_route_of_the_vbr_towards_the_circuit_is_installed_there(complete, deploy) -> None:
    table = {
        "virtual_border_router": "vbr",
        "entries": [{"destination": "10.50.0.0/16", "next_hop_kind": "circuit", "next_hop": "circuit"}],
    }
    site = complete(
        physical_connections={"circuit": {}}, virtual_border_routers={"vbr": {}}, route_tables={"vbr": table}
    )
    (route,) = [one for one in deploy(site).configs["vbr"].routes if one.prefix == "10.50.0.0/16"]
    assert [(hop.link, hop.via) for hop in route.next_hops] == [("circ0", "10.0.0.2")]


def test_ipv6_is_off_unless_the_vbr_turns_it_on(complete, deploy) -> None:
    off = deploy(complete()).configs["vbr"]
    assert {peer.family for peer in off.bgp.peers} == {"ipv4"}
    on = deploy(complete("05-dual-stack/site.yaml")).configs
    for node, address in (("vbr", "fd00:a::1/126"), ("gateway", "fd00:a::2/126")):
        assert any(address in link.addresses for link in on[node].links)
    assert "ipv6" in {peer.family for peer in on["gateway"].bgp.peers if peer.span}


def test_an_ipv6_group_makes_its_peer_an_ipv6_peer(complete) -> None:
    site = complete("05-dual-stack/site.yaml")
    six = [name for name, group in site.bgp_groups.items() if group.ip_version == "ipv6"]
    assert [peer.peer_ip for peer in site.bgp_peers.values() if peer.bgp_group in six] == ["fd00:a::2"]


@pytest.mark.parametrize("asn", [45104, 64512, 65534, 4200000000, 4294967294])
def test_a_local_asn_of_the_set_is_accepted(judge, asn: int) -> None:
    assert not rules(judge(bgp_groups={"vbr": {"local_asn": asn}}))


@pytest.mark.parametrize("asn", [45103, 64511, 65025, 65535, 4199999999, 4294967295])
def test_a_local_asn_outside_or_reserved_is_refused(judge, asn: int) -> None:
    assert rules(judge(bgp_groups={"vbr": {"local_asn": asn}}))


def test_the_route_quota_is_at_most_110_in_the_cloud_and_reaches_the_session(judge, complete, deploy) -> None:
    assert not rules(judge(profile="cloud", bgp_groups={"vbr": {"route_quota": 110}}))
    assert rules(judge(profile="cloud", bgp_groups={"vbr": {"route_quota": 111}})) == {"R-FIELD-005"}
    (peer,) = [one for one in deploy(complete()).configs["vbr"].bgp.peers if one.span]
    assert peer.import_limit == 110


def test_the_bgp_key_reaches_both_ends_of_the_session(complete, deploy) -> None:
    configs = deploy(complete()).configs
    keys = [peer.auth_key for node in ("gateway", "vbr") for peer in configs[node].bgp.peers if peer.span]
    assert [key.reveal() for key in keys] == ["key of bgp:vbr", "key of bgp:vbr"]


def test_bfd_with_its_hop_count_reaches_both_ends_or_neither(complete, deploy) -> None:
    on = deploy(complete(bgp_peers={"vbr": {"enable_bfd": True, "bfd_hop_count": 3}})).configs
    off = deploy(complete(bgp_peers={"vbr": {"enable_bfd": False}})).configs
    for node in ("gateway", "vbr"):
        assert [peer.bfd.hop_count for peer in on[node].bgp.peers if peer.span] == [3]
        assert [peer.bfd for peer in off[node].bgp.peers if peer.span] == [None]


@pytest.mark.parametrize(("hops", "accepted"), [(0, False), (1, True), (255, True), (256, False)])
def test_the_hop_count_is_1_to_255(judge, hops: int, accepted: bool) -> None:
    found = rules(judge(bgp_peers={"vbr": {"enable_bfd": True, "bfd_hop_count": hops}}))
    assert (not found) is accepted
