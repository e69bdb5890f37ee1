"""ntc-templates read our displays: those of platform hp_comware that have a template, field by field.

The same devices as in the golden files of the displays. `display ip interface brief` has no template of its own; the
package's index gives it that of `display ip interface`, which no device's output satisfies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from ntc_templates.parse import parse_output

from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_identity import DeviceIdentity
from twinspan.model.device_report import DeviceReport, LinkStatus
from twinspan.model.secret import decode_hook
from twinspan.wire.comware.display_arp import display_arp
from twinspan.wire.comware.display_bgp import display_bgp_peer
from twinspan.wire.comware.display_clock import display_clock
from twinspan.wire.comware.display_device import display_device_manuinfo
from twinspan.wire.comware.display_interface import display_interface, display_interface_brief
from twinspan.wire.comware.display_ip_interface import display_ip_interface
from twinspan.wire.comware.display_layout import hardware_address
from twinspan.wire.comware.display_routing_table import display_ip_routing_table

GOLDEN = Path(__file__).parents[1] / "golden" / "comware_display"
ALL = pytest.mark.parametrize("case", ["steady", "broken", "bare"])


class Device(msgspec.Struct):
    config: DeviceConfig
    report: DeviceReport
    identity: DeviceIdentity
    names: dict[str, str]
    now_ns: int


def load(case: str) -> Device:
    return msgspec.json.decode((GOLDEN / case / "input.json").read_bytes(), type=Device, dec_hook=decode_hook)


def parsed(command: str, text: str) -> list[dict[str, Any]]:
    return list(parse_output(platform="hp_comware", command=command, data=text))


def ipv4(link: LinkStatus) -> list[str]:
    return [address for address in link.addresses if ":" not in address]


def links(device: Device) -> dict[str, LinkStatus]:
    return {device.names.get(link.name, link.name): link for link in device.report.links}


def line_status(link: LinkStatus) -> str:
    return "UP" if link.up else "Administratively DOWN" if link.admin_up is False else "DOWN"


def protocol_status(link: LinkStatus) -> str:
    return "DOWN" if not link.up else "UP(spoofing)" if link.kind == "loopback" else "UP"


@ALL
def test_display_interface(case: str) -> None:
    device = load(case)
    rows = parsed("display interface", display_interface(device.report, device.config, device.names))
    expected = links(device)
    assert sorted(row["interface"] for row in rows) == sorted(expected)
    for row in rows:
        link = expected[row["interface"]]
        assert row["line_status"] == line_status(link)
        assert row["protocol_status"] == protocol_status(link)
        assert row["ip_address"] == ipv4(link)
        assert row["mtu"] == str(link.mtu)
        assert row["description"]
        assert row["bandwidth"]
        if link.kind == "ethernet":
            assert link.mac is not None
            assert set(row["hw_address"]) == {hardware_address(link.mac)}
            assert row["speed"] == (f"{link.speed_mbit}Mbps-speed" if link.speed_mbit else "Unknown-speed")
            assert row["duplex"] == ("full-duplex" if link.full_duplex else "unknown-duplex")


@ALL
def test_display_interface_brief(case: str) -> None:
    device = load(case)
    rows = parsed("display interface brief", display_interface_brief(device.report, device.names))
    shown = {(row["link"], row["protocol"], row["main_ip"]) for row in rows}
    assert len(rows) == len(device.report.links)
    assert shown == {
        (
            {"UP": "UP", "DOWN": "DOWN", "Administratively DOWN": "ADM"}[line_status(link)],
            protocol_status(link).replace("(spoofing)", "(s)"),
            next((address.partition("/")[0] for address in ipv4(link)), "--"),
        )
        for link in device.report.links
    }
    if case == "steady":
        assert {row["interface"]: row["description"] for row in rows} == {
            "GE1/0/1": "circuit",
            "GE1/0/2": "isp",
            "GE1/0/10": "lan",
            "GE1/0/10.100": "lan.100",
            "InLoop0": "lo",
            "XGE1/0/3": "spare",
            "Tun1": "ipsec0",
            "Tun2": "ipsec1",
        }


@ALL
def test_display_ip_interface(case: str) -> None:
    device = load(case)
    rows = parsed("display ip interface", display_ip_interface(device.report, device.config, device.names))
    assert {
        row["interface"]: (row["line_status"], row["protocol_status"], row["ip_address"], row["mtu"]) for row in rows
    } == {
        name: (line_status(link), protocol_status(link), ipv4(link), str(link.mtu))
        for name, link in links(device).items()
    }


def test_display_ip_routing_table() -> None:
    device = load("steady")
    rows = parsed("display ip routing-table", display_ip_routing_table(device.report, device.config, device.names))
    found = {
        f"{row['network']}/{row['prefix_length']}": (
            row["protocol"],
            row["distance"],
            row["metric"],
            row["nexthop_ip"],
            row["nexthop_if"],
        )
        for row in rows
    }
    assert len(found) == len(rows) == 25
    assert found["0.0.0.0/0"] == ("DHCP", "70", "0", "10.99.0.1", "XGE1/0/3")
    assert found["10.0.0.0/30"] == ("Direct", "0", "0", "10.0.0.2", "GE1/0/1")
    assert found["172.16.0.0/12"] == ("BGP", "170", "0", "10.0.0.1", "GE1/0/1")
    assert found["192.168.77.0/24"] == ("Static", "60", "0", "0.0.0.0", "NULL0")
    assert found["10.200.0.1/32"] == ("Static", "60", "0", "169.254.11.2", "Tun2")


def test_display_ip_routing_table_during_an_override() -> None:
    device = load("broken")
    rows = parsed("display ip routing-table", display_ip_routing_table(device.report, device.config, device.names))
    cloud = [row for row in rows if row["network"].startswith("172.")]
    assert [(row["network"], row["protocol"], row["nexthop_if"]) for row in cloud] == [("172.16.0.0", "Static", "Tun1")]


def test_display_bgp_peer_ipv4() -> None:
    device = load("steady")
    rows = parsed("display bgp peer ipv4", display_bgp_peer(device.report, device.config, device.now_ns))
    common = {"local_router_id": "10.0.0.2", "local_as_number": "65001", "output_queue": "0", "state": "Established"}
    assert rows == [
        common
        | {
            "peer": peer,
            "remote_asn": asn,
            "messages_received": received,
            "messages_sent": sent,
            "prefixes_received": prefixes,
            "up_down": lasted,
        }
        for peer, asn, received, sent, prefixes, lasted in (
            ("10.0.0.1", "45104", "13", "16", "2", "00:10:34"),
            ("10.200.0.1", "4200000001", "200", "9", "114", "0026h05m"),
            ("169.254.10.1", "45104", "3", "4", "1", "00:00:59"),
        )
    ]


def test_display_bgp_peer_ipv4_of_a_session_that_is_not_up() -> None:
    device = load("broken")
    rows = parsed("display bgp peer ipv4", display_bgp_peer(device.report, device.config, device.now_ns))
    assert [(row["peer"], row["state"]) for row in rows] == [
        ("10.0.0.1", "Connect"),
        ("10.200.0.1", "Connect"),
        ("169.254.10.1", "Established"),
    ]


def test_display_arp() -> None:
    device = load("steady")
    rows = parsed("display arp", display_arp(device.report, device.config, device.names))
    fields = ("ip_address", "mac_address", "vlan_id", "interface", "aging", "type")
    assert [tuple(row[field] for field in fields) for row in rows] == [
        ("10.0.0.1", "02fc-0000-0a01", "--", "GE1/0/1", "3", "D"),
        ("192.168.1.20", "001c-c4be-7826", "--", "GE1/0/10", "18", "D"),
        ("192.168.100.9", "02fc-0000-0b09", "100", "GE1/0/10.100", "1163", "D"),
    ], "a permanent entry has no age, and the template asks for one"


def test_display_clock() -> None:
    assert parsed("display clock", display_clock(load("steady").now_ns)) == [
        {
            "time": "08:10:01",
            "timezone": "UTC",
            "dayweek": "Sat",
            "month": "11",
            "day": "22",
            "year": "2025",
        }
    ]


@ALL
def test_display_device_manuinfo(case: str) -> None:
    device = load(case)
    (row,) = parsed("display device manuinfo", display_device_manuinfo(device.identity, device.report))
    assert row["device_serial_number"] == device.identity.serial
    assert row["vendor_name"] == "Twinspan"
    if case == "steady":
        assert row["device_name"] == "M9000-AI-E8 Blade V firewall module"
        assert (row["slot_type"], row["slot_id"]) == ("Slot", "1")
        assert (row["mac_address"], row["manufacturing_date"]) == ("02fc-0000-0001", "2025-11-22")
