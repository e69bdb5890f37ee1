"""May a resource be as it is wished to be? One answer from all rules: those of sites and those of the service alone.

The service asks before it writes: with the resource as it would be, its neighbours (`neighbourhood.py`), and what it is
now. In: resources. Out: a `Verdict`. Next: `server.resources.service`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct

from twinspan.engine import cen_rules, lone_rules, vpn_route_rules
from twinspan.engine.admission.names import name_fault
from twinspan.engine.partial_site import ADVICE, worse_by
from twinspan.engine.phases import TERMINATED
from twinspan.engine.rule_case import Case
from twinspan.engine.vpn_route_rules import twin_routes
from twinspan.model.fields import TWINSPAN, Edge
from twinspan.model.finding import Finding, Rule
from twinspan.model.kinds import KINDS, STORED_KINDS
from twinspan.model.refusal import Refusal
from twinspan.model.resource import DELETED, DELETING, Resource

NS_PER_DAY = 86_400 * 1_000_000_000
VLAN_KEPT_DAYS = 7
"""So long a terminated VBR keeps its VLAN ID (TerminateVirtualBorderRouter)."""
MAY_WAIT = frozenset({("OfficeNetwork", "cen")})
"""References that a site file must settle, and that come later elsewhere (AttachCen)."""

__all__ = ["Verdict", "judge", "twin_routes"]


class Verdict(Struct, frozen=True, kw_only=True):
    """What stands against a resource."""

    refusals: tuple[Refusal, ...] = ()
    """Why it cannot be; empty: it can."""
    warnings: tuple[Finding, ...] = ()
    """What is doubtful about it, with paths inside the resource's spec."""


_OWN_RULES: tuple[Callable[[Case], Iterator[Refusal]], ...] = (
    *vpn_route_rules.RULES,
    *cen_rules.RULES,
    *lone_rules.RULES,
)
"""Rules that only the service has."""

SERVICE_RULES: tuple[Rule, ...] = (*vpn_route_rules.DECLARED, *cen_rules.DECLARED, *lone_rules.DECLARED)
"""What those rules are, for the reference."""


def judge(  # noqa: PLR0913 - what the service knows about one change, named
    resource: Resource,
    neighbours: Iterable[Resource],
    *,
    before: Resource | None = None,
    site: Resource | None = None,
    edge: Edge = "native",
    now_ns: int = 0,
    limits: Mapping[str, int] = {},
) -> Verdict:
    """Everything that stands against `resource` as it is given.

    neighbours: settled (see `neighbourhood`). before: as it is stored; None: it is being made. site: the site it is
    bound to, whose data centre then counts; None: none does. edge: where the request came in. now_ns: the time, for
    rules with days in them. limits: quotas that an operator has set.
    """
    others = [one for one in neighbours if one.id != resource.id and _is_there(one, now_ns)]
    case = Case(resource=resource, others=tuple(others), before=before, edge=edge, limits=limits)
    refusals = [refusal for rule in _OWN_RULES for refusal in rule(case)]
    warnings: list[Finding] = []
    if resource.kind in KINDS:
        for one in worse_by(resource, others, before=before, site=site):
            hard = one.finding.severity == "error" and one.finding.rule.id not in ADVICE
            if (resource.kind, one.field) in MAY_WAIT and one.finding.rule.id == "R-REF-002":
                continue
            if hard:
                refusals.append(_refusal(one.finding, one.field, resource, one.id))
            elif one.id == resource.id:
                warnings.append(one.finding)
    refusals += _name(resource, before, edge)
    return Verdict(refusals=tuple(refusals), warnings=tuple(warnings))


def _is_there(resource: Resource, now_ns: int) -> bool:
    """A terminated VBR counts for a week: its VLAN is not free."""
    if resource.kind == "VirtualBorderRouter" and resource.phase == TERMINATED and now_ns:
        return now_ns - resource.updated_ns < VLAN_KEPT_DAYS * NS_PER_DAY
    return resource.phase not in {DELETED, DELETING}


def _refusal(finding: Finding, field: str, resource: Resource, owner: str) -> Refusal:
    elsewhere = "" if owner == resource.id else f"{owner}: "
    return Refusal(
        code=finding.rule.id,
        field=field if not elsewhere else "",
        value=finding.value,
        rule=finding.rule.text,
        problem=f"{elsewhere}{finding.problem}",
        remedy=finding.remedy,
        source=finding.source or finding.rule.source,
    )


def _name(resource: Resource, before: Resource | None, edge: Edge) -> list[Refusal]:
    """At the compatible edge names are as its cloud has them; elsewhere a site file's own rules have been asked."""
    if edge != "alibaba" or not resource.name or (before is not None and before.name == resource.name):
        return []
    kind = STORED_KINDS[resource.kind]
    fault = name_fault(kind, resource.name)
    if not fault:
        return []
    form = kind.name_rule
    return [
        Refusal(
            code="R-NAME-001",
            field="name",
            value=resource.name,
            rule="A resource's name has the length and characters that its kind allows.",
            problem=fault,
            remedy=f"{form.min_length} to {form.max_length} letters, digits and {' '.join(form.marks)}",
            source=TWINSPAN,
        )
    ]
