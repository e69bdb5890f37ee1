"""The rules of whole sites, asked about one resource among its neighbours.

A few resources are put together as if they were a site; rules that cannot be right about a few of them, or that need a
data centre where none is named, are left out. What counts is what becomes worse by the resource, not what was wrong
before. In: resources. Out: findings. Next: `resource_rules.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from twinspan.engine.admission.admit import GROUNDWORK, RULES
from twinspan.engine.admission.rule_book import AdmissionRule
from twinspan.engine.settle import settle
from twinspan.engine.site_assembly import Assembled, put_together
from twinspan.model.data_center import DataCenterSpec
from twinspan.model.finding import Finding, Path, path_text
from twinspan.model.gateway import GatewaySpec
from twinspan.model.kinds import KINDS
from twinspan.model.resource import DELETED, DELETING, Resource
from twinspan.model.site import SiteSpec
from twinspan.model.span import SpanSpec

NOWHERE = SiteSpec(
    data_center=DataCenterSpec(prefixes=()),
    gateway=GatewaySpec(public_address="198.18.255.2", local_asn=65001),
    spans=(
        SpanSpec(
            name="circuit", kind="circuit", role="active", probe_local_ip="198.19.255.1", probe_remote_ip="0.0.0.0"
        ),
        SpanSpec(name="vpn", kind="vpn", role="standby", probe_local_ip="198.19.255.2", probe_remote_ip="0.0.0.0"),
    ),
)
"""A data centre for those who have none; no rule that looks at it is asked."""

NEEDS_DATA_CENTRE = frozenset(
    {
        *(f"R-GW-{number:03}" for number in range(1, 6)),
        "R-DC-001",
        "R-DC-002",
        "R-DHCP-001",
        "R-DHCP-002",
        "R-DNS-001",
        "R-DNS-002",
        "R-NET-003",
        "R-VBR-003",
        "R-BGP-002",
        "R-BGP-005",
        "R-BGP-006",
        "R-PC-001",
        "R-CGW-002",
        "R-CGW-003",
        "R-IPSEC-001",
        "R-IPSEC-012",
        "R-TBGP-005",
        "R-DBR-002",
        "R-DBR-007",
        "R-DBR-008",
        "R-RT-009",
        "R-NET-001",
        "R-OFF-005",
        "R-NAME-002",
    }
)
"""Rules that compare with the data centre or its gateway."""

WHOLE = frozenset(
    {
        *(f"R-SPAN-{number:03}" for number in range(1, 10)),
        "R-PEER-005",
        "R-PEER-006",
        "R-ATT-006",
        "R-OFF-001",
        "R-IPSEC-006",
        "R-IPSEC-014",
        "R-DBR-008",
        # Ids are keys here too; the service judges names.
        "R-NAME-001",
        "R-NET-002",
        "R-PBR-001",
        "R-HC-006",
    }
)
"""Rules that are right only about a whole site, or that something else takes the place of here."""

ADVICE = frozenset({"R-ATT-003", "R-ATT-004", "R-ATT-009", "R-VPN-001", "R-NET-004", "R-NET-007", "R-IPSEC-012"})
"""What a site file is refused for and the seed's cloud is not: said as a warning, and true in the routes."""


class Neighbourly(Struct, frozen=True, kw_only=True):
    """A finding about a resource or one of its neighbours."""

    finding: Finding
    id: str
    """Whose it is."""
    field: str
    """Where in it."""


def worse_by(
    resource: Resource, neighbours: Iterable[Resource], *, before: Resource | None = None, site: Resource | None = None
) -> tuple[Neighbourly, ...]:
    """What the rules find with the resource and did not find without it (or with it as it was).

    site: the site whose data centre counts; None: none does.
    """
    others = [one for one in neighbours if one.id != resource.id and _counts(one)]
    after = _findings([*others, resource], site)
    earlier = [*others, *([before] if before is not None else [])]
    known = {_identity(one) for one in _findings(earlier, site)} if earlier else set()
    return tuple(one for one in after if _identity(one) not in known)


def _counts(resource: Resource) -> bool:
    return resource.kind in KINDS and resource.phase not in {DELETED, DELETING}


def _identity(one: Neighbourly) -> tuple[str, str, str, str]:
    return one.id, one.finding.rule.id, one.field, one.finding.problem


def _findings(members: list[Resource], site: Resource | None) -> list[Neighbourly]:
    """Everything that is wrong among them. What has a gap that nothing fills is told, and left out of the rest."""
    told: list[Neighbourly] = []
    while members:
        assembled = _assembled(members, site)
        found = list(_told(assembled, GROUNDWORK, site))
        gaps = [one for one in found if one.finding.rule.id.startswith("R-REF")]
        if not gaps:
            return [*told, *found, *_told(assembled, RULES, site)]
        told += gaps
        broken = {one.id for one in gaps}
        members = [one for one in members if one.id not in broken]
    return told


def _assembled(members: list[Resource], site: Resource | None) -> Assembled:
    viewer = members[-1].account
    own = site or Resource(kind="Site", id="", account=viewer, name="nowhere", spec=NOWHERE, created_ns=0, updated_ns=0)
    found = put_together(own, members)
    return Assembled(site=settle(found.site), ids=found.ids)


def _told(found: Assembled, rules: tuple[AdmissionRule, ...], site: Resource | None) -> Iterator[Neighbourly]:
    left_out = WHOLE if site is not None else WHOLE | NEEDS_DATA_CENTRE
    for rule in rules:
        if rule.rule.id not in left_out and not rule.counts:  # quotas are counted in the whole account
            for finding in rule.findings(found.site):
                key, field = _place(finding.path)
                if key in found.ids:
                    yield Neighbourly(finding=finding, id=found.ids[key], field=field)


def _place(path: Path) -> tuple[str, str]:
    """Key of the resource, and the path inside it."""
    return f"{path[0]}.{path[1]}" if len(path) > 1 else "", path_text(path[2:])
