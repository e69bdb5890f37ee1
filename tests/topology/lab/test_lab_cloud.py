"""A lab with its cloud server: every node managed, the gateway found by DHCP behind a NAT, the spans untouched."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lab_helpers import eventually, leftovers

from twinspan.cli.admin_client import Address, AdminClient
from twinspan.cli.known_servers import KnownServer
from twinspan.cli.site import load_site
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.engine.drill_verdict import headline_results
from twinspan.lab import places, process
from twinspan.lab.cloud import DOMAIN, NAT, NAT_ADDRESS, PORT, SERVER, SERVER_ADDRESS, Managed, load_managed
from twinspan.lab.cloud_return import kill_server
from twinspan.lab.cloud_server import STATE_DIR, TOKEN
from twinspan.lab.down import take_down
from twinspan.lab.drill import Drill, DrillOptions
from twinspan.lab.injection import Injection, mend_listed
from twinspan.lab.lab import Lab
from twinspan.lab.namespace import call_inside
from twinspan.lab.places import GATEWAY
from twinspan.lab.state import FaultOptions, lab_names
from twinspan.lab.status import look
from twinspan.lab.up import UpOptions, bring_up, revive_keeper
from twinspan.model.cloud_status import CloudStatus
from twinspan.model.device_config import DeviceConfig, NextHop, StaticRoute
from twinspan.model.device_report import DeviceReport, Event
from twinspan.model.secret import Secret

SITE = Path(__file__).parents[3] / "examples" / "01-two-spans" / "site.yaml"
QUICK = DrillOptions(lead_s=0.3, settle_s=0.3)
HARMLESS = "198.18.77.0/24"
"""In the labs' own range; nobody sends there."""


class Server:
    """The lab's server, asked by its administrator."""

    def __init__(self, lab: Lab) -> None:
        self._lab, part = lab, lab.paths.part(SERVER)
        token = Secret((part / TOKEN).read_text().strip())
        authority = (part / STATE_DIR / "authority.pem").read_text()
        known = KnownServer(authorities=(authority,), fingerprint="", token=token)
        self._client = AdminClient(Address(host=SERVER_ADDRESS, port=PORT), known)

    def ask(self, method: str, path: str, value: object = None, kind: Any = dict[str, Any]) -> Any:
        work = lambda: self._client.call(kind, method, path, value)  # noqa: E731
        return call_inside(self._lab.netns(SERVER), work)

    def devices(self) -> dict[str, dict[str, Any]]:
        return {device["serial"]: device for device in self.ask("GET", "/devices")["devices"]}

    def report(self, serial: str) -> DeviceReport:
        return self.ask("GET", f"/devices/{serial}/report", kind=DeviceReport)

    def want(self, serial: str, config: DeviceConfig) -> None:
        self.ask("PUT", f"/devices/{serial}/config", config)

    def state(self, serial: str) -> dict[str, Any]:
        return self.ask("GET", f"/devices/{serial}/config")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    site = load_site(SITE)
    failover = msgspec.structs.replace(site.failover, failback=msgspec.structs.replace(
        site.failover.failback, hold_down_s=1.0))  # fmt: skip
    site = msgspec.structs.replace(site, failover=failover)
    keys = keys_from({name: Secret("a-key-of-this-test-only") for name in wanted_keys(site)})
    folder = tmp_path_factory.mktemp("r")
    try:
        yield bring_up(compile_site(site, keys), "cloud", UpOptions(run_dir=folder, cloud=True))
    finally:
        if "cloud" in lab_names(folder):
            take_down("cloud", folder)


@pytest.fixture
def whole(lab: Lab) -> Iterator[Lab]:
    """Everything established, mended afterwards."""
    assert eventually(lambda: look(lab.fresh()).healthy, 60), look(lab.fresh()).missing
    yield lab
    mend_listed(lab.fresh())


@pytest.fixture
def server(whole: Lab) -> Server:
    return Server(whole)


def cloud(lab: Lab, node: str = GATEWAY) -> CloudStatus:
    with lab.agent(node) as agent:
        found = agent.report().cloud
    assert found is not None
    return found


def gateway_of(lab: Lab) -> Managed:
    return load_managed(lab.paths)[GATEWAY]


def changes_of_the_cloud_connection(lab: Lab, since_ns: int) -> list[Event]:
    with lab.client() as client:
        return [event for event in client.events(since_ns) if event.source == "cloud"]


def way_to_the_server(lab: Lab) -> str:
    words = ["ip", "-n", lab.netns(GATEWAY), "route", "get", SERVER_ADDRESS]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_every_node_is_connected_and_reports_to_the_server(whole: Lab, server: Server) -> None:
    devices = server.devices()
    managed = load_managed(whole.paths)
    assert set(managed) == set(whole.state.nodes)
    for node, one in managed.items():
        assert devices[one.serial]["connected"], node
        assert eventually(lambda one=one: server.report(one.serial).converged)
        report = server.report(one.serial)
        assert (report.node, report.digest) == (node, server.state(one.serial)["digest"])
        assert server.state(one.serial)["taken"]


def test_the_gateway_is_found_by_dhcp_behind_a_nat(whole: Lab, server: Server) -> None:
    status = cloud(whole)
    assert (status.domain_source, status.password_source, status.server_domain) == ("dhcp", "dhcp", DOMAIN)
    assert (whole.deployment.configs[GATEWAY].cloud, gateway_of(whole).config.cloud.primary) == (None, None)
    seen = {serial: device["address"] for serial, device in server.devices().items()}
    assert seen.pop(gateway_of(whole).serial) == NAT_ADDRESS
    assert NAT_ADDRESS not in seen.values()


def test_the_status_tells_each_step_and_when(whole: Lab) -> None:
    steps = cloud(whole).steps
    names = [step.state for step in steps]
    wanted = ["Resolving", "Connecting", "Authentication", "Register", "Register_success", "Request", "Request_success"]
    assert [name for name in wanted if name in names] == wanted
    assert names[-1] == "Request_success"
    assert sorted(step.at_ns for step in steps) == [step.at_ns for step in steps]


def test_a_config_from_the_server_changes_the_node_and_comes_back_in_its_report(whole: Lab, server: Server) -> None:
    one = gateway_of(whole)
    route = StaticRoute(prefix=HARMLESS, next_hops=(NextHop(link="mgmt0"),))
    more = msgspec.structs.replace(one.config, generation=2, routes=(*one.config.routes, route))
    server.want(one.serial, more)
    assert eventually(lambda: server.report(one.serial).observed_generation == 2)
    assert HARMLESS in {found.prefix for found in server.report(one.serial).routes}
    assert eventually(lambda: server.state(one.serial)["taken"])
    server.want(one.serial, msgspec.structs.replace(one.config, generation=3))
    assert eventually(lambda: server.report(one.serial).observed_generation == 3)
    assert HARMLESS not in {found.prefix for found in server.report(one.serial).routes}


def test_a_config_of_another_node_is_refused_and_the_server_is_told_why(whole: Lab, server: Server) -> None:
    managed = load_managed(whole.paths)
    wrong = msgspec.structs.replace(managed["vbr"].config, generation=9)
    server.want(managed["pc"].serial, wrong)
    assert eventually(lambda: "the config is of node 'vbr'" in server.state(managed["pc"].serial)["refusal"])
    assert server.report(managed["pc"].serial).observed_generation == 1
    server.want(managed["pc"].serial, managed["pc"].config)


def test_all_nodes_return_with_their_tickets_when_the_server_was_killed(whole: Lab, server: Server) -> None:
    epochs = {serial: device["epoch"] for serial, device in server.devices().items()}
    returns = kill_server(whole, 20)
    assert {one.node for one in returns} == set(load_managed(whole.paths))
    assert all(one.resumed for one in returns)
    assert all(device["epoch"] > epochs[serial] for serial, device in server.devices().items())


def test_a_drill_passes_and_users_do_not_notice_while_the_server_is_cut_off(whole: Lab) -> None:
    injection = Injection(whole, "server-down", FaultOptions(expires_s=90))
    injection.fire()
    assert eventually(lambda: cloud(whole).state != "Established", 20)
    assert cloud(whole).last_down == "silent"
    report = Drill(whole, "silent", msgspec.structs.replace(QUICK, force=True)).run()
    assert report.verdict == "passed", report.reasons
    assert {use.during for use in report.paths} == {"vpn"}
    assert all(found.lost <= 5 for found in headline_results(report, "failback"))
    injection.heal()
    assert eventually(lambda: look(whole.fresh()).healthy, 60), look(whole.fresh()).missing


@pytest.mark.parametrize("fault", ["silent", "both"])
def test_a_fault_of_the_spans_leaves_the_cloud_connections_alone(whole: Lab, fault: str) -> None:
    epoch, began_ns = cloud(whole).epoch, cloud(whole).connected_at_ns
    way = way_to_the_server(whole)
    assert " dev mgmt0 " in way
    injection = Injection(whole, fault, FaultOptions(expires_s=60))
    at_ns = injection.fire().before_ns
    assert eventually(lambda: carrying(whole) == "vpn" or both_dead(whole), 20)
    assert not eventually(lambda: cloud(whole).state != "Established", 8)  # longer than silence may last
    assert way_to_the_server(whole).split("uid")[0] == way.split("uid")[0]
    injection.heal()
    assert eventually(lambda: look(whole.fresh()).healthy, 60)
    assert changes_of_the_cloud_connection(whole, at_ns) == []
    assert (cloud(whole).epoch, cloud(whole).connected_at_ns) == (epoch, began_ns)


def carrying(lab: Lab) -> str:
    with lab.agent(GATEWAY) as agent:
        found = agent.report().failover
    return found.carrying if found else ""


def both_dead(lab: Lab) -> bool:
    with lab.agent(GATEWAY) as agent:
        return any(alarm.name == "both_dead" for alarm in agent.report().alarms)


def test_the_nats_dhcp_service_comes_back_when_it_was_killed(whole: Lab) -> None:
    before = process.recorded(whole.paths.part(NAT))
    assert before is not None
    assert process.command_name(before.pid) == "dnsmasq"
    os.kill(before.pid, signal.SIGKILL)

    def another() -> bool:
        now = process.recorded(whole.paths.part(NAT))
        return now not in (None, before) and process.alive(now)

    assert eventually(another, 5)


def test_a_keeper_that_is_started_again_adopts_the_server(whole: Lab) -> None:
    before, epoch = places.cloud_server(whole), cloud(whole).epoch
    keeper = whole.fresh().state.keeper
    assert keeper is not None
    process.send(keeper, signal.SIGKILL)
    assert eventually(lambda: not process.alive(keeper), 5)
    assert revive_keeper(whole.fresh())
    assert eventually(lambda: look(whole.fresh()).healthy, 20)
    assert (places.cloud_server(whole), cloud(whole).epoch) == (before, epoch)


def test_down_leaves_nothing_of_the_server_although_all_was_killed(lab: Lab) -> None:
    """The last one: it takes the lab away."""
    victims = [*places.cloud_server(lab), *process.with_mark(lab.state.mark)]
    assert places.cloud_server(lab)
    for one in victims:
        process.send(one, signal.SIGKILL)
    take_down(lab.name, lab.paths.run_dir)
    assert leftovers(lab.paths, lab.state.lab_id) == []
    assert not any(process.alive(one) for one in victims)
