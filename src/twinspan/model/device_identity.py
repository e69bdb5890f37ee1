"""`DeviceIdentity`: what a device is, apart from what it is told to be.

In: nothing. The agent reads it once at its start. Registration (seed 000, step 3), `display device manuinfo` and
`display version` say it. Next: `model.cloud_status`.
"""

from __future__ import annotations

import msgspec


class DeviceIdentity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Facts that no configuration changes."""

    serial: str
    """What must be added to the cloud server (seed 000, step 2)."""
    platform: str = "Twinspan"
    """Hardware platform of the seed's compatibility table, or another name."""
    module_type: str = ""
    vendor: str = "Twinspan"
    manufactured: str | None = None
    """Date as the hardware's maker writes it, e.g. "2025-11-22"; None: unknown."""
    mac: str | None = None
    """Of the device itself, "02:fc:00:00:00:01"; None: that of its first physical link counts."""
    software: str = ""
    """Version of Twinspan."""
    system: str = ""
    """Kernel and its release."""
