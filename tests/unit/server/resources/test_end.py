"""The end of the service: prompt, whatever is being done."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.server.resources.conftest import ALICE, Made

from twinspan.model.errors import Retryable
from twinspan.server.resources.aside import Aside
from twinspan.server.resources.operations import Operations
from twinspan.server.resources.writer import END_S, Writer

LONG_S = 20.0
"""Longer than any test waits."""
PROMPT_S = END_S + 1.5


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What long work waits for; open at the latest when the test is over."""
    made = threading.Event()
    yield made
    made.set()


def _vpc(tx: Operations) -> Any:
    return tx.create("Vpc", {"cidr_block": "10.1.0.0/16"})


def test_what_is_being_written_is_finished_and_what_waits_behind_it_is_refused(
    made: Made, gate: threading.Event
) -> None:
    asyncio.run(_ended_with_two(made, gate))


async def _ended_with_two(made: Made, gate: threading.Event) -> None:
    writer, begun = Writer(made.service, reads_inline=True), threading.Event()
    writer.start()

    def slow(tx: Operations) -> Any:
        begun.set()
        assert gate.wait(LONG_S)
        return _vpc(tx)

    first = asyncio.ensure_future(writer.run(ALICE, slow))
    await asyncio.to_thread(begun.wait, LONG_S)
    second = asyncio.ensure_future(writer.run(ALICE, _vpc))
    await asyncio.sleep(0)
    ending = asyncio.ensure_future(writer.stop())
    await asyncio.sleep(0)
    gate.set()
    assert await ending
    assert (await first).kind == "Vpc"
    with pytest.raises(Retryable, match="ending"):
        await second


def test_the_end_does_not_wait_for_a_change_that_takes_long(made: Made, gate: threading.Event) -> None:
    asyncio.run(_ended_with_a_long_one(made, gate))


async def _ended_with_a_long_one(made: Made, gate: threading.Event) -> None:
    writer, begun = Writer(made.service, reads_inline=True), threading.Event()
    writer.start()

    def endless(_: Operations) -> None:
        begun.set()
        gate.wait(LONG_S)

    task = asyncio.ensure_future(writer.run(ALICE, endless))
    await asyncio.to_thread(begun.wait, LONG_S)
    since = time.monotonic()
    assert not await writer.stop()
    assert time.monotonic() - since < PROMPT_S
    gate.set()
    await task


def test_the_end_does_not_wait_for_what_is_done_aside(gate: threading.Event) -> None:
    aside, begun = Aside("test"), threading.Event()

    def plan() -> None:
        begun.set()
        gate.wait(LONG_S)

    async def live() -> None:
        task = asyncio.ensure_future(aside.run(plan))
        await asyncio.to_thread(begun.wait, LONG_S)
        task.cancel()
        await asyncio.wait([task])

    since = time.monotonic()
    asyncio.run(live())
    assert time.monotonic() - since < PROMPT_S
    aside.end()


def test_what_is_done_aside_is_done_in_order_and_raises_what_it_raised() -> None:
    aside = Aside("test")
    done: list[int] = []

    async def live() -> None:
        await asyncio.gather(*(aside.run(done.append, n) for n in range(5)))
        with pytest.raises(ZeroDivisionError):
            await aside.run(lambda: 1 // 0)

    asyncio.run(live())
    assert done == list(range(5))
    aside.end()
