"""From the little that people wrote to a complete site."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from twinspan.engine.admission.admit import admit
from twinspan.engine.admission.references import RULES as REFERENCE_RULES
from twinspan.engine.expand import expand
from twinspan.model.decode import decode
from twinspan.model.finding import has_errors
from twinspan.model.kinds import SECTIONS
from twinspan.model.secret import encode_hook
from twinspan.model.site import Site, SiteFile

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted(ROOT.glob("examples/*/*.yaml"))
GOLDEN = ROOT / "tests" / "golden" / "sites"
IDS = ["-".join((path.parent.name, path.stem)) for path in EXAMPLES]

MINIMAL: dict[str, Any] = {
    "site": "minimal",
    "data_center": {"prefixes": ["192.168.1.0/24"]},
    "gateway": {"public_address": "198.18.0.154", "local_asn": 65001},
    "vpcs": {"office": {"cidr_block": "172.16.0.0/12"}, "user": {"cidr_block": "192.168.0.0/24"}},
}


def site_of(plain: dict[str, Any]) -> Site:
    decoded = decode(SiteFile, plain, profile=plain.get("profile", "edge"))
    assert decoded.value is not None, decoded.findings
    return expand(decoded.value)


def minimal(**more: Any) -> Site:
    return site_of({**MINIMAL, **more})


def golden_text(path: Path) -> str:
    site = site_of(yaml.safe_load(path.read_text()))
    plain = msgspec.to_builtins(site, enc_hook=encode_hook)
    plain["made"] = sorted(plain["made"])
    return msgspec.json.format(msgspec.json.encode(plain), indent=1).decode() + "\n"


@pytest.mark.parametrize("path", EXAMPLES, ids=IDS)
def test_an_example_expands_to_exactly_this_site(path: Path) -> None:
    assert golden_text(path) == (GOLDEN / f"{path.parent.name}-{path.stem}.json").read_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=IDS)
def test_an_example_is_admitted_and_says_what_it_shows(path: Path) -> None:
    assert path.read_text().startswith("# Shows ")
    assert not has_errors(admit(site_of(yaml.safe_load(path.read_text()))))


def test_there_is_one_golden_site_per_example() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == sorted(IDS)


@pytest.mark.parametrize("path", EXAMPLES, ids=IDS)
def test_expanding_a_complete_site_changes_nothing(path: Path) -> None:
    site = site_of(yaml.safe_load(path.read_text()))
    again = expand(site)
    assert msgspec.structs.replace(again, made=site.made) == site
    assert again.made == frozenset()


def test_the_smallest_site_has_one_of_everything_it_needs() -> None:
    site = minimal()
    counts = {section: len(getattr(site, section)) for section in SECTIONS}
    assert counts == {
        "physical_connections": 1, "virtual_border_routers": 1, "bgp_groups": 1, "bgp_peers": 1, "bgp_networks": 0,
        "vpcs": 2, "vswitches": 2, "route_tables": 4, "cens": 1, "transit_routers": 1, "attachments": 3,
        "office_networks": 1, "health_checks": 1, "vpn_gateways": 1, "customer_gateways": 1, "ipsec_connections": 1,
        "destination_routes": 1, "policy_routes": 0, "dns_services": 1, "dhcp_services": 1,
    }  # fmt: skip
    assert admit(site) == ()


def test_the_smallest_site_has_the_values_of_the_seeds_plan() -> None:
    site = minimal()
    vbr = site.virtual_border_routers["vbr"]
    assert (vbr.vlan_id, vbr.local_gateway_ip, vbr.peer_gateway_ip, vbr.prefix_length) == (
        0,
        "10.0.0.1",
        "10.0.0.2",
        30,
    )
    group = site.bgp_groups["vbr"]
    assert (group.local_asn, group.peer_asn, group.route_quota) == (45104, 65001, 110)
    peer = site.bgp_peers["vbr"]
    assert (peer.peer_ip, peer.enable_bfd, peer.bfd_hop_count) == ("10.0.0.2", True, 1)
    check = site.health_checks["vbr"]
    assert (check.source_ip, check.target_ip, check.change_route) == ("100.96.0.1", "10.0.0.2", True)
    assert site.vpn_gateways["vpn-gateway"].vpc == "user"
    route = site.destination_routes["data-center-1"]
    assert (route.destination, route.weight, route.advertise_to_vpc, route.advertise_to_cen) == (
        "192.168.1.0/24", 100, True, True,
    )  # fmt: skip


def test_services_are_reached_through_the_user_vpc() -> None:
    (entry,) = minimal().route_tables["transit-router-routes"].entries
    assert (entry.destination, entry.next_hop) == ("100.64.0.0/10", "user-attachment")


def test_what_people_wrote_stays_and_is_not_marked_as_made() -> None:
    site = minimal(virtual_border_routers={"edge-1": {"local_gateway_ip": "10.9.0.5", "detect_multiplier": 4}})
    vbr = site.virtual_border_routers["edge-1"]
    assert (vbr.local_gateway_ip, vbr.peer_gateway_ip, vbr.detect_multiplier) == ("10.9.0.5", "10.9.0.6", 4)
    assert "virtual_border_routers.edge-1" not in site.made
    assert "virtual_border_routers.edge-1.local_gateway_ip" not in site.made
    assert "virtual_border_routers.edge-1.peer_gateway_ip" in site.made


def test_circuit_addresses_keep_off_the_sites_networks() -> None:
    site = minimal(data_center={"prefixes": ["10.0.0.0/24"]})
    assert site.virtual_border_routers["vbr"].local_gateway_ip == "10.255.255.1"


def test_a_hosted_circuit_gives_its_vlan_to_the_vbr() -> None:
    site = minimal(physical_connections={"circuit": {"type": "hosted", "vlan_id": 100, "bandwidth_mbps": 450}})
    vbr = site.virtual_border_routers["vbr"]
    assert (vbr.vlan_id, vbr.bandwidth_mbps) == (100, 400)


def test_a_vpn_gateway_in_the_office_vpc_speaks_bgp() -> None:
    site = minimal(vpn_gateways={"vpn-gateway": {"vpc": "office"}})
    bgp = site.ipsec_connections["vpn"].bgp
    assert bgp is not None
    assert (bgp.tunnel_cidr, bgp.local_ip) == ("169.254.10.0/30", "169.254.10.1")
    assert site.destination_routes == {}
    assert not has_errors(admit(site))


def test_a_site_with_only_an_office_vpc_works() -> None:
    site = minimal(vpcs={"office": {"cidr_block": "172.16.0.0/12"}})
    assert site.vpn_gateways["vpn-gateway"].vpc == "office"
    assert not has_errors(admit(site))


def test_of_two_connections_the_first_is_active() -> None:
    routes = minimal(ipsec_connections={"b": {}, "a": {}}).destination_routes
    assert [(route.ipsec_connection, route.weight) for route in routes.values()] == [("b", 100), ("a", 0)]


def test_two_tunnels_end_at_two_addresses_in_two_zones() -> None:
    site = minimal(ipsec_connections={"vpn": {"tunnels": [{"role": "master"}, {"role": "slave"}]}})
    gateway = site.vpn_gateways["vpn-gateway"]
    zones = {site.vswitches[name].zone for name in (gateway.vswitch, gateway.disaster_recovery_vswitch)}
    assert len(zones) == 2
    assert gateway.internet_ip != gateway.disaster_recovery_internet_ip
    assert not has_errors(admit(site))


def test_dhcp_hands_out_the_clouds_resolvers_or_the_gateway() -> None:
    assert minimal().dhcp_services["dhcp"].dns_servers == ("100.100.2.136", "100.100.2.138")
    forwarding = minimal(dns_services={"dns": {"method": "forward"}})
    assert forwarding.dhcp_services["dhcp"].dns_servers == ("192.168.1.1",)


def test_a_choice_is_left_to_people() -> None:
    site = minimal(physical_connections={"one": {}, "two": {}})
    assert site.virtual_border_routers["vbr"].physical_connection == ""
    assert [finding.rule.id for finding in admit(site)] == ["R-REF-002"]


OCTET = st.integers(0, 255)
PREFIX = st.builds(lambda a, b, length: (a, b, length), st.integers(1, 223), OCTET, st.integers(8, 28))


@given(st.lists(PREFIX, min_size=1, max_size=4), PREFIX, PREFIX, st.booleans())
def test_any_plan_of_addresses_gives_settled_references_and_the_same_site_twice(
    center: list[tuple[int, int, int]], office: tuple[int, int, int], user: tuple[int, int, int], ipv6: bool
) -> None:
    def text(parts: tuple[int, int, int]) -> str:
        bits = (parts[0] << 24 | parts[1] << 16) >> (32 - parts[2]) << (32 - parts[2])
        return f"{bits >> 24}.{bits >> 16 & 255}.{bits >> 8 & 255}.{bits & 255}/{parts[2]}"

    plain = {
        **MINIMAL,
        "data_center": {"prefixes": [text(parts) for parts in center]},
        "vpcs": {"office": {"cidr_block": text(office)}, "user": {"cidr_block": text(user)}},
        "virtual_border_routers": {"vbr": {"enable_ipv6": ipv6}},
    }
    site = site_of(plain)
    assert site_of(plain) == site
    dangling = [finding.rule.id for rule in REFERENCE_RULES for finding in rule.findings(site)]
    assert set(dangling) <= {"R-REF-003"}
    admit(site)


if __name__ == "__main__":
    for example in EXAMPLES:
        (GOLDEN / f"{example.parent.name}-{example.stem}.json").write_text(golden_text(example))
