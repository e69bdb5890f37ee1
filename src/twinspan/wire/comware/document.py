"""The configuration as lines in views: what `display current-configuration` shows and what is edited.

In: matched lines. Out: new documents; nothing is changed in place. A document may hold lines that make no whole thing
yet (a tunnel without its key): they wait here until the rest is typed. Next: `cipher.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from twinspan.wire.comware.command import Args, Identity

MAX_LINES = 4096
"""Lines of a document. A gateway with hundreds of prefixes stays far below."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line, and the lines of the view it opens."""

    id: str
    args: Args
    text: str
    identity: Identity
    opens: bool = False
    """It opens a view, be it still empty."""
    lines: tuple[Line, ...] = ()

    def get(self, id_: str, name: str, default: str = "") -> str:
        """Parameter of the first line of that command in this view."""
        return next((line.args.get(name, default) for line in self.lines if line.id == id_), default)

    def every(self, *ids: str) -> Iterator[Line]:
        """Lines of those commands in this view, in their order."""
        return (line for line in self.lines if line.id in ids)

    def has(self, id_: str) -> bool:
        """Whether the view has a line of that command."""
        return any(line.id == id_ for line in self.lines)


Path = tuple[Identity, ...]
"""The views from system view inwards, each by the line that opened it."""


def empty_document() -> Line:
    """System view without a line."""
    return Line(id="", args={}, text="", identity=("", ()))


def view_at(document: Line, path: Path) -> Line | None:
    """The view's own line; None: it is gone."""
    here = document
    for identity in path:
        found = next((line for line in here.lines if line.identity == identity), None)
        if found is None:
            return None
        here = found
    return here


def put(document: Line, path: Path, line: Line, displaced: tuple[str, ...] = ()) -> Line:
    """With the line in the view: in the place of its like, else at the end. A view that exists is only entered."""

    def edit(lines: tuple[Line, ...]) -> tuple[Line, ...]:
        kept = [old for old in lines if old.id not in displaced]
        for at, old in enumerate(kept):
            if old.identity == line.identity:
                kept[at] = old if line.opens else line
                return tuple(kept)
        return (*kept, line)

    return _edited(document, path, edit)


def take(document: Line, path: Path, ids: tuple[str, ...], args: Args) -> Line:
    """Without the lines of those commands whose parameters are those of `args`; what it leaves out matches all.

    Views within are searched too.
    """

    def edit(lines: tuple[Line, ...]) -> tuple[Line, ...]:
        return tuple(
            msgspec.structs.replace(line, lines=edit(line.lines)) if line.lines else line
            for line in lines
            if line.id not in ids or any(line.args.get(name, value) != value for name, value in args.items())
        )

    return _edited(document, path, edit)


def _edited(document: Line, path: Path, edit: Callable[[tuple[Line, ...]], tuple[Line, ...]]) -> Line:
    if not path:
        return msgspec.structs.replace(document, lines=edit(document.lines))
    lines = tuple(_edited(line, path[1:], edit) if line.identity == path[0] else line for line in document.lines)
    return msgspec.structs.replace(document, lines=lines)


def count_lines(document: Line) -> int:
    """Lines of all views."""
    return len(document.lines) + sum(count_lines(line) for line in document.lines if line.lines)


def text_of(document: Line) -> str:
    """As `display current-configuration` prints it: views apart by `#`, their lines indented."""
    blocks: list[str] = []
    group: list[str] = []
    for line in document.lines:
        words = [] if line.opens else line.text.split()[: 2 if line.text.startswith(("ip", "twinspan")) else 1]
        if line.opens or words != group:
            blocks.append("#")
        group = words
        blocks += [line.text, *view_text(line)] if line.opens else [f" {line.text}"]
    return "\n".join([*blocks, "#", "return"]) + "\n"


def view_text(view: Line, depth: int = 1) -> list[str]:
    """Lines of a view, those that open another one last: whatever follows them would be taken for theirs."""
    found: list[str] = []
    for line in sorted(view.lines, key=lambda line: line.opens):
        found.append(" " * depth + line.text)
        found += view_text(line, depth + 1)
    return found
