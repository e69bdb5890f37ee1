"""Long output in pages: `---- More ----`, one key for the next page, line, or the end.

In: text and keys. Out: what to show now. Next: `keys.py`.
"""

from __future__ import annotations

from collections import deque

MORE = "---- More ----"
_ERASE = "\r" + " " * len(MORE) + "\r"
DEFAULT_LENGTH = 24
"""Lines of a screen, Comware's default."""
MAX_PENDING = 200_000
"""Lines that wait at most; an output beyond it is cut, and says so."""


class Pager:
    """What waits to be shown. `length` 0: everything at once."""

    def __init__(self) -> None:
        self.length = DEFAULT_LENGTH
        self._waiting: deque[str] = deque()
        self._room = 0
        self._cut = False

    def is_waiting(self) -> bool:
        """Whether it wants a key."""
        return bool(self._waiting)

    def begin(self) -> None:
        """A new output: the screen counts from here."""
        self._room = self.length - 1
        self._cut = False

    def show(self, lines: list[str]) -> str:
        """Text to show now; the rest waits."""
        if self.length == 0:
            return "".join(f"{line}\n" for line in lines)
        if self._cut:
            return ""
        if self._waiting:
            self._queue(lines)
            return ""
        return self._page(deque(lines))

    def key(self, key: str) -> str:
        """Text that the key brings: blank a page, Enter a line, q or Ctrl+C the end."""
        if key in {"q", "Q", "ctrl-c", "escape"}:
            self._waiting.clear()
            self._cut = True
            return _ERASE
        if key not in {" ", "enter", "down"}:
            return ""
        self._room = 1 if key != " " else self.length - 1
        waiting, self._waiting = self._waiting, deque()
        return _ERASE + self._page(waiting)

    def _page(self, lines: deque[str]) -> str:
        shown = []
        while lines and self._room > 0:
            shown.append(f"{lines.popleft()}\n")
            self._room -= 1
        if lines:
            shown.append(MORE)
            self._queue(lines)
        return "".join(shown)

    def _queue(self, lines: deque[str] | list[str]) -> None:
        room = MAX_PENDING - len(self._waiting)
        if len(lines) > room:
            lines = [*list(lines)[: max(0, room)], "% The rest of the output was dropped: it is too long."]
        self._waiting.extend(lines)
