"""The local socket of the command line: who may connect, what it says to strangers' bytes, and that nothing hangs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path

from tests.unit.agent.conftest import _eventually
from tests.unit.agent.terminals import make_node

from twinspan.agent.cli_socket import MAX_CONNECTIONS, serve_cli
from twinspan.agent.node import Node
from twinspan.wire.cli_socket import LINE_LIMIT, SOCKET_NAME, Open, Script, Typed, encode_line


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, message: object) -> None:
        self.writer.write(encode_line(message) if not isinstance(message, bytes) else message)

    async def until_ended(self) -> tuple[str, dict[str, object]]:
        """All that was shown, and the last message."""
        shown = ""
        async with asyncio.timeout(10):
            while line := await self.reader.readline():
                message = json.loads(line)
                if message["type"] == "ended":
                    return shown, message
                shown += message["text"]
        raise AssertionError("it hung up without a word")

    async def until_shown(self, text: str) -> str:
        shown = ""
        async with asyncio.timeout(10):
            while text not in shown:
                shown += json.loads(await self.reader.readline())["text"]
        return shown


@contextlib.asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[Node]:
    node = make_node(directory)
    path = directory / SOCKET_NAME
    task = asyncio.create_task(serve_cli(node.command_line, path))
    await _eventually(path.exists)
    try:
        yield node
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def connect(directory: Path) -> Client:
    return Client(*await asyncio.open_unix_connection(str(directory / SOCKET_NAME), limit=1 << 22))


def test_only_its_owner_may_open_it(tmp_path):
    async def scenario():
        async with serving(tmp_path):
            mode = (tmp_path / SOCKET_NAME).stat().st_mode
            assert stat.S_ISSOCK(mode)
            assert stat.S_IMODE(mode) == 0o600

    asyncio.run(scenario())


def test_a_terminal_types_and_leaves(tmp_path):
    async def scenario():
        async with serving(tmp_path) as node:
            client = await connect(tmp_path)
            client.say(Open(columns=80, rows=24))
            assert await client.until_shown("<n1>")
            client.say(Typed(text="display clock\r"))
            assert "UTC" in await client.until_shown("\r\n<n1>")
            client.say(Typed(text="quit\r"))
            _, ended = await client.until_ended()
            assert ended == {"type": "ended", "detail": "", "mistakes": 0}
            assert "root (local socket)" in [e.detail for e in node.events.since(0)]
            assert node.command_line._shells == []

    asyncio.run(scenario())


def test_a_script_of_which_a_line_was_refused_saves_nothing(tmp_path):
    async def scenario():
        async with serving(tmp_path) as node:
            client = await connect(tmp_path)
            lines = ("system-view", "clowd", "cloud-management keepalive 90", "save force")
            client.say(Script(lines=lines, transcript=False))
            shown, ended = await client.until_ended()
            assert "Not saved: 1 line before was refused" in shown
            assert "saved to device" not in shown
            assert ended["mistakes"] == 2
            assert node.journal.load_startup().cloud is None
            again = await connect(tmp_path)
            again.say(Script(lines=("save force",), transcript=False))
            assert (await again.until_ended())[0] == "Configuration is saved to device successfully.\n"

    asyncio.run(scenario())


def test_a_line_that_asks_for_help_is_not_carried_out(tmp_path):
    async def scenario():
        async with serving(tmp_path) as node:
            client = await connect(tmp_path)
            lines = ("system-view", "cloud-management keepalive 90 ?", "sysname ?", "cloud-management keepalive 91")
            client.say(Script(lines=lines))
            shown, ended = await client.until_ended()
            assert shown == (
                "<n1>system-view\n"
                "System View: return to User View with Ctrl+Z.\n"
                "[n1]cloud-management keepalive 90 ?\n"
                "  <cr>\n"
                "\n"
                "[n1]sysname ?\n"
                "  STRING<1-64>  Name of the device in its prompt\n"
                "\n"
                "[n1]cloud-management keepalive 91\n"
                "[n1]\n"
            )
            assert ended["mistakes"] == 0
            changes = [e.detail for e in node.events.since(0) if e.what == "changed by command"]
            assert changes == ["root (local socket): cloud-management keepalive 91"]

    asyncio.run(scenario())


def test_a_question_mark_in_quotes_or_in_a_comment_is_text(tmp_path):
    async def scenario():
        async with serving(tmp_path) as node:
            client = await connect(tmp_path)
            client.say(Script(lines=("system-view", "# why?", 'sysname "who?"')))
            _, ended = await client.until_ended()
            assert ended["mistakes"] == 0
            assert node.converger.config.access.sysname == "who?"

    asyncio.run(scenario())


def test_a_script_is_carried_out_line_by_line(tmp_path):
    async def scenario():
        async with serving(tmp_path) as node:
            client = await connect(tmp_path)
            client.say(Script(lines=("system-view", "cloud-management keepalive 90", "save", "y", "clowd")))
            shown, ended = await client.until_ended()
            assert shown == (
                "<n1>system-view\n"
                "System View: return to User View with Ctrl+Z.\n"
                "[n1]cloud-management keepalive 90\n"
                "[n1]save\n"
                "The current configuration will be written to the device. Are you sure? [Y/N]:y\n"
                "Configuration is saved to device successfully.\n"
                "[n1]clowd\n"
                "    ^\n"
                " % Unrecognized command found at '^' position.\n"
                "[n1]\n"
            )
            assert ended["mistakes"] == 1
            assert node.converger.config.cloud.keepalive_s == 90

    asyncio.run(scenario())


def test_a_single_command_shows_its_output_and_nothing_else(tmp_path):
    async def scenario():
        async with serving(tmp_path):
            for lines, expected in (
                (("display clock",), 1),
                (("display clock", "display clock"), 2),
                (("",), 0),
                (("system-view", "cloud-management keepalive 90", "return"), 1),
                (("quit", "display clock"), 0),
            ):
                client = await connect(tmp_path)
                client.say(Script(lines=lines, transcript=False))
                shown, ended = await client.until_ended()
                assert shown.count("\n") == expected, shown
                assert "<n1>" not in shown
                assert ended["mistakes"] == 0

    asyncio.run(scenario())


def test_a_very_long_output_and_a_very_long_line_come_through_whole(tmp_path):
    async def scenario():
        async with serving(tmp_path):
            client = await connect(tmp_path)
            lines = ("x" * 100_000, *("display current-configuration",) * 2000, "display clock")
            client.say(Script(lines=lines, transcript=False))
            shown, ended = await client.until_ended()
            assert shown.count("\nreturn\n") == 2000
            assert "UTC" in shown[-40:]
            assert ended["mistakes"] == 1

    asyncio.run(scenario())


def test_a_client_that_dies_in_the_middle_leaves_nothing_behind(tmp_path, monkeypatch, eventually):
    async def scenario():
        async with serving(tmp_path) as node:
            monkeypatch.setattr(node, "report", asyncio.get_running_loop().create_future)
            for first in (Open(), Script(lines=("display arp", "display clock"))):
                client = await connect(tmp_path)
                client.say(first)
                client.say(Typed(text="display arp\r"))
                await eventually(lambda: len(node.command_line._shells) == 1)
                client.writer.transport.abort()
                await eventually(lambda: not node.command_line._shells)

    asyncio.run(scenario())


def test_what_is_no_message_is_answered_and_ended(tmp_path):
    async def scenario():
        async with serving(tmp_path):
            for rubbish in (b"hello\n", b"{}\n", b'{"type":"open","columns":-1}\n', b"[" * 100_000 + b"\n", b"\xff\n"):
                client = await connect(tmp_path)
                client.say(rubbish)
                _, ended = await client.until_ended()
                assert "no message" in str(ended["detail"])
            client = await connect(tmp_path)
            client.say(b"x" * (LINE_LIMIT + 1))
            _, ended = await client.until_ended()
            assert str(LINE_LIMIT) in str(ended["detail"])

    asyncio.run(scenario())


def test_a_terminal_that_never_reads_is_held_and_others_go_on(tmp_path):
    async def scenario():
        async with serving(tmp_path):
            deaf = await connect(tmp_path)
            deaf.say(Open())
            deaf.say(Typed(text="screen-length disable\r"))
            for _ in range(2000):
                deaf.say(Typed(text="display current-configuration\r" * 10))
            other = await connect(tmp_path)
            other.say(Script(lines=("display clock",), transcript=False))
            shown, _ = await other.until_ended()
            assert "UTC" in shown

    asyncio.run(scenario())


def test_a_script_whose_output_is_not_read_waits(tmp_path):
    async def scenario():
        async with serving(tmp_path) as node:
            client = await connect(tmp_path)
            client.say(Script(lines=("display current-configuration",) * 15_000, transcript=False))
            await client.until_shown("return\n")
            client.reader._transport.pause_reading()
            (shell,) = node.command_line._shells
            await _eventually(lambda: shell.full)
            client.reader._transport.resume_reading()
            shown, _ = await client.until_ended()
            assert shown.count("return\n") > 14_900

    asyncio.run(scenario())


def test_connections_are_bounded(tmp_path):
    async def scenario():
        async with serving(tmp_path):
            clients = [await connect(tmp_path) for _ in range(MAX_CONNECTIONS)]
            late = await connect(tmp_path)
            _, ended = await late.until_ended()
            assert str(MAX_CONNECTIONS) in str(ended["detail"])
            for client in clients:
                client.writer.close()

    asyncio.run(scenario())


def test_the_end_of_the_agent_is_told(tmp_path):
    async def scenario():
        async with serving(tmp_path):
            client = await connect(tmp_path)
            client.say(Open())
            await client.until_shown("<n1>")
        _, ended = await client.until_ended()
        assert ended["detail"] == "the agent ends"

    asyncio.run(scenario())
