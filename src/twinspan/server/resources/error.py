"""Why the resource service did not do something, in one form for all doors.

In: refusals of the engine, findings of the decoder. Out: exceptions. Next: `api.py` makes problems of them, the
compatible door its error codes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from twinspan.model.errors import Rejected
from twinspan.model.finding import Finding, path_text
from twinspan.model.refusal import Refusal

Why = Literal["invalid", "conflict", "quota", "forbidden", "absent", "key_reused"]
"""invalid: the request itself. conflict: what is there now forbids it. quota: too many. forbidden: not this actor.
absent: there is no such thing, or it is somebody else's. key_reused: an idempotency key with another request."""


class ServiceError(Rejected):
    """Nothing was changed. `refusals` has at least one."""

    def __init__(self, why: Why, *refusals: Refusal) -> None:
        self.why = why
        self.refusals = refusals
        first = refusals[0]
        told = first.problem or first.rule
        super().__init__(f"{first.field}: {told}" if first.field else told, remedy=first.remedy)


class NotFound(ServiceError):
    """There is no such resource for this actor: absent and somebody else's are the same."""

    def __init__(self, kind: str, resource_id: str) -> None:
        self.kind, self.resource_id = kind, resource_id
        refusal = Refusal(
            code="resource.absent",
            value=resource_id,
            rule="What is asked for exists and belongs to who asks.",
            problem=f"there is no {kind} {resource_id}",
            remedy="list what there is; another account's resources are not shown",
        )
        super().__init__("absent", refusal)


def of_findings(findings: Iterable[Finding]) -> ServiceError:
    """What the decoder found, all of it."""
    return ServiceError(
        "invalid",
        *(
            Refusal(
                code=finding.rule.id,
                field=path_text(finding.path),
                value=finding.value,
                rule=finding.rule.text,
                problem=finding.problem,
                remedy=finding.remedy,
                source=finding.source or finding.rule.source,
            )
            for finding in findings
            if finding.severity == "error"
        ),
    )
