"""Who may log in to a device's own command line, and what the device calls itself there.

In: nothing. It is part of `DeviceConfig`; the Comware text and the agent's SSH service read it. Next:
`model.device_config`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from twinspan.model.secret import Secret

SSH_PORT = 22
MAX_USERS = 64
MAX_ADDRESSES = 16


class LocalUser(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One who may log in. Without a password and without a key nobody gets in."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=55)]
    password: Secret | None = None
    public_keys: tuple[str, ...] = ()
    """OpenSSH lines: type, base64, comment."""
    ssh: bool = False
    """Service type ssh: may log in from the network."""
    role: Annotated[str, msgspec.Meta(min_length=1, max_length=63)] = "network-operator"
    """`network-admin` may change the configuration; `network-operator` may look."""


class DeviceAccess(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The command line's doors. All are shut by default; the local socket needs none."""

    sysname: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    """What the prompt shows; None: the node's name."""
    ssh: bool = False
    ssh_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = SSH_PORT
    ssh_addresses: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_ADDRESSES)] = ()
    """The device's own addresses on which SSH is served; none: on all of them."""
    users: Annotated[tuple[LocalUser, ...], msgspec.Meta(max_length=MAX_USERS)] = ()
