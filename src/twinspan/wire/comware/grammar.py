"""The language in which commands are declared: `cloud-management server port <port:int:1-65535>`.

In: a pattern as Comware's manuals write it: words, `<name:kind>` for a parameter, `[ x ]` for what may be left out,
`{ x | y }` for a choice. Several `[ ]` in a row may come in any order, each once. Out: a sequence of nodes, walked with
`firsts`: what may come next, and what is left after it. Next: `matching.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from twinspan.wire.comware.parameters import Kind, kind_of

_PIECES = re.compile(r"<[^>]*>|\S+")
_BRACKETS = {"[": "]", "{": "}"}


class Keyword(msgspec.Struct, frozen=True):
    """A word of the language. `index`: its place in the pattern, which is its place in a saved line."""

    word: str
    index: int


class Parameter(msgspec.Struct, frozen=True):
    """A word of the user."""

    name: str
    kind: Kind
    index: int


class Choice(msgspec.Struct, frozen=True):
    """One of several ways on."""

    ways: tuple[tuple[Node, ...], ...]
    optional: bool


class Unordered(msgspec.Struct, frozen=True):
    """Optional parts in any order."""

    parts: tuple[Choice, ...]


Leaf = Keyword | Parameter
Node = Keyword | Parameter | Choice | Unordered
Sequence = tuple[Node, ...]


@lru_cache(maxsize=1024)
def parse_pattern(pattern: str) -> Sequence:
    """Nodes of a pattern. ValueError: our own declaration is malformed."""
    reader = _Reader(_PIECES.findall(pattern))
    nodes = reader.sequence()
    if reader.at != len(reader.pieces):
        raise ValueError(f"pattern closes what it never opened: {pattern}")
    return nodes


class _Reader:
    """Walks over the pieces of one pattern."""

    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces
        self.at = 0

    def sequence(self) -> Sequence:
        nodes: list[Node] = []
        while self.at < len(self.pieces) and self.pieces[self.at] not in {"]", "}", "|"}:
            piece, index = self.pieces[self.at], self.at
            self.at += 1
            if piece in _BRACKETS:
                nodes.append(self._choice(piece))
            elif piece.startswith("<"):
                name, _, kind = piece[1:-1].partition(":")
                nodes.append(Parameter(name, kind_of(kind), index))
            else:
                nodes.append(Keyword(piece, index))
        return _with_free_order(nodes)

    def _choice(self, opened: str) -> Choice:
        ways = [self.sequence()]
        while self._piece() == "|":
            self.at += 1
            ways.append(self.sequence())
        if self._piece() != _BRACKETS[opened]:
            raise ValueError(f"pattern lacks its {_BRACKETS[opened]}: {' '.join(self.pieces)}")
        self.at += 1
        return Choice(tuple(ways), opened == "[")

    def _piece(self) -> str | None:
        return self.pieces[self.at] if self.at < len(self.pieces) else None


def _with_free_order(nodes: list[Node]) -> Sequence:
    """Runs of at least two optional parts become one unordered part."""
    merged: list[Node] = []
    run: list[Choice] = []
    for node in [*nodes, None]:
        if isinstance(node, Choice) and node.optional:
            run.append(node)
            continue
        merged += [Unordered(tuple(run))] if len(run) > 1 else run
        run = []
        if node is not None:
            merged.append(node)
    return tuple(merged)


def firsts(sequence: Sequence) -> Iterator[tuple[Leaf, Sequence]]:
    """Every leaf that may come next, with what may follow it."""
    if not sequence:
        return
    head, tail = sequence[0], sequence[1:]
    if isinstance(head, Keyword | Parameter):
        yield head, tail
        return
    if isinstance(head, Choice):
        for way in head.ways:
            for leaf, rest in firsts(way):
                yield leaf, rest + tail
    else:
        for number, part in enumerate(head.parts):
            others = head.parts[:number] + head.parts[number + 1 :]
            left: Sequence = (Unordered(others),) if others else ()
            for way in part.ways:
                for leaf, rest in firsts(way):
                    yield leaf, rest + left + tail
    if is_complete((head,)):
        yield from firsts(tail)


def is_complete(sequence: Sequence) -> bool:
    """Whether the command may end here."""
    for node in sequence:
        if isinstance(node, Keyword | Parameter):
            return False
        if isinstance(node, Choice) and not node.optional and not any(is_complete(way) for way in node.ways):
            return False
    return True
