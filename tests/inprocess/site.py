"""Servers, devices and peers of one test, and the way to wait for something."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from twinspan.model.secret import Secret
from twinspan.server.accounts import Accounts, Principal
from twinspan.server.events import Event
from twinspan.server.registry import NewDevice, Registry, make_credentials
from twinspan.server.worker import ServerOptions, Worker

T = TypeVar("T")
PASSWORD = "correct-horse"
ALICE, BOB = Principal(label="alice", account="alice"), Principal(label="bob", account="bob")


class Closes(Protocol):
    async def close(self) -> None: ...


async def until(condition: Callable[[], T], deadline_s: float = 10.0, what: str = "") -> T:
    """The condition's value as soon as it is true; an AssertionError past the deadline."""
    end = time.monotonic() + deadline_s
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {deadline_s:g} s: {what or condition}"
        await asyncio.sleep(0.005)
    return value


class Cloud:
    """One cloud server: a worker with its state directory, on a loopback address and a port that it keeps."""

    def __init__(self, folder: Path, address: str, port: int, options: dict[str, Any]) -> None:
        self.folder, self.address, self.port = folder, address, port
        self._options = options
        self._task: asyncio.Task[None] | None = None
        self._stop: Callable[[], None] = lambda: None
        self.worker = self._new_worker()

    def _new_worker(self) -> Worker:
        options = ServerOptions(state_dir=self.folder, listen=(self.address,), port=self.port)
        return Worker(msgspec.structs.replace(options, **self._options))

    @property
    def netloc(self) -> str:
        return f"{self.address}:{self.port}"

    async def start(self) -> None:
        """Returns when it listens."""
        loop, ready = asyncio.get_running_loop(), asyncio.Event()

        def keep_handler(number: int, handler: Callable[[], None], *_: object) -> None:
            # The test's process is not the server's: SIGTERM is told to one server by calling its handler.
            if number == signal.SIGTERM:
                self._stop = handler

        loop.add_signal_handler = keep_handler  # type: ignore[method-assign,assignment]
        self._task = loop.create_task(self.worker.serve(ready.set), name="server")
        waiting = loop.create_task(ready.wait())
        await asyncio.wait((waiting, self._task), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """As SIGTERM does."""
        if self._task is not None:
            self._stop()
            task, self._task = self._task, None
            await asyncio.wait_for(task, 20)

    async def restart(self) -> None:
        """A planned one: a new process on the same state."""
        await self.stop()
        self.worker = self._new_worker()
        await self.start()

    async def close(self) -> None:
        await self.stop()

    # ------------------------------------------------------------------------------------------------ people

    def add(self, *serials: str, by: Principal = ALICE, **fields: Any) -> None:
        """As `twinspan device add` does."""
        accounts = Accounts(self.worker.store)
        if by.account not in accounts.names():
            accounts.add(by.account or "", "", time.time_ns())
        fields.setdefault("password", None if fields.get("credential") == "certificate" else Secret(PASSWORD))
        devices = [NewDevice(serial=serial, **fields) for serial in serials]
        Registry(self.worker.store).add(devices, make_credentials(devices, time.time_ns()), by, time.time_ns())

    def history(self, serial: str) -> list[Event]:
        """Oldest first."""
        self.worker.events.flush(time.time_ns())
        return list(self.worker.events.history(serial))[::-1]

    def kinds(self, serial: str) -> list[str]:
        return [event.kind for event in self.history(serial)]


class Site:
    def __init__(self, folder: Path, authority: Path) -> None:
        self.folder, self._authority = folder, authority
        self._parts: list[Closes] = []
        self._count = 0

    async def cloud(self, address: str = "127.0.0.1", *, port: int | None = None, **options: Any) -> Cloud:
        """A server that listens, with one account; `options` are of `ServerOptions`."""
        self._count += 1
        folder = self.folder / f"server-{self._count}"
        shutil.copytree(self._authority, folder)
        cloud = Cloud(folder, address, port or free_port(address), options)
        self._parts.append(cloud)
        await cloud.start()
        return cloud

    def keep(self, part: Closes) -> None:
        """End it after the test."""
        self._parts.append(part)

    def new_folder(self, name: str) -> Path:
        self._count += 1
        folder = self.folder / f"{name}-{self._count}"
        folder.mkdir()
        return folder

    @property
    def authority_pem(self) -> Path:
        return self._authority / "authority.pem"

    async def close(self) -> None:
        parts, self._parts = self._parts[::-1], []
        for part in parts:
            await part.close()


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


async def all_of(work: Sequence[Awaitable[T]]) -> list[T]:
    return list(await asyncio.gather(*work))
