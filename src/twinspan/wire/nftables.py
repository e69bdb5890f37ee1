"""The packet filter of a node as nft text: the guard of the management links, and the tunnels' MSS clamp.

In: a `DeviceConfig` and the tunnels' kernel devices. Out: text for `nft -f -` that replaces the table in one
transaction, or nothing for a node that needs none. Next: `drivers.nftables`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from twinspan.model.device_config import DeviceConfig
from twinspan.model.errors import Rejected

TABLE = "inet twinspan"
REMOVE = f"add table {TABLE}\ndelete table {TABLE}\n"
"""Adding first lets the deletion succeed also where there is no table yet."""


def render_nftables(config: DeviceConfig, devices: Mapping[str, str]) -> str:
    """The whole table; empty if no link is for management and no tunnel runs. Raises `Rejected` for a device name that
    no kernel would accept."""
    guard, clamp = list(_guard(config)), list(_clamp(config, devices))
    if not guard and not clamp:
        return ""
    chains = _chain("management", "filter", guard) + _chain("clamp", "mangle", clamp)
    return f"{REMOVE}table {TABLE} {{\n{chains}}}\n"


def _guard(config: DeviceConfig) -> Iterator[str]:
    """Management is a network of its own: what came from it or would leave to it is not ours to forward."""
    for link in config.links:
        if link.management:
            yield f"iifname {_device(link.name)} drop"
            yield f"oifname {_device(link.name)} drop"


def _clamp(config: DeviceConfig, devices: Mapping[str, str]) -> Iterator[str]:
    """Both ends of a connection learn its size from the other's SYN, so both directions are clamped (RFC 4459 3.2)."""
    for tunnel in config.tunnels:
        device = devices.get(tunnel.name)
        if device is None or not tunnel.tcp_mss:
            continue
        for side in ("iifname", "oifname"):
            # Lower only: a host that asked for less has its reason (RFC 9293 3.7.1).
            yield (
                f"{side} {_device(device)} tcp flags & syn == syn "
                f"tcp option maxseg size > {tunnel.tcp_mss} tcp option maxseg size set {tunnel.tcp_mss}"
            )


def _chain(name: str, priority: str, rules: list[str]) -> str:
    if not rules:
        return ""
    lines = "".join(f"    {rule}\n" for rule in rules)
    return f"  chain {name} {{\n    type filter hook forward priority {priority}; policy accept;\n{lines}  }}\n"


def _device(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,14}", name):
        raise Rejected(
            f"link name {name!r} cannot be a kernel device",
            remedy="use at most 15 letters, digits, underscores, points and hyphens",
        )
    return f'"{name}"'
