"""A real node's command line behind SSH on loopback, in a thread of its own; the node's loops do not run."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace
from tests.unit.agent.terminals import CONFIG, make_node

from twinspan.agent.node import Node
from twinspan.model.device_access import DeviceAccess, LocalUser
from twinspan.model.secret import Secret

PASSWORD = "Correct-horse-7"


class SshNode:
    """`node` belongs to the thread's loop: look at it, and change it by `call`."""

    def __init__(self, directory: Path, users: tuple[LocalUser, ...]) -> None:
        self.port = free_port()
        self.loop = asyncio.new_event_loop()
        self.access = DeviceAccess(ssh=True, ssh_port=self.port, users=users)
        self.node: Node = self.call_now(directory)

    def call_now(self, directory: Path) -> Node:
        async def make() -> Node:
            node = make_node(directory, replace(CONFIG, access=self.access))
            self._door = asyncio.get_running_loop().create_task(node.ssh.run())
            return node

        node = self.loop.run_until_complete(make())
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        return node

    def call(self, work):
        """The result of a coroutine function in the node's loop."""
        return asyncio.run_coroutine_threadsafe(work(), self.loop).result(10)

    def set_access(self, access: DeviceAccess | None) -> None:
        async def change() -> None:
            self.node.apply(replace(self.node.converger.config, access=access))

        self.call(change)

    def close(self) -> None:
        async def stop() -> None:
            self._door.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._door
            rest = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

        self.call(stop)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def users(keys: tuple[str, ...] = ()) -> tuple[LocalUser, ...]:
    return (
        LocalUser(name="admin", password=Secret(PASSWORD), ssh=True, role="network-admin", public_keys=keys),
        LocalUser(name="guest", password=Secret(PASSWORD), ssh=True),
        LocalUser(name="console", password=Secret(PASSWORD), role="network-admin"),
    )


@contextlib.contextmanager
def running(directory: Path, keys: tuple[str, ...] = ()) -> Iterator[SshNode]:
    made = SshNode(directory, users(keys))
    try:
        yield made
    finally:
        made.close()
