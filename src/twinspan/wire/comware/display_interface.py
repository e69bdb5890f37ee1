"""`display interface` and `display interface brief`.

In: a `DeviceReport`, the `DeviceConfig` it runs, and the names of the links on the command line. Out: text that the
public parsers of this device family read. Next: whoever typed the command.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_interface

from twinspan.model.device_config import DeviceConfig, IpsecTunnel
from twinspan.model.device_report import DeviceReport, LinkCounters, LinkStatus
from twinspan.wire.comware.display_layout import full_name, hardware_address, natural, short_name, table

_BRIEF = (("Interface", 21), ("Link", 5), ("Protocol", 9), ("Primary IP", 16), ("Description", 11))
_BRIEF_HEAD = (
    "Brief information on interfaces in route mode:",
    "Link: ADM - administratively down; Stby - standby",
    "Protocol: (s) - spoofing",
)


def display_interface(
    report: DeviceReport, config: DeviceConfig, names: Mapping[str, str], *, link: str | None = None
) -> str:
    """Every interface, or that of the Linux link `link`, in full. Empty if there is no such link."""
    return "\n\n".join("\n".join(_interface(found, report, config, names)) for found in links_of(report, names, link))


def display_interface_brief(report: DeviceReport, names: Mapping[str, str], *, link: str | None = None) -> str:
    """One line for each interface. The description is the Linux name where the command line has another."""
    rows = (
        (
            short_name(names, found.name),
            "UP" if found.up else "ADM" if admin_down(found) else "DOWN",
            protocol_state(found, "(s)"),
            primary_address(found).partition("/")[0] or "--",
            found.name if full_name(names, found.name) != found.name else "",
        )
        for found in links_of(report, names, link)
    )
    return "\n".join([*_BRIEF_HEAD, *table(_BRIEF, rows)])


def links_of(report: DeviceReport, names: Mapping[str, str], link: str | None) -> list[LinkStatus]:
    """Links in the order of their names on the command line; only `link` if it is given."""
    chosen = [found for found in report.links if link in (None, found.name)]
    return sorted(chosen, key=lambda found: natural(full_name(names, found.name)))


def admin_down(link: LinkStatus) -> bool:
    """Shut by an administrator; False where the report does not say."""
    return link.admin_up is False


def physical_state(link: LinkStatus) -> str:
    """UP, DOWN or Administratively DOWN."""
    return "UP" if link.up else "Administratively DOWN" if admin_down(link) else "DOWN"


def protocol_state(link: LinkStatus, spoofing: str = "(spoofing)") -> str:
    """Of the link layer; a loopback is up without any link."""
    if not link.up:
        return "DOWN"
    return f"UP{spoofing}" if link.kind == "loopback" else "UP"


def ipv4_addresses(link: LinkStatus) -> list[str]:
    """With their prefix lengths, in the report's order."""
    return [address for address in link.addresses if ":" not in address]


def primary_address(link: LinkStatus) -> str:
    """The first IPv4 address with its prefix length; empty if there is none."""
    return next(iter(ipv4_addresses(link)), "")


# --------------------------------------------------------------------------------------------------------- in full


def _interface(link: LinkStatus, report: DeviceReport, config: DeviceConfig, names: Mapping[str, str]) -> list[str]:
    name = full_name(names, link.name)
    tunnel = _tunnel_of(link, report, config)
    lines = [
        name,
        f"Current state: {physical_state(link)}",
        f"Line protocol state: {protocol_state(link)}",
        f"Description: {link.name if link.name != name else f'{name} Interface'}",
        f"Bandwidth: {_bandwidth(link, tunnel)}",
        f"Maximum transmission unit: {link.mtu}",
        *_addresses(link, config),
        *_frames(link),
        *_vlan(link, config),
    ]
    if tunnel is not None:
        lines.append(f"Tunnel source {tunnel.local_address}, destination {tunnel.remote_address}")
        lines.append("Tunnel protocol/transport IPsec/IP")
    if link.kind == "ethernet":
        lines.append(_speed(link))
    lines.append("Last clearing of counters: Never")
    return lines + (_counters(link.counters) if link.counters else [])


def _tunnel_of(link: LinkStatus, report: DeviceReport, config: DeviceConfig) -> IpsecTunnel | None:
    carried = {tunnel.name for tunnel in report.tunnels if tunnel.device == link.name}
    return next((tunnel for tunnel in config.tunnels if tunnel.name in carried), None)


def _bandwidth(link: LinkStatus, tunnel: IpsecTunnel | None) -> str:
    mbit = link.speed_mbit or (tunnel.bandwidth_mbit if tunnel else None)
    return f"{mbit * 1000} kbps" if mbit else "unknown"


def _addresses(link: LinkStatus, config: DeviceConfig) -> list[str]:
    """IPv4 in the family's own words; IPv6, which it displays elsewhere, as well."""
    own = ipv4_addresses(link)
    first = "DHCP-allocated" if config.dhcp_client == link.name else "primary"
    kinds = [first, *("sub" for _ in own[1:])]
    lines = [f"Internet address: {address} ({kind})" for address, kind in zip(own, kinds, strict=False)]
    lines += [f"Internet protocol version 6 address: {a}" for a in link.addresses if ip_interface(a).version == 6]
    return lines or ["Internet protocol processing: Disabled"]


def _frames(link: LinkStatus) -> list[str]:
    if link.mac is None or link.kind != "ethernet":
        return []
    frame = f"packet frame type: Ethernet II, hardware address: {hardware_address(link.mac)}"
    return [f"IP {frame}", f"IPv6 {frame}"]


def _vlan(link: LinkStatus, config: DeviceConfig) -> list[str]:
    vlan_id = next((wanted.vlan_id for wanted in config.links if wanted.name == link.name), None)
    return [f"Encapsulation is dot1q, VLAN ID {vlan_id}"] if vlan_id is not None else []


def _speed(link: LinkStatus) -> str:
    speed = f"{link.speed_mbit}Mbps" if link.speed_mbit else "Unknown"
    duplex = "unknown" if link.full_duplex is None else "full" if link.full_duplex else "half"
    return f"{speed}-speed mode, {duplex}-duplex mode"


def _counters(counters: LinkCounters) -> list[str]:
    return [
        f" Input: {counters.rx_packets} packets, {counters.rx_bytes} bytes, {counters.rx_dropped} drops",
        f" Input: {counters.rx_errors} input errors, {counters.rx_multicast} multicasts",
        f" Output: {counters.tx_packets} packets, {counters.tx_bytes} bytes, {counters.tx_dropped} drops",
        f" Output: {counters.tx_errors} output errors",
    ]
