"""Commands of the server: at most once, whatever dies, and their results until they are taken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from twinspan.agent.cloud_connection.diagnostics import CommandFailed, DiagnosticsModule, Done
from twinspan.agent.cloud_connection.services import Link
from twinspan.agent.journal import Journal
from twinspan.wire.cloud_connection.services import Command, CommandResult, ResultTaken, ServiceMessage


class Wire(Link):
    """A sub-connection that keeps what is sent."""

    def __init__(self) -> None:
        super().__init__("diagnostics")
        self.results: list[tuple[str, str, str]] = []
        self.more = asyncio.Event()

    def send(self, message: ServiceMessage) -> bool:
        assert isinstance(message, CommandResult)
        self.results.append((message.id, message.outcome, message.output))
        self.more.set()
        return True


class Device:
    """A device whose agent may die and come back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran: list[str] = []
        self.gate: asyncio.Event | None = None

    def start(self) -> DiagnosticsModule:
        return DiagnosticsModule(Journal(self.folder), {"note": self._note, "fail": self._fail}, lambda: 7)

    async def _note(self, arguments: Mapping[str, str]) -> str:
        self.ran.append(arguments.get("text", ""))
        if self.gate is not None:
            await self.gate.wait()
        return "noted"

    async def _fail(self, _: Mapping[str, str]) -> str:
        raise CommandFailed("it cannot be done")


def command(identifier: str, name: str = "note", epoch: int = 7, ttl_ms: int = 10_000) -> Command:
    return Command(id=identifier, epoch=epoch, ttl_ms=ttl_ms, name=name, arguments={"text": identifier})


async def during(module: DiagnosticsModule, wire: Wire, *messages: ServiceMessage, results: int) -> None:
    """Run the module until so many results are out."""
    task = asyncio.get_running_loop().create_task(module.run(wire))
    await asyncio.sleep(0)  # the sub-connection is open before anything arrives
    for message in messages:
        module.received(wire, message)
    async with asyncio.timeout(5):
        while len(wire.results) < results:
            wire.more.clear()
            await wire.more.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_command_runs_and_its_result_goes_back(tmp_path: Path) -> None:
    device, wire = Device(tmp_path), Wire()
    asyncio.run(during(device.start(), wire, command("c1"), command("c2", "fail"), results=2))
    assert wire.results == [("c1", "done", "noted"), ("c2", "failed", "it cannot be done")]


def test_a_repeated_command_is_answered_and_not_run_again_also_after_a_restart(tmp_path: Path) -> None:
    device, wire = Device(tmp_path), Wire()
    asyncio.run(during(device.start(), wire, command("c1"), results=1))
    asyncio.run(during(device.start(), wire, command("c1"), results=3))
    assert device.ran == ["c1"]
    assert set(wire.results) == {("c1", "done", "noted")}


def test_a_result_is_repeated_until_the_server_has_taken_it(tmp_path: Path) -> None:
    device, first, second, third = Device(tmp_path), Wire(), Wire(), Wire()
    asyncio.run(during(device.start(), first, command("c1"), results=1))
    asyncio.run(during(device.start(), second, ResultTaken(id="c1"), results=1))
    asyncio.run(during(device.start(), third, command("c2"), results=1))
    assert [r[0] for r in third.results] == ["c2"]


def test_what_had_begun_when_the_agent_died_is_unknown_and_never_run_again(tmp_path: Path) -> None:
    device, wire = Device(tmp_path), Wire()
    Journal(tmp_path).save_commands((Done(id="c1"),))
    asyncio.run(during(device.start(), wire, command("c1"), results=1))
    assert device.ran == []
    assert wire.results[0] == ("c1", "unknown", "the agent died while it ran")


def test_a_command_of_another_connection_or_an_unknown_one_is_refused(tmp_path: Path) -> None:
    device, wire = Device(tmp_path), Wire()
    asyncio.run(during(device.start(), wire, command("c1", epoch=6), command("c2", "reboot"), results=2))
    assert [(r[0], r[1]) for r in wire.results] == [("c1", "refused"), ("c2", "refused")]
    assert device.ran == []


def test_a_command_whose_time_is_over_is_not_begun(tmp_path: Path) -> None:
    device, wire = Device(tmp_path), Wire()
    asyncio.run(during(device.start(), wire, command("c1", ttl_ms=-1), results=1))
    assert wire.results[0][:2] == ("c1", "expired")
    assert device.ran == []


def test_a_damaged_journal_does_not_prevent_the_start(tmp_path: Path) -> None:
    (tmp_path / "commands.json").write_bytes(b'[{"id":')
    device, wire = Device(tmp_path), Wire()
    asyncio.run(during(device.start(), wire, command("c1"), results=1))
    assert wire.results == [("c1", "done", "noted")]
