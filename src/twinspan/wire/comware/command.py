"""One command of the language as data: where it may be typed, what it looks like, what it does.

In: patterns. Out: `Command`, and the views' lists of what may be typed there. A command either is a line of the
configuration (it then has `key`, `undo`, `opens`) or does something at once (`run`). Next: `document.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from twinspan.wire.comware.effects import Effect
from twinspan.wire.comware.grammar import parse_pattern
from twinspan.wire.comware.matching import Candidate, Match

USER, SYSTEM, ANY = "user", "system", "any"
"""Views with a name of their own; the others are named by the commands that open them."""

Args = dict[str, str]


class Show(msgspec.Struct, frozen=True):
    """Text for the user, paged and filtered."""

    text: str


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A question that is answered with Y or N; on Y `then` happens."""

    question: str
    then: Effect


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Something about the session itself."""

    what: str
    """quit, return, system-view, screen-length, history, this, pending, current-configuration"""
    value: str = ""


Reply = Show | Ask | Turn | Effect


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command. `help` has its own words for keywords and parameters where the general ones do not fit."""

    view: str
    pattern: str
    id: str = ""
    """Stable name of a line of the configuration; empty for a command that does something at once."""
    key: tuple[str, ...] = ()
    """Parameters that tell lines of this command apart; a line with equal ones replaces the older line."""
    displaces: tuple[str, ...] = ()
    """Commands whose lines leave the view when this one comes."""
    undo: tuple[str, ...] = ()
    """Patterns after `undo`; what they leave out matches every value."""
    together: tuple[str, ...] = ()
    """Commands whose lines its undo takes away too."""
    opens: str = ""
    """View that the line opens."""
    prompt: str = ""
    """What that view adds to the prompt, with parameters in braces."""
    run: Callable[[Match[Any]], Reply] | None = None
    piped: bool = False
    """Its output may be filtered: `| include`."""
    help: dict[str, str] = {}

    def identity(self, args: Args) -> Identity:
        """What makes a line of this command that very line."""
        return self.id, tuple(args.get(name, "") for name in self.key)


Identity = tuple[str, tuple[str, ...]]


class Undo(msgspec.Struct, frozen=True):
    """The command that takes lines of another away."""

    command: Command


Meaning = Command | Undo


class Language:
    """All commands of a device, by view. Patterns are read when a view is first needed."""

    def __init__(self, commands: tuple[Command, ...], parents: dict[str, str]) -> None:
        self.by_id = {command.id: command for command in commands if command.id}
        self._commands = commands
        self._parents = parents
        self._cache: dict[tuple[str, ...], list[Candidate[Meaning]]] = {}

    def in_view(self, view: str) -> list[Candidate[Meaning]]:
        """What may be typed in a view, with what may be typed everywhere."""
        return self._candidates((view, ANY))

    def lines_of(self, view: str) -> list[Candidate[Meaning]]:
        """What may be typed in a view alone."""
        return self._candidates((view,))

    def parent(self, view: str) -> str | None:
        """The view around it; None: user and system view have none for configuration."""
        if view in {USER, SYSTEM}:
            return None
        return self._parents.get(view, SYSTEM)

    def _candidates(self, views: tuple[str, ...]) -> list[Candidate[Meaning]]:
        if views not in self._cache:
            found: list[Candidate[Meaning]] = []
            for command in self._commands:
                if command.view in views:
                    found.append(Candidate(parse_pattern(command.pattern), command))
                    found += [Candidate(parse_pattern(f"undo {p}"), Undo(command)) for p in command.undo]
            self._cache[views] = found
        return self._cache[views]


def parents_of(commands: tuple[Command, ...]) -> dict[str, str]:
    """The view in which each view is opened."""
    return {command.opens: command.view for command in commands if command.opens}
