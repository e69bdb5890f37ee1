"""Two network namespaces joined by one cable, for tests that run real daemons; always removed."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tests.topology.leftovers import end_in_good_order, remove_leftovers

_libc = ctypes.CDLL(None, use_errno=True)


class Bench:
    """Namespaces `a` and `b`, each with an end of the cable called c0, and a short-lived directory."""

    def __init__(self, directory: Path) -> None:
        self.a, self.b = (f"tst-{os.getpid()}-{end}" for end in "ab")
        self.directory = directory

    def build(self) -> None:
        for namespace in (self.a, self.b):
            self.ip("netns", "add", namespace)
            self.ip("-n", namespace, "link", "set", "lo", "up")
        self.ip("-n", self.a, "link", "add", "c0", "type", "veth", "peer", "name", "c0", "netns", self.b)
        for namespace in (self.a, self.b):
            self.ip("-n", namespace, "link", "set", "c0", "up")

    def remove(self) -> None:
        for namespace in (self.a, self.b):
            found = subprocess.run(["ip", "netns", "pids", namespace], check=False, capture_output=True, text=True)
            for pid in found.stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def ip(self, *arguments: str) -> str:
        return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout

    @contextlib.contextmanager
    def inside(self, namespace: str) -> Iterator[None]:
        """The process's main thread, and what it starts, in the namespace."""
        before = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/var/run/netns/{namespace}", os.O_RDONLY)
        try:
            assert _libc.setns(there, 0) == 0
            yield
        finally:
            assert _libc.setns(before, 0) == 0
            os.close(before)
            os.close(there)

    async def eventually(self, what: Callable[[], bool | Awaitable[bool]], deadline_s: float = 10.0) -> None:
        """Wait until `what()` is true; it may be a coroutine function."""
        end = time.monotonic() + deadline_s
        while True:
            found = what()
            if found if isinstance(found, bool) else await found:
                return
            assert time.monotonic() < end, f"not within {deadline_s} s"
            await asyncio.sleep(0.03)


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_behind() -> None:
    end_in_good_order()
    remove_leftovers()


@pytest.fixture
def bench() -> Iterator[Bench]:
    # Not pytest's own directory: the path of a unix socket has at most 107 characters.
    made = Bench(Path(tempfile.mkdtemp(prefix="tst-", dir="/run")))
    try:
        made.build()
        yield made
    finally:
        made.remove()
