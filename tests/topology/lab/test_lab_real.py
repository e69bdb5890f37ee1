"""A real site with real daemons: what only they can show. Paths and outages of each fault are the drill's tests."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from lab_helpers import eventually, leftovers

from twinspan.cli.site import load_deployment
from twinspan.lab import places, process
from twinspan.lab.down import take_down
from twinspan.lab.injection import Injection, mend_listed
from twinspan.lab.lab import Lab
from twinspan.lab.places import GATEWAY, VBR, VPN_GATEWAY
from twinspan.lab.state import FaultOptions
from twinspan.lab.status import look
from twinspan.lab.up import UpOptions, bring_up
from twinspan.model.device_report import DeviceReport

SITE = Path(__file__).parents[3] / "examples" / "01-two-spans" / "site.yaml"


def real_lab(run_dir: Path) -> Lab:
    """With a short hold-down: these tests break the circuit often, and damping would make each of them wait longer."""
    site = load_deployment(SITE)
    gateway = site.configs[GATEWAY]
    calm = msgspec.structs.replace(gateway.failover, hold_down_s=0.5, hold_down_max_s=0.5)
    configs = site.configs | {GATEWAY: msgspec.structs.replace(gateway, failover=calm)}
    return bring_up(msgspec.structs.replace(site, configs=configs), "real", UpOptions(run_dir=run_dir))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("r")
    yield real_lab(folder)
    take_down("real", folder)


@pytest.fixture
def whole(real: Lab) -> Iterator[Lab]:
    """A lab with every session established; mended afterwards."""
    mend_listed(real.fresh())
    assert eventually(lambda: look(real.fresh()).healthy, 60), look(real.fresh()).missing
    yield real
    mend_listed(real.fresh())


def report(lab: Lab, node: str) -> DeviceReport:
    with lab.agent(node) as agent:
        return agent.report()


def session_began(lab: Lab, peer: str = "") -> datetime | None:
    """Since when the VBR's session with the gateway, or with this peer, is established; None while it is not."""
    name = peer or places.circuit_peers(lab)[0].name
    found = next(one for one in report(lab, VBR).bgp if one.peer == name)
    return datetime.fromisoformat(found.since) if found.state == "Established" else None


def same(first: datetime | None, second: datetime | None) -> bool:
    """BIRD works out the time anew at every look, to a few microseconds."""
    return first is not None and second is not None and abs(first - second) < timedelta(milliseconds=50)


def has_route(lab: Lab, prefix: str) -> bool:
    words = ["ip", "-n", lab.netns(GATEWAY), "route", "show", prefix, "proto", "bird"]
    return bool(subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip())


def fire(lab: Lab, fault: str, **options: object) -> Injection:
    injection = Injection(lab, fault, FaultOptions(**({"expires_s": 30.0} | options)))
    injection.fire()
    return injection


def test_bgp_reset_restarts_the_circuits_session_and_no_other(whole: Lab) -> None:
    before, inside = session_began(whole), session_began(whole, "tr")
    fire(whole, "bgp-reset")
    assert eventually(lambda: (now := session_began(whole)) and not same(now, before), 20)
    assert same(session_began(whole, "tr"), inside)


def test_prefix_withdrawn_takes_that_prefix_only_and_keeps_the_session(whole: Lab) -> None:
    office, before = places.office_prefix(whole), session_began(whole)
    others = [prefix for prefix in whole.deployment.cloud_prefixes if prefix != office and ":" not in prefix]
    injection = fire(whole, "prefix-withdrawn")
    assert eventually(lambda: not has_route(whole, office), 5)
    assert all(has_route(whole, prefix) for prefix in others)
    injection.heal()
    assert eventually(lambda: has_route(whole, office), 5)
    assert same(session_began(whole), before)


def test_a_withdrawn_prefix_comes_back_although_nobody_mends_it(whole: Lab) -> None:
    office = places.office_prefix(whole)
    fire(whole, "prefix-withdrawn", expires_s=2.0)
    assert eventually(lambda: not has_route(whole, office), 5)
    assert eventually(lambda: has_route(whole, office), 6)


def test_vpn_down_is_noticed_by_the_peer_at_once_and_stays_down(whole: Lab) -> None:
    injection = fire(whole, "vpn-down")
    assert eventually(lambda: not any(one.child_state == "INSTALLED" for one in report(whole, GATEWAY).tunnels), 2)
    assert eventually(lambda: bool(places.daemons(whole, VPN_GATEWAY, "charon")), 10)
    assert not eventually(lambda: any(one.child_state == "INSTALLED" for one in report(whole, GATEWAY).tunnels), 3)
    injection.heal()
    assert eventually(lambda: all(one.child_state == "INSTALLED" for one in report(whole, GATEWAY).tunnels), 20)


@pytest.mark.parametrize(
    ("node", "daemon"), [(GATEWAY, "bird"), (VBR, "bird"), (VPN_GATEWAY, "charon"), (GATEWAY, "dnsmasq")]
)
def test_a_killed_daemon_comes_back(whole: Lab, node: str, daemon: str) -> None:
    before = places.daemons(whole, node, daemon)
    fire(whole, "daemon-kill", node=node, daemon=daemon)
    assert eventually(lambda: not any(process.alive(one) for one in before), 2)
    assert eventually(lambda: len(places.daemons(whole, node, daemon)) == len(before), 10)


def test_a_killed_agent_comes_back_and_leaves_its_daemons_alone(whole: Lab) -> None:
    agent, bird = report(whole, GATEWAY).agent_pid, places.daemons(whole, GATEWAY, "bird")
    fire(whole, "agent-kill")
    assert eventually(lambda: _agent_pid(whole) not in (0, agent), 10)
    assert places.daemons(whole, GATEWAY, "bird") == bird


def _agent_pid(lab: Lab) -> int:
    with lab.client() as client:
        answer = client.reports()[GATEWAY]
    return answer.agent_pid if isinstance(answer, DeviceReport) else 0


def test_a_shut_port_opens_although_the_gateways_agent_and_keeper_are_dead(whole: Lab) -> None:
    port = places.circuit_port(whole, GATEWAY)
    fire(whole, "port-shutdown", expires_s=3.0)
    assert not is_up(whole, port)
    stopped = [
        one for one in process.with_mark(whole.state.mark) if "sleep" not in " ".join(process.arguments(one.pid))
    ]
    for one in stopped:
        process.send(one, signal.SIGSTOP)
    try:
        assert eventually(lambda: is_up(whole, port), 6)
    finally:
        for one in stopped:
            process.send(one, signal.SIGCONT)


def is_up(lab: Lab, link: str) -> bool:
    words = ["ip", "-n", lab.netns(GATEWAY), "-o", "link", "show", "dev", link]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return "UP" in shown.partition("<")[2].partition(">")[0].split(",")


def kill_agents_first(lab: Lab) -> list[int]:
    return [one.pid for one in process.with_mark(lab.state.mark)]


def kill_daemons_only(lab: Lab) -> list[int]:
    found = [places.daemons(lab, node, name) for node in lab.state.nodes for name in ("bird", "charon", "dnsmasq")]
    return [one.pid for group in found for one in group]


@pytest.mark.parametrize("victims", [kill_agents_first, kill_daemons_only], ids=["agents", "daemons"])
def test_down_leaves_nothing_after_kill_9(run_dir: Path, victims: Callable[[Lab], list[int]]) -> None:
    lab = real_lab(run_dir)
    strays = {one.pid for node in lab.state.nodes for one in places.daemons(lab, node, "charon")}
    assert strays
    for pid in victims(lab):
        os.kill(pid, signal.SIGKILL)
    take_down("real", run_dir)
    assert leftovers(lab.paths, lab.state.lab_id) == []
    assert not [pid for pid in strays if process.identify(pid)]
