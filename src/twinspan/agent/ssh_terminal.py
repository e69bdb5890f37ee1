"""One SSH channel as a terminal of the command line, or as one command with an exit code.

In: what the client asks for and types. Out: what the node shows. Next: `agent.shell`.
"""

from __future__ import annotations

import asyncio

import asyncssh

from twinspan.agent.command_line import CommandLine
from twinspan.agent.script import ScriptRun
from twinspan.agent.shell import REMOTE_IDLE_S, Shell, User
from twinspan.model.errors import Rejected

_HOLD_S = 0.02


class SshTerminal(asyncssh.SSHServerSession[bytes]):
    """With a terminal: a person, or a program that plays one. Without: lines from a pipe."""

    def __init__(self, desk: CommandLine, user: User) -> None:
        self._desk, self._user = desk, user
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._shell: Shell | None = None
        self._command: str | None = None
        self._script: ScriptRun | None = None
        self._running: asyncio.Task[None] | None = None
        self._has_terminal, self._rows = False, 0
        self._paused = False

    # ------------------------------------------------------------------------------------------------ asyncssh

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def pty_requested(self, term_type: str, term_size: tuple[int, int, int, int], term_modes: object) -> bool:
        self._has_terminal, self._rows = True, term_size[1]
        return True

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        if self._shell is not None:
            self._shell.resize(height)

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._command = command
        return True

    def session_started(self) -> None:
        try:
            if self._command is not None:
                self._begin_command(self._command)
                return
            self._shell = self._desk.open(self, self._user, patient=not self._has_terminal, idle_s=REMOTE_IDLE_S)
            self._shell.resize(self._rows)
            self._shell.start(paging=self._has_terminal)
        except Rejected as error:
            self._leave(str(error), 1)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self._shell is not None:
            self._shell.typed(data)
            self._hold()

    def eof_received(self) -> bool:
        if self._shell is not None:
            self._shell.no_more()
        return True

    def break_received(self, _msec: int) -> bool:
        if self._shell is not None:
            self._shell.typed(b"\x03")
        return True

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        for waiting in (self._shell, self._script):
            if waiting is not None:
                waiting.writable()

    def connection_lost(self, _error: Exception | None) -> None:
        self._channel = None
        if self._shell is not None:
            self._shell.close()
        if self._running is not None:
            self._running.cancel()

    # ------------------------------------------------------------------------------------------------ a terminal

    def write(self, data: bytes) -> bool:
        if self._paused:
            return False
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write(data)
        return True

    def close(self, why: str) -> None:
        mistakes = self._shell.mistakes if self._shell is not None and not self._has_terminal else 0
        self._leave(why, 1 if why or mistakes else 0)

    # ------------------------------------------------------------------------------------------------ inside

    def _begin_command(self, command: str) -> None:
        self._script = ScriptRun(self._desk, self._user, self._show, lambda: not self._paused, transcript=False)
        running = self._run(self._script, command.splitlines())
        self._running = asyncio.get_running_loop().create_task(running, name="ssh command")

    async def _run(self, script: ScriptRun, lines: list[str]) -> None:
        self._leave("", 1 if await script.run(lines) else 0)

    def _show(self, text: str) -> None:
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write(text.encode("utf-8", "replace"))

    def _leave(self, why: str, code: int) -> None:
        if self._channel is not None and not self._channel.is_closing():
            if why:
                self._channel.write(f"\r\n{why}\r\n".encode())
            self._channel.exit(code)

    def _hold(self) -> None:
        """Take no more from a client that is ahead of its session."""
        if self._channel is None or self._shell is None:
            return
        if self._shell.full:
            self._channel.pause_reading()
            asyncio.get_running_loop().call_later(_HOLD_S, self._hold)
        else:
            self._channel.resume_reading()
