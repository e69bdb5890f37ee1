"""Admit a site: run every rule.

In: a complete `Site`. Out: findings, in the order of the rules. Next: `compile`, if no finding is an error.
"""

from twinspan.engine.admission import references
from twinspan.engine.admission.rule_book import AdmissionRule
from twinspan.model.finding import Finding, has_errors
from twinspan.model.site import Site

GROUNDWORK: tuple[AdmissionRule, ...] = references.RULES
"""What all other rules stand on: if these fail, the others would only repeat it."""

RULES: tuple[AdmissionRule, ...] = ()


def admit(site: Site) -> tuple[Finding, ...]:
    """Everything that is wrong or doubtful about a site."""
    findings = [finding for rule in GROUNDWORK for finding in rule.findings(site)]
    if has_errors(findings):
        return tuple(findings)
    return (*findings, *(finding for rule in RULES for finding in rule.findings(site)))
