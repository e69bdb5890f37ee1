"""May a resource be as it is wished to be: the rules of sites for single resources, and the service's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.engine.resource_samples import resource, stored
from tests.unit.engine.test_site_assembly import EXAMPLES, FILES, blank, site_of

from twinspan.engine.admission.admit import GROUNDWORK, RULES
from twinspan.engine.neighbourhood import neighbourhood
from twinspan.engine.partial_site import ADVICE, NEEDS_DATA_CENTRE, WHOLE, worse_by
from twinspan.engine.reference_walk import references
from twinspan.engine.resource_rules import Verdict, judge, twin_routes
from twinspan.model.data_center import DataCenterSpec
from twinspan.model.gateway import GatewaySpec
from twinspan.model.resource import Resource
from twinspan.model.route_table import RouteEntry
from twinspan.model.secret import Secret
from twinspan.model.secret_source import SecretSource
from twinspan.model.site import SiteSpec

DAY_NS = 86_400 * 10**9
DC = "192.168.1.0/24"


def around(one: Resource, everything: list[Resource]) -> tuple[Resource, ...]:
    by_id = {other.id: other for other in everything}
    users = {
        target: [other.id for other in everything if any(m.target == target for m in references(other.spec))]
        for target in by_id
    }
    return neighbourhood(one, by_id.get, lambda resource_id: users.get(resource_id, []))


def verdict(one: Resource, *others: Resource, **known: Any) -> Verdict:
    return judge(one, around(one, list(others)), **known)


def codes(one: Resource, *others: Resource, **known: Any) -> set[str]:
    return {refusal.code for refusal in verdict(one, *others, **known).refusals}


CIRCUIT = resource("PhysicalConnection", "pc-1")


def vbr(resource_id: str = "vbr-1", **fields: Any) -> Resource:
    given = {"physical_connection": "pc-1", "local_gateway_ip": "10.0.0.1", "peer_gateway_ip": "10.0.0.2"}
    phase = fields.pop("phase", "ready")
    return resource("VirtualBorderRouter", resource_id, phase=phase, **{**given, **fields})


OTHER_LINK = {"local_gateway_ip": "10.0.1.1", "peer_gateway_ip": "10.0.1.2"}


@pytest.mark.parametrize("example", FILES)
def test_an_example_can_be_made_resource_by_resource(example: str) -> None:
    """In the order in which apply makes it, each among what is there already; route tables without their entries."""
    _, resources = stored(site_of(example))
    there: list[Resource] = []
    for one in resources:
        if one.kind != "Site":
            bare = replace(one, spec=replace(one.spec, entries=())) if one.kind == "RouteTable" else one  # type: ignore[call-arg]
            refusals = judge(bare, around(bare, there)).refusals
            assert refusals == (), (one.kind, one.name, refusals)
            there.append(one)


@pytest.mark.parametrize("example", FILES)
def test_an_example_stays_as_it_is_among_its_own(example: str) -> None:
    own, resources = stored(site_of(example))
    for one in resources:
        if one.kind != "Site":
            assert judge(one, around(one, resources), before=one, site=own).refusals == ()


def test_a_second_vbr_beside_vlan_0_is_refused_whichever_comes_first() -> None:
    plain, tagged = vbr(), vbr("vbr-2", vlan_id=7, **OTHER_LINK)
    assert codes(tagged, CIRCUIT, plain) == {"R-VBR-001"}
    assert codes(plain, CIRCUIT, tagged) == {"R-VBR-001"}
    assert codes(replace(plain, spec=replace(plain.spec, vlan_id=8)), CIRCUIT, tagged) == set()  # type: ignore[call-arg]


def test_a_terminated_vbr_keeps_its_vlan_for_a_week() -> None:
    old = replace(vbr("vbr-2", vlan_id=7, phase="terminated", **OTHER_LINK), updated_ns=DAY_NS)
    fresh = vbr(vlan_id=7)
    assert codes(fresh, CIRCUIT, old, now_ns=7 * DAY_NS) == {"R-VBR-002"}
    assert codes(fresh, CIRCUIT, old, now_ns=8 * DAY_NS) == set()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"peer_gateway_ip": "10.9.0.2"}, "R-VBR-007"),
        ({"local_gateway_ip": "10.0.0.0"}, "R-VBR-008"),
        ({"peer_gateway_ip": "10.0.0.1"}, "R-VBR-009"),
        ({"tags": {"acs:x": "1"}}, "R-TAG-002"),
    ],
)
def test_a_value_that_no_site_may_have_is_refused_with_its_field(fields: dict[str, Any], code: str) -> None:
    (refusal, *_) = verdict(vbr(**fields), CIRCUIT).refusals
    assert refusal.code == code
    assert refusal.field
    assert refusal.remedy


def test_what_was_wrong_before_does_not_hold_up_another_change() -> None:
    bad = vbr(peer_gateway_ip="10.9.0.2")
    better = replace(bad, spec=replace(bad.spec, description="words"))  # type: ignore[call-arg]
    assert codes(bad, CIRCUIT) == {"R-VBR-007"}
    assert codes(better, CIRCUIT, before=bad) == set()


def test_ipv6_cannot_be_switched_off() -> None:
    links = {"local_ipv6_gateway_ip": "fd00:a::1", "peer_ipv6_gateway_ip": "fd00:a::2"}
    before = vbr(enable_ipv6=True, **links)
    assert codes(vbr(), CIRCUIT, before=before) == {"R-VBR-011"}


def test_the_data_centre_counts_only_where_a_site_is_named() -> None:
    """The seed's cloud does not know the data centre; a site file does."""
    group = resource("BgpGroup", "bgpg-1", virtual_border_router="vbr-1", peer_asn=65002)
    assert codes(group, CIRCUIT, vbr()) == set()
    assert codes(group, CIRCUIT, vbr(), site=blank()) == {"R-BGP-002"}


def test_a_peer_of_another_family_is_refused() -> None:
    group = resource("BgpGroup", "bgpg-1", virtual_border_router="vbr-1", peer_asn=65001)
    assert codes(
        resource("BgpPeer", "bgp-1", bgp_group="bgpg-1", peer_ip="fd00::1", bfd_hop_count=1), CIRCUIT, vbr(), group
    )
    good = resource("BgpPeer", "bgp-1", bgp_group="bgpg-1", peer_ip="10.0.0.2", bfd_hop_count=1)
    assert codes(good, CIRCUIT, vbr(), group) == set()
    again = replace(good, id="bgp-2")
    assert codes(again, CIRCUIT, vbr(), group, good) == {"R-PEER-004"}


def network() -> list[Resource]:
    return [
        resource("Cen", "cen-1"),
        resource("TransitRouter", "tr-1", cen="cen-1"),
        resource("Vpc", "vpc-1", cidr_block="172.16.0.0/12"),
        resource("Vpc", "vpc-2", cidr_block="172.16.0.0/12"),
        resource("Vpc", "vpc-3", cidr_block="172.16.1.0/24"),
        attachment("tr-attach-1", vpc="vpc-1"),
    ]


def attachment(resource_id: str = "tr-attach-9", **fields: Any) -> Resource:
    off = {"route_table_association": None, "route_table_propagation": ()}
    return resource("Attachment", resource_id, **{"transit_router": "tr-1", **off, **fields})


def test_networks_of_a_cen_instance_may_overlap_but_not_be_the_same() -> None:
    assert codes(attachment(vpc="vpc-2"), *network()) == {"R-CEN-001"}
    assert codes(attachment(vpc="vpc-3"), *network()) == set()


def test_a_network_is_attached_once() -> None:
    assert codes(attachment(vpc="vpc-1"), *network()) == {"R-ATT-002"}


def test_without_association_an_attachment_is_made_and_warned_of() -> None:
    found = verdict(attachment(vpc="vpc-3"), *network())
    assert found.refusals == ()
    assert {"R-ATT-003", "R-ATT-004"} <= {finding.rule.id for finding in found.warnings}


def test_another_account_s_network_needs_its_owner_s_grant() -> None:
    theirs = replace(resource("Vpc", "vpc-9", cidr_block="10.9.0.0/16"), account="b")
    grant = replace(resource("AttachmentGrant", "grant-1", instance="vpc-9", cen="cen-1", cen_account="a"), account="b")
    wanted = attachment(vpc="vpc-9", account="b")
    everything = [*network(), replace(theirs, spec=replace(theirs.spec, account="b"))]  # type: ignore[call-arg]
    assert {refusal.code for refusal in judge(wanted, everything).refusals} == {"R-CEN-002"}
    assert judge(wanted, [*everything, grant]).refusals == ()
    elsewhere = replace(grant, spec=replace(grant.spec, cen="cen-2"))  # type: ignore[call-arg]
    assert judge(wanted, [*everything, elsewhere]).refusals


@pytest.mark.parametrize(
    ("blocks", "code"),
    [
        (("10.1.0.0/25",), "R-TR-001"),
        (("100.64.0.0/16",), "R-NET-005"),
        (("10.1.0.0/16", "10.1.2.0/24"), "R-TR-002"),
        (("10.1.0.0/16", "10.2.0.0/24"), None),
    ],
)
def test_a_transit_router_s_own_blocks(blocks: tuple[str, ...], code: str | None) -> None:
    router = resource("TransitRouter", "tr-1", cen="cen-1", cidr_blocks=blocks)
    assert codes(router, resource("Cen", "cen-1")) == ({code} if code else set())


def test_a_vbr_is_watched_after_it_was_attached() -> None:
    check = resource("HealthCheck", "hc-1", cen="cen-1", virtual_border_router="vbr-1")
    there = [CIRCUIT, vbr(), *network()]
    assert codes(check, *there) == {"R-HC-009"}
    assert codes(check, *there, attachment(virtual_border_router="vbr-1")) == set()


def vpn() -> list[Resource]:
    return [
        resource("Vpc", "vpc-1", cidr_block="192.168.0.0/24", role="user"),
        resource("Vswitch", "vsw-1", vpc="vpc-1", cidr_block="192.168.0.0/25"),
        resource("VpnGateway", "vpn-1", vpc="vpc-1", vswitch="vsw-1"),
        resource("CustomerGateway", "cgw-1", ip_address="203.0.113.2", asn=65001),
        resource("IpsecConnection", "vco-1", vpn_gateway="vpn-1", customer_gateway="cgw-1"),
        resource("IpsecConnection", "vco-2", vpn_gateway="vpn-1", customer_gateway="cgw-1"),
    ]


def route(resource_id: str, via: str, weight: int, **fields: Any) -> Resource:
    given = {"ipsec_connection": via, "destination": DC, "weight": weight}
    return resource("DestinationRoute", resource_id, **{**given, **fields})


def test_two_routes_to_one_destination_have_different_weights_and_connections() -> None:
    first = route("dbr-1", "vco-1", 100)
    assert codes(route("dbr-2", "vco-2", 0), *vpn(), first) == set()
    assert codes(route("dbr-2", "vco-2", 100), *vpn(), first) == {"R-DBR-003"}
    assert codes(route("dbr-2", "vco-1", 0), *vpn(), first) == {"R-DBR-003"}


@pytest.mark.parametrize("changed", ["dbr-1", "dbr-2"])
def test_a_weight_is_changed_while_the_partner_is_away(changed: str) -> None:
    """Seed 004 Step 2: delete the other one, change this one, make the other one again."""
    both = {"dbr-1": route("dbr-1", "vco-1", 100), "dbr-2": route("dbr-2", "vco-2", 0)}
    before = both[changed]
    after = replace(before, spec=replace(before.spec, weight=100 - before.spec.weight))  # type: ignore[attr-defined, call-arg]
    assert "R-DBR-013" in codes(after, *vpn(), *both.values(), before=before)
    assert codes(after, *vpn(), before, before=before) == set()


@pytest.mark.parametrize("destination", ["0.0.0.0/0", "100.64.0.0/10", "100.64.3.0/24", "100.0.0.0/8"])
def test_a_vpn_route_leads_neither_everywhere_nor_to_the_cloud_s_services(destination: str) -> None:
    assert "R-DBR-001" in codes(route("dbr-1", "vco-1", 100, destination=destination), *vpn())


def test_withdrawing_one_of_two_twins_withdraws_both() -> None:
    one = route("dbr-1", "vco-1", 100)
    policy = {"ipsec_connection": "vco-2", "route_source": "192.168.0.0/24", "destination": DC}
    twin = resource("PolicyRoute", "pbr-1", **policy)
    hidden = resource("PolicyRoute", "pbr-2", **policy, advertise_to_vpc=False)
    other = resource("PolicyRoute", "pbr-3", **{**policy, "destination": "10.0.0.0/8"})
    everything = [*vpn(), one, twin, hidden, other]
    assert [found.id for found in twin_routes(one, around(one, everything))] == ["pbr-1"]
    assert [found.id for found in twin_routes(twin, around(twin, everything))] == ["dbr-1"]
    assert twin_routes(everything[0], everything) == ()


def test_two_tunnels_need_two_zones() -> None:
    tunnels = stored(site_of("02-two-tunnels/dual-tunnel.yaml"))[1]
    spec = next(one.spec for one in tunnels if one.kind == "IpsecConnection")
    wanted = replace(
        vpn()[4],
        spec=replace(
            spec,
            vpn_gateway="vpn-1",
            customer_gateway="cgw-1",
            tunnels=tuple(  # type: ignore[call-arg]
                replace(tunnel, customer_gateway="cgw-1")
                for tunnel in spec.tunnels  # type: ignore[attr-defined]
            ),
        ),
    )
    assert codes(wanted, *vpn()[:4]) == {"R-VPN-002"}


def test_a_route_quota_stays_within_the_account_s_at_the_compatible_edge() -> None:
    group = resource("BgpGroup", "bgpg-1", virtual_border_router="vbr-1", peer_asn=65001, route_quota=200)
    assert codes(group, CIRCUIT, vbr()) == set()
    assert codes(group, CIRCUIT, vbr(), edge="alibaba") == {"QuotaExceeded.routes_per_bgp_peer"}
    assert codes(group, CIRCUIT, vbr(), edge="alibaba", limits={"routes_per_bgp_peer": 200}) == set()


def test_a_transit_router_s_table_holds_so_many_entries() -> None:
    entries = tuple(
        RouteEntry(destination=f"10.{number // 256}.{number % 256}.0/24", next_hop_kind="blackhole")
        for number in range(2001)
    )
    table = resource("RouteTable", "vtb-1", transit_router="tr-1", entries=entries)
    assert codes(table, *network()) == {"QuotaExceeded.routes_per_transit_router_table"}
    assert codes(table, *network(), limits={"routes_per_transit_router_table": 2001}) == set()


def test_names_follow_the_cloud_s_rules_at_its_own_edge() -> None:
    named = replace(CIRCUIT, name="http://x")
    assert codes(named, edge="alibaba") == {"R-NAME-001"}
    assert codes(named, edge="alibaba", before=named) == set()


def route_map(resource_id: str = "cenrmap-1", **fields: Any) -> Resource:
    given = {"cen": "cen-1", "direction": "in", "result": "permit", "priority": 10}
    return resource("RouteMap", resource_id, **{**given, **fields})


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"priority": 20}, "R-MAP-001"),
        ({"result": "deny", "next_priority": 30}, "R-MAP-002"),
        ({"next_priority": 10}, "R-MAP-003"),
        ({"communities": ("0:1",)}, "R-MAP-004"),
        ({"match_communities": ("65536:1",)}, "R-MAP-004"),
        ({"prepend_as_path": (0,)}, "R-MAP-005"),
        ({"next_priority": 20, "communities": ("65001:100",)}, None),
        ({"priority": 20, "direction": "out"}, None),
    ],
)
def test_a_route_map_s_own_rules(fields: dict[str, Any], code: str | None) -> None:
    there = [resource("Cen", "cen-1"), route_map("cenrmap-2", priority=20)]
    assert codes(route_map(**fields), *there) == ({code} if code else set())


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"end_user_id": "Li"}, "R-USER-001"),
        ({"end_user_id": "taken"}, "ExistedEndUserId"),
        ({"name": "somebody"}, "R-USER-003"),
        ({"password": SecretSource(value=Secret("short1A"))}, "R-USER-002"),
        ({"password": SecretSource(value=Secret("only-lower-case"))}, "R-USER-002"),
        ({"password": SecretSource(value=Secret("Twelve-and-3"))}, None),
    ],
)
def test_an_end_user_s_own_rules(fields: dict[str, Any], code: str | None) -> None:
    given = {"end_user_id": "li_4", **fields}
    wanted = resource("EndUser", "user-1", **{"name": given["end_user_id"], **given})
    found = judge(wanted, [resource("EndUser", "user-2", end_user_id="taken")]).refusals
    assert {refusal.code for refusal in found} == ({code} if code else set())
    assert "short1A" not in repr(found)


def job(resource_id: str = "ftj-1", phase: str = "init", **fields: Any) -> Resource:
    return resource("FailoverTestJob", resource_id, phase=phase, **{"resources": ("pc-1",), **fields})


def test_one_failover_test_runs_at_a_time() -> None:
    running = job("ftj-2", "testing")
    there = [CIRCUIT, vbr(), running]
    assert judge(job(job_type="start_now"), there).refusals[0].code == "OnlyOneRunningJob"
    assert judge(job(phase="starting"), there, before=job()).refusals[0].code == "OnlyOneRunningJob"
    assert judge(job(), there).refusals == ()
    assert judge(job(job_type="start_now"), [CIRCUIT, vbr(), replace(running, phase="stopped")]).refusals == ()


def test_a_circuit_without_a_vbr_cannot_be_tested() -> None:
    assert codes(job(), CIRCUIT) == {"R-JOB-001"}
    shared = replace(CIRCUIT, spec=replace(CIRCUIT.spec, type="hosted", vlan_id=0))  # type: ignore[call-arg]
    assert codes(job(), shared, vbr()) == {"R-JOB-001"}
    assert codes(job(), CIRCUIT, vbr()) == set()


def test_the_lists_of_rules_name_rules_that_are_there() -> None:
    known = {rule.rule.id for rule in (*GROUNDWORK, *RULES)}
    assert known >= (ADVICE | WHOLE | NEEDS_DATA_CENTRE)


@pytest.mark.parametrize("example", FILES)
def test_no_other_rule_looks_at_the_data_centre(example: str) -> None:
    """Asked with two data centres that have nothing in common, the rules that are asked without one say the same."""
    _, resources = stored(site_of(example))
    found = []
    for public, asn, prefix in (("203.0.113.2", 65001, DC), ("198.51.100.9", 64999, "10.200.0.0/16")):
        spec = SiteSpec(
            data_center=DataCenterSpec(prefixes=(prefix,)), gateway=GatewaySpec(public_address=public, local_asn=asn)
        )
        own = replace(blank(), spec=spec)
        members = [one for one in resources if one.kind != "Site"]
        told = worse_by(members[0], members[1:], site=own)
        found.append({(one.id, one.finding.rule.id) for one in told if one.finding.rule.id not in NEEDS_DATA_CENTRE})
    assert found[0] == found[1]
    assert Path(EXAMPLES / example).exists()
