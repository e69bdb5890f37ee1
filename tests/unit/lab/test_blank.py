"""A blank lab on paper: everything to plug in, nothing of the site."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from twinspan.cli.site import load_site, plan_deployment
from twinspan.lab.blank import CONFIG, blank, running
from twinspan.lab.state import LabPaths
from twinspan.lab.up import UpOptions, bring_up
from twinspan.model.deployment import Deployment
from twinspan.model.device_config import DeviceConfig
from twinspan.model.errors import Rejected
from twinspan.model.secret import encode_hook

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module", params=["01-two-spans", "04-vlan"])
def site(request: pytest.FixtureRequest) -> Deployment:
    return plan_deployment(load_site(EXAMPLES / request.param / "site.yaml"))


def test_machines_and_cables_are_those_of_the_site(site: Deployment) -> None:
    made = blank(site)
    assert made.topology == site.topology
    assert {n: c.role for n, c in made.configs.items()} == {n: c.role for n, c in site.configs.items()}


def test_nothing_of_the_site_is_configured(site: Deployment) -> None:
    for config in blank(site).configs.values():
        assert (config.bgp, config.tunnels, config.routes, config.rules, config.probes) == (None, (), (), (), ())
        assert (config.failover, config.dns, config.dhcp, config.dhcp_client) == (None,) * 4
        assert not config.forwarding
        assert all(link.management for link in config.links if link.addresses)


def test_every_cable_has_its_port(site: Deployment) -> None:
    ports = [p for wire in site.topology.wires for p in (wire.a, wire.b)]
    ports += [p for segment in site.topology.segments for p in segment.ports]
    made = blank(site).configs
    for port in ports:
        assert port.link in {link.name for link in made[port.node].links if link.kind == "physical"}, port


def test_what_runs_is_read_where_the_agents_keep_it(site: Deployment, tmp_path: Path) -> None:
    paths, made = LabPaths("blank", tmp_path), blank(site)
    config: DeviceConfig = site.configs["gateway"]
    paths.node("gateway").mkdir(parents=True)
    (paths.node("gateway") / CONFIG).write_bytes(msgspec.json.encode(config, enc_hook=encode_hook))
    now = running(made, paths)
    assert now.configs["gateway"] == config
    assert now.configs["vbr"] == made.configs["vbr"]


def test_without_a_cloud_server_there_is_no_blank_lab(site: Deployment, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="cloud server"):
        bring_up(site, "blank", UpOptions(run_dir=tmp_path, blank=True))
