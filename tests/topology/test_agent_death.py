"""Whatever is killed, users keep their path; what the agent decided dies with it, what it was ordered outlives it.

One lab of the first example serves all tests of this module; every test leaves it whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from twinspan.cli.site import load_site
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.lab import process
from twinspan.lab.clock import wait_until
from twinspan.lab.down import take_down
from twinspan.lab.injection import Injection
from twinspan.lab.lab import Lab
from twinspan.lab.state import FaultOptions, load_state
from twinspan.lab.up import bring_up, revive_keeper
from twinspan.model.device_report import DeviceReport
from twinspan.model.errors import TwinspanError
from twinspan.model.secret import Secret

SITE = Path(__file__).parents[2] / "examples" / "01-two-spans" / "site.yaml"
KEY = "a-key-of-this-test-only"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    site = load_site(SITE)
    quick = replace(site.failover.failback, hold_down_s=0.5, max_hold_down_s=0.5)
    checks = {n: replace(c, probe_packets=3) for n, c in site.health_checks.items()}
    site = replace(site, failover=replace(site.failover, failback=quick), health_checks=checks)
    name = f"t-{os.getpid()}-ak"
    try:
        yield bring_up(compile_site(site, keys_from({name: Secret(KEY) for name in wanted_keys(site)})), name)
    finally:
        take_down(name)


def report(lab: Lab, node: str = "gateway") -> DeviceReport:
    with lab.agent(node, deadline_s=5) as agent:
        return agent.report()


def answers(lab: Lab, node: str = "gateway") -> bool:
    try:
        return report(lab, node).converged
    except TwinspanError:
        return False


def whole(lab: Lab) -> bool:
    if not answers(lab):
        return False
    now = report(lab)
    status = now.failover
    return (
        status is not None
        and (status.carrying, status.override) == ("circuit", False)
        and all(p.state == "up" for p in now.probes)
        and not now.alarms
    )


def overriding(lab: Lab) -> bool:
    status = report(lab).failover if answers(lab) else None
    return status is not None and status.override and status.export_held == ("circuit",)


def inside(lab: Lab, node: str, command: str) -> str:
    argv = ["ip", "netns", "exec", lab.netns(node), *command.split()]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def override_routes(lab: Lab) -> str:
    return inside(lab, "gateway", "ip route show table 8401")


def reached(lab: Lab) -> bool:
    return " 0% packet loss" in inside(lab, "pc", f"ping -n -c 2 -i 0.1 -W 1 {lab.deployment.cloud_endpoint.address}")


@contextlib.contextmanager
def broken(lab: Lab, fault: str) -> Iterator[None]:
    injection = Injection(lab, fault, FaultOptions(expires_s=120))
    injection.fire()
    try:
        yield
    finally:
        injection.heal()


def supervisor_pid(lab: Lab, node: str = "gateway") -> int:
    return int(json.loads((lab.paths.node(node) / "supervisor.json").read_text())["pid"])


def ask(lab: Lab, line: bytes, node: str = "gateway") -> dict[str, object]:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(lab.paths.socket(node)))
        with contextlib.suppress(BrokenPipeError):
            client.sendall(line)
        client.shutdown(socket.SHUT_WR)
        answer = client.makefile().readline()
    return dict(json.loads(answer))


def test_an_agent_killed_while_it_overrides_overrides_again_and_does_not_fail_back(lab):
    assert wait_until(lambda: whole(lab), 30)
    with broken(lab, "dead-transit"):
        assert wait_until(lambda: overriding(lab), 10)
        old = report(lab).agent_pid
        os.kill(old, 9)
        assert wait_until(lambda: overriding(lab) and report(lab).agent_pid != old, 10)
        assert not [e for e in events(lab) if e.what.startswith("circuit carries")]
        assert reached(lab)
    assert wait_until(lambda: whole(lab), 30)


def events(lab: Lab, node: str = "gateway"):
    with lab.agent(node, deadline_s=5) as agent:
        return agent.events(0)


def test_with_every_python_process_dead_traffic_flows_and_the_override_is_gone(lab):
    assert wait_until(lambda: whole(lab), 30)
    with broken(lab, "dead-transit"):
        assert wait_until(lambda: overriding(lab) and override_routes(lab) != "", 10)
        keeper = load_state(lab.paths).keeper
        os.kill(keeper.pid, 9)
        assert wait_until(lambda: not process.alive(keeper), 5)
        for node in lab.state.nodes:
            os.kill(supervisor_pid(lab, node), 9)
        assert wait_until(lambda: override_routes(lab) == "", 10), "an orphaned override stayed"
    assert wait_until(lambda: reached(lab), 10), "BIRD and charon carry on by themselves"
    assert not answers(lab)
    assert revive_keeper(lab.fresh())
    assert wait_until(lambda: whole(lab), 30)
    assert wait_until(lambda: all(answers(lab, node) for node in lab.state.nodes), 10)


def test_an_override_goes_at_once_when_the_path_it_points_to_dies(lab):
    assert wait_until(lambda: whole(lab), 30)
    with broken(lab, "dead-transit"):
        assert wait_until(lambda: overriding(lab) and override_routes(lab) != "", 10)
        with broken(lab, "vpn-blackhole"):
            assert wait_until(lambda: override_routes(lab) == "", 5)
            assert wait_until(lambda: "both_dead" in {a.name for a in report(lab).alarms}, 5)
            first = {(a.name, a.since_ns) for a in report(lab).alarms}
            assert wait_until(lambda: report(lab).at_ns > max(s for _, s in first) + 1_500_000_000, 5)
            assert first <= {(a.name, a.since_ns) for a in report(lab).alarms}, "an alarm keeps its beginning"
        assert wait_until(lambda: overriding(lab), 20)
    assert wait_until(lambda: whole(lab), 30)


def test_a_restarted_vbr_agent_keeps_the_health_checks_hold(lab):
    assert wait_until(lambda: whole(lab) and answers(lab, "vbr"), 30)
    with broken(lab, "silent"):
        assert wait_until(lambda: any(c.route_moved for c in report(lab, "vbr").health_checks), 30)
        old = report(lab, "vbr").agent_pid
        os.kill(old, 9)
        assert wait_until(lambda: answers(lab, "vbr") and report(lab, "vbr").agent_pid != old, 10)
        assert all(c.route_moved for c in report(lab, "vbr").health_checks)
        assert all(s.import_held for s in report(lab, "vbr").bgp if s.span == "circuit")
    assert wait_until(lambda: not any(c.route_moved for c in report(lab, "vbr").health_checks), 30)
    assert wait_until(lambda: whole(lab), 30)


def test_a_shut_port_survives_the_agent_and_is_no_drift(lab):
    assert wait_until(lambda: whole(lab), 30)
    link, repairs = circuit_port(lab), report(lab).repairs
    with lab.agent("gateway") as agent:
        agent.shut_port(link, 60)
        agent.shut_port(link, 60)
    assert wait_until(lambda: not link_up(lab, link), 2)
    assert not wait_until(lambda: report(lab).repairs > repairs, 1)
    old = report(lab).agent_pid
    os.kill(old, 9)
    assert wait_until(lambda: answers(lab) and report(lab).agent_pid != old, 10)
    assert not wait_until(lambda: link_up(lab, link), 1)
    with lab.agent("gateway") as agent:
        agent.open_port(link)
    assert wait_until(lambda: link_up(lab, link) and whole(lab), 30)
    assert sum(e.what == f"order: {link} opened" for e in events(lab)) == 1


def test_a_shut_port_opens_at_its_end_with_everything_dead(lab):
    assert wait_until(lambda: whole(lab), 30)
    link = circuit_port(lab)
    with lab.agent("gateway") as agent:
        agent.shut_port(link, 3)
    keeper = load_state(lab.paths).keeper
    os.kill(keeper.pid, 9)
    assert wait_until(lambda: not process.alive(keeper), 5)
    os.kill(supervisor_pid(lab), 9)
    assert not link_up(lab, link)
    assert wait_until(lambda: link_up(lab, link), 5)
    assert revive_keeper(lab.fresh())
    assert wait_until(lambda: whole(lab), 30)


def circuit_port(lab: Lab) -> str:
    ports = next(s for s in lab.deployment.topology.segments if s.kind == "circuit").ports
    return next(port.link for port in ports if port.node == "gateway")


def link_up(lab: Lab, link: str) -> bool:
    return ",UP" in inside(lab, "gateway", f"ip link show dev {link}")


NODE = b'{"op":"apply","config":{"node":"gateway","role":"gateway","site":"s",'
TUNNEL = b'"local_address":"1.1.1.1","remote_address":"1.1.1.2","local_id":"a","remote_id":"b"'
HOSTILE = {
    "no JSON": b"\xff\xfe\x00garbage\n",
    "half a line": b'{"op":"rep',
    "a huge line": b'"' + b"x" * (5 << 20) + b'"\n',
    "deep nesting": b"[" * 100_000 + b"\n",
    "no object": b"[1]\n",
    "no op": b"{}\n",
    "an unknown op": b'{"op":"reboot"}\n',
    "an op that is no text": b'{"op":{"a":1}}\n',
    "a time that is text": b'{"op":"events","since_ns":"now"}\n',
    "apply of nothing": b'{"op":"apply"}\n',
    "apply of a number": b'{"op":"apply","config":7}\n',
    "another node's config": b'{"op":"apply","config":{"node":"vbr","role":"vbr","site":"s"}}\n',
    "a rule into nowhere": NODE + b'"rules":[{"priority":9,"table":"x"}]}}\n',
    "a key that is a number": NODE + b'"tunnels":[{"name":"t","psk":31337,' + TUNNEL + b"}]}}\n",
    "an order without a link": b'{"op":"order","expires_s":1}\n',
    "an order for ever": b'{"op":"order","link":"circuit","expires_s":1e300}\n',
    "an order for a time that is text": b'{"op":"order","link":"circuit","expires_s":"nan"}\n',
    "an order for an unknown link": b'{"op":"order","link":"x; reboot","expires_s":1}\n',
    "an order for the management link": b'{"op":"order","link":"mgmt0","expires_s":1}\n',
    "an order for lo": b'{"op":"order","link":"lo","expires_s":1}\n',
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE.keys())
def test_whatever_comes_in_gets_an_answer_and_changes_nothing(lab, line):
    before = report(lab)
    saved = (lab.paths.node("gateway") / "config.json").read_bytes()
    answer = ask(lab, line)
    assert answer["ok"] is False
    assert answer["error"]
    assert "31337" not in str(answer["error"])
    after = report(lab)
    assert (after.agent_pid, after.digest, after.repairs) == (before.agent_pid, before.digest, before.repairs)
    assert (lab.paths.node("gateway") / "config.json").read_bytes() == saved


@pytest.mark.parametrize("name", ["owned.json", "orders.json", "config.json"])
def test_a_damaged_file_is_set_aside_and_the_agent_starts(lab, name):
    assert wait_until(lambda: whole(lab), 30)
    file = lab.paths.node("gateway") / name
    old = report(lab).agent_pid
    file.write_bytes(b'{"half":')
    os.kill(old, 9)
    assert wait_until(lambda: any(e.what == "file set aside" for e in fresh_events(lab, old)), 10)
    assert file.with_name(name + ".broken").exists()
    assert reached(lab)
    if name == "config.json":
        config = lab.deployment.configs["gateway"]
        with lab.agent("gateway") as agent:
            agent.apply(config)
    assert wait_until(lambda: whole(lab), 30)
    file.with_name(name + ".broken").unlink()


def fresh_events(lab: Lab, old_pid: int):
    try:
        return events(lab) if report(lab).agent_pid != old_pid else ()
    except TwinspanError:
        return ()


def test_keys_are_nowhere_but_in_files_for_root_only(lab):
    for node in lab.state.nodes:
        assert lab.paths.node(node).stat().st_mode & 0o077 == 0
        for path in lab.paths.node(node).rglob("*"):
            # dnsmasq sets its own mask for these two; the directory above is closed.
            if path.is_file() and path.name not in ("own.pid", "leases"):
                assert path.stat().st_mode & 0o077 == 0, path
            if path.suffix in (".log", ".out"):
                assert KEY.encode() not in path.read_bytes(), path
        said = ask(lab, b'{"op":"events"}\n', node), ask(lab, b'{"op":"report"}\n', node)
        assert KEY not in str(said)
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            assert KEY.encode() not in entry.read_bytes()


def test_no_agent_ended_but_those_that_were_killed(lab):
    for node in lab.state.nodes:
        log = (lab.paths.node(node) / "agent.log").read_text()
        assert "Traceback" not in log, log[-2000:]
        assert "exit code" not in log
