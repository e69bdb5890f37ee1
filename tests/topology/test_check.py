"""`twinspan check` on a real lab: whole, with a silent circuit, without DNS, with its port closed, and from a PC."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from twinspan.cli.site import load_site
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.lab.clock import wait_until
from twinspan.lab.connection_check import check_lab
from twinspan.lab.down import take_down
from twinspan.lab.injection import Injection
from twinspan.lab.lab import Lab
from twinspan.lab.state import FaultOptions
from twinspan.lab.status import look
from twinspan.lab.up import bring_up
from twinspan.model.connection_check import ConnectionCheck
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret

SITE = Path(__file__).parents[2] / "examples" / "01-two-spans" / "site.yaml"
COMMAND = [sys.executable, "-m", "twinspan.cli.main", "check"]
OFFICE, NAME, RESOLVER = "172.16.0.10", "ecd-vpc.cn-hangzhou.aliyuncs.com", "100.100.2.136"


@pytest.fixture(scope="module")
def made() -> Iterator[Lab]:
    site = load_site(SITE)
    failback = msgspec.structs.replace(site.failover.failback, hold_down_s=0.5, max_hold_down_s=0.5)
    site = msgspec.structs.replace(site, failover=msgspec.structs.replace(site.failover, failback=failback))
    keys = keys_from({name: Secret("a-key-of-this-test-only") for name in wanted_keys(site)})
    name = f"t-{os.getpid()}-ck"
    lab = bring_up(compile_site(site, keys), name)
    try:
        yield lab
    finally:
        take_down(name)


@pytest.fixture
def lab(made: Lab) -> Lab:
    """Every test begins on a healthy lab that is on its circuit."""
    assert wait_until(lambda: look(made.fresh()).healthy and carrying(made) == "circuit", 30, 0.2)
    return made


def carrying(lab: Lab) -> str:
    with lab.agent("gateway") as agent:
        failover = agent.report().failover
    return failover.carrying if failover else ""


def port_is_up(lab: Lab) -> bool:
    words = ["ip", "-n", lab.netns("gateway"), "-o", "link", "show", "dev", "circuit"]
    return "LOWER_UP" in subprocess.run(words, capture_output=True, text=True, check=True).stdout


def failed(checks: tuple[ConnectionCheck, ...]) -> list[str]:
    """In words, so that a test that fails says which."""
    return [f"{c.place.origin} {c.place.span} {c.place.topic} {c.place.subject}" for c in checks if c.passed is False]


def test_a_healthy_site_passes_every_test_over_each_span_and_from_the_pc(lab):
    checks = check_lab(lab)
    assert [c for c in checks if not c.passed] == []
    topics = {"ping", "round trip", "traceroute", "path mtu", "route", "dns", "tcp"}
    for span in ("circuit", "vpn"):
        assert {c.place.topic for c in checks if c.place.span == span} == topics
    assert {c.place.topic for c in checks if c.place.origin == "pc"} == topics - {"round trip"}
    by_vpn = next(c for c in checks if c.place.span == "vpn" and c.place.topic == "traceroute")
    assert by_vpn.result.startswith("169.254.10.1 > "), "the standby is tested through the tunnel"
    sizes = {c.place.span: c.value for c in checks if c.place.topic == "path mtu"}
    assert sizes == {"circuit": 1500, "vpn": 1400, "": 1500}


def test_a_silent_circuit_fails_its_own_lines_with_a_remedy_and_no_others(lab):
    injection = Injection(lab, "silent", FaultOptions(expires_s=120))
    injection.fire()
    try:
        assert wait_until(lambda: carrying(lab) == "vpn" and failed(check_lab(lab)) != [], 10)
        checks = check_lab(lab)
    finally:
        injection.heal()
    wrong = [c for c in checks if c.passed is False]
    assert {c.place.span for c in wrong} == {"circuit"}, failed(checks)
    assert all(c.remedy for c in wrong)
    assert not any(c.passed for c in checks if c.place.span == "circuit")


def test_a_dns_server_that_is_away_is_named(lab):
    netns = lab.netns("services")
    hook = "type filter hook input priority -300;"
    rules = f"table inet away {{\n chain c {{\n {hook}\n ip daddr {RESOLVER} drop\n }}\n}}\n"
    subprocess.run(["ip", "netns", "exec", netns, "nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        checks = check_lab(lab)
    finally:
        subprocess.run(["ip", "netns", "exec", netns, "nft", "delete", "table", "inet", "away"], check=True)
    asked = f"dns {NAME} @{RESOLVER}"
    assert failed(checks) == [f"gateway circuit {asked}", f"gateway vpn {asked}", f"pc  {asked}"]


def test_the_standby_is_tested_with_the_port_closed_which_is_open_afterwards(lab):
    done = subprocess.run([*COMMAND, lab.name, "--standby", "--json"], capture_output=True, check=False, timeout=100)
    checks = msgspec.json.decode(done.stdout, type=tuple[ConnectionCheck, ...])
    assert (done.returncode, failed(checks)) == (0, []), done.stderr
    assert [c.place.topic for c in checks if c.place.span == "circuit"] == ["port", "ping", "port"]
    by_pc = next(c for c in checks if c.place.origin == "pc" and c.place.topic == "traceroute")
    assert "169.254.10.1" in by_pc.result, "the users' way is the tunnel"
    assert port_is_up(lab)
    assert carrying(lab) == "circuit"
    assert lab.fresh().state.faults == ()


def test_the_port_opens_again_by_itself_when_the_command_was_killed(lab):
    running = subprocess.Popen([*COMMAND, "--lab", lab.name, "--standby", "--at-most", "10"], stdout=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: not port_is_up(lab), 15)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait(timeout=5)
    assert not port_is_up(lab), "it was killed while the port was closed"
    assert wait_until(lambda: port_is_up(lab), 15)


def test_a_command_that_is_told_to_end_opens_the_port_first(lab):
    running = subprocess.Popen([*COMMAND, "--lab", lab.name, "--standby"], stdout=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: not port_is_up(lab), 15)
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=20) == 130
        assert wait_until(lambda: port_is_up(lab), 3), "long before the port would open by itself"
    finally:
        running.kill()
        running.wait(timeout=5)


def test_with_a_dead_standby_the_port_stays_open(lab):
    injection = Injection(lab, "vpn-blackhole", FaultOptions(expires_s=120))
    injection.fire()
    try:
        assert wait_until(lambda: not vpn_is_healthy(lab), 15)
        with pytest.raises(Rejected, match="the port stays open: vpn"):
            check_lab(lab, standby=True)
        assert port_is_up(lab)
        assert {c.place.span for c in check_lab(lab) if c.passed is False} == {"vpn"}
    finally:
        injection.heal()


def vpn_is_healthy(lab: Lab) -> bool:
    with lab.agent("gateway") as agent:
        failover = agent.report().failover
    return failover is not None and all(span.healthy for span in failover.spans if span.name == "vpn")


@pytest.mark.parametrize("groups", ["1 0", "0 65535"], ids=["by the program ping", "by a datagram socket"])
def test_a_pc_tests_without_root_and_says_what_needs_the_site(lab, groups):
    inside = ["ip", "netns", "exec", lab.netns("pc")]
    subprocess.run([*inside, "sysctl", "-qw", f"net.ipv4.ping_group_range={groups}"], check=True)
    subprocess.run(["ip", "-n", lab.netns("pc"), "route", "flush", "cache"], check=True)  # the tunnel's MTU, if known
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    options = ["--from-here", OFFICE, "--name", NAME, "--service", "100.100.64.10:443", "--json"]
    done = subprocess.run([*inside, *nobody, *COMMAND, *options], capture_output=True, check=False, timeout=60)
    checks = msgspec.json.decode(done.stdout, type=tuple[ConnectionCheck, ...])
    # This process has the machine's own resolver, not the PC's: that line alone may fail.
    assert set(failed(checks)) <= {f"here  dns {NAME}"}
    found = {c.place.topic: c.value for c in checks if c.passed}
    assert found["path mtu"] == 1500
    assert found["traceroute"] == 5
    assert {"ping", "route", "dns", "tcp"} <= set(found)
    left_out = {c.place.topic for c in checks if c.passed is None}
    assert left_out == {"ping", "round trip", "port"}
