"""The protocol page is enough: the device of the example, as its own process, against a real server."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.inprocess.site import ALICE, BOB, PASSWORD, Cloud, Site, until

from twinspan.server.accounts import Accounts
from twinspan.server.commands import QueuedCommand

PROGRAM = Path(__file__).parents[2] / "examples" / "08-device-from-the-page" / "device.py"


@asynccontextmanager
async def running(cloud: Cloud, state: Path, *code: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), cloud.netloc, "SN1", str(state), *code, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "DEVICE_PASSWORD": PASSWORD},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def said(process: asyncio.subprocess.Process, *expected: str) -> None:
    """Exactly these lines, in this order."""
    assert process.stdout is not None
    for pattern in expected:
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode().strip()
        assert re.fullmatch(pattern, line), (line, pattern)


async def echo(cloud: Cloud, identifier: str, text: str) -> QueuedCommand:
    """As `twinspan device exec` does."""
    now_ns = time.time_ns()
    command = QueuedCommand(
        id=identifier, serial="SN1", name="echo", arguments={"text": text}, queued_at_ns=now_ns,
        expires_at_ns=now_ns + 20_000_000_000,
    )  # fmt: skip
    cloud.worker.diagnostics._queue.queue(command)
    await cloud.worker.diagnostics.deliver(command, 10)
    found = cloud.worker.diagnostics._queue.find("SN1", identifier)
    assert found is not None
    return found


def test_it_is_short_and_imports_the_standard_library_and_websockets_only() -> None:
    text = PROGRAM.read_text()
    assert len(text.splitlines()) < 200
    imported = set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE))
    assert imported - set(sys.stdlib_module_names) == {"websockets"}


async def test_it_connects_answers_a_diagnostic_and_returns_with_its_ticket(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    state = site.new_folder("device") / "state.json"
    async with running(cloud, state) as process:
        await said(process, "authenticated", "established, epoch 1")
        await until(lambda: "diagnostics" in cloud.worker.hub.tunnels["SN1"].services)
        answered = await echo(cloud, "c1", "hello")
        assert (answered.outcome, answered.output) == ("done", "hello")
        await cloud.restart()
        await said(process, "(down|refused): .*")
        await until(lambda: "SN1" in cloud.worker.hub.tunnels, 20)
    assert state.stat().st_mode & 0o777 == 0o600
    await until(lambda: "SN1" not in cloud.worker.hub.tunnels)
    async with running(cloud, state) as process:
        await said(process, "resumed", "established, epoch 3")


async def test_it_is_unbound_by_the_code_that_it_sends(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1", by=ALICE)
    Accounts(cloud.worker.store).add("bob", "", time.time_ns())
    unbinding = cloud.worker.hub.admin._admin.office.unbinding
    code = unbinding.issue("SN1", BOB, time.time_ns())[0].reveal()
    async with running(cloud, site.new_folder("device") / "state.json", code) as process:
        await said(process, "authenticated", "established, epoch 1", "unbinding accepted: .*", "down: .*4004.*")
    row = cloud.worker.store.find("SN1")
    assert row is not None
    assert row.owner is None


async def test_it_says_why_it_is_refused(site: Site) -> None:
    cloud = await site.cloud()
    async with running(cloud, site.new_folder("device") / "state.json") as process:
        await said(process, "refused: not_admitted")
