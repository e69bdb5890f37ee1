"""Lines into words and back: columns for the caret, quotes for what has blanks, bytes that a terminal can carry.

In: one typed line. Out: `Word`s with their columns; `quoted` is the way back. A word in double quotes may hold blanks,
`?` and `|`; inside it a backslash keeps the next character. Next: `grammar.py`.
"""

from __future__ import annotations

import re

import msgspec

_PLAIN = re.compile(r"[!-~]+")
_NEEDS_QUOTES = re.compile(r'["?|\\]')


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """One word of a line."""

    text: str
    """Without its quotes."""
    start: int
    """Column of its first character, 0-based."""
    end: int
    quoted: bool = False


def split_words(line: str) -> list[Word]:
    """Words of the line. A quote that is never closed ends with the line."""
    words: list[Word] = []
    at, length = 0, len(line)
    while at < length:
        if line[at].isspace():
            at += 1
        elif line[at] == '"':
            words.append(_quoted_word(line, at))
            at = words[-1].end
        else:
            end = at
            while end < length and not line[end].isspace():
                end += 1
            words.append(Word(text=line[at:end], start=at, end=end))
            at = end
    return words


def _quoted_word(line: str, start: int) -> Word:
    text, at = [], start + 1
    while at < len(line) and line[at] != '"':
        if line[at] == "\\" and at + 1 < len(line):
            at += 1
        text.append(line[at])
        at += 1
    return Word(text="".join(text), start=start, end=min(at + 1, len(line)), quoted=True)


def in_quotes(line: str) -> bool:
    """Whether a character typed after `line` would stand inside a quoted word."""
    words = split_words(line)
    if not words or not words[-1].quoted or words[-1].end < len(line):
        return False
    return line[words[-1].start :] == '"' or not _is_closed(line[words[-1].start :])


def help_asked(line: str) -> str | None:
    """What stands before the `?` that asks for help; None: the line has none outside quotes, or is a comment."""
    if line.lstrip().startswith("#"):
        return None
    quoted_words = [word for word in split_words(line) if word.quoted]
    for at, symbol in enumerate(line):
        if symbol == "?" and not any(word.start <= at < word.end for word in quoted_words):
            return line[:at]
    return None


def _is_closed(word: str) -> bool:
    body = word[1:]
    return body.endswith('"') and (len(body) - len(body[:-1].rstrip("\\")) - 1) % 2 == 0


def quoted(text: str) -> str:
    """The word as it must be typed; `split_words` gives `text` back."""
    if _PLAIN.fullmatch(text) and not _NEEDS_QUOTES.search(text) and not text.startswith("#"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def can_be_typed(text: str) -> bool:
    """No control characters: those cannot stand on a line."""
    return text.isprintable()
