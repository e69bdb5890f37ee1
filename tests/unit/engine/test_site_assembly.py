"""Which stored resources make a site, and under which names."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tests.unit.engine.resource_samples import of_spec, resource, stored

from twinspan.cli.site_file import check
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.engine.site_assembly import Assembled, assemble
from twinspan.model.data_center import DataCenterSpec
from twinspan.model.gateway import GatewaySpec
from twinspan.model.resource import Resource
from twinspan.model.secret import Secret, encode_hook
from twinspan.model.site import Site, SiteSpec

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.glob("*/*.yaml"))


def site_of(example: str) -> Site:
    checked = check((EXAMPLES / example).read_bytes(), example)
    assert checked.site is not None
    return checked.site


def compiled(site: Site) -> bytes:
    deployment = compile_site(site, keys_from({name: Secret(name) for name in wanted_keys(site)}))
    return msgspec.json.encode(deployment, enc_hook=encode_hook)


def blank(name: str = "s", **fields: object) -> Resource:
    spec = SiteSpec(
        data_center=DataCenterSpec(prefixes=("192.168.1.0/24",)),
        gateway=GatewaySpec(public_address="203.0.113.2", local_asn=65001),
        **fields,  # type: ignore[arg-type]
    )
    return of_spec("Site", f"site-{name}", spec, name=name)


def put_together(*resources: Resource, site: Resource | None = None) -> Assembled:
    own = site or blank()
    return assemble(own, [own, *resources])


@pytest.mark.parametrize("example", FILES)
def test_an_example_comes_back_as_it_was_and_compiles_to_the_same(example: str) -> None:
    site = site_of(example)
    own, resources = stored(site)
    assembled = assemble(own, resources).site
    assert replace(assembled, made=frozenset()) == replace(site, made=frozenset())
    assert compiled(assembled) == compiled(site)


def test_resources_made_one_by_one_hang_together_without_a_site() -> None:
    """What the cloud's own SDK makes knows no site: an account's only site has all of it."""
    found = put_together(
        resource("Vpc", "vpc-1", name="office", cidr_block="172.16.0.0/12"),
        resource("Vswitch", "vsw-1", vpc="vpc-1", cidr_block="172.16.0.0/24"),
        resource("Attachment", "tr-attach-1", name="a", vpc="vpc-1"),
    )
    assert found.site.vpcs["office"].role == "office"
    assert found.site.vswitches["vsw-1"].vpc == "office"
    assert found.ids == {
        "vpcs.office": "vpc-1",
        "vswitches.vsw-1": "vsw-1",
        "attachments.a": "tr-attach-1",
        "sites.s": "site-s",
    }


def test_a_vpc_that_nothing_refers_to_is_in_no_site() -> None:
    alone = resource("Vpc", "vpc-2", name="alone", cidr_block="10.9.0.0/16")
    subnet = resource("Vswitch", "vsw-2", vpc="vpc-2", cidr_block="10.9.0.0/24")
    assert put_together(alone, subnet).site.vpcs == {}
    assert put_together(alone, subnet, resource("Attachment", "a", vpc="vpc-2")).site.vpcs


def test_nothing_is_added() -> None:
    vpc = resource("Vpc", "vpc-1", name="office", cidr_block="172.16.0.0/12")
    site = put_together(vpc, resource("Attachment", "a", vpc="vpc-1")).site
    made = [section for section in ("vswitches", "cens", "office_networks", "route_tables") if getattr(site, section)]
    assert made == []
    assert [span.kind for span in site.spans] == ["circuit", "vpn"]


def test_gaps_of_what_is_there_are_filled() -> None:
    site = put_together(
        resource("PhysicalConnection", "pc-1", name="circuit"),
        resource("VirtualBorderRouter", "vbr-1", name="vbr", physical_connection="pc-1"),
        resource("BgpGroup", "bgpg-1", virtual_border_router="vbr-1"),
        resource("BgpPeer", "bgp-1", bgp_group="bgpg-1"),
    ).site
    assert site.bgp_groups["bgpg-1"].peer_asn == 65001
    assert site.bgp_peers["bgp-1"].peer_ip == site.virtual_border_routers["vbr"].peer_gateway_ip == "10.0.0.2"
    assert site.circuit.virtual_border_router == "vbr"


def test_two_of_one_name_go_by_their_ids() -> None:
    found = put_together(
        resource("Vpc", "vpc-1", name="a", cidr_block="172.16.0.0/12"),
        resource("Vpc", "vpc-2", name="a", cidr_block="10.1.0.0/16"),
        resource("Vswitch", "vsw-1", vpc="vpc-2", cidr_block="10.1.0.0/24"),
        resource("Attachment", "a", vpc="vpc-1"),
        resource("Attachment", "b", vpc="vpc-2"),
    )
    assert list(found.site.vpcs) == ["vpc-1", "vpc-2"]
    assert found.site.vswitches["vsw-1"].vpc == "vpc-2"


def test_with_several_sites_only_what_hangs_together_belongs() -> None:
    bound = replace(resource("Cen", "cen-1", name="cen"), site="s")
    near = resource("TransitRouter", "tr-1", name="tr", cen="cen-1")
    far = resource("Cen", "cen-2", name="far")
    theirs = replace(resource("Cen", "cen-3", name="theirs"), site="t")
    behind = resource("TransitRouter", "tr-3", name="behind", cen="cen-3")
    site = put_together(bound, near, far, theirs, behind, blank("t")).site
    assert (list(site.cens), list(site.transit_routers)) == (["cen"], ["tr"])


@pytest.mark.parametrize("phase", ["deleting", "deleted", "terminating", "terminated", "rejected", "initial"])
def test_what_is_not_there_takes_along_what_refers_to_it(phase: str) -> None:
    vbr = resource("VirtualBorderRouter", "vbr-1", phase=phase, physical_connection="pc-1")
    group = resource("BgpGroup", "bgpg-1", virtual_border_router="vbr-1")
    site = put_together(resource("PhysicalConnection", "pc-1"), vbr, group).site
    assert (list(site.physical_connections), site.virtual_border_routers, site.bgp_groups) == (["pc-1"], {}, {})


@pytest.mark.parametrize("phase", ["creating", "changing", "recovering", "ready", "unconfirmed"])
def test_what_is_on_its_way_is_there(phase: str) -> None:
    vbr = resource("VirtualBorderRouter", "vbr-1", phase=phase, physical_connection="pc-1")
    assert put_together(resource("PhysicalConnection", "pc-1"), vbr).site.virtual_border_routers


def test_a_route_table_outlives_the_attachment_of_one_of_its_entries() -> None:
    entry = {"destination": "10.9.0.0/16", "next_hop_kind": "attachment", "next_hop": "tr-attach-1"}
    table = msgspec.convert(
        {"transit_router": "tr-1", "entries": [entry]}, type(resource("RouteTable", "x", transit_router="y").spec)
    )
    site = put_together(
        resource("TransitRouter", "tr-1", name="tr", cen="cen-1"),
        resource("Cen", "cen-1"),
        of_spec("RouteTable", "vtb-1", table, name="table"),
        resource("Attachment", "tr-attach-1", phase="deleting", transit_router="tr-1"),
    ).site
    assert site.route_tables["table"].entries == ()


@pytest.mark.parametrize(("kind", "out"), [("circuit", "pc-1"), ("vbr", "vbr-1"), ("bgp_peer", "bgp-1")])
def test_a_running_test_silences_the_sessions_of_what_it_takes_out(kind: str, out: str) -> None:
    parts = (
        resource("PhysicalConnection", "pc-1"),
        resource("VirtualBorderRouter", "vbr-1", physical_connection="pc-1"),
        resource("BgpGroup", "bgpg-1", virtual_border_router="vbr-1"),
        resource("BgpPeer", "bgp-1", bgp_group="bgpg-1"),
    )
    running = resource("FailoverTestJob", "ftj-1", phase="testing", resource_kind=kind, resources=(out,))
    assert not put_together(*parts, running).site.bgp_peers
    assert put_together(*parts, running).site.bgp_groups
    assert put_together(*parts, replace(running, phase="stopped")).site.bgp_peers


def test_an_account_that_is_its_own_is_the_current_one() -> None:
    vpc = resource("Vpc", "vpc-1", cidr_block="10.0.0.0/8", account="a")
    site = put_together(vpc, resource("Attachment", "b", vpc="vpc-1")).site
    assert site.vpcs["vpc-1"].account == "current"


def test_an_automatic_source_is_nobody_s_writing() -> None:
    """It was chosen when the check was made, so the rule that people do not write one does not speak."""
    parts = (
        resource("Cen", "cen-1"),
        resource("PhysicalConnection", "pc-1"),
        resource("VirtualBorderRouter", "vbr-1", physical_connection="pc-1"),
        resource("HealthCheck", "hc-1", cen="cen-1", virtual_border_router="vbr-1", source_ip="100.96.0.7"),
    )
    assert "health_checks.hc-1.source_ip" in put_together(*parts).site.made
