"""What a real gateway's displays say, read by ntc-templates where it knows them: in peace, and while a span is dead."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ntc_templates.parse import parse_output

from twinspan.cli.site import load_site
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.lab.clock import wait_until
from twinspan.lab.down import take_down
from twinspan.lab.injection import Injection
from twinspan.lab.lab import Lab
from twinspan.lab.state import FaultOptions
from twinspan.lab.up import bring_up
from twinspan.model.device_report import DeviceReport
from twinspan.model.secret import Secret
from twinspan.wire.comware.display_arp import display_arp
from twinspan.wire.comware.display_bfd import display_bfd_session
from twinspan.wire.comware.display_bgp import display_bgp_peer
from twinspan.wire.comware.display_ike import display_ike_sa
from twinspan.wire.comware.display_interface import display_interface, display_interface_brief
from twinspan.wire.comware.display_ip_interface import display_ip_interface
from twinspan.wire.comware.display_ipsec import display_ipsec_sa
from twinspan.wire.comware.display_routing_table import display_ip_routing_table

pytestmark = pytest.mark.topology
SITE = Path(__file__).parents[2] / "examples" / "01-two-spans" / "site.yaml"
NAMES = {"circuit": "GigabitEthernet1/0/1", "isp": "GigabitEthernet1/0/2", "ipsec0": "Tunnel1", "lo": "InLoopBack0"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    site = load_site(SITE)
    keys = keys_from({name: Secret("a-key-of-this-test-only") for name in wanted_keys(site)})
    name = f"t-{os.getpid()}-displays"
    try:
        yield bring_up(compile_site(site, keys), name)
    finally:
        take_down(name)


def report_of(lab: Lab) -> DeviceReport:
    with lab.agent("gateway") as agent:
        return agent.report()


def parsed(command: str, text: str) -> list[dict[str, Any]]:
    return list(parse_output(platform="hp_comware", command=command, data=text))


def test_a_running_gateway_is_read_by_public_parsers(lab: Lab) -> None:
    config, report = lab.deployment.configs["gateway"], report_of(lab)

    peers = parsed("display bgp peer ipv4", display_bgp_peer(report, config, time.time_ns()))
    assert {peer["state"] for peer in peers} == {"Established"}
    assert all(int(peer[field]) > 0 for peer in peers for field in ("messages_received", "messages_sent"))
    assert any(int(peer["prefixes_received"]) > 0 for peer in peers)
    assert all(peer["up_down"].startswith("00:") for peer in peers), "a session of this test is minutes old at most"

    interfaces = {
        row["interface"]: row for row in parsed("display interface", display_interface(report, config, NAMES))
    }
    circuit = interfaces["GigabitEthernet1/0/1"]
    assert (circuit["line_status"], circuit["speed"], circuit["duplex"]) == ("UP", "10000Mbps-speed", "full-duplex")
    assert circuit["ip_address"]
    assert interfaces["Tunnel1"]["line_status"] == "UP"
    assert len(parsed("display interface brief", display_interface_brief(report, NAMES))) == len(report.links)
    assert len(parsed("display ip interface", display_ip_interface(report, config, NAMES))) == len(report.links)

    neighbors = parsed("display arp", display_arp(report, config, NAMES))
    assert "GE1/0/1" in {neighbor["interface"] for neighbor in neighbors}

    routes = parsed("display ip routing-table", display_ip_routing_table(report, config, NAMES))
    cloud = [route for route in routes if route["network"] == "172.16.0.0"]
    assert {(route["protocol"], route["nexthop_if"]) for route in cloud} == {("BGP", "GE1/0/1")}


def test_a_running_gateway_shows_its_security_associations_and_bfd(lab: Lab) -> None:
    config, report = lab.deployment.configs["gateway"], report_of(lab)
    associations = display_ike_sa(report, config)
    assert [line.split()[3:] for line in associations.splitlines()[2:-2]] == [["RD", "IPsec"]] * len(config.tunnels)
    tunnels = display_ipsec_sa(report, config, NAMES)
    assert tunnels.count("Status: Active") == 2 * len(config.tunnels)
    assert "SPI: N/A" not in tunnels
    assert "remaining duration (sec): N/A" not in tunnels
    assert "NAT traversal: Y" in tunnels, "userspace ESP is always in UDP"
    assert " Up " in display_bfd_session(report, config, NAMES)


def test_the_table_shows_where_packets_go_while_the_circuit_is_dead(lab: Lab) -> None:
    config = lab.deployment.configs["gateway"]

    def way() -> set[str]:
        routes = parsed("display ip routing-table", display_ip_routing_table(report_of(lab), config, NAMES))
        return {route["nexthop_if"] for route in routes if route["network"].startswith("172.")}

    fault = Injection(lab, "silent", FaultOptions(expires_s=60))
    fault.fire()
    try:
        assert wait_until(lambda: way() == {"Tun1"}, 20), way()
        states = {p["state"] for p in parsed("display bgp peer ipv4", display_bgp_peer(report_of(lab), config, 0))}
        assert states != {"Established"}
    finally:
        fault.heal()
