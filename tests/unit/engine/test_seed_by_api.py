"""Seed 004 Steps 1 to 3, one resource after the other with the cloud's own defaults: a site comes of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from tests.unit.engine.resource_samples import of_spec
from tests.unit.engine.test_resource_rules import around
from tests.unit.engine.test_site_assembly import blank

from twinspan.engine.admission.admit import admit
from twinspan.engine.chosen_addresses import chosen_on_create
from twinspan.engine.compile import compile_partial, compile_site, missing_parts
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.engine.resource_rules import judge
from twinspan.engine.route_tables import route_table
from twinspan.engine.site_assembly import assemble
from twinspan.model.decode import decode
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.resource import Resource
from twinspan.model.secret import Secret
from twinspan.model.site import Site

DC = "192.168.1.0/24"

STEPS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Vpc", "vpc-office", {"cidr_block": "172.16.0.0/12"}),
    ("RouteTable", "vtb-office", {"vpc": "vpc-office"}),
    ("Vswitch", "vsw-office", {"vpc": "vpc-office", "cidr_block": "172.16.0.0/24"}),
    ("Vpc", "vpc-user", {"cidr_block": "192.168.0.0/24"}),
    ("RouteTable", "vtb-user", {"vpc": "vpc-user"}),
    ("Vswitch", "vsw-user", {"vpc": "vpc-user", "cidr_block": "192.168.0.0/25"}),
    ("Cen", "cen-1", {}),
    ("TransitRouter", "tr-1", {"cen": "cen-1"}),
    ("RouteTable", "vtb-tr", {"transit_router": "tr-1"}),
    ("OfficeNetwork", "dir-1", {"vpc": "vpc-office", "cidr_block": "172.16.0.0/24", "cen": "cen-1"}),
    ("Attachment", "att-office", {"transit_router": "tr-1", "vpc": "vpc-office"}),
    ("Attachment", "att-user", {"transit_router": "tr-1", "vpc": "vpc-user"}),
    ("PhysicalConnection", "pc-1", {}),
    (
        "VirtualBorderRouter",
        "vbr-1",
        {"physical_connection": "pc-1", "local_gateway_ip": "10.0.0.1", "peer_gateway_ip": "10.0.0.2"},
    ),
    ("RouteTable", "vtb-vbr", {"virtual_border_router": "vbr-1"}),
    ("BgpGroup", "bgpg-1", {"virtual_border_router": "vbr-1", "peer_asn": 65001}),
    ("BgpPeer", "bgp-1", {"bgp_group": "bgpg-1", "peer_ip": "10.0.0.2", "enable_bfd": True, "bfd_hop_count": 1}),
    ("VpnGateway", "vpn-1", {"vpc": "vpc-user", "vswitch": "vsw-user", "bandwidth_mbps": 200}),
    ("CustomerGateway", "cgw-1", {"ip_address": "203.0.113.2", "asn": 65001}),
    (
        "IpsecConnection",
        "vco-1",
        {"vpn_gateway": "vpn-1", "customer_gateway": "cgw-1", "effect_immediately": True, "ike": {"version": "ikev2"}},
    ),
    (
        "DestinationRoute",
        "dbr-1",
        {"ipsec_connection": "vco-1", "destination": DC, "weight": 100, "advertise_to_vpc": True},
    ),
    ("Attachment", "att-vbr", {"transit_router": "tr-1", "virtual_border_router": "vbr-1"}),
    ("HealthCheck", "hc-1", {"cen": "cen-1", "virtual_border_router": "vbr-1"}),
)


def made(there: list[Resource], kind: str, resource_id: str, plain: dict[str, Any]) -> Resource:
    decoded = decode(STORED_KINDS[kind].spec, plain, profile="cloud", edge="alibaba")
    assert decoded.value is not None, decoded.findings
    one = of_spec(kind, resource_id, decoded.value)
    one = replace(one, spec=chosen_on_create(one, [*there, blank()]), created_ns=len(there) + 1)
    verdict = judge(one, around(one, there), edge="alibaba")
    assert verdict.refusals == (), (kind, verdict.refusals)
    return one


def changed(there: list[Resource], resource_id: str, **fields: Any) -> list[Resource]:
    before = next(one for one in there if one.id == resource_id)
    after = replace(before, spec=replace(before.spec, **fields))
    verdict = judge(after, around(after, there), before=before, edge="alibaba")
    assert verdict.refusals == (), (resource_id, verdict.refusals)
    return [after if one is before else one for one in there]


def site_of(there: list[Resource]) -> Site:
    own = blank()
    return assemble(own, [own, *there]).site


def test_the_seed_s_steps_one_by_one_come_to_a_site_that_works() -> None:
    there: list[Resource] = []
    for kind, resource_id, plain in STEPS:
        there.append(made(there, kind, resource_id, plain))
        partial = site_of(there)
        compile_partial(partial, keys_from({name: Secret(name) for name in wanted_keys(partial)}))
    assert missing_parts(site_of(there)) == (
        "the VPC publishes no VPN route to the CEN instance, so no other VPC has a standby: publish one",
        "the attachment of VBR vbr-1 is associated with no route table: what comes from it goes nowhere",
        "the attachment of VPC vpc-office is associated with no route table: what comes from it goes nowhere",
        "the attachment of VPC vpc-user is associated with no route table: what comes from it goes nowhere",
    )
    for attachment in ("att-office", "att-user", "att-vbr"):
        there = changed(there, attachment, route_table_association="vtb-tr")
        there = changed(there, attachment, route_table_propagation=("vtb-tr",), auto_publish_routes=True)
    there = changed(there, "dbr-1", advertise_to_cen=True)
    site = site_of(there)
    assert missing_parts(site) == ()
    assert [f for f in admit(site) if f.severity == "error"] == []
    deployment = compile_site(site, keys_from({name: Secret(name) for name in wanted_keys(site)}))
    assert {"gateway", "vbr", "vpn-gateway", "transit-router", "office-vpc", "user-vpc"} <= set(deployment.configs)


def test_without_publishing_the_vpn_route_the_office_has_no_standby() -> None:
    """The seed does not say it, and its users find out on the day: VPN routes are not published by themselves."""
    there: list[Resource] = []
    for kind, resource_id, plain in STEPS:
        there.append(made(there, kind, resource_id, plain))
    for attachment in ("att-office", "att-user", "att-vbr"):
        there = changed(there, attachment, route_table_association="vtb-tr", route_table_propagation=("vtb-tr",))

    def ways(resources: list[Resource]) -> list[str]:
        choices = route_table(site_of(resources), "vtb-tr")
        return [choice.route.next_hop for choice in choices if choice.route.destination == DC]

    assert ways(there) == ["att-vbr"]
    assert ways(changed(there, "dbr-1", advertise_to_cen=True)) == ["att-vbr", "att-user"]
