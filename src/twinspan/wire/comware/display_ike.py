"""`display ike sa`.

In: a `DeviceReport` and the `DeviceConfig` it runs. Out: text: one line for each tunnel that has an IKE SA.
Next: whoever typed the command.
"""

from __future__ import annotations

from twinspan.model.device_config import DeviceConfig, IpsecTunnel
from twinspan.model.device_report import DeviceReport, TunnelStatus
from twinspan.wire.comware.display_layout import table

_FLAGS = {"ESTABLISHED": "RD", "REKEYED": "RL", "REKEYING": "RK", "DELETING": "FD"}
"""strongSwan's states (`ike_sa_state_t`) in this family's flags."""

_COLUMNS = (("Connection-ID", 16), ("Local", 20), ("Remote", 20), ("Flag", 10), ("DOI", 5))


def display_ike_sa(report: DeviceReport, config: DeviceConfig) -> str:
    """The IKE SAs; a tunnel without one is not listed. The connection ID is the tunnel's place in the config."""
    tunnels = {tunnel.name: (number, tunnel) for number, tunnel in enumerate(config.tunnels, 1)}
    rows = []
    for status in report.tunnels:
        if status.ike_state != "down" and status.name in tunnels:
            number, tunnel = tunnels[status.name]
            rows.append((number, *outer_addresses(status, tunnel), _FLAGS.get(status.ike_state, "Unknown"), "IPsec"))
    head, *lines = (f"    {line}" for line in table(_COLUMNS, rows))
    return "\n".join([head, "-" * 73, *lines, "Flags:", "RD--READY RL--REPLACED FD-FADING RK-REKEY"])


def outer_addresses(status: TunnelStatus, tunnel: IpsecTunnel) -> tuple[str, str]:
    """Local and remote address: those of the SA, which a NAT may have changed, else the configured ones."""
    return status.local_address or tunnel.local_address, status.remote_address or tunnel.remote_address
