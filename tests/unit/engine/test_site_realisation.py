"""What stored resources make of a site's nodes is what the site file makes of them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec import structs
from tests.unit.engine.stored_site import KEY, stored, with_keys

from twinspan.cli.site import load_site
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.engine.site_realisation import plan_site
from twinspan.model.failover_test_job import FailoverTestJobSpec
from twinspan.model.resource import Resource
from twinspan.model.site import Site

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module", params=["01-two-spans", "02-two-tunnels", "04-vlan", "05-dual-stack"])
def site(request: pytest.FixtureRequest) -> Site:
    return with_keys(load_site(EXAMPLES / request.param / "site.yaml"))


@pytest.mark.parametrize("bound", [True, False])
def test_resources_make_the_same_configs_as_the_file(site: Site, bound: bool) -> None:
    own, resources = stored(site, bound=bound)
    planned = plan_site(own, resources)
    wanted = compile_site(site, keys_from(dict.fromkeys(wanted_keys(site), KEY))).configs
    assert planned.problems == ()
    assert planned.configs == wanted


def test_what_is_there_is_made_at_every_moment_and_what_lacks_is_said(site: Site) -> None:
    own, resources = stored(site)
    parts = [resources[:count] for count in range(len(resources))]
    parts += [tuple(one for one in resources if one is not left) for left in resources]
    for part in parts:
        planned = plan_site(own, part)
        assert planned.configs is not None, planned.problems
        assert "gateway" in planned.configs


def test_the_order_in_which_networks_were_made_changes_no_cable(site: Site) -> None:
    own, resources = stored(site)
    networks = [one for one in resources if one.kind == "Vpc"]
    others = {one.id: structs.replace(one, created_ns=number) for number, one in enumerate(reversed(networks))}
    turned = tuple(others.get(one.id, one) for one in resources)
    made, before = plan_site(own, turned).configs, plan_site(own, resources).configs
    assert made is not None
    assert before is not None
    assert {n: set(c.links) for n, c in made.items()} == {n: set(c.links) for n, c in before.items()}


def test_a_mistake_is_told_and_nothing_is_changed(site: Site) -> None:
    own, resources = stored(site)
    spoilt = tuple(
        structs.replace(one, spec=structs.replace(one.spec, peer_gateway_ip="10.9.9.9"))
        if one.kind == "VirtualBorderRouter"
        else one
        for one in resources
    )
    planned = plan_site(own, spoilt)
    assert planned.configs is None
    assert any("peer_gateway_ip" in problem for problem in planned.problems)


def test_a_tunnel_without_a_key_is_a_mistake(site: Site) -> None:
    own, resources = stored(site)
    keyless = tuple(
        structs.replace(one, spec=msgspec.convert(_without_keys(one), type=type(one.spec)))
        if one.kind == "IpsecConnection"
        else one
        for one in resources
    )
    assert any("there is no key" in problem for problem in plan_site(own, keyless).problems)


def test_an_attachment_that_no_node_can_be_is_told_and_holds_nobody_up(site: Site) -> None:
    own, resources = stored(site)
    of_vpc = next(one for one in resources if one.kind == "Attachment" and one.spec.vpc)  # type: ignore[attr-defined]
    connection = next(one for one in resources if one.kind == "IpsecConnection")
    spec = structs.replace(of_vpc.spec, vpc="", ipsec_connection=connection.id)  # type: ignore[call-arg]
    direct = structs.replace(of_vpc, id="tr-attach-direct", name="direct", spec=spec)
    planned = plan_site(own, (*resources, direct))
    assert [problem for problem in planned.problems if problem.startswith("R-ATT-009 attachments.direct")]
    assert planned.configs == plan_site(own, resources).configs


def test_an_attachment_that_learns_from_no_table_holds_nobody_up(site: Site) -> None:
    own, resources = stored(site)
    alone = tuple(
        structs.replace(one, spec=structs.replace(one.spec, route_table_association=None, route_table_propagation=()))
        if one.kind == "Attachment" and one.spec.virtual_border_router  # type: ignore[attr-defined]
        else one
        for one in resources
    )
    planned = plan_site(own, alone)
    assert any("associated with no route table" in problem for problem in planned.problems)
    assert planned.configs is not None
    assert planned.configs["transit-router"] != (plan_site(own, resources).configs or {})["transit-router"]


def _without_keys(resource: Resource) -> object:
    plain = msgspec.to_builtins(resource.spec, enc_hook=lambda _: None)
    plain["psk"] = None
    plain["tunnels"] = [tunnel | {"psk": None} for tunnel in plain["tunnels"]]
    return plain


def test_a_failover_test_silences_the_clouds_end_and_the_gateway_is_not_told(site: Site) -> None:
    own, resources = stored(site)
    (circuit,) = [one for one in resources if one.kind == "PhysicalConnection"]
    job = structs.replace(
        circuit, kind="FailoverTestJob", id="ftj-1", name="", site="", phase="testing",
        spec=FailoverTestJobSpec(resources=(circuit.id,)),
    )  # fmt: skip
    before, tested = plan_site(own, resources), plan_site(own, (*resources, job))
    assert before.configs is not None
    assert tested.configs is not None
    assert tested.problems == ()
    assert {node for node, config in tested.configs.items() if config != before.configs[node]} == {"vbr"}
    peers = tested.configs["vbr"].bgp.peers if tested.configs["vbr"].bgp else ()
    assert {peer.name for peer in peers}.isdisjoint({"gateway", "gateway6"})
    over = structs.replace(job, phase="stopped")
    assert plan_site(own, (*resources, over)).configs == before.configs
