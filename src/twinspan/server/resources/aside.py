"""A thread of its own for work that may be long: it never holds up the end of the process.

What runs in the event loop's own threads is waited for when the loop closes; what runs here is left behind, since it
only looks at what is stored and can be done again. In: functions. Out: what they return. Next: `site_loop.py`.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Aside:
    """One thread, begun when it is first needed; what it is given is done one after the other."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        """`work(...)` without keeping the event loop waiting. Raises what it raises."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._live, name=self._name, daemon=True)
            self._thread.start()
        future: Future[T] = Future()
        self._queue.put((future, lambda: work(*args, **more)))
        return await asyncio.wrap_future(future)

    def end(self) -> None:
        """No more after what it does now; nobody waits for that."""
        self._queue.put(None)

    def _live(self) -> None:
        while (item := self._queue.get()) is not None:
            future, work = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - whoever asked is told
                future.set_exception(error)
