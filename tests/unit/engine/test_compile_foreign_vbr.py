"""VBRs of other accounts on the site's circuit: what they get, and that the site's own nodes know nothing of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from twinspan.cli.site_file import check
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.model.deployment import Deployment
from twinspan.model.secret import Secret, encode_hook

EXAMPLE = Path(__file__).parents[3] / "examples" / "04-vlan" / "two-accounts.yaml"
OTHER = "partner"


def compiled(other: str = OTHER, circuits: tuple[str, ...] = ("circuit",), **changed: Any) -> Deployment:
    """The example with the other account's VBR under another name, on other circuits, or changed."""
    text = yaml.safe_load(EXAMPLE.read_text())
    vbrs = text["virtual_border_routers"]
    vbrs[other] = vbrs.pop(OTHER) | changed
    text["physical_connections"] = {name: {} for name in circuits}
    vbrs["vbr"]["physical_connection"] = circuits[0]
    vbrs[other]["physical_connection"] = circuits[-1]
    result = check(yaml.safe_dump(text, sort_keys=False).encode(), "site.yaml")
    assert result.site is not None, result.findings
    return compile_site(result.site, keys_from({name: Secret("key") for name in wanted_keys(result.site)}))


def members(deployment: Deployment, segment: str) -> list[str]:
    return [port.node for one in deployment.topology.segments if one.name == segment for port in one.ports]


def test_it_has_its_vlan_on_the_circuit_its_address_and_nothing_else() -> None:
    config = compiled().configs["vbr-partner"]
    port, vlan = config.links
    assert (port.name, port.addresses) == ("circ0", ())
    assert (vlan.name, vlan.vlan_id, vlan.parent, vlan.addresses) == ("circ0.200", 200, "circ0", ("10.0.1.1/30",))
    assert config.role == "vbr"
    assert config.bgp is None
    assert not config.routes
    assert not config.probes


def test_it_shares_the_circuit_with_the_site_and_no_other_segment_or_cable() -> None:
    deployment = compiled()
    assert members(deployment, "circuit") == ["gateway", "vbr", "vbr-partner"]
    assert "vbr-partner" not in members(deployment, "management") + members(deployment, "isp")
    assert not [w for w in deployment.topology.wires if "vbr-partner" in (w.a.node, w.b.node)]


def test_the_sites_own_nodes_are_as_if_it_were_not_there() -> None:
    with_it, elsewhere = compiled(), compiled(circuits=("circuit", "second"))
    own = {node: config for node, config in with_it.configs.items() if node != "vbr-partner"}
    assert own == elsewhere.configs
    assert b"10.0.1." not in msgspec.json.encode(own, enc_hook=encode_hook)


def test_one_on_another_circuit_is_not_made() -> None:
    assert "vbr-partner" not in compiled(circuits=("circuit", "second")).topology.nodes
    assert len(compiled().topology.nodes) == len(compiled(circuits=("circuit", "second")).topology.nodes) + 1


def test_with_ipv6_it_has_both_addresses_and_its_mtu_widens_the_circuit() -> None:
    deployment = compiled(enable_ipv6=True, mtu=9000)
    vlan = deployment.configs["vbr-partner"].links[1]
    assert [address.rpartition("/")[2] for address in vlan.addresses] == ["30", "126"]
    assert next(one.mtu for one in deployment.topology.segments if one.name == "circuit") == 9000
    assert {link.mtu for link in deployment.configs["gateway"].links} == {1500}


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("guest", "vbr-guest"),
        ("partner-in-the-south", "vbr2"),
        ("größer", "vbr2"),
        ("elevenchars", "vbr-elevenchars"),
    ],
)
def test_a_name_that_no_interface_can_have_gives_way_to_its_place_in_the_file(name: str, node: str) -> None:
    assert set(compiled(name).configs) - set(compiled(circuits=("circuit", "second")).configs) == {node}
