"""Errors of the resource service as problem details of the native API.

In: `ServiceError`, `StaleWrite`. Out: a `Problem` and headers. Next: `server.admin` answers with them.
"""

from __future__ import annotations

import math

from msgspec.structs import replace

from twinspan.model.refusal import Refusal
from twinspan.server.problem import Problem, problem
from twinspan.server.registry import Fault
from twinspan.server.resources.error import ServiceError, Why
from twinspan.server.resources.port import StaleWrite

_STATUS: dict[Why, tuple[int, str, str]] = {
    "invalid": (422, "invalid", "Nothing was changed: the request breaks a rule"),
    "conflict": (409, "conflict", "Nothing was changed: what is there now forbids it"),
    "quota": (409, "quota", "Nothing was changed: a quota is used up"),
    "forbidden": (403, "forbidden", "This token may not do that"),
    "absent": (404, "absent", "There is no such thing"),
    "key_reused": (422, "key-reused", "The idempotency key was used for another request"),
}


def service_problem(error: ServiceError) -> tuple[Problem, dict[str, str]]:
    """With Retry-After where waiting helps."""
    status, kind, title = _STATUS[error.why]
    first = error.refusals[0]
    found = problem(status, kind, title, detail=first.problem or first.rule, field=first.field, remedy=first.remedy)
    faults = tuple(_fault(refusal) for refusal in error.refusals)
    waits = [refusal.retry_after_s for refusal in error.refusals if refusal.retry_after_s is not None]
    headers = {"retry-after": str(max(1, math.ceil(max(waits))))} if len(waits) == len(faults) else {}
    return replace(found, rule=first.code, value=first.value, faults=faults), headers


def stale_problem(error: StaleWrite) -> tuple[Problem, dict[str, str]]:
    """Somebody else has changed it."""
    generation = error.resource.generation
    found = problem(
        412,
        "stale",
        "Nothing was changed: the resource has changed since it was read",
        detail=f"{error.resource.id} has generation {generation}",
        remedy="read it again, and repeat the change on what it is now",
    )
    return replace(found, generation=generation), {"etag": f'"{generation}"'}


def _fault(refusal: Refusal) -> Fault:
    return Fault(
        field=refusal.field,
        problem=refusal.problem or refusal.rule,
        remedy=refusal.remedy,
        rule=refusal.code,
        value=refusal.value,
    )
