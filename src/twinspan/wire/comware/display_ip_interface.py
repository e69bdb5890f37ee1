"""`display ip interface` and `display ip interface brief`.

In: a `DeviceReport` and the names of the links on the command line. Out: text. Next: whoever typed the command.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_interface

from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import DeviceReport, LinkStatus
from twinspan.wire.comware.display_interface import (
    admin_down,
    ipv4_addresses,
    links_of,
    physical_state,
    primary_address,
    protocol_state,
)
from twinspan.wire.comware.display_layout import full_name, short_name, table

_BRIEF = (
    ("Interface", 20),
    ("Physical", 9),
    ("Protocol", 9),
    ("IP address/Mask", 19),
    ("VPN instance", 13),
    ("Description", 11),
)


def display_ip_interface(
    report: DeviceReport, config: DeviceConfig, names: Mapping[str, str], *, link: str | None = None
) -> str:
    """IPv4 state and counters of every interface, or of that of the Linux link `link`."""
    lines: list[str] = []
    for found in links_of(report, names, link):
        lines += _ip_interface(found, config, names)
    return "\n".join(lines)


def display_ip_interface_brief(report: DeviceReport, names: Mapping[str, str], *, link: str | None = None) -> str:
    """One line for each interface: states and primary IPv4 address."""
    rows = (
        (
            short_name(names, found.name),
            "up" if found.up else "*down" if admin_down(found) else "down",
            protocol_state(found, "(s)").lower(),
            primary_address(found) or "--",
            "--",
            found.name if full_name(names, found.name) != found.name else "--",
        )
        for found in links_of(report, names, link)
    )
    return "\n".join(["*down: administratively down", "(s): spoofing  (l): loopback", *table(_BRIEF, rows)])


def _ip_interface(link: LinkStatus, config: DeviceConfig, names: Mapping[str, str]) -> list[str]:
    lines = [
        f"{full_name(names, link.name)} current state: {physical_state(link)}",
        f"Line protocol current state: {protocol_state(link)}",
    ]
    first = "DHCP-Allocated" if config.dhcp_client == link.name else "Primary"
    for number, address in enumerate(ipv4_addresses(link)):
        lines.append(f"Internet Address is {address} {'Sub' if number else first}")
        if number == 0:
            lines.append(f"Broadcast address: {ip_interface(address).network.broadcast_address}")
    lines.append(f"The Maximum Transmit Unit: {link.mtu} bytes")
    if (counters := link.counters) is not None:
        received = (counters.rx_packets, counters.rx_bytes, counters.rx_multicast)
        lines.append("input packets : {}, bytes : {}, multicasts : {}".format(*received))
        # The kernel does not count multicasts that it sends.
        lines.append(f"output packets : {counters.tx_packets}, bytes : {counters.tx_bytes}, multicasts : 0")
    return lines
