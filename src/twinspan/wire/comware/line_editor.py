"""Editing of one line: cursor, history, and the characters that make a terminal follow.

In: keys. Out: characters to echo; the line is `text`. Next: `session.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

MAX_LINE = 4096
"""Characters; a pasted public key fits, and memory stays bounded. What is beyond it rings the bell."""
HISTORY = 100
"""Lines remembered."""
_BELL = "\a"


class LineEditor:
    """The line being typed and those before it."""

    def __init__(self) -> None:
        self.text = ""
        self.cursor = 0
        self.history: deque[str] = deque(maxlen=HISTORY)
        self._recalled = 0
        self._kept = ""

    @property
    def before(self) -> str:
        """What stands before the cursor."""
        return self.text[: self.cursor]

    def insert(self, typed: str) -> str:
        """Types characters at the cursor."""
        room = MAX_LINE - len(self.text)
        bell = _BELL if len(typed) > room else ""
        typed = typed[:room]
        rest = self.text[self.cursor :]
        self.text = self.before + typed + rest
        self.cursor += len(typed)
        return typed + rest + "\b" * len(rest) + bell

    def key(self, key: str) -> str:
        """What the terminal shall show after an editing key; unknown keys show nothing."""
        actions: dict[str, Callable[[], str]] = {
            "backspace": self._backspace,
            "ctrl-d": self._delete,
            "delete": self._delete,
            "left": lambda: self._move(self.cursor - 1),
            "ctrl-b": lambda: self._move(self.cursor - 1),
            "right": lambda: self._move(self.cursor + 1),
            "ctrl-f": lambda: self._move(self.cursor + 1),
            "home": lambda: self._move(0),
            "ctrl-a": lambda: self._move(0),
            "end": lambda: self._move(len(self.text)),
            "ctrl-e": lambda: self._move(len(self.text)),
            "ctrl-k": lambda: self.replace(self.before),
            "ctrl-u": lambda: self.replace(self.text[self.cursor :], cursor=0),
            "ctrl-x": lambda: self.replace(self.text[self.cursor :], cursor=0),
            "ctrl-w": self._delete_word,
            "up": lambda: self._recall(-1),
            "ctrl-p": lambda: self._recall(-1),
            "down": lambda: self._recall(1),
            "ctrl-n": lambda: self._recall(1),
        }
        return actions[key]() if key in actions else ""

    def take(self, remembered: str) -> str:
        """The finished line; `remembered` goes into the history (it may hide a secret)."""
        line = self.text
        if remembered and (not self.history or self.history[-1] != remembered):
            self.history.append(remembered)
        self.clear()
        return line

    def clear(self) -> None:
        """An empty line."""
        self.text, self.cursor, self._kept = "", 0, ""
        self._recalled = len(self.history)

    def replace(self, text: str, cursor: int | None = None) -> str:
        """Another line in the place of this one."""
        text = text[:MAX_LINE]
        back, old = self.cursor, len(self.text)
        self.text = text
        self.cursor = len(text) if cursor is None else cursor
        gap = max(0, old - len(text))
        return "\b" * back + text + " " * gap + "\b" * (gap + len(text) - self.cursor)

    def _move(self, to: int) -> str:
        to = min(max(to, 0), len(self.text))
        shown = "\b" * (self.cursor - to) + self.text[self.cursor : to]
        self.cursor = to
        return shown

    def _backspace(self) -> str:
        if self.cursor == 0:
            return ""
        return self._move(self.cursor - 1) + self._delete()

    def _delete(self) -> str:
        rest = self.text[self.cursor + 1 :]
        if self.cursor == len(self.text):
            return ""
        self.text = self.before + rest
        return rest + " " + "\b" * (len(rest) + 1)

    def _delete_word(self) -> str:
        kept = self.before.rstrip().rpartition(" ")
        start = kept[0] + kept[1]
        return self.replace(start + self.text[self.cursor :], cursor=len(start))

    def _recall(self, by: int) -> str:
        wanted = self._recalled + by
        if not 0 <= wanted <= len(self.history):
            return ""
        if self._recalled == len(self.history):
            self._kept = self.text
        self._recalled = wanted
        return self.replace(self.history[wanted] if wanted < len(self.history) else self._kept)
