"""What the compatible API answers when it does not do something: code, sentence, HTTP status.

Codes are the cloud's own, so that scripts which look at them still work; the sentence is ours and ends with the way
out. In: nothing. Out: `Fault` and those that many modules need. Next: `refusals.py` makes them of refusals.
"""

from __future__ import annotations

from msgspec import Struct

_LONGEST_SHOWN = 60


class Fault(Struct, frozen=True, kw_only=True):
    """One answer that is an error. Texts never carry secrets."""

    code: str
    message: str
    status: int = 400
    retry_after_s: float | None = None
    """Asking again after that time can help; None: it cannot."""


def shown(value: object) -> str:
    """Part of a request in a sentence: one line, printable, not long."""
    text = "".join(mark if mark.isprintable() else "?" for mark in str(value)[: _LONGEST_SHOWN + 1])
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


def missing(parameter: str) -> Fault:
    """A parameter that the action cannot do without."""
    return Fault(
        code="MissingParameter",
        message=f"The parameter {parameter} is mandatory and is not given (give {parameter}).",
    )


def malformed(parameter: str, problem: str, remedy: str) -> Fault:
    """A value that cannot be read."""
    last = parameter.rpartition(".")[2]
    return Fault(code=f"Invalid{last[:1].upper()}{last[1:]}.Malformed", message=f"{parameter}: {problem} ({remedy}).")


def not_found(code: str, label: str, resource_id: str) -> Fault:
    """There is no such thing, or it is another account's: the same answer."""
    return Fault(
        code=code,
        status=404,
        message=f"There is no {label} {shown(resource_id)} in this account (list them with the Describe action).",
    )


DRY_RUN = Fault(
    code="DryRunOperation",
    message="The request was checked with DryRun and would succeed; nothing was changed (send it without DryRun).",
)
"""How the cloud says that a dry run found nothing wrong."""
