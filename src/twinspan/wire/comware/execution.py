"""What a finished line does: finds its command, edits the configuration, names the effects.

In: a line. Out: `Result`: text to show, effects for the shell, a question. It keeps the present view and the document.
Next: `configuration.py`.
"""

from __future__ import annotations

import re

import msgspec

from twinspan.model.device_config import DeviceConfig
from twinspan.wire.comware.actions import with_links
from twinspan.wire.comware.cipher import Cipher, masked, sealed
from twinspan.wire.comware.command import SYSTEM, USER, Ask, Command, Language, Meaning, Show, Turn, Undo
from twinspan.wire.comware.configuration import Reading, read_document
from twinspan.wire.comware.document import MAX_LINES, Line, Path, count_lines, put, take, text_of, view_at, view_text
from twinspan.wire.comware.effects import ChangeConfig, Effect, Quit
from twinspan.wire.comware.language import LANGUAGE
from twinspan.wire.comware.line_filter import LineFilter
from twinspan.wire.comware.matching import Match, Mistake
from twinspan.wire.comware.parse import document_from
from twinspan.wire.comware.piping import split_pipe
from twinspan.wire.comware.render import document_of, with_node
from twinspan.wire.comware.resolving import Understood, understood

_UNFIT = re.compile(r"[^A-Za-z0-9._@/:-]")
_NAME_WIDEST, _WIDEST = 48, 64
"""What public clients accept in a prompt, and how much of it; the rest is cut."""


class Where(msgspec.Struct, frozen=True):
    """The present view and the language spoken there."""

    language: Language
    view: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a line brought about."""

    text: str = ""
    effects: tuple[Effect, ...] = ()
    question: Ask | None = None
    line_filter: LineFilter | None = None
    screen_length: int | None = None


def caret(mistake: Mistake, offset: int) -> str:
    """The mark under the typed line, and what is wrong there."""
    return " " * (offset + mistake.column) + "^\n " + mistake.text + "\n"


class Execution:
    """The command line behind the terminal."""

    def __init__(self, config: DeviceConfig, cipher: Cipher, draft: str = "") -> None:
        self._cipher = cipher
        self._config = config
        self._document = document_from(draft).document if draft else document_of(config, cipher)
        self._reading = read_document(self._document, cipher, config)
        self._in_system = False
        self._path: Path = ()

    @property
    def config(self) -> DeviceConfig:
        """The config that the lines make, as far as they are whole."""
        return self._config

    @property
    def text(self) -> str:
        """All lines as text."""
        return text_of(self._document)

    @property
    def where(self) -> Where:
        """The present view."""
        return Where(LANGUAGE, self._view)

    @property
    def prompt(self) -> str:
        """`<name>` in user view, `[name-view]` in all others."""
        name = self._config.access.sysname if self._config.access and self._config.access.sysname else self._config.node
        if not self._in_system:
            return f"<{_UNFIT.sub('_', name)[:_NAME_WIDEST]}>"
        for depth in range(1, len(self._path) + 1):
            line = view_at(self._document, self._path[:depth])
            if line is not None:
                name += LANGUAGE.by_id[line.id].prompt.format_map(line.args)
        return f"[{_UNFIT.sub('_', name)[:_WIDEST]}]"

    @property
    def _view(self) -> str:
        if not self._in_system:
            return USER
        return LANGUAGE.by_id[self._path[-1][0]].opens if self._path else SYSTEM

    def update(self, config: DeviceConfig) -> None:
        """Somebody else changed the running config."""
        if config == self._config:
            return
        same = msgspec.structs.replace(config, generation=self._config.generation) == self._config
        self._config = config
        if same:  # what waits in this document is not lost to a new number
            self._document = with_node(self._document, config, self._cipher)
            return
        self._document = document_of(config, self._cipher)
        self._reading = read_document(self._document, self._cipher, config)
        while self._path and view_at(self._document, self._path) is None:
            self._path = self._path[:-1]

    def back_to_user_view(self) -> None:
        """As `return` does."""
        self._in_system, self._path = False, ()

    def run(self, line: str, history: tuple[str, ...] = ()) -> Result:
        """Carries out a line."""
        line, line_filter = split_pipe(line)
        if not line.strip() or line.lstrip().startswith("#"):
            return Result()
        found = understood(LANGUAGE, self._view, len(self._path), line)
        if isinstance(found, Mistake):
            return Result(text=caret(found, len(self.prompt)))
        meaning = found.match.owner
        if isinstance(meaning, Undo):
            return self._undo(meaning.command, found)
        if meaning.run is None:
            return self._configure(meaning, found)
        return self._act(meaning, found.match, line_filter, history)

    def _act(
        self, command: Command, match: Match[Meaning], line_filter: LineFilter | None, history: tuple[str, ...]
    ) -> Result:
        assert command.run is not None
        line_filter = line_filter if command.piped else None
        reply = with_links(command.run(match), self._config)
        if isinstance(reply, Show):
            return Result(text=reply.text, line_filter=line_filter)
        if isinstance(reply, Ask):
            return Result(question=reply)
        if isinstance(reply, Turn):
            return msgspec.structs.replace(self._turn(reply, history), line_filter=line_filter)
        return Result(effects=(reply,), line_filter=line_filter)

    def _turn(self, turn: Turn, history: tuple[str, ...]) -> Result:
        if turn.what == "quit":
            return self._quit()
        if turn.what == "return":
            self.back_to_user_view()
        elif turn.what == "system-view":
            self._in_system = True
            return Result(text="System View: return to User View with Ctrl+Z.\n")
        elif turn.what == "screen-length":
            return Result(screen_length=int(turn.value))
        elif turn.what == "history":
            return Result(text="".join(f"  {line}\n" for line in history))
        elif turn.what == "this":
            return Result(text=self._this())
        elif turn.what == "pending":
            return Result(text="".join(f"  {what}\n" for what in self._reading.pending))
        elif turn.what == "current-configuration":
            return Result(text=self._current(turn.value))
        return Result()

    def _quit(self) -> Result:
        if self._path:
            self._path = self._path[:-1]
        elif self._in_system:
            self._in_system = False
        else:
            return Result(effects=(Quit(),))
        return Result()

    def _this(self) -> str:
        view = view_at(self._document, self._path) if self._in_system else None
        if view is None:
            return "#\nreturn\n"
        if not self._path:
            plain = tuple(line for line in view.lines if not line.opens)
            return text_of(msgspec.structs.replace(view, lines=plain))
        return "\n".join(["#", view.text, *view_text(view), "#", "return"]) + "\n"

    def _current(self, name: str) -> str:
        if not name:
            return self.text
        lines = tuple(line for line in self._document.lines if line.text == name or line.text.startswith(f"{name} "))
        return text_of(msgspec.structs.replace(self._document, lines=lines))

    def _configure(self, command: Command, found: Understood) -> Result:
        match, path = found.match, self._path[: found.depth]
        line = sealed(
            Line(
                id=command.id,
                args=match.args,
                text=match.text,
                identity=command.identity(match.args),
                opens=bool(command.opens),
            ),
            self._cipher,
        )
        if count_lines(self._document) >= MAX_LINES:
            return Result(text=f" % The configuration is full: it has {MAX_LINES} lines.\n")
        result = self._accept(put(self._document, path, line, command.displaces), path, masked(line))
        if not result.text:
            self._path = (*path, line.identity) if command.opens else path
        return result

    def _undo(self, command: Command, found: Understood) -> Result:
        path = self._path[: found.depth]
        document = take(self._document, path, (command.id, *command.together), found.match.args)
        result = self._accept(document, path, found.match.text)
        if not result.text:
            self._path = path
        return result

    def _accept(self, document: Line, path: Path, text: str) -> Result:
        """The edited document, unless it says something that cannot be."""
        reading = read_document(document, self._cipher, self._config)
        refused = [why for why in reading.refused if why not in self._reading.refused]
        if refused:
            return Result(text="".join(f" % {why}\n" for why in refused))
        views = [view.text for depth in range(1, len(path) + 1) if (view := view_at(document, path[:depth]))]
        return self._commit(document, reading, " / ".join([*views, text]))

    def _commit(self, document: Line, reading: Reading, text: str) -> Result:
        self._document, self._reading = document, reading
        if reading.config == self._config:
            return Result()
        self._config = reading.config
        return Result(effects=(ChangeConfig(config=reading.config, text=text),))
