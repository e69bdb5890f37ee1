"""Lines of a script at the command line, one after another, each to its end; nobody has to guess when it is done.

In: lines, a place for text. Out: text, and how many lines were refused. Next: `agent.shell`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twinspan.agent.cipher import ExportCipher
from twinspan.agent.command_line import CommandLine
from twinspan.agent.shell import User
from twinspan.wire.comware.line_editor import MAX_LINE


class ScriptRun:
    """One script. `has_room`: whether `show` may be called now; `writable` is to be called when that comes true."""

    def __init__(
        self,
        desk: CommandLine,
        user: User,
        show: Callable[[str], None],
        has_room: Callable[[], bool],
        *,
        transcript: bool,
        keys: Mapping[bytes, bytes] | None = None,
    ) -> None:
        """`keys`: of an export or import, by salt."""
        self._output = _Lines(show, has_room)
        cipher = ExportCipher(desk.cipher, keys) if keys else None
        self._shell = desk.open(self._output, user, patient=True, cipher=cipher)
        self._transcript = transcript

    async def run(self, lines: Sequence[str]) -> int:
        """Number of lines that were refused; it stops where a line ends the session. Cancelling it ends what runs."""
        shell, output = self._shell, self._output
        try:
            shell.start(paging=False)
            output.begin(echo=self._transcript, prompt=shell.prompt)
            for line in lines:
                output.expect_echo()
                shell.typed(line[: MAX_LINE + 1].replace("\r", " ").replace("\n", " ").encode() + b"\r")
                await shell.idle()
                if output.closed:
                    break
                output.end(shell.prompt)
            output.finish()
            return shell.mistakes
        finally:
            shell.close()

    def writable(self) -> None:
        """There is room again."""
        self._shell.writable()


class _Lines:
    """A terminal that shows whole lines, and leaves prompts and echoes out if it is told to."""

    def __init__(self, show: Callable[[str], None], has_room: Callable[[], bool]) -> None:
        self._show, self._has_room = show, has_room
        self._on, self._echo, self._skip = False, False, False
        self._rest = b""
        self.closed = False

    def begin(self, *, echo: bool, prompt: str) -> None:
        """From here on it shows."""
        self._on, self._echo, self._rest = True, echo, prompt.encode() if echo else b""

    def expect_echo(self) -> None:
        """The next line is what was typed."""
        self._skip = not self._echo

    def end(self, prompt: str) -> None:
        """A command is over: what stands on the last line is the prompt, or a question."""
        if not self._echo:
            self._say(self._rest.removesuffix(prompt.encode()))
            self._rest = b""

    def finish(self) -> None:
        """The script is over."""
        if self._rest:
            self._say(self._rest + b"\n")
            self._rest = b""

    def write(self, data: bytes) -> bool:
        if not self._on:
            return True
        if not self._has_room():
            return False
        whole, end, self._rest = (self._rest + data).rpartition(b"\n")
        if self._skip and end:
            _, _, whole = whole.partition(b"\n") if b"\n" in whole else (b"", b"", b"")
            self._skip = False
            end = b"\n" if whole else b""
        self._say(whole + end)
        return True

    def close(self, _why: str) -> None:
        self.closed = True
        if self._echo:
            self.finish()

    def _say(self, data: bytes) -> None:
        if data:
            self._show(data.decode("utf-8", "replace").replace("\r\n", "\n"))
