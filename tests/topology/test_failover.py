"""Every fault in both directions, on real BIRD, strongSwan and kernel routes: what users lose, and what the site does.

One lab with fast timers serves all tests of this module; every fault is drilled once (load, injection, healing,
way back) and the tests ask the report. Outages are compared with the site's own limit, which leaves room for a busy
machine; exact times are measured by bench/failover.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from twinspan.cli.site import load_site
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.engine.drill_verdict import headline_results
from twinspan.lab.clock import wait_until
from twinspan.lab.down import take_down
from twinspan.lab.drill import Drill, DrillOptions
from twinspan.lab.injection import Injection
from twinspan.lab.lab import Lab
from twinspan.lab.state import FaultOptions
from twinspan.lab.up import bring_up
from twinspan.model.deployment import Deployment
from twinspan.model.drill import DrillReport
from twinspan.model.secret import Secret

SITE = Path(__file__).parents[2] / "examples" / "01-two-spans" / "site.yaml"
QUICK = DrillOptions(lead_s=0.3, settle_s=0.3)
CIRCUIT_FAULTS = [
    "port-shutdown",
    "cable",
    "silent",
    "dead-transit",
    "prefix-only",
    "large-only",
    "bgp-reset",
    "prefix-withdrawn",
    "daemon-kill",
]
STANDBY_FAULTS = ["vpn-down", "vpn-blackhole", "isp-down"]


def quick_site() -> Deployment:
    """The first example with BFD at 100 ms and a short hold-down."""
    site = load_site(SITE)
    replace = msgspec.structs.replace
    site = replace(
        site,
        virtual_border_routers={
            n: replace(v, min_tx_interval_ms=100, min_rx_interval_ms=100)
            for n, v in site.virtual_border_routers.items()
        },
        failover=replace(
            site.failover,
            probe=replace(site.failover.probe, interval_ms=300),
            failback=replace(site.failover.failback, hold_down_s=1.0),
        ),
    )
    return compile_site(site, keys_from({name: Secret("a-key-of-this-test-only") for name in wanted_keys(site)}))


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    name = f"t-{os.getpid()}-fo"
    made = bring_up(quick_site(), name)
    try:
        yield made
    finally:
        take_down(name)


def drill(lab: Lab, fault: str, options: DrillOptions = QUICK) -> DrillReport:
    """The report of one drill, once every span is healthy and the traffic is on the circuit again."""
    return Drill(lab, fault, options).run()


def lost(report: DrillReport, phase: str) -> dict[str, int]:
    return {r.direction: r.lost for r in headline_results(report, phase)}


@pytest.mark.parametrize("fault", CIRCUIT_FAULTS)
def test_a_fault_of_the_circuit_moves_both_directions_to_the_vpn_and_back(lab, fault):
    report = drill(lab, fault)
    assert report.verdict == "passed", report.reasons
    assert {(use.direction, use.before, use.during, use.after) for use in report.paths} == {
        ("site_to_cloud", "circuit", "vpn", "circuit"),
        ("cloud_to_site", "circuit", "vpn", "circuit"),
    }
    assert all(count <= 5 for count in lost(report, "failback").values())


@pytest.mark.parametrize("direction", ["to-cloud", "to-site"])
def test_a_circuit_that_loses_one_direction_moves_both(lab, direction):
    options = msgspec.structs.replace(QUICK, fault=FaultOptions(direction=direction))
    report = drill(lab, "one-way", options)
    assert report.verdict == "passed", report.reasons
    assert {use.during for use in report.paths} == {"vpn"}


@pytest.mark.parametrize("fault", STANDBY_FAULTS)
def test_a_dead_standby_is_said_while_traffic_flows_on(lab, fault):
    report = drill(lab, fault)
    assert report.verdict == "passed", report.reasons
    assert lost(report, "failover") == {"site_to_cloud": 0, "cloud_to_site": 0}
    assert {use.during for use in report.paths} == {"circuit"}
    assert any(e.what == "alarm raised: standby_dead" for e in report.events)


def test_users_do_not_notice_that_an_agent_was_killed(lab):
    report = drill(lab, "agent-kill")
    assert report.verdict == "passed", report.reasons
    assert lost(report, "failover") == {"site_to_cloud": 0, "cloud_to_site": 0}


def test_with_both_spans_dead_it_is_said_and_traffic_comes_back(lab):
    report = drill(lab, "both")
    assert report.verdict == "passed", report.reasons
    assert any(e.what == "alarm raised: both_dead" for e in report.events)
    assert {use.after for use in report.paths} == {"circuit"}


def test_a_flapping_circuit_is_left_once_and_not_taken_again_between_flaps(lab):
    options = msgspec.structs.replace(QUICK, fault=FaultOptions(times=3, period_s=1.0))
    report = drill(lab, "flap", options)
    assert report.verdict == "passed", report.reasons
    for direction in ("site_to_cloud", "cloud_to_site"):
        moves = [c.path for c in report.path_changes if c.direction == direction]
        assert moves == ["circuit", "vpn", "circuit"]


def test_a_drill_refuses_while_the_standby_is_not_proven(lab):
    injection = Injection(lab, "vpn-blackhole", FaultOptions(expires_s=60))
    injection.fire()
    try:
        assert wait_until(lambda: "standby_dead" in alarms(lab), 10), "no alarm within 10 s"
        report = drill(lab, "silent")
    finally:
        injection.heal()
    assert report.verdict == "refused"
    assert any("no probe answers" in s or "lost" in s or ": down" in s for s in report.standby_proof)
    assert (report.injected_ns, report.phases) == (0, ())
    assert wait_until(lambda: "standby_dead" not in alarms(lab), 20), "the alarm stayed"


def test_names_of_the_cloud_resolve_from_the_pc_over_either_span(lab):
    assert wait_until(lambda: resolve(lab) == "100.100.64.10", 5)
    injection = Injection(lab, "silent", FaultOptions(expires_s=60))
    injection.fire()
    try:
        assert wait_until(lambda: carrying(lab) == "vpn", 5)
        # The far end moves by itself, some milliseconds earlier or later.
        assert wait_until(lambda: resolve(lab) == "100.100.64.10", 5)
        assert carrying(lab) == "vpn"
    finally:
        injection.heal()
    assert wait_until(lambda: carrying(lab) == "circuit", 30)


def test_a_program_on_the_pc_asks_the_resolvers_that_dhcp_gave(lab):
    """Seed 004, Step 6: nslookup with the name alone."""
    argv = [sys.executable, "-m", "twinspan.cli.main", "lab", "shell", "-n", lab.name, "pc", "--", "nslookup"]
    found = subprocess.run([*argv, lab.deployment.dns_name], capture_output=True, text=True, check=False)
    assert "100.100.64.10" in found.stdout, found.stdout + found.stderr


def alarms(lab: Lab) -> set[str]:
    with lab.agent("gateway") as agent:
        return {alarm.name for alarm in agent.report().alarms}


def carrying(lab: Lab) -> str:
    with lab.agent("gateway") as agent:
        failover = agent.report().failover
    return failover.carrying if failover else ""


def resolve(lab: Lab) -> str:
    """The address of the seed's test name, asked of the cloud's resolver from the PC."""
    argv = ["ip", "netns", "exec", lab.netns("pc"), "dig", "+short", "+time=1", "+tries=1", "@100.100.2.136"]
    return subprocess.run([*argv, lab.deployment.dns_name], capture_output=True, text=True, check=False).stdout.strip()
