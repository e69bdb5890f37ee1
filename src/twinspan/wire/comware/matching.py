"""A typed line against the commands of a view: the one that is meant, what could come next, or where it goes wrong.

In: a line and candidates. Out: `Match`, or `Mistake` with the column for the caret; `choices` for `?` and Tab.
A keyword may be cut to any beginning that no other keyword shares. Next: `command.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, Literal, TypeVar

import msgspec

from twinspan.wire.comware.grammar import Keyword, Leaf, Parameter, Sequence, firsts, is_complete
from twinspan.wire.comware.parameters import INTERFACE_KINDS, interface_type
from twinspan.wire.comware.words import Word, quoted, split_words

T = TypeVar("T")
Mishap = Literal[
    "Unrecognized command", "Incomplete command", "Ambiguous command", "Wrong parameter", "Too many parameters"
]

MAX_WORDS = 64
"""Far more than any command has; what is longer is refused before it is looked at."""


class Candidate(msgspec.Struct, Generic[T], frozen=True):
    """A pattern and whom it stands for."""

    sequence: Sequence
    owner: T


class Match(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """The command that is meant."""

    owner: T
    args: dict[str, str]
    text: str
    """The line in full words and in the pattern's own order."""
    keywords: tuple[str, ...]


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """Why a line is no command, and where."""

    what: Mishap
    column: int

    @property
    def text(self) -> str:
        """The words a Comware device says."""
        return f"% {self.what} found at '^' position."


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may come next."""

    leaf: Leaf | None
    """None: the line may end here."""

    @property
    def label(self) -> str:
        """How `?` lists it."""
        if self.leaf is None:
            return "<cr>"
        return self.leaf.word if isinstance(self.leaf, Keyword) else self.leaf.kind.hint


class _Branch(msgspec.Struct, Generic[T], frozen=True):
    owner: T
    rest: Sequence
    taken: tuple[tuple[Leaf, str], ...] = ()


class _Step(msgspec.Struct, Generic[T], frozen=True):
    branches: list[_Branch[T]]
    used: int = 1


def match(candidates: Iterable[Candidate[T]], line: str) -> Match[T] | Mistake:
    """The command that `line` says."""
    words = split_words(line)
    branches = _follow(candidates, words)
    if isinstance(branches, Mistake):
        return branches
    done = [branch for branch in branches if is_complete(branch.rest)]
    if not done:
        return Mistake(what="Incomplete command", column=(words[-1].end if words else 0) + 1)
    return _finished(done[0])


def choices(candidates: Iterable[Candidate[T]], line: str) -> list[tuple[T, Option]] | Mistake:
    """What may come after `line`; its last word, if the line does not end with a blank, is a beginning.

    The owner is the command that the option belongs to, for its own description of the word.
    """
    words = split_words(line)
    begun = words.pop() if words and not line[-1].isspace() else None
    branches = _follow(candidates, words)
    if isinstance(branches, Mistake):
        return branches
    found: dict[str, tuple[T, Option]] = {}
    for branch in branches:
        for leaf, _ in firsts(branch.rest):
            if begun is None or _could_be(leaf, begun):
                option = Option(leaf=leaf)
                found.setdefault(option.label, (branch.owner, option))
        if begun is None and is_complete(branch.rest):
            found.setdefault("<cr>", (branch.owner, Option(leaf=None)))
    if not found and begun is not None:
        return Mistake(what="Unrecognized command", column=begun.start)
    return sorted(found.values(), key=_order)


def _order(choice: tuple[T, Option]) -> tuple[int, str]:
    leaf = choice[1].leaf
    return (2 if leaf is None else 0 if isinstance(leaf, Keyword) else 1), choice[1].label.lower()


def _could_be(leaf: Leaf, word: Word) -> bool:
    if isinstance(leaf, Keyword):
        return not word.quoted and leaf.word.lower().startswith(word.text.lower())
    return leaf.kind.read(word.text) is not None or (
        leaf.kind.name in INTERFACE_KINDS and interface_type(word.text.rstrip("0123456789/.")) is not None
    )


def _follow(candidates: Iterable[Candidate[T]], words: list[Word]) -> list[_Branch[T]] | Mistake:
    begun = words[0].text.lower() if words else ""
    branches = [_Branch(one.owner, one.sequence) for one in candidates if _begins(one.sequence, begun)]
    if not branches:
        return Mistake(what="Unrecognized command", column=words[0].start if words else 0)
    if len(words) > MAX_WORDS:
        return Mistake(what="Too many parameters", column=words[MAX_WORDS].start)
    at = 0
    while at < len(words):
        step = _take(branches, words, at)
        if isinstance(step, Mistake):
            return step
        branches, at = step.branches, at + step.used
    return branches


def _begins(sequence: Sequence, begun: str) -> bool:
    """Most commands are out at their first word: that is checked before anything is built."""
    head = sequence[0]
    return not isinstance(head, Keyword) or head.word.startswith(begun)


def _take(branches: list[_Branch[T]], words: list[Word], at: int) -> _Step[T] | Mistake:
    """One word further, two where an interface's number stands apart."""
    word = words[at]
    ways = [(branch, leaf, rest) for branch in branches for leaf, rest in firsts(branch.rest)]
    if not ways:
        return Mistake(what="Too many parameters", column=word.start)
    named = [way for way in ways if isinstance(way[1], Keyword) and _could_be(way[1], word)]
    exact = [way for way in named if isinstance(way[1], Keyword) and way[1].word.lower() == word.text.lower()]
    if exact or named:
        if not exact and len({way[1].word for way in named if isinstance(way[1], Keyword)}) > 1:
            return Mistake(what="Ambiguous command", column=word.start)
        return _Step([_further(*way, _word_of(way[1])) for way in exact or named])
    return _take_parameter(ways, words, at)


def _word_of(leaf: Leaf) -> str:
    return leaf.word if isinstance(leaf, Keyword) else leaf.name


def _take_parameter(ways: list[tuple[_Branch[T], Leaf, Sequence]], words: list[Word], at: int) -> _Step[T] | Mistake:
    word = words[at]
    wanted = [(branch, leaf, rest) for branch, leaf, rest in ways if isinstance(leaf, Parameter)]
    if not wanted:
        return Mistake(what="Unrecognized command", column=word.start)
    pair = f"{word.text} {words[at + 1].text}" if at + 1 < len(words) else None
    rest_of_line = " ".join(w.text for w in words[at:])
    read: list[tuple[int, int, _Branch[T]]] = []
    for branch, leaf, rest in wanted:
        text, used = word.text, 1
        if leaf.kind.name == "text" and not word.quoted:
            text, used = rest_of_line, len(words) - at
        elif leaf.kind.name in INTERFACE_KINDS and pair and interface_type(word.text):
            text, used = pair, 2
        value = leaf.kind.read(text)
        if value is not None:
            read.append((leaf.kind.rank, used, _further(branch, leaf, rest, value)))
    if not read:
        return Mistake(what="Wrong parameter", column=word.start)
    best = min((rank, used) for rank, used, _ in read)
    return _Step([branch for rank, used, branch in read if (rank, used) == best], best[1])


def _further(branch: _Branch[T], leaf: Leaf, rest: Sequence, value: str) -> _Branch[T]:
    return _Branch(branch.owner, rest, (*branch.taken, (leaf, value)))


def _finished(branch: _Branch[T]) -> Match[T]:
    in_order = sorted(branch.taken, key=lambda taken: taken[0].index)
    return Match(
        owner=branch.owner,
        args={leaf.name: value for leaf, value in branch.taken if isinstance(leaf, Parameter)},
        text=spelled(in_order),
        keywords=tuple(leaf.word for leaf, _ in in_order if isinstance(leaf, Keyword)),
    )


def spelled(taken: Iterable[tuple[Leaf, str]]) -> str:
    """Leaves and their values as a line."""
    return " ".join(leaf.word if isinstance(leaf, Keyword) else _spelled_value(leaf, value) for leaf, value in taken)


def _spelled_value(leaf: Parameter, value: str) -> str:
    if leaf.kind.name == "text" and value == " ".join(value.split()) and not set('"?|\\#') & set(value) and value:
        return value
    return quoted(value)
