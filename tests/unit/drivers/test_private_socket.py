"""A socket that is served stays reachable by its path, whatever somebody does to the directory."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import stat
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from twinspan.drivers import private_socket as module
from twinspan.drivers.private_socket import serve_private


@contextlib.asynccontextmanager
async def serving(path: Path, trouble: list[str]) -> AsyncIterator[asyncio.Task[None]]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    def start(listening: socket.socket) -> asyncio.Future[asyncio.Server]:
        return asyncio.ensure_future(asyncio.start_unix_server(echo, sock=listening))

    task = asyncio.create_task(serve_private(path, start, trouble.append))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def eventually(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not what():
        assert time.monotonic() < end, "not in time"
        await asyncio.sleep(0.005)


async def answers(path: Path) -> bool:
    await eventually(lambda: _accepts(path))
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"hello\n")
    answer = await reader.readline()
    writer.close()
    return answer == b"hello\n"


def _accepts(path: Path) -> bool:
    """Between bind and listen it does not yet."""
    with socket.socket(socket.AF_UNIX) as trying:
        return trying.connect_ex(str(path)) == 0


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)


def test_a_directory_that_vanishes_is_made_again_for_its_owner_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "gw" / "agent.sock"
        async with serving(path, []):
            await eventually(path.exists)
            shutil.rmtree(path.parent)
            await eventually(path.exists)
            assert await asyncio.wait_for(answers(path), 5)
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

    asyncio.run(scenario())


def test_a_place_where_no_socket_can_be_is_said_once_and_tried_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        blocked, trouble = tmp_path / "gw", list[str]()
        blocked.write_text("in the way")
        path = blocked / "agent.sock"
        async with serving(path, trouble) as task:
            await eventually(lambda: bool(trouble))
            await asyncio.sleep(0.05)
            assert len(trouble) == 1
            assert trouble[0].startswith(f"{path} cannot be served: ")
            assert not task.done()
            blocked.unlink()
            await eventually(path.exists)
            assert await asyncio.wait_for(answers(path), 5)

    asyncio.run(scenario())
