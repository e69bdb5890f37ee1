"""`display version`.

In: a `DeviceIdentity`, when the agent began, and the time. Out: text. Next: whoever typed the command.
"""

from __future__ import annotations

from twinspan.model.device_identity import DeviceIdentity
from twinspan.wire.comware.display_layout import NONE, S_NS, calendar


def display_version(identity: DeviceIdentity, started_ns: int | None, now_ns: int) -> str:
    """Software, system, platform, and how long the agent has been up."""
    uptime = _uptime((now_ns - started_ns) // S_NS) if started_ns is not None else NONE
    kind = " ".join(dict.fromkeys((identity.vendor, identity.platform)))
    return "\n".join(
        [
            f"Twinspan Software, Version {identity.software or NONE}",
            f"{kind} uptime is {uptime}",
            f"Agent started at {calendar(started_ns)} UTC" if started_ns is not None else f"Agent started at {NONE}",
            f"System: {identity.system or NONE}",
            f"Module type: {identity.module_type or NONE}",
            f"Serial number: {identity.serial}",
        ]
    )


def _uptime(seconds: int) -> str:
    parts = []
    for unit, length in (("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60)):
        count, seconds = divmod(max(0, seconds), length)
        parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return ", ".join(parts)
