"""Admit a site: run every rule.

In: a complete `Site`. Out: findings, in the order of the rules. Next: `compile`, if no finding is an error.
"""

from collections.abc import Iterable, Iterator

from twinspan.engine.admission import (
    attachment,
    bgp_group,
    bgp_network,
    bgp_peer,
    customer_gateway,
    destination_route,
    gateway,
    health_check,
    ipsec_connection,
    names,
    office_network,
    overlap,
    physical_connection,
    references,
    route_table,
    span,
    tunnel_bgp,
    virtual_border_router,
    vpc,
    vpn_gateway,
)
from twinspan.engine.admission.rule_book import AdmissionRule
from twinspan.model.fields import DEFAULT_LIMITS, Limits
from twinspan.model.finding import Finding, has_errors
from twinspan.model.site import Site

GROUNDWORK: tuple[AdmissionRule, ...] = (*references.RULES, *names.RULES)
"""What all other rules stand on: if these fail, the others would only repeat it."""

RULES: tuple[AdmissionRule, ...] = (
    *span.RULES,
    *vpc.RULES,
    *overlap.RULES,
    *gateway.RULES,
    *physical_connection.RULES,
    *virtual_border_router.RULES,
    *bgp_group.RULES,
    *bgp_peer.RULES,
    *bgp_network.RULES,
    *health_check.RULES,
    *vpn_gateway.RULES,
    *customer_gateway.RULES,
    *ipsec_connection.RULES,
    *tunnel_bgp.RULES,
    *destination_route.RULES,
    *attachment.RULES,
    *route_table.RULES,
    *office_network.RULES,
)


def admit(site: Site, limits: Limits = DEFAULT_LIMITS) -> tuple[Finding, ...]:
    """Everything that is wrong or doubtful about a site. `limits`: what the account's quotas allow."""
    findings = list(_findings(GROUNDWORK, site, limits))
    if has_errors(findings):
        return tuple(findings)
    return (*findings, *_findings(RULES, site, limits))


def _findings(rules: Iterable[AdmissionRule], site: Site, limits: Limits) -> Iterator[Finding]:
    for rule in rules:
        if limits is not None or not rule.counts:
            yield from rule.findings(site, limits or {})
