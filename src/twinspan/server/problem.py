"""Errors of the admin API as RFC 9457 problem details, with the field and the way out.

In: what went wrong. Out: a `Problem`, and its JSON. Never shows a secret. Next: `admin.py`.
"""

from __future__ import annotations

import msgspec

from twinspan.server.registry import Fault

CONTENT_TYPE = "application/problem+json"
_TYPE = "urn:twinspan:problem:"


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was not carried out. With `faults`, `field` and `remedy` are those of the first."""

    type: str
    """Stable; programs look at this."""
    title: str
    status: int
    detail: str = ""
    field: str = ""
    rule: str = ""
    """Id of the rule that is broken; stable."""
    value: str = ""
    """The offending value as text, where it may be shown."""
    remedy: str = ""
    generation: int | None = None
    """With status 412: the one that is stored now."""
    faults: tuple[Fault, ...] = ()
    allow: tuple[str, ...] = ()
    """Methods that there are, with status 405."""


class ProblemRaised(Exception):
    """Ends the work on a request; `admin.py` answers with the problem."""

    def __init__(self, problem: Problem, headers: dict[str, str] | None = None) -> None:
        super().__init__(problem.title)
        self.problem, self.headers = problem, headers or {}


def problem(status: int, kind: str, title: str, *, detail: str = "", field: str = "", remedy: str = "") -> Problem:
    """One problem; `kind` is the last part of its type."""
    return Problem(type=_TYPE + kind, title=title, status=status, detail=detail, field=field, remedy=remedy)


def faults_problem(faults: tuple[Fault, ...]) -> Problem:
    """Everything that is wrong with what was given, at once."""
    first = faults[0]
    title = "Nothing was changed: what was given has faults"
    found = problem(422, "faults", title, detail=first.problem, field=first.field, remedy=first.remedy)
    return msgspec.structs.replace(found, faults=faults)


def not_allowed(allow: tuple[str, ...]) -> Problem:
    """There is such a path, not such a method."""
    found = problem(405, "method", "This cannot be done here", remedy=f"the methods of this path: {', '.join(allow)}")
    return msgspec.structs.replace(found, allow=allow)


UNAUTHORIZED = problem(
    401,
    "no-token",
    "A valid token is needed",
    remedy="send `Authorization: Bearer TOKEN`; `twinspan server init` on the server's machine shows the first one",
)
"""The same for no token and for a wrong one."""
NOT_FOR_THIS = problem(
    403,
    "scope",
    "This token is not for that",
    remedy="a viewer changes nothing, and a token with scopes is for those alone: use another one",
)
TOO_FAST = problem(429, "rate", "Too many requests with this token", remedy="wait as long as Retry-After says")
NO_SUCH_PATH = problem(404, "path", "There is nothing at this path", remedy="the paths begin with /api/v1/")
ADMINISTRATOR_ONLY = problem(
    403, "administrator-only", "Only an administrator may do this", remedy="use the administrator's token"
)
