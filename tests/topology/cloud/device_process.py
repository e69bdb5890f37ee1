"""A device in a process of its own: the agent's connection manager on a real journal.

In: options on standard input, then orders. Out: a JSON line for each event and each answer.
"""

from __future__ import annotations

import asyncio
import base64
import os
import pickle
import signal
import sys
import threading
import time

import msgspec
from tests.topology.cloud.device import DeviceOptions, Said

from twinspan.agent.cloud_connection import attempt, dial, doctor, manager
from twinspan.agent.cloud_connection.services import Link
from twinspan.agent.cloud_connection.status_notes import StatusNotes
from twinspan.agent.cloud_connection.trust import TrustStore
from twinspan.agent.journal import Journal
from twinspan.model.cloud_status import DeviceState
from twinspan.model.device_identity import DeviceIdentity
from twinspan.wire.cloud_connection.services import ServiceMessage


class Quiet:
    """A service that only stays."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def run(self, link: Link) -> None:
        await asyncio.get_running_loop().create_future()

    def received(self, link: Link, message: ServiceMessage) -> None:
        """Nothing comes."""


class Process:
    def __init__(self, options: DeviceOptions) -> None:
        self._options = options
        self._left = options.kill_after
        self._journal = Journal(options.folder)
        self._shorten()
        self.manager = manager.ConnectionManager(
            DeviceIdentity(serial=options.serial),
            options.boot_id,
            TrustStore(self._journal),
            [Quiet(name) for name in options.services],
            manager.ManagerPorts(
                record=lambda what, detail: say(Said(kind="event", what=what, detail=detail)),
                dns_servers=lambda: options.dns_servers,
            ),
        )

    def _shorten(self) -> None:
        options = self._options
        dial.STEP_S = options.step_s
        manager.SWITCH_BACK_S = options.switch_back_s
        if options.wall_ns is not None:
            began = time.monotonic_ns()
            for module in (attempt, doctor, manager):
                module.wall_ns = lambda steady: options.wall_ns + steady - began
        if options.kill_at == "save":
            self._journal.save_cloud_memory = self._die_instead
        elif options.kill_at is not None:
            # Every step is noted before it is taken.
            note = StatusNotes.note

            def noted(self_: StatusNotes, **fields: object) -> None:
                note(self_, **fields)
                if "device_state" in fields:
                    self._step(fields["device_state"])

            StatusNotes.note = noted

    def _step(self, state: DeviceState) -> None:
        if state == self._options.kill_at:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def _die_instead(self, _memory: msgspec.Struct) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        orders: asyncio.Queue[str] = asyncio.Queue()
        threading.Thread(target=read_orders, args=(loop, orders), daemon=True).start()
        self.manager.configure(self._options.management)
        working = loop.create_task(self.manager.run())
        while order := await orders.get():
            await self._obey(order)
        working.cancel()

    async def _obey(self, order: str) -> None:
        what, _, detail = order.partition(" ")
        match what:
            case "status":
                say(Said(kind="status", status=self.manager.status()))
            case "examine":
                say(Said(kind="examine", checks=await self.manager.examine()))
            case "code":
                result = await self.manager.unbinding_code(detail)
                say(Said(kind="code", detail=result.detail if result is not None else ""))
            case "configure":
                self.manager.configure(pickle.loads(base64.b64decode(detail)))  # noqa: S301 - our own test says it
            case "reset":
                self.manager.reset()


def read_orders(loop: asyncio.AbstractEventLoop, orders: asyncio.Queue[str]) -> None:
    for line in sys.stdin:
        loop.call_soon_threadsafe(orders.put_nowait, line.strip())
    loop.call_soon_threadsafe(orders.put_nowait, "")


def say(said: Said) -> None:
    os.write(1, msgspec.json.encode(said) + b"\n")


if __name__ == "__main__":
    chosen = pickle.loads(base64.b64decode(sys.stdin.readline()))  # noqa: S301 - our own test says it
    asyncio.run(Process(chosen).run())
