"""Which command a line means in a view or in the views around it.

In: a view and a line. Out: `Understood` or the furthest `Mistake`. Next: `execution.py`, or `parse.py` for whole texts.
"""

from __future__ import annotations

import msgspec

from twinspan.wire.comware.command import Language, Meaning
from twinspan.wire.comware.matching import Match, Mistake, match


class Understood(msgspec.Struct, frozen=True):
    """A command, and how many views from system view inwards are kept for it."""

    match: Match[Meaning]
    depth: int


def understood(language: Language, view: str, depth: int, line: str) -> Understood | Mistake:
    """The command that a line means in a view, or in a view around it: so a saved text can be pasted line by line."""
    found = match(language.in_view(view), line)
    worst: Mistake | None = None
    here: str | None = view
    while isinstance(found, Mistake):
        worst = found if worst is None or found.column > worst.column else worst
        here = language.parent(here) if here else None
        if here is None:
            return worst
        depth -= 1
        found = match(language.lines_of(here), line)
    return Understood(found, depth)
