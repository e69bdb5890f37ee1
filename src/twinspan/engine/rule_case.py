"""What a rule of the service is asked about: a resource as it would be, and what is around it.

In: resources. Out: `Case`, and `refuse` for where a rule does not hold. Next: `vpn_route_rules.py`, `cen_rules.py`,
`lone_rules.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from msgspec import Struct

from twinspan.model.fields import Edge, ResourceSpec
from twinspan.model.finding import Rule
from twinspan.model.refusal import Refusal
from twinspan.model.resource import Resource

SpecT = TypeVar("SpecT", bound=ResourceSpec)


def refuse(
    rule: Rule, *, problem: str, remedy: str, field: str = "", value: str = "", retry_after_s: float | None = None
) -> Refusal:
    """The refusal for one place where `rule` does not hold."""
    return Refusal(
        code=rule.id,
        field=field,
        value=value,
        rule=rule.text,
        problem=problem,
        remedy=remedy,
        source=rule.source,
        retry_after_s=retry_after_s,
    )


class Case(Struct, frozen=True, kw_only=True):
    """One judgement."""

    resource: Resource
    others: tuple[Resource, ...]
    before: Resource | None
    edge: Edge
    limits: Mapping[str, int]

    def other(self, resource_id: str) -> Resource | None:
        """A neighbour by id."""
        return next((one for one in self.others if one.id == resource_id), None)

    def of(self, spec: type[SpecT]) -> Iterator[tuple[Resource, SpecT]]:
        """Neighbours whose spec is of that type."""
        for one in self.others:
            if isinstance(one.spec, spec):
                yield one, one.spec
