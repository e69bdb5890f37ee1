"""Stored resources become wanted configs of devices, and what stands in the way is told at the site."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs
from tests.unit.engine.stored_site import KEY, stored, with_keys

from twinspan.cli.site import load_site
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.engine.realisation import base_config, with_own_part
from twinspan.engine.site_realisation import Planned
from twinspan.lab.cloud import manage
from twinspan.model.config_digest import config_digest
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import BgpStatus, DeviceReport, HealthCheckStatus
from twinspan.model.errors import Retryable
from twinspan.model.resource import Actor, Resource
from twinspan.model.secret import Secret, decode_hook, encode_hook
from twinspan.server.accounts import Accounts, Principal
from twinspan.server.clock import wall_ns
from twinspan.server.config_store import ConfigTable
from twinspan.server.config_trial import TrialDecision
from twinspan.server.registry import NewDevice, Registry, make_credentials
from twinspan.server.report_board import ReportBoard
from twinspan.server.resources import site_loop, site_watch
from twinspan.server.resources.port import Query, Work
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.site_loop import SiteLoop
from twinspan.server.resources.site_watch import SiteKey, SiteWatch
from twinspan.server.resources.sql_store import SqlStore, open_store
from twinspan.server.services import WantedConfig
from twinspan.server.store import FILE_NAME, DeviceStore

SITE = with_keys(load_site(Path(__file__).parents[2] / "examples" / "01-two-spans" / "site.yaml"))
CONFIGS = compile_site(SITE, keys_from(dict.fromkeys(wanted_keys(SITE), KEY))).configs
ACTOR = Actor(account="lab", label="test")
NOW = 1_800_000_000_000_000_000
MINUTE_NS = 60_000_000_000


class World:
    """A server's two stores and its site loop, with a device for every node of the site."""

    def __init__(self, folder: Path) -> None:
        self.devices = DeviceStore(folder / FILE_NAME)
        self.store: SqlStore = open_store(
            f"sqlite:///{folder / 'resources.db'}", SealKey.load_or_create(folder / "key")
        )
        self.table = ConfigTable(self.devices)
        Accounts(self.devices).add("lab", "", NOW)
        self.given: dict[str, DeviceConfig] = {}
        self.serials: dict[str, str] = {}
        for node, one in manage(compile_site(SITE, keys_from(dict.fromkeys(wanted_keys(SITE), KEY))), "ab12").items():
            self.add(one.serial, base_config(one.config))
            self.serials[node] = one.serial
        self.reports: dict[str, bytes] = {}
        self.board = ReportBoard(self.devices, self.reports, shared=False)
        self.loop = SiteLoop(self.store, self.table, self.board)

    def add(self, serial: str, config: DeviceConfig) -> None:
        new = [NewDevice(serial=serial, owner="lab", password=Secret("correct-horse"))]
        Registry(self.devices).add(new, make_credentials(new, NOW), Principal(label="test", account=None), NOW)
        self.given[serial] = config
        self.want(serial, config)

    def want(self, serial: str, config: DeviceConfig) -> None:
        text = msgspec.json.encode(config, enc_hook=encode_hook)
        wanted = WantedConfig(generation=config.generation, digest=config_digest(config), config=text)
        self.table.want(serial, wanted)

    def wanted(self, node: str) -> DeviceConfig:
        found = self.table.wanted(self.serials[node])
        assert found is not None
        return msgspec.json.decode(found.config, type=DeviceConfig, dec_hook=decode_hook)

    def change(self, work: Callable[[Work], Any]) -> None:
        self.store.change(work)

    def insert(self, resources: Sequence[Resource]) -> None:
        self.change(lambda work: [work.insert(one, ACTOR) for one in resources])

    def look(self) -> None:
        asyncio.run(self.loop.look())

    def status(self, site: Resource) -> dict[str, Any]:
        found = self.store.read(lambda view: view.get(site.id))
        assert found is not None
        return found.status

    def close(self) -> None:
        self.store.close()
        self.devices.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("bound", [True, False])
def test_every_node_is_to_be_what_the_site_makes_of_it(world: World, bound: bool) -> None:
    world.look()
    _, resources = stored(SITE, bound=bound)
    world.insert(resources)
    world.look()
    for node, serial in world.serials.items():
        asked = with_own_part(CONFIGS[node], world.given[serial])
        assert world.wanted(node) == structs.replace(asked, generation=2)


def test_resources_that_were_there_before_the_start_count_as_well(world: World) -> None:
    world.insert(stored(SITE)[1])
    world.look()
    assert world.wanted("vbr").bgp is not None


def test_nothing_is_told_twice(world: World) -> None:
    world.insert(stored(SITE)[1])
    for _ in range(3):
        world.look()
    assert {world.wanted(node).generation for node in world.serials} == {2}


def test_a_change_reaches_those_whom_it_concerns(world: World) -> None:
    _, resources = stored(SITE)
    world.insert(resources)
    world.look()
    (check,) = [one for one in resources if one.kind == "HealthCheck"]
    world.change(lambda work: work.update(
        check, structs.replace(check, generation=2, spec=structs.replace(check.spec, change_route=False)), ACTOR
    ))  # fmt: skip
    world.look()
    assert not world.wanted("vbr").health_checks[0].change_route
    assert {node for node in world.serials if world.wanted(node).generation == 3} == {"vbr"}


def test_a_config_of_a_site_that_nobody_stored_stays_as_it_was_given(world: World) -> None:
    world.look()
    given = structs.replace(CONFIGS["vbr"], generation=5)
    world.want(world.serials["vbr"], given)
    world.look()
    world.look()
    assert world.wanted("vbr") == given


def test_a_config_that_a_device_did_not_keep_is_told_at_the_site_until_there_is_another(world: World) -> None:
    site, resources = stored(SITE)
    world.insert(resources)
    world.look()
    wanted = world.table.wanted(world.serials["vbr"])
    assert wanted is not None
    no = TrialDecision(
        generation=wanted.generation, digest=wanted.digest, decision="reverted", reason="probe x", at_ns=NOW
    )
    assert world.table.decide(world.serials["vbr"], no)
    world.look()
    said = f"vbr (device {world.serials['vbr']}) did not keep generation 2: probe x"
    assert said in world.status(site)["problems"]
    world.look()
    assert world.wanted("vbr").generation == 2, "the same is not wanted anew"
    (check,) = [one for one in resources if one.kind == "HealthCheck"]
    world.change(lambda work: work.update(
        check, structs.replace(check, generation=2, spec=structs.replace(check.spec, change_route=False)), ACTOR
    ))  # fmt: skip
    world.look()
    assert said not in world.status(site).get("problems", ())


def test_a_mistake_is_told_at_the_site_and_changes_no_device(world: World) -> None:
    site, resources = stored(SITE)
    world.insert(resources)
    world.look()
    (router,) = [one for one in resources if one.kind == "VirtualBorderRouter"]
    spoilt = structs.replace(router, generation=2, spec=structs.replace(router.spec, peer_gateway_ip="10.9.9.9"))
    world.change(lambda work: work.update(router, spoilt, ACTOR))
    world.look()
    assert any("peer_gateway_ip" in problem for problem in world.status(site)["problems"])
    assert {world.wanted(node).generation for node in world.serials} == {2}
    world.change(lambda work: work.update(spoilt, structs.replace(router, generation=3), ACTOR))
    world.look()
    assert world.status(site)["problems"] == []


def test_what_is_being_deleted_does_nothing_any_more(world: World) -> None:
    _, resources = stored(SITE)
    (check,) = [one for one in resources if one.kind == "HealthCheck"]
    world.insert(resources)
    world.look()
    leaving = structs.replace(check, generation=2, phase="deleting", phase_until_ns=wall_ns() + MINUTE_NS)
    world.change(lambda work: work.update(check, leaving, ACTOR, "delete"))
    world.look()
    assert world.wanted("vbr").health_checks == ()


def test_a_site_in_which_a_phase_ends_is_looked_over_then(world: World) -> None:
    _, resources = stored(SITE)
    (check,) = [one for one in resources if one.kind == "HealthCheck"]
    leaving = structs.replace(check, phase="deleting", phase_until_ns=NOW + MINUTE_NS)
    world.insert([leaving if one is check else one for one in resources])
    watch, (key,) = SiteWatch(world.store), [SiteKey("lab", SITE.site)]
    assert watch.look(NOW) == (key,)
    watch.look(NOW)  # its turn, although nothing has changed
    found = watch.resources(key, NOW)
    assert found is not None
    assert check.id in {one.id for one in found.resources}
    assert watch.look(NOW + 1) == ()
    assert watch.look(NOW + MINUTE_NS) == (key,)
    found = watch.resources(key, NOW + MINUTE_NS)
    assert found is not None
    assert check.id not in {one.id for one in found.resources}


def test_a_site_that_cannot_be_worked_out_keeps_no_other_from_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    site, resources = stored(SITE)
    broken = structs.replace(site, id="site-broken", name="broken", site="broken", created_ns=0)
    world.look()
    world.insert([broken, *resources])
    real = site_loop.plan_site

    def plan(one: Resource, others: tuple[Resource, ...]) -> Planned:
        if one.name == "broken":
            raise KeyError("a mistake in the program")
        return real(one, others)

    monkeypatch.setattr(site_loop, "plan_site", plan)
    world.look()
    assert "KeyError" in world.status(broken)["problems"][0]
    assert world.wanted("vbr").bgp is not None


def test_a_device_that_comes_later_is_told_as_well(world: World) -> None:
    world.insert(stored(SITE)[1])
    gateway = world.serials["gateway"]
    own = world.given[gateway]
    world.want(gateway, structs.replace(own, site="elsewhere"))
    world.look()
    assert world.wanted("gateway").bgp is None
    world.want(gateway, own)
    world.look()
    assert world.wanted("gateway").bgp is not None


def test_a_site_that_is_gone_leaves_its_devices_as_they_were_given(world: World) -> None:
    _, resources = stored(SITE)
    world.insert(resources)
    world.look()
    world.change(lambda work: [work.remove(one, ACTOR) for one in reversed(resources)])
    world.look()
    for node, serial in world.serials.items():
        assert structs.replace(world.wanted(node), generation=1) == world.given[serial]


def test_another_accounts_devices_are_none_of_the_sites(world: World) -> None:
    _, resources = stored(SITE)
    world.insert([structs.replace(one, account="somebody") for one in resources])
    world.look()
    assert {world.wanted(node).generation for node in world.serials} == {1}


def test_a_site_that_is_as_it_was_is_not_worked_out_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_watch, "TURN_NS", 0)
    world.insert(stored(SITE)[1])
    world.look()
    world.look()  # with the configs that the round before has given
    monkeypatch.setattr(site_loop, "plan_site", lambda *_: pytest.fail("worked out again"))
    problems = dict(world.status(stored(SITE)[0]))
    world.look()
    assert world.status(stored(SITE)[0]) == problems


def test_what_changed_while_the_database_was_away_is_made_up_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_watch, "TURN_NS", 10**30)  # nobody's turn comes by itself
    world.look()
    world.insert(stored(SITE)[1])
    real, asked = world.store.read, []

    def read(ask: Callable[[Any], Any]) -> Any:
        asked.append(ask)
        if len(asked) == 4:  # when it is known what has changed, and before it is read
            raise Retryable("the database is away", delay_s=0.1)
        return real(ask)

    monkeypatch.setattr(world.store, "read", read)
    with pytest.raises(Retryable):
        world.look()
    assert world.wanted("vbr").bgp is None
    world.look()
    assert world.wanted("vbr").bgp is not None


# ------------------------------------------------------------------------------------------------- what comes back


def vbr_report(state: str, *, healthy: bool = True) -> DeviceReport:
    config = CONFIGS["vbr"]
    assert config.bgp is not None
    return DeviceReport(
        node="vbr", role="vbr", site=SITE.site, profile="edge", observed_generation=2, digest="", converged=True,
        at_ns=NOW, agent_pid=1,
        bgp=(BgpStatus(peer="gateway", peer_address="10.0.0.2", state=state),),
        health_checks=(HealthCheckStatus(name="vbr", healthy=healthy, route_moved=not healthy),),
    )  # fmt: skip


def report(world: World, node: str, found: DeviceReport) -> None:
    world.reports[world.serials[node]] = msgspec.json.encode(found)
    world.board.heard(world.serials[node])


def of_kind(world: World, kind: str) -> dict[str, Any]:
    (one,) = world.store.read(lambda view: view.list(Query(kind=kind, account="lab"))).resources
    return one.status


def test_what_a_node_reports_is_the_status_of_what_it_realises(world: World) -> None:
    site, resources = stored(SITE)
    world.insert(resources)
    world.look()
    report(world, "vbr", vbr_report("Connect", healthy=False))
    world.look()
    assert of_kind(world, "BgpPeer")["bgp_state"] == "Connect"
    assert of_kind(world, "HealthCheck") == {"healthy": False, "route_moved": True}
    report(world, "vbr", vbr_report("Established"))
    world.look()
    assert of_kind(world, "BgpPeer")["bgp_state"] == "Established"
    assert world.status(site)["nodes"] == {"vbr": {"generation": 2, "converged": True}}


def test_the_same_report_again_writes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.insert(stored(SITE)[1])
    report(world, "vbr", vbr_report("Established"))
    world.look()
    written: list[Any] = []
    monkeypatch.setattr(world.store, "write_status", lambda statuses, at_ns: written.append(statuses))
    report(world, "vbr", vbr_report("Established"))
    world.look()
    assert written == []
    report(world, "vbr", vbr_report("Idle"))
    world.look()
    assert len(written) == 1


def test_a_site_keeps_its_problems_while_its_nodes_report(world: World) -> None:
    site, resources = stored(SITE)
    world.insert([one for one in resources if one.kind != "HealthCheck"])
    world.look()
    report(world, "vbr", vbr_report("Established"))
    world.look()
    assert "no health check" in world.status(site)["problems"][0]
    assert "vbr" in world.status(site)["nodes"]


def test_reports_reach_the_first_worker_from_every_other(world: World) -> None:
    there = {world.serials["vbr"]: b"report-1", "STRANGER": b"report-2"}
    second = ReportBoard(world.devices, there, shared=True)
    first = ReportBoard(world.devices, {}, shared=True)
    for serial in there:
        second.heard(serial)
    second.lay_down()
    assert first.take_up() == {world.serials["vbr"]}
    assert dict(first.reports) == {world.serials["vbr"]: b"report-1"}
    assert first.take_up() == frozenset()
    there[world.serials["vbr"]] = b"report-3"
    second.heard(world.serials["vbr"])
    second.lay_down()
    first.take_up()
    assert first.reports[world.serials["vbr"]] == b"report-3"
