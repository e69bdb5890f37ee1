"""The cli service of the device: many terminals on one sub-connection, each bounded, none in another's way."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace

from tests.unit.agent.conftest import _eventually
from tests.unit.agent.terminals import make_node

from twinspan.agent.cloud_connection.cli import MAX_QUEUED_BYTES, MAX_SESSIONS, CliModule
from twinspan.wire.cloud_connection.services import (
    CliClose,
    CliData,
    CliOpen,
    CliResize,
    ReportTaken,
    ServiceMessage,
)


class FakeLink:
    """A sub-connection in memory."""

    def __init__(self) -> None:
        self.said: list[ServiceMessage] = []
        self.closed: list[int] = []
        self.websocket = SimpleNamespace(
            waiting_bytes=0, on_writable=None, close=lambda code, _why: self.closed.append(code)
        )

    def send(self, message: ServiceMessage) -> bool:
        self.said.append(message)
        return True

    def shown(self, session: str) -> str:
        return "".join(m.text for m in self.said if isinstance(m, CliData) and m.session == session)

    def ends(self) -> list[tuple[str, str]]:
        return [(m.session, m.detail) for m in self.said if isinstance(m, CliClose)]


@contextlib.asynccontextmanager
async def module_of(directory):
    node = make_node(directory)
    module, link = CliModule(node.command_line), FakeLink()
    task = asyncio.create_task(module.run(link))
    await asyncio.sleep(0)
    try:
        yield node, module, link
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_two_people_at_once_are_told_apart(tmp_path):
    async def scenario():
        async with module_of(tmp_path) as (node, module, link):
            for session, user in (("a", "ann"), ("b", "bob")):
                module.received(link, CliOpen(session=session, user=user))
            module.received(link, CliData(session="a", text="system-view\r"))
            module.received(link, CliData(session="b", text="display clock\r"))
            await _eventually(lambda: "UTC" in link.shown("b"))
            assert link.shown("a").endswith("[n1]")
            assert link.shown("b").endswith("<n1>")
            assert "ann (cloud server)" in [e.detail for e in node.events.since(0)]
            module.received(link, CliData(session="b", text="quit\r"))
            assert link.ends() == [("b", "")]
            module.received(link, CliData(session="b", text="display clock\r"))
            module.received(link, CliData(session="a", text="quit\r"))
            assert link.shown("a").endswith("<n1>")

    asyncio.run(scenario())


def test_when_the_sub_connection_ends_so_do_all_terminals(tmp_path):
    async def scenario():
        async with module_of(tmp_path) as (node, module, link):
            module.received(link, CliOpen(session="a", user="ann"))
            assert len(node.command_line._shells) == 1
        assert node.command_line._shells == []
        assert link.ends() == [], "there is nobody to tell"

    asyncio.run(scenario())


def test_a_person_who_leaves_ends_what_runs(tmp_path, monkeypatch):
    async def scenario():
        async with module_of(tmp_path) as (node, module, link):
            monkeypatch.setattr(node, "report", asyncio.get_running_loop().create_future)
            module.received(link, CliOpen(session="a", user="ann"))
            module.received(link, CliData(session="a", text="display arp\r"))
            module.received(link, CliClose(session="a"))
            assert node.command_line._shells == []
            module.received(link, CliClose(session="a"))

    asyncio.run(scenario())


def test_terminals_are_bounded_and_one_more_is_told(tmp_path):
    async def scenario():
        async with module_of(tmp_path) as (_, module, link):
            for number in range(100_000 // 100):
                module.received(link, CliOpen(session=f"s{number}", user="ann"))
            assert len(module._terminals) == MAX_SESSIONS
            assert len(link.ends()) == 1000 - MAX_SESSIONS
            module.received(link, CliOpen(session="s0", user="ann"))
            assert len(module._terminals) == MAX_SESSIONS

    asyncio.run(scenario())


def test_a_server_that_does_not_read_holds_the_terminals(tmp_path):
    async def scenario():
        async with module_of(tmp_path) as (_, module, link):
            module.received(link, CliOpen(session="a", user="ann"))
            link.websocket.waiting_bytes = MAX_QUEUED_BYTES + 1
            before = len(link.said)
            module.received(link, CliData(session="a", text="display clock\rdisplay clock\r"))
            await asyncio.sleep(0.02)
            assert len(link.said) == before
            link.websocket.waiting_bytes = 0
            link.websocket.on_writable()
            await _eventually(lambda: link.shown("a").count("UTC") == 2)

    asyncio.run(scenario())


def test_a_flood_of_keys_ends_its_own_terminal_and_no_other(tmp_path):
    async def scenario():
        async with module_of(tmp_path) as (_, module, link):
            for session in "ab":
                module.received(link, CliOpen(session=session, user="ann"))
            module.received(link, CliData(session="a", text="display clock\r" * 20_000))
            assert link.ends() == [("a", "more was typed at once than is taken")]
            module.received(link, CliData(session="b", text="display clock\r"))
            await _eventually(lambda: "UTC" in link.shown("b"))

    asyncio.run(scenario())


def test_a_page_is_as_long_as_the_terminal(tmp_path):
    async def scenario():
        async with module_of(tmp_path) as (_, module, link):
            module.received(link, CliOpen(session="a", user="ann", rows=8))
            module.received(link, CliData(session="a", text="display cloud-management state\r"))
            await _eventually(lambda: "More" in link.shown("a"))
            assert link.shown("a").partition("More")[0].count(" : ") == 7
            module.received(link, CliData(session="a", text="q"))
            module.received(link, CliResize(session="a", columns=80, rows=200))
            module.received(link, CliData(session="a", text="display cloud-management state\r"))
            await _eventually(lambda: link.shown("a").endswith("<n1>"))
            assert link.shown("a").count("More") == 1

    asyncio.run(scenario())


def test_what_is_no_message_of_the_service_ends_the_sub_connection(tmp_path):
    async def scenario():
        async with module_of(tmp_path) as (_, module, link):
            module.received(link, ReportTaken(sequence=1))
            assert len(link.closed) == 1

    asyncio.run(scenario())
