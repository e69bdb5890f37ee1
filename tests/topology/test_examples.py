"""Every example on real daemons: it comes up whole, and its users get through with the circuit alive and dead.

Then what only some sites have: the VBR's health check as the one thing that watches (seed 004 Step 3), a standby with
a standby of its own (Step 2), and DHCP and DNS of the data centre (Step 6).
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from twinspan.cli.site import load_site
from twinspan.cli.site_file import check
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.lab.clock import wait_until
from twinspan.lab.down import take_down
from twinspan.lab.injection import Injection
from twinspan.lab.lab import Lab
from twinspan.lab.state import FaultOptions
from twinspan.lab.up import bring_up
from twinspan.model.secret import Secret
from twinspan.model.site import Site

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(str(path.relative_to(EXAMPLES)) for path in EXAMPLES.glob("*/*.yaml"))
DC = "192.168.1.0/24"


@contextlib.contextmanager
def running(site: Site, label: str) -> Iterator[Lab]:
    """The site as a lab with a short hold-down; gone afterwards. Up means every session and probe is established."""
    failback = replace(site.failover.failback, hold_down_s=0.5, max_hold_down_s=0.5)
    site = replace(site, failover=replace(site.failover, failback=failback))
    keys = keys_from({name: Secret("a-key-of-this-test-only") for name in wanted_keys(site)})
    name = f"t-{os.getpid()}-{label}"
    lab = bring_up(compile_site(site, keys), name)
    try:
        yield lab
    finally:
        take_down(name)


@contextlib.contextmanager
def broken(lab: Lab, *faults: str) -> Iterator[None]:
    injections = [Injection(lab, fault, FaultOptions(expires_s=120)) for fault in faults]
    try:
        for injection in injections:
            injection.fire()
        yield
    finally:
        for injection in injections:
            injection.heal()


def inside(lab: Lab, node: str, *argv: str) -> str:
    command = ["ip", "netns", "exec", lab.netns(node), *argv]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def answered(lab: Lab, source: str, address: str) -> bool:
    return ", 0% packet loss" in inside(lab, source, "ping", "-n", "-c", "2", "-i", "0.05", "-W", "1", address)


def both_ways(lab: Lab) -> bool:
    ends = lab.deployment
    return answered(lab, "pc", ends.cloud_endpoint.address) and answered(lab, "office-host", ends.site_endpoint.address)


def carrying(lab: Lab) -> str:
    with lab.agent("gateway") as agent:
        failover = agent.report().failover
    return failover.carrying if failover else ""


def next_node_to_site(lab: Lab) -> str:
    """Where the transit router sends what is for the data centre: the name of its link."""
    found = re.search(r" dev (\S+)", inside(lab, "transit-router", "ip", "route", "get", DC.replace(".0/24", ".9")))
    return found.group(1) if found else "nowhere"


@pytest.mark.parametrize("file", FILES)
def test_an_example_comes_up_whole_and_its_users_survive_a_silent_circuit(file: str) -> None:
    with running(load_site(EXAMPLES / file), f"ex{FILES.index(file)}") as lab:
        assert carrying(lab) == "circuit"
        assert both_ways(lab)
        with broken(lab, "silent"):
            assert wait_until(lambda: carrying(lab) == "vpn", 10)
            assert wait_until(lambda: both_ways(lab), 10)
        assert wait_until(lambda: carrying(lab) == "circuit", 30)
        assert both_ways(lab)


def watched_by_the_health_check_alone(*, change_route: bool) -> Site:
    """No BFD and a long hold time: in the direction to the site nothing but the VBR's check can notice."""
    site = load_site(EXAMPLES / "01-two-spans" / "site.yaml")
    return replace(
        site,
        bgp_peers={n: replace(p, enable_bfd=False) for n, p in site.bgp_peers.items()},
        bgp_groups={n: replace(g, hold_time_s=180, keepalive_interval_s=60) for n, g in site.bgp_groups.items()},
        health_checks={
            n: replace(c, probe_packets=3, change_route=change_route) for n, c in site.health_checks.items()
        },
    )


def failed_checks(lab: Lab) -> list[str]:
    with lab.agent("vbr") as agent:
        return [check.name for check in agent.report().health_checks if not check.healthy]


def test_the_health_check_moves_the_way_to_the_site_after_so_many_lost_packets_and_back() -> None:
    with running(watched_by_the_health_check_alone(change_route=True), "hc") as lab:
        source = next(iter(lab.deployment.configs["vbr"].probes)).source
        assert f"{source} via 10.0.0.1" in inside(lab, "gateway", "ip", "route"), "the source's /32 came by BGP"
        assert not failed_checks(lab)
        assert next_node_to_site(lab) == "vbr0"
        with broken(lab, "silent"):
            # Two of three packets lost are no failure: 2 s x 3 cannot be over after 3 s.
            assert not wait_until(lambda: next_node_to_site(lab) != "vbr0", 3)
            assert wait_until(lambda: next_node_to_site(lab) != "vbr0", 8)
            assert failed_checks(lab)
            assert wait_until(lambda: both_ways(lab), 10)
        assert wait_until(lambda: next_node_to_site(lab) == "vbr0" and not failed_checks(lab), 30)


def test_with_change_route_off_the_health_check_only_watches() -> None:
    with running(watched_by_the_health_check_alone(change_route=False), "hc-off") as lab, broken(lab, "silent"):
        assert wait_until(lambda: bool(failed_checks(lab)), 12)
        assert not wait_until(lambda: next_node_to_site(lab) != "vbr0", 3)


def test_the_standby_connection_takes_over_when_the_active_one_dies_while_users_depend_on_it() -> None:
    with running(load_site(EXAMPLES / "02-two-tunnels" / "site.yaml"), "weights") as lab, broken(lab, "silent"):
        assert wait_until(lambda: carrying(lab) == "vpn" and both_ways(lab), 10)
        with broken(lab, "vpn-active-down"):
            assert wait_until(lambda: both_ways(lab), 15)
            assert carrying(lab) == "vpn"


def test_a_pc_gets_the_clouds_resolvers_by_dhcp_and_they_answer_over_either_span() -> None:
    text = (EXAMPLES / "01-two-spans" / "site.yaml").read_text() + "\ndhcp_services:\n  dhcp: {}\n"
    site = check(text.encode(), "site.yaml").site
    assert site is not None
    with running(site, "dhcp") as lab:
        (handed_out,) = lab.paths.node("pc").rglob("resolv.conf")
        resolvers = re.findall(r"nameserver (\S+)", handed_out.read_text())
        assert resolvers == ["100.100.2.136", "100.100.2.138"]
        assert all(resolved(lab, server) for server in resolvers)
        with broken(lab, "silent"):
            assert wait_until(lambda: carrying(lab) == "vpn", 10)
            assert wait_until(lambda: all(resolved(lab, server) for server in resolvers), 5)


def resolved(lab: Lab, server: str) -> bool:
    """The seed's test name, asked of this server from the PC, has the address that the services network gave it."""
    answer = inside(lab, "pc", "dig", "+short", "+time=1", "+tries=1", f"@{server}", lab.deployment.dns_name)
    return answer.strip() == "100.100.64.10"
