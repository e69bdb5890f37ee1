"""Comware text as a document, and as a `DeviceConfig`. Never raises: what is wrong is a finding with its line.

In: the text of a saved or copied configuration. Out: `Parsed`, or the config with findings. Lines are read as if they
were typed in system view, so indentation is welcome and not needed. Next: `configuration.py`.
"""

from __future__ import annotations

import msgspec

from twinspan.model.device_config import DeviceConfig
from twinspan.wire.comware.cipher import Cipher, sealed
from twinspan.wire.comware.command import SYSTEM, Undo
from twinspan.wire.comware.configuration import read_document
from twinspan.wire.comware.document import MAX_LINES, Line, Path, empty_document, put, take, view_at
from twinspan.wire.comware.language import LANGUAGE
from twinspan.wire.comware.line_editor import MAX_LINE
from twinspan.wire.comware.matching import Mistake
from twinspan.wire.comware.resolving import understood


class LineFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one line of a text."""

    line: int
    """1-based; 0: the text as a whole."""
    text: str
    problem: str


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """The lines that were understood, and what was not."""

    document: Line
    findings: tuple[LineFinding, ...]


class ParsedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The config of a text. It is the whole of it only without findings."""

    config: DeviceConfig
    findings: tuple[LineFinding, ...]


def blank_config() -> DeviceConfig:
    """A gateway as made: what a text is read onto."""
    return DeviceConfig(node="gateway", role="gateway", site="site", forwarding=True)


def parse(text: str, decipher: Cipher, base: DeviceConfig | None = None) -> ParsedConfig:
    """The config that `text` says; `base` stands for what text never says."""
    parsed = document_from(text, decipher)
    reading = read_document(parsed.document, decipher, base or blank_config())
    more = [LineFinding(line=0, text="", problem=why) for why in (*reading.refused, *reading.pending)]
    return ParsedConfig(config=reading.config, findings=(*parsed.findings, *more))


def document_from(text: str, cipher: Cipher | None = None) -> Parsed:
    """The lines of a text. With a cipher, secrets written as `simple` are encrypted."""
    reader = _TextReader(cipher)
    for number, row in enumerate(text.splitlines(), 1):
        reader.read(number, row)
    return Parsed(document=reader.document, findings=tuple(reader.findings))


class _TextReader:
    """Walks through the views as a user would who types the lines."""

    def __init__(self, cipher: Cipher | None) -> None:
        self.document = empty_document()
        self.findings: list[LineFinding] = []
        self._cipher = cipher
        self._path: Path = ()
        self._count = 0

    def read(self, number: int, row: str) -> None:
        row = row.strip()
        if not row or row.startswith("#") or row in {"return", "system-view", "quit"}:
            self._leave(row)
            return
        problem = self._apply(row)
        if problem:
            self.findings.append(LineFinding(line=number, text=row[:80], problem=problem))

    def _leave(self, row: str) -> None:
        if row == "return" or row.startswith("#"):
            self._path = ()
        elif row == "quit":
            self._path = self._path[:-1]

    def _apply(self, row: str) -> str:
        if len(row) > MAX_LINE or self._count >= MAX_LINES:
            return f"The text is too long: a line has at most {MAX_LINE} characters, a text {MAX_LINES} lines."
        view = LANGUAGE.by_id[self._path[-1][0]].opens if self._path else SYSTEM
        found = understood(LANGUAGE, view, len(self._path), row)
        if isinstance(found, Mistake):
            return f"{found.what} found (column {found.column + 1})"
        path, meaning, match = self._path[: found.depth], found.match.owner, found.match
        if isinstance(meaning, Undo):
            self.document = take(self.document, path, (meaning.command.id, *meaning.command.together), match.args)
            self._path = path
            return ""
        if meaning.run is not None:
            return "This is no line of a configuration; type it at the prompt."
        line = Line(
            id=meaning.id,
            args=match.args,
            text=match.text,
            identity=meaning.identity(match.args),
            opens=bool(meaning.opens),
        )
        self.document = put(
            self.document, path, sealed(line, self._cipher) if self._cipher else line, meaning.displaces
        )
        self._count += 1
        self._path = (*path, line.identity) if meaning.opens else path
        return "" if view_at(self.document, self._path) is not None else "The view is gone."
