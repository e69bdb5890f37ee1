"""A terminal at the node's command line: what it may, what it brings about, and that nothing grows without a bound."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace
from tests.unit.agent.terminals import CONFIG, GUEST, FakeTerminal, Seat, make_node

from twinspan.agent import shell as shell_module
from twinspan.agent.command_line import MAX_SHELLS
from twinspan.agent.displays import AT_ONCE, OF_REPORT, show
from twinspan.agent.journal import Journal
from twinspan.agent.node import Node
from twinspan.agent.password import is_verifier, matches
from twinspan.agent.shell import MAX_TYPED, MAX_WAITING
from twinspan.model.device_access import MAX_USERS
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret
from twinspan.wire.cloud_connection.messages import UnbindingResult
from twinspan.wire.comware.effects import Display
from twinspan.wire.comware.language import LANGUAGE
from twinspan.wire.comware.session import Session


def test_a_change_is_the_running_config_at_once_and_its_source_is_said(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)
        await seat.type("system-view", "cloud-management keepalive 100")
        assert node.converger.config.cloud.keepalive_s == 100
        assert (await node.report()).config_source == "cli"
        assert Journal(tmp_path).load_config() == node.converger.config
        assert [e.detail for e in node.events.since(0) if e.what == "changed by command"] == [
            "root (local socket): cloud-management keepalive 100"
        ]

    asyncio.run(scenario())


def test_what_no_node_can_be_is_refused_and_the_session_goes_on_with_what_runs(tmp_path, monkeypatch):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)

        def refuse(*_: object, **__: object) -> None:
            raise Rejected("links[0].mtu 68: too small", remedy="1280 at the least")

        monkeypatch.setattr(node, "apply", refuse)
        shown = await seat.type("system-view", "interface GigabitEthernet1/0/1", "mtu 1400")
        assert " % links[0].mtu 68: too small (1280 at the least)" in shown
        assert node.converger.config == CONFIG
        assert "mtu" not in await seat.type("display this")

    asyncio.run(scenario())


def test_nothing_becomes_the_running_config_that_could_not_be_read_again(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)
        await seat.type("system-view")
        shown = await seat.type(*(f"local-user u{n}" for n in range(MAX_USERS + 1)))
        assert "config refused: Expected `array` of length <= 64" in shown
        assert len(node.converger.config.access.users) == MAX_USERS
        assert Journal(tmp_path).load_config() == node.converger.config

    asyncio.run(scenario())


def test_who_may_only_look_changes_and_saves_nothing(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node, GUEST)
        shown = await seat.type("display clock", "system-view", "cloud-management keepalive 100")
        assert "UTC" in shown
        assert "Permission denied" in shown
        for line in ("save force", "cloud-management unbinding-code ABCD1234"):
            assert "Permission denied" in await seat.type(line)
        await seat.type("return")
        assert "Permission denied" in await seat.type("reset cloud-management tunnel")
        assert node.converger.config == CONFIG
        assert "keepalive" not in await seat.type("display current-configuration")

    asyncio.run(scenario())


def test_a_verification_code_that_comes_to_nothing_is_a_refused_line(tmp_path, monkeypatch):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)
        shown = await seat.type("system-view", "cloud-management unbinding-code WRONGCODE")
        assert " % not sent: there is no cloud connection" in shown
        assert seat.shell.mistakes == 1
        said = UnbindingResult(id="u", accepted=False, detail="the code is wrong")

        async def unbinding_code(_: str) -> UnbindingResult:
            return said

        monkeypatch.setattr(node.cloud, "_manager", SimpleNamespace(unbinding_code=unbinding_code))
        assert " % refused: the code is wrong" in await seat.type("cloud-management unbinding-code WRONGCODE")
        assert seat.shell.mistakes == 2
        said = UnbindingResult(id="u", accepted=True, detail="unbound")
        assert "\naccepted: unbound" in await seat.type("cloud-management unbinding-code RIGHTCODE")
        assert seat.shell.mistakes == 2

    asyncio.run(scenario())


def test_what_cannot_be_saved_names_the_file_and_the_way_out(tmp_path, monkeypatch):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        for line, name in (("cloud-management keepalive 100", "config.json"), ("save force", "startup.json")):
            shown = await Seat(node).type("system-view", line)
            assert f" % {tmp_path / name} cannot be written: No space left on device. Nothing is changed; free" in shown
            assert "Errno" not in shown
        assert node.converger.config == CONFIG
        assert seat.shell.mistakes == 0

    asyncio.run(scenario())


def test_the_cloud_display_has_the_settings_in_force_before_anything_was_dialled(tmp_path):
    async def scenario():
        seat = Seat(make_node(tmp_path))
        await seat.type("system-view", "cloud-management server domain cloud.example port 443")
        await seat.type("cloud-management server password simple correct-horse")
        shown = await seat.type("display cloud-management state")
        found = dict(re.findall(r"^(.+?) +: (.*)$", shown, re.MULTILINE))
        assert found["Cloud server domain name"] == "cloud.example"
        assert found["Cloud server port"] == "443"
        assert (found["Domain name source"], found["Password source"]) == ("Manual", "Manual")
        assert "cloud.example" in await seat.type("display cloud-management servers")

    asyncio.run(scenario())


def test_one_session_sees_what_another_changes(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        one, two = Seat(node), Seat(node)
        await one.type("system-view", "sysname elsewhere")
        assert two.shell.prompt == "<elsewhere>"

    asyncio.run(scenario())


def test_a_password_is_kept_as_a_verifier_and_never_plain(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)
        shown = await seat.type("system-view", "local-user ann", "password simple Correct-horse", "service-type ssh")
        kept = node.converger.config.access.users[0].password
        assert is_verifier(kept.reveal())
        assert await matches(kept, "Correct-horse")
        assert not await matches(kept, "correct-horse")
        assert node.converger.config.access.users[0].ssh, "the lines after the password are carried out too"
        assert "Correct-horse" not in "".join(p.read_text(errors="replace") for p in tmp_path.iterdir() if p.is_file())
        assert "Correct-horse" not in repr(node.events.since(0))
        assert "[n1-luser-manage-ann]" in shown

    asyncio.run(scenario())


def test_the_text_of_one_node_brings_the_same_verifier_back(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)
        await seat.type("system-view", "local-user ann", "password simple Correct-horse", "return")
        before = node.converger.config
        text = await seat.type("display current-configuration")
        line = next(row.strip() for row in text.splitlines() if "password cipher" in row)
        await seat.type("system-view", "undo local-user ann", "local-user ann", line)
        assert node.converger.config.access.users == before.access.users

    asyncio.run(scenario())


def test_lines_that_are_not_whole_yet_wait_for_the_next_session(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)
        await seat.type("system-view", "interface Tunnel9 mode ipsec", "save force", "return", "quit")
        assert seat.terminal.ended == ""
        assert "interface Tunnel9" in await Seat(node).type("display current-configuration")
        again = Node(tmp_path, "n1")
        again.restore()
        assert "interface Tunnel9" in await Seat(again).type("display current-configuration")

    asyncio.run(scenario())


def test_every_display_of_the_language_has_an_answer(tmp_path):
    """Typed in all forms; a topic that the table lacks would end in a failed command."""

    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)
        topics = set()
        for words in display_lines():
            effects = Session(CONFIG, node.command_line.cipher).feed(words.encode() + b"\r")
            found = [e for e in effects if isinstance(e, Display)]
            if found:
                topics.add(found[0].topic)
                assert "The command failed" not in await seat.type(words), words
        assert topics.issuperset(set(AT_ONCE) | set(OF_REPORT)), "the table has what nobody can ask for"

    asyncio.run(scenario())


def display_lines() -> list[str]:
    """One line for each way through the patterns of all `display` commands."""
    found = []
    for candidate in LANGUAGE.in_view("user"):
        pattern = getattr(candidate.owner, "pattern", "")
        if pattern.startswith("display "):
            found += ways(pattern.split())
    return [line for line in found if "current-configuration" not in line]


def ways(words: list[str]) -> list[str]:
    """All lines of a pattern with optional parts and choices, parameters filled in."""
    lines = [""]
    at = 0
    while at < len(words):
        word = words[at]
        if word in "[{":
            end = closing(words, at)
            inner = words[at + 1 : end]
            choices = [w for part in split_choices(inner) for w in ways(part)]
            lines = [f"{line} {c}".strip() for line in lines for c in ([*choices, ""] if word == "[" else choices)]
            at = end + 1
            continue
        filled = "GigabitEthernet1/0/1" if word.startswith("<") else word
        lines = [f"{line} {filled}".strip() for line in lines]
        at += 1
    return lines


def closing(words: list[str], start: int) -> int:
    depth = 0
    for at in range(start, len(words)):
        depth += (words[at] in "[{") - (words[at] in "]}")
        if depth == 0:
            return at
    raise AssertionError(words)


def split_choices(words: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += (word in "[{") - (word in "]}")
        if word == "|" and depth == 0:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def test_an_interface_that_is_not_there_is_said(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        assert "does not exist" in await Seat(node).type("display interface GigabitEthernet1/0/9")
        assert "no such interface" in await show(node, CONFIG, "interface", {"interface": "Tunnel7"})

    asyncio.run(scenario())


def test_a_display_that_breaks_leaves_the_terminal_usable(tmp_path, monkeypatch):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        monkeypatch.setitem(AT_ONCE, "clock", lambda *_: {}["a mistake of ours"])
        shown = await seat.type("display clock", "display version")
        assert " % The command failed: KeyError" in shown
        assert "Twinspan Software" in shown

    asyncio.run(scenario())


def test_a_terminal_that_does_not_read_holds_its_own_input_and_is_cut_off_at_last(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)
        seat.terminal.reads = False
        seat.shell.typed(b"display current-configuration\r" * 10)
        await asyncio.sleep(0)
        assert seat.shell.full
        seat.terminal.reads = True
        seat.shell.writable()
        async with asyncio.timeout(5):
            await seat.shell.idle()
        assert seat.terminal.text.count("\nreturn\n") == 10
        seat.terminal.reads = False
        seat.shell._show(b"x" * (MAX_WAITING + 1))
        assert seat.terminal.ended == "what is shown is not read"
        assert seat.shell not in node.command_line._shells

    asyncio.run(scenario())


def test_more_than_may_be_typed_at_once_ends_the_session(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)
        seat.shell.typed(b"display clock\r" * (MAX_TYPED // 14 + 1))
        assert seat.terminal.ended == "more was typed at once than is taken"
        seat.shell.typed(b"display clock\r")
        assert node.command_line._shells == []

    asyncio.run(scenario())


def test_a_line_without_an_end_is_no_burden(tmp_path):
    async def scenario():
        seat = Seat(make_node(tmp_path))
        for _ in range(40):
            seat.shell.typed(b"x" * 8000)
            await asyncio.sleep(0)
        shown = await seat.type("", "display clock")
        assert "UTC" in shown

    asyncio.run(scenario())


def test_a_long_paste_lets_others_have_their_turn(tmp_path):
    async def scenario():
        seat = Seat(make_node(tmp_path))
        turns = 0

        async def other() -> None:
            nonlocal turns
            while not seat.shell._idle.is_set():
                turns += 1
                await asyncio.sleep(0)

        seat.shell.typed(b"display history-command\r" * 200)
        await other()
        assert turns >= 150

    asyncio.run(scenario())


def test_ctrl_c_ends_what_runs_and_forgets_what_was_typed_ahead(tmp_path, monkeypatch):
    async def scenario():
        node = make_node(tmp_path)
        for patient in (True, False):
            seat = Seat(node, patient=patient)
            never = asyncio.get_running_loop().create_future()
            monkeypatch.setattr(node, "report", lambda never=never: never)
            seat.shell.typed(b"display arp\r")
            seat.shell.typed(b"sysname wrong\r")
            await seat.shows("display arp")
            seat.shell.typed(b"\x03display clock\r")
            await seat.shows("UTC")
            assert "wrong" not in seat.terminal.text

    asyncio.run(scenario())


def test_a_terminal_that_goes_away_ends_its_errand(tmp_path, monkeypatch):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)
        gone = asyncio.Event()

        async def slow() -> object:
            try:
                return await asyncio.get_running_loop().create_future()
            finally:
                gone.set()

        monkeypatch.setattr(node, "report", slow)
        seat.shell.typed(b"display arp\r")
        await asyncio.sleep(0.01)
        seat.shell.close()
        async with asyncio.timeout(5):
            await gone.wait()

    asyncio.run(scenario())


def test_a_session_over_a_network_ends_when_nobody_types(tmp_path, eventually):
    async def scenario():
        node = make_node(tmp_path)
        terminal = FakeTerminal()
        node.command_line.open(terminal, GUEST, idle_s=0.02).start()
        await eventually(lambda: terminal.ended is not None)
        assert terminal.ended == "nothing was typed for too long"
        assert shell_module.REMOTE_IDLE_S == 600

    asyncio.run(scenario())


def test_sessions_are_bounded(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        seats = [Seat(node) for _ in range(MAX_SHELLS)]
        with pytest.raises(Rejected, match=f"{MAX_SHELLS} sessions"):
            Seat(node)
        await seats[0].type("quit")
        assert "UTC" in await Seat(node).type("display clock")

    asyncio.run(scenario())


def test_the_end_of_input_lets_what_was_typed_be_done(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)
        seat.shell.typed(b"display clock\rsystem-view\rcloud-management keepalive 77\r")
        seat.shell.no_more()
        async with asyncio.timeout(5):
            await seat.shell.idle()
        assert "UTC" in seat.terminal.text
        assert node.converger.config.cloud.keepalive_s == 77
        assert seat.terminal.ended == ""

    asyncio.run(scenario())


def test_a_node_without_a_config_is_a_blank_gateway(tmp_path):
    async def scenario():
        node = make_node(tmp_path, None)
        seat = Seat(node)
        assert seat.shell.prompt == "<n1>"
        await seat.type("system-view", "cloud-management server domain cloud.example")
        assert node.converger.config.cloud.primary.domain == "cloud.example"

    asyncio.run(scenario())


def test_secrets_of_the_running_config_are_shown_encrypted_only(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)
        await seat.type("system-view", "cloud-management server password simple Open-sesame")
        assert node.converger.config.cloud.password == Secret("Open-sesame")
        shown = await seat.type("display current-configuration", "display history-command")
        assert "password cipher $t1$" in shown
        assert "Open-sesame" not in shown
        assert "Open-sesame" not in repr(node.events.since(0))

    asyncio.run(scenario())


def test_a_config_that_does_not_change_is_not_written_again(tmp_path: Path):
    async def scenario():
        node = make_node(tmp_path)
        node.apply(replace(CONFIG))
        assert node.ownership.owner.source == "file"

    asyncio.run(scenario())
