"""Real servers and real devices in one process, over loopback with TLS: what every test here stands on.

A test is a coroutine; it runs on a loop of its own with a deadline, and what its `site` started is ended after it.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from pathlib import Path

import pytest
import uvloop
from tests.inprocess.site import Site

from twinspan.server.authority import create_authority

DEADLINE_S = 60.0
"""Of a whole test on a busy machine; each wait inside has a shorter one of its own."""
NAMES = ("localhost", *(f"127.0.0.{n}" for n in range(1, 10)))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Coroutines run here; everything else goes its usual way."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}

    async def run() -> None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                await pyfuncitem.obj(**arguments)
        finally:
            for value in arguments.values():
                if isinstance(value, Site):
                    await value.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    return True


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with an authority for several loopback addresses; servers get copies of it."""
    folder = tmp_path_factory.mktemp("authority") / "state"
    create_authority(folder, NAMES, time.time_ns())
    return folder


@pytest.fixture
def site(tmp_path: Path, authority: Path) -> Site:
    """Servers and devices of one test."""
    return Site(tmp_path, authority)
