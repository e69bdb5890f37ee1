"""Every example on real daemons: it comes up whole, its users get through with the circuit alive and dead, and it does
what it is an example of.

Then the VBR's health check as the one thing that watches (seed 004 Step 3).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from twinspan.cli.site import load_site
from twinspan.drivers.vlan import VlanDriver
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.lab.build import BRIDGE, run_ip
from twinspan.lab.clock import wait_until
from twinspan.lab.down import take_down
from twinspan.lab.injection import Injection
from twinspan.lab.lab import Lab
from twinspan.lab.namespace import call_inside
from twinspan.lab.state import FaultOptions
from twinspan.lab.up import bring_up
from twinspan.model.device_config import DeviceConfig, Link
from twinspan.model.secret import Secret
from twinspan.model.site import Site

EXAMPLES = Path(__file__).parents[2] / "examples"
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


def resolvers(lab: Lab) -> list[str]:
    """Whom the PC asks: what its DHCP client was given."""
    file = lab.paths.node("pc") / "dhcp" / "resolv.conf"
    return re.findall(r"nameserver (\S+)", file.read_text())


def said_of(lab: Lab, name: str) -> str:
    return inside(lab, "pc", "nslookup", "-timeout=2", name, resolvers(lab)[0])


def resolved(lab: Lab) -> int:
    return said_of(lab, lab.deployment.dns_name).count("100.100.64.10")


def alarms(lab: Lab, node: str = "gateway") -> set[str]:
    with lab.agent(node) as agent:
        return {alarm.name for alarm in agent.report().alarms}


def tunnel_in_use(lab: Lab) -> tuple[str, str]:
    """The tunnel that each end's routes lead into now: (gateway's, VPN gateway's)."""
    found = []
    for node, table, prefix in (("gateway", "8401", "172.16.0.0/12"), ("vpn-gateway", "main", DC)):
        with lab.agent(node) as agent:
            names = {tunnel.device: tunnel.name for tunnel in agent.report().tunnels}
        device = re.search(r" dev (\S+)", inside(lab, node, "ip", "route", "show", "table", table, prefix))
        found.append(names.get(device.group(1), "no tunnel") if device else "no route")
    return found[0], found[1]


def answered_by_ipv6(lab: Lab, source: str, address: str | None) -> str:
    assert address is not None
    said = inside(lab, source, "ping", "-6", "-n", "-c", "2", "-i", "0.05", "-W", "1", address)
    return "yes" if ", 0% packet loss" in said else "refused" if "nreachable" in said else "silence"


def ipv6_both_ways(lab: Lab) -> tuple[str, str]:
    ends = lab.deployment
    return (
        answered_by_ipv6(lab, "pc", ends.cloud_endpoint.ipv6_address),
        answered_by_ipv6(lab, "office-host", ends.site_endpoint.ipv6_address),
    )


@contextlib.contextmanager
def example(file: str, fault: str = "silent") -> Iterator[tuple[Lab, contextlib.AbstractContextManager[None]]]:
    """A running example, and its circuit broken on request; after that traffic must have come back."""
    with running(load_site(EXAMPLES / file), f"ex{file[:2]}{file[-6]}") as lab:
        assert carrying(lab) == "circuit"
        assert both_ways(lab)
        yield lab, circuit_broken(lab, fault)
        assert wait_until(lambda: carrying(lab) == "circuit", 30)
        assert both_ways(lab)


@contextlib.contextmanager
def circuit_broken(lab: Lab, fault: str) -> Iterator[None]:
    with broken(lab, fault):
        assert wait_until(lambda: carrying(lab) == "vpn", 10)
        assert wait_until(lambda: both_ways(lab), 10)
        yield


def test_01_users_survive_a_silent_circuit_and_the_resolvers_that_dhcp_gave_answer_over_either_span() -> None:
    with example("01-two-spans/site.yaml") as (lab, circuit_dead):
        assert resolvers(lab) == ["100.100.2.136", "100.100.2.138"]
        assert resolved(lab) == 1
        with circuit_dead:
            assert resolved(lab) == 1


@pytest.mark.parametrize("file", ["02-two-tunnels/site.yaml", "02-two-tunnels/dual-tunnel.yaml"])
def test_02_the_second_tunnel_takes_over_and_gives_back_while_users_depend_on_it(file: str) -> None:
    with example(file) as (lab, circuit_dead), circuit_dead:
        assert tunnel_in_use(lab) == ("t1", "t1")
        with broken(lab, "vpn-active-down"):
            assert wait_until(lambda: tunnel_in_use(lab) == ("t2", "t2"), 10)
            assert wait_until(lambda: both_ways(lab), 5)
            assert wait_until(lambda: "tunnel_dead" in alarms(lab), 5)
            assert "standby_dead" not in alarms(lab), "one tunnel of two is not the span"
        assert wait_until(lambda: tunnel_in_use(lab) == ("t1", "t1"), 15)
        assert both_ways(lab)
        assert carrying(lab) == "vpn"


def test_03_bgp_inside_ipsec_stays_behind_the_circuit_and_takes_over() -> None:
    with example("03-vpn-in-office-vpc/site.yaml") as (lab, circuit_dead):
        assert next_node_to_site(lab) == "vbr0", "the circuit is preferred although the VPN announces the same"
        assert "dev circuit" in inside(lab, "gateway", "ip", "route", "get", "172.16.0.10")
        with circuit_dead:
            assert next_node_to_site(lab) == "vpc1"
        assert wait_until(lambda: next_node_to_site(lab) == "vbr0", 20)


def test_04_a_pulled_cable_under_a_vlan_is_seen_at_once() -> None:
    with example("04-vlan/site.yaml", "cable") as (lab, circuit_dead):
        assert "dev circuit.100" in inside(lab, "gateway", "ip", "route", "get", "172.16.0.10")
        with circuit_dead:
            assert alarms(lab) == {"active_dead"}


def has_address(lab: Lab, node: str, link: str, address: str) -> bool:
    return f" {address} " in inside(lab, node, "ip", "-o", "addr", "show", "dev", link, "up")


@contextlib.contextmanager
def gateway_of_the_partner(lab: Lab, vlan_id: int, address: str) -> Iterator[str]:
    """A namespace on the circuit with one VLAN and an address in it, as the other account's own gateway has them."""
    name, circuit = f"tst-{os.getpid()}-partner", lab.segment_netns("circuit")
    vlan = Link(name=f"circ0.{vlan_id}", kind="vlan", parent="circ0", vlan_id=vlan_id)
    config = DeviceConfig(node="partner", role="gateway", site="partner", links=(vlan,))
    run_ip([f"netns add {name}"])
    try:
        run_ip([f"link add circ0 netns {name} type veth peer name partner netns {circuit}"])
        run_ip([f"link set partner master {BRIDGE}", "link set partner up"], netns=circuit)
        run_ip(["link set circ0 up"], netns=name)
        call_inside(name, lambda: asyncio.run(VlanDriver().ensure(config)))
        run_ip([f"addr add {address} dev {vlan.name}", f"link set {vlan.name} up"], netns=name)
        yield name
    finally:
        run_ip([f"netns del {name}"])


def reaches(netns: str, address: str, link: str) -> bool:
    """Whether a neighbour behind that link answers for the address, be it only its ARP."""
    here = ["ip", "netns", "exec", netns]
    subprocess.run([*here, "ip", "neigh", "flush", "to", address], capture_output=True, check=True)
    ping = [*here, "ping", "-n", "-c", "1", "-W", "1", "-I", link, address]
    if subprocess.run(ping, capture_output=True, check=False).returncode == 0:
        return True
    neighbours = subprocess.run([*here, "ip", "neigh", "show", address], capture_output=True, text=True, check=True)
    return "lladdr" in neighbours.stdout


def heard(lab: Lab, node: str, link: str) -> int:
    shown = json.loads(inside(lab, node, "ip", "-json", "-statistics", "link", "show", "dev", link))
    return int(shown[0]["stats64"]["rx"]["packets"])


def test_04_two_accounts_share_the_circuit_and_neither_reaches_the_other_tagged_or_not() -> None:
    with example("04-vlan/two-accounts.yaml", "cable") as (lab, circuit_dead):
        other = lab.netns("vbr-partner")
        assert has_address(lab, "vbr-partner", "circ0.200", "10.0.1.1/30")
        for node, port in (("gateway", "circuit"), ("vbr", "circ0")):
            for link in (port, f"{port}.100"):
                assert not reaches(lab.netns(node), "10.0.1.1", link), f"{node} by {link}"
        assert heard(lab, "vbr-partner", "circ0.200") == 0, "nobody else is in that VLAN yet"
        with gateway_of_the_partner(lab, 200, "10.0.1.2/30") as partner:
            assert reaches(partner, "10.0.1.1", "circ0.200"), "the partner's own gateway does"
            for netns in (other, partner):
                for link in ("circ0", "circ0.200"):
                    assert not reaches(netns, "10.0.0.1", link)
                    assert not reaches(netns, "10.0.0.2", link)
            with circuit_dead:
                assert not reaches(partner, "10.0.1.1", "circ0.200"), "the cable is one for all"
            assert wait_until(lambda: reaches(partner, "10.0.1.1", "circ0.200"), 10)


def test_05_ipv6_is_refused_at_both_ends_while_the_circuit_is_left_and_comes_back() -> None:
    with example("05-dual-stack/site.yaml", "dead-transit") as (lab, circuit_dead):
        assert ipv6_both_ways(lab) == ("yes", "yes")
        with circuit_dead:
            assert wait_until(lambda: ipv6_both_ways(lab) == ("refused", "refused"), 5)
        assert wait_until(lambda: ipv6_both_ways(lab) == ("yes", "yes"), 20)


def test_06_the_gateway_forwards_only_the_clouds_names_over_ikev1_too() -> None:
    with example("06-ikev1/site.yaml") as (lab, circuit_dead):
        assert resolvers(lab) == ["192.168.1.1"]
        assert resolved(lab) == 1
        with circuit_dead:
            assert resolved(lab) == 1
        assert "REFUSED" in said_of(lab, "www.example.org")


def test_07_bfd_is_multi_hop_at_both_ends_and_notices_in_time() -> None:
    with example("07-cloud-profile/site.yaml") as (lab, circuit_dead):
        for node in ("gateway", "vbr"):
            with lab.agent(node) as agent:
                assert [(b.state, b.detect_ms) for b in agent.report().bfd] == [("Up", 900.0)]
            assert ":4784" in inside(lab, node, "ss", "-lnu"), "RFC 5883"
        with circuit_dead:
            pass


def test_no_example_is_forgotten() -> None:
    tested = re.findall(r'"(\d\d-[\w-]+/[\w-]+\.yaml)"', Path(__file__).read_text())
    assert {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.glob("*/*.yaml")} == set(tested)


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
