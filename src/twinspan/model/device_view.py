"""A device as the cloud server shows it over its admin API.

In: nothing. `server.admin_devices` fills it, `cli.device_screen` reads it; neither shows what the other does not know.
Words are not limited to those of today: a newer server may have more. Next: `server.admin_devices`.
"""

from __future__ import annotations

import msgspec

from twinspan.model.secret import Secret


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """A device for people and programs. Times are nanoseconds since 1970; None: it never happened."""

    serial: str
    owner: str | None
    """None: it was unbound and can be added."""
    connected: bool
    platform: str
    """What the device says of itself, else what was registered."""
    module_type: str
    tags: tuple[str, ...]
    credential: str
    """`password`, `token` or `certificate`."""
    token_expires_at_ns: int | None
    epoch: int
    """Of its last connection; 0: it never had one."""
    worker: str | None
    """The server's process that has the connection; None: there is none."""
    address: str | None
    software: str
    note: str
    added_at_ns: int
    connected_at_ns: int | None
    last_heard_ns: int | None
    last_down_reason: str | None
    last_down_at_ns: int | None
    quarantined_at_ns: int | None


class DevicePage(msgspec.Struct, frozen=True, kw_only=True):
    """Devices by serial number."""

    devices: tuple[DeviceView, ...]
    next_after: str | None = None
    """Give it as `after` for the next page; None: this was the last."""


class AddedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device that is in the registry now."""

    serial: str
    owner: str
    credential: str
    secret: Secret | None = None
    """What was made for it, to be shown once; None: somebody chose it, or there is none."""


class AddedPage(msgspec.Struct, frozen=True, kw_only=True):
    """All that one request added."""

    added: tuple[AddedDevice, ...]
