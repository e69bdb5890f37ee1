"""What the agent must still know after it was killed: its config, what it owns, and the orders in force.

In and out: small JSON files in the node's directory, 0600, written whole and moved into place with fsync, so that a
kill at any moment leaves the old or the new one. Next: `agent.node`.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from twinspan.model.device_config import DeviceConfig
from twinspan.model.secret import decode_hook, encode_hook


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An injected fault on this node with its end: a link held administratively down."""

    link: str
    expires_at_ns: int
    """Wall clock."""
    healer_pid: int
    """A shell timer in its own session that ends the fault even if no agent lives."""


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses the agent has set itself, as (link, address): the kernel cannot carry a mark on them."""

    addresses: tuple[tuple[str, str], ...] = ()


class Journal:
    def __init__(self, node_dir: Path) -> None:
        self._config = node_dir / "config.json"
        self._owned = node_dir / "owned.json"
        self._orders = node_dir / "orders.json"

    def load_config(self) -> DeviceConfig | None:
        if not self._config.exists():
            return None
        return msgspec.json.decode(self._config.read_bytes(), type=DeviceConfig, dec_hook=decode_hook)

    def save_config(self, config: DeviceConfig) -> None:
        _write(self._config, msgspec.json.encode(config, enc_hook=encode_hook))

    def load_owned(self) -> frozenset[tuple[str, str]]:
        if not self._owned.exists():
            return frozenset()
        return frozenset(msgspec.json.decode(self._owned.read_bytes(), type=Owned).addresses)

    def save_owned(self, addresses: frozenset[tuple[str, str]]) -> None:
        _write(self._owned, msgspec.json.encode(Owned(addresses=tuple(sorted(addresses)))))

    def load_orders(self) -> tuple[Order, ...]:
        if not self._orders.exists():
            return ()
        return msgspec.json.decode(self._orders.read_bytes(), type=tuple[Order, ...])

    def save_orders(self, orders: tuple[Order, ...]) -> None:
        _write(self._orders, msgspec.json.encode(orders))


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
