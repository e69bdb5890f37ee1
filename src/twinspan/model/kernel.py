"""What the kernel of a node holds, as far as Twinspan owns it: links, addresses, routes and rules as values.

In: nothing. `drivers.netlink` observes and applies these, `engine.reconcile` compares them. Next: `engine.reconcile`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

ROUTE_PROTOCOL = 84
"""Twinspan's own rtnetlink protocol id ("T" in ASCII; free in the kernel's rt_protos): the mark of what it owns."""
BIRD_PROTOCOL = 12
"""RTPROT_BIRD of the kernel's rtnetlink.h."""
MAIN_TABLE = 254
"""RT_TABLE_MAIN."""


class KernelLink(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    admin_up: bool
    carrier: bool
    mtu: int
    addresses: frozenset[str] = frozenset()


class KernelRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A route; equal values are the same route to the kernel except for `device` and `via`."""

    prefix: str
    table_id: int = MAIN_TABLE
    metric: int = 0
    device: str | None = None
    """None: unreachable."""
    via: str | None = None

    def key(self) -> tuple[str, int, int]:
        """What the kernel tells routes apart by."""
        return (self.prefix, self.table_id, self.metric)


class KernelRule(msgspec.Struct, frozen=True, kw_only=True):
    priority: int
    table_id: int
    source: str | None = None
    """A prefix; a single host without its length, as the kernel shows it."""
    family: Literal["ipv4", "ipv6"] = "ipv4"


class KernelState(msgspec.Struct, frozen=True, kw_only=True):
    """Observed or wanted; of routes and rules only those with Twinspan's protocol id."""

    links: Mapping[str, KernelLink]
    routes: frozenset[KernelRoute] = frozenset()
    rules: frozenset[KernelRule] = frozenset()
    forwarding: bool = False
