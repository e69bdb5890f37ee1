"""Orders to hurt this node on purpose, with an end that comes even if every Twinspan process dies.

In: "shut this link for so many seconds". Out: the link is down, a shell timer in its own session will bring it back,
and the journal remembers, so that neither the converger nor the next agent takes the shut port for drift.
This is the drill's injector for a real gateway; the lab uses the same one. Next: `agent.journal`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from twinspan.agent.clock import pause
from twinspan.agent.events import EventLog
from twinspan.agent.journal import Journal, Order
from twinspan.agent.world import World
from twinspan.drivers.netlink import NetlinkDriver

CHECK_S = 0.2
MAX_ORDER_S = 3600


class OrderRefused(Exception):
    """The order names something this node must not or cannot do; the text says the way out."""


class Orders:
    def __init__(self, journal: Journal, world: World, netlink: NetlinkDriver, events: EventLog) -> None:
        self._journal, self._world, self._netlink, self._events = journal, world, netlink, events
        self._orders: tuple[Order, ...] = ()

    def restore(self) -> None:
        """Take up the orders of an agent that was killed."""
        self._set(self._journal.load_orders())

    async def shut(self, link: str, expires_s: float, allowed: frozenset[str]) -> tuple[int, int]:
        """Shut `link` for `expires_s` seconds; the wall clock in ns just before and after."""
        if link not in allowed:
            raise OrderRefused(
                f"link {link!r}: not a data link of this node; choose one of {', '.join(sorted(allowed))}"
            )
        if not 0 < expires_s <= MAX_ORDER_S:
            raise OrderRefused(f"expires_s {expires_s}: must be above 0 and at most {MAX_ORDER_S} seconds")
        await self.open(link)
        script = f"sleep {float(expires_s)}; ip link set dev {link} up"
        healer = subprocess.Popen(  # noqa: ASYNC220  spawning takes a millisecond and nothing is awaited from it
            ["/bin/sh", "-c", script],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        order = Order(link=link, expires_at_ns=time.time_ns() + int(expires_s * 1e9), healer_pid=healer.pid)
        self._set((*self._orders, order), save=True)
        before = time.time_ns()
        await self._netlink.set_link(link, up=False)
        after = time.time_ns()
        self._events.record("config", f"order: {link} shut", f"for {expires_s:g} s")
        return before, after

    async def open(self, link: str) -> None:
        """End the order on `link` early."""
        for order in [o for o in self._orders if o.link == link]:
            _end_healer(order.healer_pid)
            self._set(tuple(o for o in self._orders if o is not order), save=True)
            await self._netlink.set_link(link, up=True)
            self._events.record("config", f"order: {link} opened")

    async def run(self) -> None:
        """Forget orders whose time is over; the timer has opened the link by then, and if not, this does."""
        while True:
            await pause(CHECK_S)
            for order in [o for o in self._orders if o.expires_at_ns <= time.time_ns()]:
                await self.open(order.link)

    def _set(self, orders: tuple[Order, ...], *, save: bool = False) -> None:
        self._orders = orders
        self._world.shut_links = frozenset(o.link for o in orders)
        if save:
            self._journal.save_orders(orders)


def _end_healer(pid: int) -> None:
    """Stop the timer's session; a pid that was reused by something else is left alone."""
    try:
        if b"ip link set dev" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.killpg(pid, signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return
