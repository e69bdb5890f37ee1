"""The service for callers on the event loop: changes in one thread, several with one write to disk.

Requests come one by one, disks like company: the thread takes everything that waits and hands it to the store as one
group. Questions to SQLite are answered at once, since that costs less than asking a thread; PostgreSQL is asked in one.

In: units of work, questions. Out: their answers. Next: `api.py` and the compatible door, which await them.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

from twinspan.model.errors import Retryable
from twinspan.model.resource import Actor
from twinspan.server.clock import pause
from twinspan.server.resources.operations import Operations
from twinspan.server.resources.port import Work
from twinspan.server.resources.service import Once, ResourceService

T = TypeVar("T")
GROUP = 256
"""Units of work with one write to disk."""
MAX_WAITING = 4096
"""Units of work that may wait; the next is told to come again."""
BUSY_S = 1.0
SWITCH_S = 0.0005
"""The event loop waits no longer than this for a thread that computes; Python's own 5 ms are a hundred requests."""
END_S, END_LOOK_S = 0.5, 0.01
"""How long the end waits for the unit of work that is being done."""


class _Item(NamedTuple):
    unit: Callable[[Work], Any]
    future: asyncio.Future[Any]


class Writer:
    """One per worker. `start` on the event loop it answers to."""

    def __init__(self, service: ResourceService, *, reads_inline: bool) -> None:
        self.service = service
        self._reads_inline = reads_inline
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = False

    def start(self) -> None:
        """Begin to take what waits."""
        self._loop = asyncio.get_running_loop()
        sys.setswitchinterval(SWITCH_S)
        self._thread = threading.Thread(target=self._write, name="resource writer", daemon=True)
        self._thread.start()

    async def stop(self) -> bool:
        """End after the unit of work that is being done; what waits is refused. True: nothing is written any more.

        False: that unit takes long. The end of the process undoes it; nobody was told that it is done.
        """
        self._ending = True
        self._queue.put(None)
        if self._thread is None:
            return True
        until = time.monotonic() + END_S
        while self._thread.is_alive() and time.monotonic() < until:
            await pause(END_LOOK_S)
        return not self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Units of work that wait for the thread."""
        return self._queue.qsize()

    async def run(
        self, actor: Actor, work: Callable[[Operations], T], *, dry_run: bool = False, once: Once | None = None
    ) -> T:
        """`ResourceService.run` without keeping the event loop waiting. Raises what it raises."""
        unit = self.service.unit(actor, work, dry_run=dry_run, once=once)
        answer: T = self.service.answer(await self._written_soon(unit))
        return answer

    async def set_quota(self, account: str, name: str, limit: int) -> None:
        """What an operator allows an account."""
        self.service.answer(await self._written_soon(lambda work: work.set_quota(account, name, limit)))

    async def ask(self, question: Callable[[], T]) -> T:
        """A question to the service that only reads."""
        return question() if self._reads_inline else await asyncio.to_thread(question)

    # ------------------------------------------------------------------------------------------------- inside

    def _written_soon(self, unit: Callable[[Work], Any]) -> asyncio.Future[Any]:
        """Queue it. Raises Retryable if too much waits."""
        if self._queue.qsize() >= MAX_WAITING or self._loop is None:
            raise Retryable("more changes wait than can be written", delay_s=BUSY_S, remedy="ask again in a moment")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._queue.put(_Item(unit, future))
        return future

    def _unless_ending(self, unit: Callable[[Work], Any], stored: Work) -> Any:
        if self._ending:
            raise Retryable("the server is ending", delay_s=BUSY_S, remedy="ask again in a moment")
        return unit(stored)

    def _write(self) -> None:
        """The thread."""
        while True:
            items, ended = self._take()
            if items:
                self._tell(items, self._written(items))
            if ended:
                return

    def _take(self) -> tuple[list[_Item], bool]:
        """All that waits, at least one; and whether that was the end."""
        first = self._queue.get()
        if first is None:
            return [], True
        items = [first]
        while len(items) < GROUP:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return items, True
            items.append(item)
        return items, False

    def _written(self, items: list[_Item]) -> list[Any]:
        try:
            return self.service.store.change_all([partial(self._unless_ending, item.unit) for item in items])
        except Exception as error:  # noqa: BLE001 - whatever the store failed with, each of them is told
            return [error] * len(items)

    def _tell(self, items: list[_Item], results: list[Any]) -> None:
        def tell() -> None:
            for item, result in zip(items, results, strict=True):
                if not item.future.done():
                    item.future.set_result(result)

        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(tell)
