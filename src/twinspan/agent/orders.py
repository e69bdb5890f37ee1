"""Orders to hurt this node on purpose, with an end that comes even if every Twinspan process dies.

In: "shut this link for so many seconds". Out: the link is down, a shell timer in its own session will bring it back,
and the journal remembers, so that neither the converger nor the next agent takes the shut port for drift.
This is the drill's injector for a real gateway; the lab uses the same one. Next: `agent.journal`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Protocol

from twinspan.agent.events import EventLog
from twinspan.agent.journal import Journal, Order
from twinspan.agent.world import World
from twinspan.drivers.netlink import NetlinkFailed

CHECK_S = 5.0
MAX_ORDER_S = 3600
_HEALS = "exec ip link set dev"


class OrderRefused(Exception):
    """The order names something this node must not or cannot do; the text says the way out."""


class LinkSwitch(Protocol):
    """What orders need of the kernel."""

    async def set_link(self, name: str, *, up: bool) -> None: ...


class Orders:
    def __init__(self, journal: Journal, world: World, netlink: LinkSwitch, events: EventLog) -> None:
        self._journal, self._world, self._netlink, self._events = journal, world, netlink, events
        self._orders: tuple[Order, ...] = ()
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()

    def restore(self) -> None:
        """Take up the orders of an agent that was killed."""
        self._set(self._journal.load_orders())

    async def shut(self, link: str, expires_s: float, allowed: frozenset[str]) -> tuple[int, int]:
        """Shut `link` for `expires_s` seconds; the wall clock in ns just before and after.

        A link that an order has shut already stays shut, and the new end counts.
        """
        if link not in allowed:
            choices = ", ".join(sorted(allowed)) or "this node has none"
            raise OrderRefused(f"link {link!r}: not a data link of this node; choose one of: {choices}")
        if not 0 < expires_s <= MAX_ORDER_S:
            raise OrderRefused(f"expires_s {expires_s}: must be above 0 and at most {MAX_ORDER_S} seconds")
        async with self._lock:
            order = Order(
                link=link,
                expires_at_ns=time.time_ns() + int(expires_s * 1e9),
                healer_pid=_start_healer(link, expires_s),
            )
            earlier = [o for o in self._orders if o.link == link]
            self._set((*(o for o in self._orders if o.link != link), order), save=True)
            for old in earlier:
                _end_healer(old.healer_pid)
            before = time.time_ns()
            try:
                await self._netlink.set_link(link, up=False)
            except NetlinkFailed as error:
                self._forget(order)
                raise OrderRefused(f"link {link!r}: the kernel does not shut it: {error}") from error
            after = time.time_ns()
        self._events.record("config", f"order: {link} shut", f"for {expires_s:g} s")
        return before, after

    async def open(self, link: str) -> None:
        """End the order on `link` early; nothing happens if there is none."""
        async with self._lock:
            for order in [o for o in self._orders if o.link == link]:
                await self._end(order)

    async def run(self) -> None:
        """End orders whose time is over; the timer has opened the link by then, and if not, this does."""
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(self._until_next()):
                    await self._changed.wait()
            except TimeoutError:
                pass
            async with self._lock:
                for order in [o for o in self._orders if o.expires_at_ns <= time.time_ns()]:
                    await self._end(order)

    async def _end(self, order: Order) -> None:
        self._forget(order)
        try:
            await self._netlink.set_link(order.link, up=True)
        except NetlinkFailed as error:  # the link is gone: there is nothing left to open
            self._events.record("config", f"order: {order.link} not opened", str(error))
            return
        self._events.record("config", f"order: {order.link} opened")

    def _forget(self, order: Order) -> None:
        _end_healer(order.healer_pid)
        self._set(tuple(o for o in self._orders if o is not order), save=True)

    def _until_next(self) -> float | None:
        """Seconds until an order ends, at most a while: the wall clock may be set. None without an order."""
        ends = [o.expires_at_ns for o in self._orders]
        return min(CHECK_S, max(0.0, (min(ends) - time.time_ns()) / 1e9)) if ends else None

    def _set(self, orders: tuple[Order, ...], *, save: bool = False) -> None:
        if save:
            self._journal.save_orders(orders)
        self._orders = orders
        self._world.shut_links = frozenset(o.link for o in orders)
        self._changed.set()


def _start_healer(link: str, expires_s: float) -> int:
    """A shell in its own session that opens the link at the end, whoever is dead by then; its pid."""
    healer = subprocess.Popen(
        ["/bin/sh", "-c", f'sleep {float(expires_s):.3f}; {_HEALS} "$0" up', link],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return healer.pid


def _end_healer(pid: int) -> None:
    """Stop the timer's session; a pid that was reused by something else is left alone."""
    try:
        if _HEALS.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.killpg(pid, signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return
