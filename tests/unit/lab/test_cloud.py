"""How a lab's nodes are managed, on paper: who knows what, and which cables there are."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from twinspan.cli.site import load_site, plan_deployment
from twinspan.engine.reconcile import View, wanted
from twinspan.lab.build import segment_ports
from twinspan.lab.cloud import (
    NAT,
    SERVER,
    SERVER_ADDRESS,
    can_be_managed,
    load_managed,
    manage,
    management_links,
    save_managed,
    widen,
)
from twinspan.lab.cloud_parts import write_dhcp
from twinspan.lab.places import GATEWAY
from twinspan.lab.state import LabPaths
from twinspan.model.deployment import Deployment

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def site() -> Deployment:
    return plan_deployment(load_site(EXAMPLES / "01-two-spans" / "site.yaml"))


def test_every_node_has_a_serial_and_a_password_of_its_own(site: Deployment) -> None:
    managed = manage(site, "ab12")
    assert set(managed) == set(site.topology.nodes)
    assert managed["vbr"].serial == "TS-AB12-vbr"
    assert len({one.serial for one in managed.values()}) == len(managed)
    assert len({one.password for one in managed.values()}) == len(managed)


def test_the_gateway_is_told_nothing_but_the_link(site: Deployment) -> None:
    cloud = manage(site, "ab12")[GATEWAY].config.cloud
    assert (cloud.dhcp_link, cloud.primary, cloud.backups, cloud.password) == ("mgmt0", None, (), None)


def test_all_others_know_server_and_password(site: Deployment) -> None:
    for node, one in manage(site, "ab12").items():
        if node != GATEWAY:
            assert one.config.cloud.primary.domain == SERVER_ADDRESS
            assert one.config.cloud.password == one.password


def test_nothing_else_of_a_config_changes(site: Deployment) -> None:
    for node, one in manage(site, "ab12").items():
        before, after = site.configs[node], msgspec.structs.replace(one.config, cloud=None)
        if node != GATEWAY:
            assert after == before
    gateway, before = manage(site, "ab12")[GATEWAY].config, site.configs[GATEWAY]
    assert [link for link in gateway.links if link.name != "mgmt0"] == [
        link for link in before.links if link.name != "mgmt0"
    ]
    assert gateway.routes[: len(before.routes)] == before.routes


def test_the_gateways_way_to_the_server_is_its_management_link_and_no_span(site: Deployment) -> None:
    config = manage(site, "ab12")[GATEWAY].config
    view = View(devices={tunnel.name: "ipsec0" for tunnel in config.tunnels})
    ways = {route.device for route in wanted(config, view, {}).routes if route.prefix == "198.19.0.0/24"}
    assert ways == {"mgmt0"}


def test_the_nat_stands_between_the_gateway_and_the_bridge(site: Deployment) -> None:
    wide = widen(site.topology)
    bridge = next(part for part in wide.segments if part.kind == "management")
    on_the_bridge = set(segment_ports(bridge).values())
    assert {SERVER, NAT} <= on_the_bridge
    assert GATEWAY not in on_the_bridge
    assert [{wire.a.node, wire.b.node} for wire in wide.wires if NAT in (wire.a.node, wire.b.node)] == [{GATEWAY, NAT}]
    others = [part for part in site.topology.segments if part.kind != "management"]
    assert [part for part in wide.segments if part.kind != "management"] == others


def test_a_vbr_of_another_account_is_nobody_we_manage() -> None:
    for path in sorted(EXAMPLES.glob("*/site.yaml")):
        found = plan_deployment(load_site(path))
        assert can_be_managed(found)
        assert set(manage(found, "ab12")) == set(management_links(found.topology))
        assert not [node for node in manage(found, "ab12") if node.startswith("vbr-")]


def test_what_is_managed_is_read_back_with_its_secrets_and_is_nobody_elses_to_read(
    site: Deployment, tmp_path: Path
) -> None:
    paths = LabPaths("one", tmp_path)
    paths.root.mkdir(parents=True)
    assert load_managed(paths) == {}
    managed = manage(site, "ab12")
    save_managed(paths, managed)
    assert load_managed(paths) == managed
    assert paths.managed.stat().st_mode & 0o077 == 0


def test_the_password_stands_in_the_options_file_alone(site: Deployment, tmp_path: Path) -> None:
    gateway = manage(site, "ab12")[GATEWAY]
    write_dhcp(tmp_path, gateway)
    secret, conf = gateway.password.reveal(), (tmp_path / "dnsmasq.conf").read_text()
    assert f'252,"{secret}"' in (tmp_path / "options").read_text()
    assert '253,"cloud.lab"' in (tmp_path / "options").read_text()
    assert secret not in conf
    assert "host-record=cloud.lab,198.19.0.2" in conf
    assert (tmp_path / "options").stat().st_mode & 0o077 == 0
