"""`display … | include REGEX`: filters lines with regular expressions that cannot run away.

In: the words after the pipe. Out: a `LineFilter` over lines. Expressions are run as a set of states that grows with
neither the line nor the nesting, so the time is that of length × states whatever is typed. Known: `.` `*` `+` `?` `|`
`( )` `[ ]` `^` `$` and a backslash before any of them; what is malformed is taken literally. Next: `pager.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

MAX_PATTERN = 256
"""Characters, as in Comware."""
_CACHED = 4096

Mode = Literal["begin", "exclude", "include"]
_Test = Callable[[str], bool]


class _State:
    """A state: `test` leads on to `after` by one character, `free` without any."""

    __slots__ = ("after", "at_end", "at_start", "free", "test")

    def __init__(self) -> None:
        self.test: _Test | None = None
        self.after: _State | None = None
        self.free: list[_State] = []
        self.at_start = self.at_end = False
        """The free ways are open at the line's start, or end, only."""


class LineFilter(msgspec.Struct, frozen=True):
    """Which lines of an output are shown."""

    mode: Mode
    pattern: str

    def apply(self, lines: Iterable[str]) -> list[str]:
        """The lines that pass."""
        found = Matcher(self.pattern).found_in
        if self.mode == "begin":
            rows = list(lines)
            first = next((at for at, row in enumerate(rows) if found(row)), len(rows))
            return rows[first:]
        return [row for row in lines if found(row) == (self.mode == "include")]


class Matcher:
    """A compiled expression; `found_in` says whether it occurs in a line."""

    def __init__(self, pattern: str) -> None:
        pattern = pattern[:MAX_PATTERN]
        try:
            self._start, self._end = _Parser(pattern).whole()
        except _Malformed:
            self._start, self._end = _literal(pattern)
        self._cache: dict[tuple[frozenset[_State], str], frozenset[_State]] = {}

    def found_in(self, line: str) -> bool:
        """Whether some part of the line matches."""
        now = _closure([self._start], start=True, end=not line)
        for at, character in enumerate(line):
            if self._end in now:
                return True
            last = at == len(line) - 1
            key = (now, character)
            after = None if last else self._cache.get(key)
            if after is None:
                reached = [s.after for s in now if s.test is not None and s.after is not None and s.test(character)]
                after = _closure([*reached, self._start], start=False, end=last)
                if not last:
                    self._remember(key, after)
            now = after
        return self._end in now

    def _remember(self, key: tuple[frozenset[_State], str], after: frozenset[_State]) -> None:
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        self._cache[key] = after


def _closure(states: Iterable[_State], *, start: bool, end: bool) -> frozenset[_State]:
    """All states reached without a character."""
    found: set[_State] = set()
    todo = list(states)
    while todo:
        state = todo.pop()
        if state not in found:
            found.add(state)
            if (start or not state.at_start) and (end or not state.at_end):
                todo += state.free
    return frozenset(found)


class _Malformed(Exception):
    """The expression breaks off."""


_Part = tuple[_State, _State]


def _single(test: _Test) -> _Part:
    start, end = _State(), _State()
    start.test, start.after = test, end
    return start, end


def _literal(text: str) -> _Part:
    start = end = _State()
    for character in text:
        one = _single(lambda c, wanted=character: c == wanted)  # type: ignore[misc]
        end.free.append(one[0])
        end = one[1]
    return start, end


class _Parser:
    """Builds the states of an expression: ways, then sequences, then single pieces with their repetition."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._depth = 0

    def whole(self) -> _Part:
        part = self._ways()
        if self._at < len(self._text):
            raise _Malformed
        return part

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise _Malformed
        self._at += 1
        return self._text[self._at - 1]

    def _ways(self) -> _Part:
        start, end = _State(), _State()
        while True:
            part = self._sequence()
            start.free.append(part[0])
            part[1].free.append(end)
            if self._peek() != "|":
                return start, end
            self._at += 1

    def _sequence(self) -> _Part:
        start = end = _State()
        while self._peek() not in {"", "|", ")"}:
            part = self._repeated(self._piece())
            end.free.append(part[0])
            end = part[1]
        return start, end

    def _repeated(self, part: _Part) -> _Part:
        while self._peek() in {"*", "+", "?"} and self._peek():
            sign = self._next()
            start, end = _State(), _State()
            start.free.append(part[0])
            part[1].free.append(end)
            if sign in "*?":
                start.free.append(end)
            if sign in "*+":
                end.free.append(start if sign == "*" else part[0])
            part = start, end
        return part

    def _piece(self) -> _Part:
        character = self._next()
        if character == "(":
            return self._group()
        if character == "[":
            return _single(self._class())
        if character == ".":
            return _single(lambda _c: True)
        if character in "^$":
            start, end = _State(), _State()
            start.at_start, start.at_end = character == "^", character == "$"
            start.free.append(end)
            return start, end
        if character in "*+?":
            raise _Malformed
        wanted = self._next() if character == "\\" else character
        return _single(lambda c: c == wanted)

    def _group(self) -> _Part:
        self._depth += 1
        if self._depth > 20:  # deeper than any sensible expression, far below Python's own limit
            raise _Malformed
        part = self._ways()
        if self._next() != ")":
            raise _Malformed
        self._depth -= 1
        return part

    def _class(self) -> _Test:
        negated = self._peek() == "^"
        self._at += negated
        ranges: list[tuple[str, str]] = []
        while not ranges or self._peek() != "]":
            low = self._next()
            low = self._next() if low == "\\" else low
            high = low
            if self._text[self._at : self._at + 1] == "-" and self._text[self._at + 1 : self._at + 2] not in {"]", ""}:
                self._at += 1
                high = self._next()
            ranges.append((low, high))
        self._at += 1
        return lambda c: any(low <= c <= high for low, high in ranges) != negated
