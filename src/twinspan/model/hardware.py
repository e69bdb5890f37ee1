"""The hardware that can and cannot have a cloud connection, as the seed lists it.

In: nothing. Out: `HARDWARE_TABLE`, one row per group of platforms and module type (seed 000, "Restrictions: Hardware
compatibility with cloud connections"). Next: `engine.hardware` judges a device by it.

The table reached us as a column of cells, one below the other, without its lines. It is read so: platforms that follow
each other without a module between them share the modules after them, and every module has the one value after it. No
value is left over by this reading. What it cannot tell is whether M9000-AI-E8 and M9000-AI-E16 really share a row, or
M9008-S and M9012-S, or M9000-X06 and M9000-X10: without the sharing, the first of each pair would have no value at all.
"""

from __future__ import annotations

import msgspec


class HardwareRow(msgspec.Struct, frozen=True, kw_only=True):
    """One module type and the platforms that it is listed for."""

    platforms: tuple[str, ...]
    module_type: str
    compatible: bool
    """The third column."""


_BLADE_IV, _BLADE_V, _BLADE_VI = (f"Blade {number} firewall module" for number in ("IV", "V", "VI"))
_M9000_CHASSIS = ("M9006", "M9010", "M9014")
_S_CHASSIS = ("M9008-S", "M9012-S")


def _row(platforms: tuple[str, ...], module_type: str, compatible: bool) -> HardwareRow:
    return HardwareRow(platforms=platforms, module_type=module_type, compatible=compatible)


HARDWARE_TABLE: tuple[HardwareRow, ...] = (
    _row(_M9000_CHASSIS, _BLADE_IV, False),
    _row(_M9000_CHASSIS, _BLADE_V, True),
    _row(_M9000_CHASSIS, "NAT module", False),
    _row(("M9010-GM",), "Encryption module", False),
    _row(("M9016-V",), _BLADE_V, False),
    _row(_S_CHASSIS, _BLADE_IV, False),
    _row(_S_CHASSIS, "Intrusion prevention service (IPS) module", False),
    _row(_S_CHASSIS, "Video network gateway module", False),
    _row(("M9008-S-6GW",), "IPv6 module", False),
    _row(("M9008-S-V",), _BLADE_IV, False),
    _row(("M9000-AI-E4",), _BLADE_V, False),
    _row(("M9000-AI-E8", "M9000-AI-E16"), _BLADE_VI, True),
    _row(("M9000-X06", "M9000-X10"), _BLADE_IV, False),
)
