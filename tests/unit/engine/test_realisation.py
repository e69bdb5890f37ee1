"""What devices are told: all of their site, and nothing that would cut them off."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from twinspan.cli.site import load_site, plan_deployment
from twinspan.engine.realisation import base_config, bindings, pushes, with_own_part
from twinspan.lab.cloud import Managed, manage
from twinspan.model.cloud_management import CloudManagement
from twinspan.model.deployment import Deployment
from twinspan.model.device_access import DeviceAccess
from twinspan.model.device_config import DeviceConfig

SITE = Path(__file__).parents[3] / "examples" / "01-two-spans" / "site.yaml"


@pytest.fixture(scope="module")
def site() -> Deployment:
    return plan_deployment(load_site(SITE))


@pytest.fixture(scope="module")
def managed(site: Deployment) -> dict[str, Managed]:
    return manage(site, "ab12")


@pytest.fixture(scope="module")
def present(managed: dict[str, Managed]) -> dict[str, DeviceConfig]:
    return {one.serial: base_config(one.config) for one in managed.values()}


def serials(managed: dict[str, Managed]) -> dict[str, str]:
    return {node: one.serial for node, one in managed.items()}


def test_a_blank_device_becomes_exactly_what_the_lab_would_have_made(
    site: Deployment, managed: dict[str, Managed], present: dict[str, DeviceConfig]
) -> None:
    for push in pushes(site.site, site.configs, serials(managed), present):
        made, asked = push.config, managed[push.node].config
        assert set(made.links) == set(asked.links)
        assert structs.replace(made, links=()) == structs.replace(asked, links=(), generation=2)


def test_the_same_again_tells_nobody_anything(
    site: Deployment, managed: dict[str, Managed], present: dict[str, DeviceConfig]
) -> None:
    bound = serials(managed)
    done = present | {push.serial: push.config for push in pushes(site.site, site.configs, bound, present)}
    assert pushes(site.site, site.configs, bound, done) == ()


def test_only_those_are_told_whose_part_has_changed(
    site: Deployment, managed: dict[str, Managed], present: dict[str, DeviceConfig]
) -> None:
    bound = serials(managed)
    done = present | {push.serial: push.config for push in pushes(site.site, site.configs, bound, present)}
    other = structs.replace(site.configs["vbr"], forwarding=False)
    (push,) = pushes(site.site, site.configs | {"vbr": other}, bound, done)
    assert (push.node, push.config.generation, push.config.forwarding) == ("vbr", 3, False)


def test_a_node_that_the_site_has_no_more_goes_back_to_its_base(
    site: Deployment, managed: dict[str, Managed], present: dict[str, DeviceConfig]
) -> None:
    bound = serials(managed)
    done = present | {push.serial: push.config for push in pushes(site.site, site.configs, bound, present)}
    fewer = {node: config for node, config in site.configs.items() if node != "vbr"}
    (push,) = pushes(site.site, fewer, bound, done)
    assert structs.replace(push.config, generation=1) == structs.replace(present[push.serial], generation=1)
    assert push.config.cloud is not None


def test_a_foreign_device_that_never_was_this_node_is_left_alone(present: dict[str, DeviceConfig]) -> None:
    (serial, config), *_ = present.items()
    assert pushes("another", {}, {"gateway": serial}, {serial: config}) == ()


def test_what_is_the_devices_own_stays_its_own(site: Deployment, managed: dict[str, Managed]) -> None:
    own = structs.replace(
        managed["vbr"].config,
        access=DeviceAccess(sysname="edge-7"),
        names=(("GigabitEthernet1/0/1", "circ0"),),
        descriptions=(("circ0", "rack 4"),),
        cloud=CloudManagement(switch_back=True),
    )
    made = with_own_part(site.configs["vbr"], own)
    assert (made.access, made.names, made.descriptions, made.cloud) == (
        own.access,
        own.names,
        own.descriptions,
        own.cloud,
    )


def test_the_way_to_the_server_stays(managed: dict[str, Managed], site: Deployment) -> None:
    own = managed["gateway"].config
    made = with_own_part(site.configs["gateway"], base_config(own))
    assert [link for link in made.links if link.management] == [link for link in own.links if link.management]
    assert own.routes[-1] in made.routes
    assert own.routes[-1].next_hops[0].link == "mgmt0"


def test_the_device_of_a_node_is_the_one_the_site_names(present: dict[str, DeviceConfig]) -> None:
    spare = "TS-SPARE"
    known = present | {spare: present["TS-AB12-gateway"]}
    bound, problems = bindings("two-spans", {"gateway": spare}, {}, known)
    assert (bound["gateway"], bound["vbr"], problems) == (spare, "TS-AB12-vbr", ())


def test_two_devices_that_claim_a_node_are_a_problem(present: dict[str, DeviceConfig]) -> None:
    known = present | {"TS-SPARE": present["TS-AB12-gateway"]}
    bound, (problem,) = bindings("two-spans", {}, {}, known)
    assert "TS-AB12-gateway and TS-SPARE all say that they are node gateway" in problem
    assert "gateway" not in bound
    assert not {"TS-AB12-gateway", "TS-SPARE"} & {push.serial for push in pushes("two-spans", {}, bound, known)}


def test_a_device_without_a_config_here_is_not_cut_off(present: dict[str, DeviceConfig]) -> None:
    bound, (problem,) = bindings("two-spans", {"gateway": "H3C-1"}, {}, present)
    assert "gateway" not in bound
    assert "PUT /devices/H3C-1/config" in problem


def test_a_device_cannot_be_two_nodes_nor_of_two_sites(present: dict[str, DeviceConfig]) -> None:
    twice = {"gateway": "TS-AB12-gateway", "vbr": "TS-AB12-gateway"}
    bound, problems = bindings("two-spans", twice, {}, present)
    assert "gateway" not in bound
    assert len(problems) == 2
    bound, (problem,) = bindings("two-spans", {"gateway": "TS-AB12-vbr"}, {"TS-AB12-vbr": "other"}, present)
    assert "gateway" not in bound
    assert "site other names device TS-AB12-vbr too" in problem


def test_a_device_whose_node_is_another_one_now_goes_back_to_its_base(
    site: Deployment, managed: dict[str, Managed], present: dict[str, DeviceConfig]
) -> None:
    old, spare = managed["gateway"], "TS-SPARE"
    known = present | {old.serial: old.config, spare: base_config(old.config)}
    bound, _ = bindings("two-spans", {"gateway": spare}, {}, known)
    told = {push.serial: push.config for push in pushes(site.site, site.configs, bound, known)}
    assert told[spare].bgp == site.configs["gateway"].bgp
    assert (told[old.serial].bgp, told[old.serial].cloud) == (None, old.config.cloud)
