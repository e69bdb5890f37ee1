"""wire.comware.display_*: what each display says about a whole device, in the shapes of its family."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from twinspan.model.cloud_status import DOWN_TEXT, FAILURE_TEXT, CloudStatus, DownReason, FailureReason
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_identity import DeviceIdentity
from twinspan.model.device_report import DeviceReport, RouteStatus
from twinspan.model.secret import decode_hook
from twinspan.wire.comware.display_arp import display_arp
from twinspan.wire.comware.display_bfd import display_bfd_session
from twinspan.wire.comware.display_bgp import display_bgp_peer
from twinspan.wire.comware.display_clock import display_clock
from twinspan.wire.comware.display_cloud_management import (
    display_cloud_management_servers,
    display_cloud_management_state,
)
from twinspan.wire.comware.display_device import display_device_manuinfo
from twinspan.wire.comware.display_ike import display_ike_sa
from twinspan.wire.comware.display_interface import display_interface, display_interface_brief
from twinspan.wire.comware.display_ip_interface import display_ip_interface, display_ip_interface_brief
from twinspan.wire.comware.display_ipsec import display_ipsec_sa
from twinspan.wire.comware.display_layout import days, natural, short_name, up_down
from twinspan.wire.comware.display_routing_table import display_ip_routing_table, display_ipv6_routing_table
from twinspan.wire.comware.display_version import display_version

GOLDEN = Path(__file__).parents[2] / "golden" / "comware_display"
S_NS = 1_000_000_000


class Device(msgspec.Struct):
    """Input of all displays."""

    config: DeviceConfig
    report: DeviceReport
    identity: DeviceIdentity
    status: CloudStatus
    names: dict[str, str]
    now_ns: int
    started_ns: int | None


DISPLAYS: dict[str, Callable[[Device], str]] = {
    "cloud-management_state": lambda d: display_cloud_management_state(d.status, d.names, d.now_ns),
    "cloud-management_backup-server_state": lambda d: display_cloud_management_servers(d.status),
    "interface": lambda d: display_interface(d.report, d.config, d.names),
    "interface_brief": lambda d: display_interface_brief(d.report, d.names),
    "ip_interface": lambda d: display_ip_interface(d.report, d.config, d.names),
    "ip_interface_brief": lambda d: display_ip_interface_brief(d.report, d.names),
    "ip_routing-table": lambda d: display_ip_routing_table(d.report, d.config, d.names),
    "ipv6_routing-table": lambda d: display_ipv6_routing_table(d.report, d.config, d.names),
    "bgp_peer_ipv4": lambda d: display_bgp_peer(d.report, d.config, d.now_ns),
    "bgp_peer_ipv6": lambda d: display_bgp_peer(d.report, d.config, d.now_ns, family="ipv6"),
    "bfd_session": lambda d: display_bfd_session(d.report, d.config, d.names),
    "ike_sa": lambda d: display_ike_sa(d.report, d.config),
    "ipsec_sa": lambda d: display_ipsec_sa(d.report, d.config, d.names),
    "arp": lambda d: display_arp(d.report, d.config, d.names),
    "clock": lambda d: display_clock(d.now_ns),
    "version": lambda d: display_version(d.identity, d.started_ns, d.now_ns),
    "device_manuinfo": lambda d: display_device_manuinfo(d.identity, d.report),
}


def load(case: str) -> Device:
    return msgspec.json.decode((GOLDEN / case / "input.json").read_bytes(), type=Device, dec_hook=decode_hook)


@pytest.mark.parametrize("case", ["steady", "broken", "bare"])
@pytest.mark.parametrize("display", DISPLAYS)
def test_a_display_says_what_is_recorded(case: str, display: str) -> None:
    text = DISPLAYS[display](load(case)) + "\n"
    assert text == (GOLDEN / case / f"display_{display}.txt").read_text()


def test_no_display_tells_a_secret() -> None:
    device = load("steady")
    secrets = ("psk-of-vpn1", "psk-of-vpn2", "bgp-key")
    assert all(secret in (GOLDEN / "steady" / "input.json").read_text() for secret in secrets)
    for display in DISPLAYS.values():
        assert not any(secret in display(device) for secret in secrets)


def test_every_reason_has_words() -> None:
    assert set(FAILURE_TEXT) == set(get_args(FailureReason))
    assert set(DOWN_TEXT) == set(get_args(DownReason))


def test_the_standby_is_shown_when_nothing_better_is_there() -> None:
    device = load("steady")
    assert routing(device)["172.16.0.0/12"] == ("BGP", "170", "0", "10.0.0.1", "GE1/0/1")
    left = tuple(route for route in device.report.routes if route.protocol != "bgp")
    device.report = msgspec.structs.replace(device.report, routes=left)
    assert routing(device)["172.16.0.0/12"] == ("Static", "255", "0", "169.254.10.1", "Tun1")


def test_an_override_hides_what_it_covers_and_nothing_else() -> None:
    device = load("steady")
    before = routing(device)
    override = RouteStatus(prefix="172.16.0.0/12", table="84", via=None, device="ipsec1", protocol="twinspan")
    device.report = msgspec.structs.replace(device.report, routes=(*device.report.routes, override))
    after = routing(device)
    assert after["172.16.0.0/12"] == ("Static", "60", "0", "169.254.11.2", "Tun2")
    assert set(before) - set(after) == {"172.20.1.0/24"}, "a longer prefix of a table that is asked later"
    assert {p: r for p, r in before.items() if not p.startswith("172.")}.items() <= after.items()


def test_a_link_without_carrier_has_no_connected_routes() -> None:
    assert "10.0.0.0/30" in routing(load("steady"))
    assert "10.0.0.0/30" not in routing(load("broken"))


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("GigabitEthernet1/0/1", "GE1/0/1"),
        ("Ten-GigabitEthernet1/0/3.7", "XGE1/0/3.7"),
        ("Vlan-interface1", "Vlan1"),
        ("ipsec0", "ipsec0"),
        ("wg", "wg"),
    ],
)
def test_tables_abbreviate_the_types_they_know(name: str, short: str) -> None:
    assert short_name({}, name) == short
    assert short_name({"x": name}, "x") == short


def test_interfaces_come_in_the_order_of_their_numbers() -> None:
    names = ["GE1/0/10", "GE1/0/2", "GE1/0/1.5", "GE1/0/1"]
    assert sorted(names, key=natural) == ["GE1/0/1", "GE1/0/1.5", "GE1/0/2", "GE1/0/10"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00"), (59.9, "00:00:59"), (86399, "23:59:59"), (86400, "0024h00m"), (-5, "00:00:00")],
)
def test_the_age_of_a_session(seconds: float, text: str) -> None:
    assert up_down(seconds) == text


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [(121 * S_NS, "00d 00h 02m 01s"), (100 * 86400 * S_NS + 1, "100d 00h 00m 00s"), (-S_NS, "00d 00h 00m 00s")],
)
def test_the_duration_of_a_connection(duration_ns: int, text: str) -> None:
    assert days(duration_ns) == text


def test_one_interface_is_shown_alone() -> None:
    device = load("steady")
    assert display_interface(device.report, device.config, device.names, link="lan").splitlines()[0] == (
        "GigabitEthernet1/0/10"
    )
    assert display_interface(device.report, device.config, device.names, link="lan").count("Current state") == 1
    assert display_interface(device.report, device.config, device.names, link="none") == ""
    assert len(display_arp(device.report, device.config, device.names, link="lan").splitlines()) == 5


def routing(device: Device) -> dict[str, tuple[str, ...]]:
    """Fields of each destination of the IPv4 table."""
    lines = display_ip_routing_table(device.report, device.config, device.names).splitlines()
    rows = [line.split() for line in lines[4:]]
    return {row[0]: tuple(row[1:]) for row in rows}
