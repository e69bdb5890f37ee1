"""`display ipsec sa`.

In: a `DeviceReport`, the `DeviceConfig` it runs, and the names of the links on the command line. Out: text: a block for
each tunnel with a CHILD SA. Next: whoever typed the command.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network

from twinspan.model.device_config import DeviceConfig, IpsecTunnel
from twinspan.model.device_report import DeviceReport, TunnelStatus
from twinspan.wire.comware.display_ike import outer_addresses
from twinspan.wire.comware.display_layout import NONE, full_name

_CIPHERS = {
    "aes128": "ESP-ENCRYPT-AES-CBC-128",
    "aes192": "ESP-ENCRYPT-AES-CBC-192",
    "aes256": "ESP-ENCRYPT-AES-CBC-256",
    "3des": "ESP-ENCRYPT-3DES-CBC",
    "des": "ESP-ENCRYPT-DES-CBC",
    "md5": "ESP-AUTH-MD5",
    "sha1": "ESP-AUTH-SHA1",
    "sha256": "ESP-AUTH-SHA256",
    "sha384": "ESP-AUTH-SHA384",
    "sha512": "ESP-AUTH-SHA512",
}
"""strongSwan's words for algorithms in this family's."""
_THICK, _THIN = "-" * 31, "  " + "-" * 29


def display_ipsec_sa(report: DeviceReport, config: DeviceConfig, names: Mapping[str, str]) -> str:
    """The CHILD SAs by tunnel; an empty text if there is none."""
    tunnels = {tunnel.name: (number, tunnel) for number, tunnel in enumerate(config.tunnels, 1)}
    blocks = []
    for status in report.tunnels:
        if status.child_state != "down" and status.name in tunnels:
            number, tunnel = tunnels[status.name]
            blocks.append("\n".join(_block(number, status, tunnel, names)))
    return "\n\n".join(blocks)


def _block(number: int, status: TunnelStatus, tunnel: IpsecTunnel, names: Mapping[str, str]) -> list[str]:
    local, remote = outer_addresses(status, tunnel)
    entity = "Initiator" if status.initiator else "Responder"
    return [
        _THICK,
        f"Interface: {full_name(names, status.device)}",
        _THICK,
        "",
        _THIN,
        f"  IPsec profile: {tunnel.name}",
        f"  Mode: {tunnel.ike_version.upper()}",
        _THIN,
        f"    Tunnel id: {number}",
        "    Encapsulation mode: tunnel",
        f"    Transmitting entity: {entity if status.ike_state != 'down' else NONE}",
        f"    Path MTU: {tunnel.mtu}",
        "    Tunnel:",
        f"        local  address: {local}",
        f"        remote address: {remote}",
        "    Flow:",
        *(f"        sour addr: {_flow(prefix)}  port: 0  protocol: ip" for prefix in tunnel.local_ts),
        *(f"        dest addr: {_flow(prefix)}  port: 0  protocol: ip" for prefix in tunnel.remote_ts),
        "",
        "    [Inbound ESP SAs]",
        *_sa(status, tunnel, status.spi_in, f"decapsulated: {status.packets_in}/{status.bytes_in}"),
        "",
        "    [Outbound ESP SAs]",
        *_sa(status, tunnel, status.spi_out, f"encapsulated: {status.packets_out}/{status.bytes_out}"),
    ]


def _sa(status: TunnelStatus, tunnel: IpsecTunnel, spi: str | None, counted: str) -> list[str]:
    remaining = NONE if status.child_remaining_s is None else status.child_remaining_s
    words = [_CIPHERS[word] for word in tunnel.esp_proposal.split("-") if word in _CIPHERS]
    return [
        f"      SPI: {f'{int(spi, 16)} (0x{int(spi, 16):08x})' if spi else NONE}",
        f"      Transform set: {' '.join(words) or tunnel.esp_proposal}",
        f"      SA duration (sec): {tunnel.ipsec_lifetime_s}",
        f"      SA remaining duration (sec): {remaining}",
        f"      Packets/bytes {counted}",
        f"      UDP encapsulation used for NAT traversal: {'Y' if status.encapsulated else 'N'}",
        f"      Status: {'Active' if status.child_state == 'INSTALLED' else status.child_state.capitalize()}",
    ]


def _flow(prefix: str) -> str:
    network = ip_network(prefix)
    return f"{network.network_address}/{network.netmask}" if network.version == 4 else prefix
