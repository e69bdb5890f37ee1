"""A rule and what it found.

A rule has an identity, a sentence, a source and a severity; a finding is one place where it speaks. Reading a file,
decoding a value and admitting a site all answer with findings, so that a user sees one form everywhere.

In: nothing. Out: `Rule`, `Finding`. Next: `decode.py` makes the first of them.
"""

from typing import Literal

from msgspec import Struct

Severity = Literal["error", "warning", "info"]
Path = tuple[str | int, ...]
"""Keys and list positions that lead from the top of a value to one of its parts."""


class Rule(Struct, frozen=True, kw_only=True):
    """One thing that must, or should, hold. `id` is stable; `source` says who asks for it."""

    id: str
    text: str
    source: str
    severity: Severity = "error"


class Finding(Struct, frozen=True, kw_only=True):
    """A rule that does not hold at one place.

    `value` is the offending value as text, empty where showing it makes no sense or would give a secret away.
    `problem` says what is wrong there, `remedy` the way out.
    """

    rule: Rule
    path: Path
    problem: str
    remedy: str
    value: str = ""
    source: str = ""
    """Who asks for it at this very place, e.g. the source of a field's range; empty: the rule's source."""
    note: str = ""
    """What else helps to understand it, e.g. that the file does not have this resource."""
    line: int | None = None
    """Line in the text it was read from, from 1; None where the text has no such place."""
    column: int | None = None
    """Column in that line, from 1."""

    @property
    def severity(self) -> Severity:
        return self.rule.severity


def path_text(path: Path) -> str:
    """`("vpcs", "user", "tags", 0)` -> `vpcs.user.tags[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def has_errors(findings: "tuple[Finding, ...] | list[Finding]") -> bool:
    """Whether any of them forbids going on."""
    return any(finding.severity == "error" for finding in findings)
