"""`display arp`.

In: a `DeviceReport`, the `DeviceConfig` it runs, and the names of the links on the command line. Out: text. `Aging` is
the time since the entry was last confirmed: the kernel has no fixed end of life for one. Next: whoever typed the
command.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import DeviceReport
from twinspan.wire.comware.display_layout import hardware_address, short_name, table

_HEAD = ("  Type: S-Static   D-Dynamic", "  Aging: seconds since the entry was last confirmed")
_COLUMNS = (
    ("IP address", 16),
    ("MAC address", 15),
    ("VLAN/VSI name", 14),
    ("Interface", 25),
    ("Aging", 6),
    ("Type", 4),
)


def display_arp(
    report: DeviceReport, config: DeviceConfig, names: Mapping[str, str], *, link: str | None = None
) -> str:
    """The IPv4 neighbors, all or those on the Linux link `link`."""
    vlans = {wanted.name: wanted.vlan_id for wanted in config.links}
    found = [n for n in report.neighbors if ":" not in n.address and link in (None, n.device)]
    rows = (
        (
            neighbor.address,
            hardware_address(neighbor.mac),
            vlans.get(neighbor.device) or "--",
            short_name(names, neighbor.device),
            "--" if neighbor.permanent else neighbor.age_s,
            "S" if neighbor.permanent else "D",
        )
        for neighbor in sorted(found, key=lambda n: ip_address(n.address).packed)
    )
    return "\n".join([*_HEAD, *table(_COLUMNS, rows)])
