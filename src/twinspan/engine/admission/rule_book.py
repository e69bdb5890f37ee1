"""What an admission rule is: a `Rule` and a pure function that finds the places where it does not hold.

In: functions over `Site`. Out: `AdmissionRule`. Next: one module of rules per noun, then `admit.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct

from twinspan.model.field_check import value_text
from twinspan.model.finding import Finding, Path, Rule, Severity
from twinspan.model.site import Site


class Problem(NamedTuple):
    """One place where a rule does not hold. `value` is shown; never a secret."""

    path: Path
    text: str
    remedy: str
    value: object = ""


Check = Callable[[Site], Iterable[Problem]]
Count = Callable[[Site, Mapping[str, int]], Iterable[Problem]]
"""A check that counts up to quotas: what an operator has set is its second argument."""


class AdmissionRule(Struct, frozen=True, kw_only=True):
    """A rule with its check."""

    rule: Rule
    check: Count
    counts: bool = False
    """Whether it counts up to a quota, which an operator can raise."""

    def findings(self, site: Site, limits: Mapping[str, int] = {}) -> Iterator[Finding]:
        """The rule applied to a site. `limits`: quotas that an operator has set."""
        for problem in self.check(site, limits):
            yield Finding(
                rule=self.rule,
                path=problem.path,
                problem=problem.text,
                remedy=problem.remedy,
                value=value_text(problem.value),
            )


def rule(rule_id: str, text: str, *, source: str, severity: Severity = "error") -> Callable[[Check], AdmissionRule]:
    """Make an `AdmissionRule` of a check function. `text` states the rule as a sentence that holds for a good site."""

    def wrap(check: Check) -> AdmissionRule:
        found = Rule(id=rule_id, text=text, source=source, severity=severity)
        return AdmissionRule(rule=found, check=lambda site, _: check(site))

    return wrap


def counting_rule(rule_id: str, text: str, *, source: str) -> Callable[[Count], AdmissionRule]:
    """`rule` for a check that counts up to quotas."""

    def wrap(check: Count) -> AdmissionRule:
        return AdmissionRule(rule=Rule(id=rule_id, text=text, source=source), check=check, counts=True)

    return wrap
