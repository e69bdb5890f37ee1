"""The part of a line after `|`: a filter for what is displayed.

In: a line. Out: the line before the pipe and the filter. Next: `configuration.py`.
"""

from __future__ import annotations

from twinspan.wire.comware.line_filter import LineFilter, Mode
from twinspan.wire.comware.words import split_words

_MODES: tuple[Mode, ...] = ("begin", "exclude", "include")


def split_pipe(line: str) -> tuple[str, LineFilter | None]:
    """A line without a well-formed filter comes back whole: its command says what is wrong with it."""
    words = split_words(line)
    at = next((n for n, word in enumerate(words) if word.text.startswith("|") and not word.quoted), None)
    if not at or not words[0].text.lower().startswith("di"):
        return line, None
    after = line[words[at].start + 1 :].strip()
    name, _, pattern = after.partition(" ")
    modes = [mode for mode in _MODES if name and mode.startswith(name.lower())]
    if len(modes) != 1 or not pattern.strip():
        return line, None
    return line[: words[at].start].rstrip(), LineFilter(modes[0], pattern.strip())
