"""Office networks: where cloud computers live.

In: `Site`. Out: findings. Next: `span.py`.
"""

from collections.abc import Iterator

from twinspan.engine import addressing
from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.fields import SEED_PLANNING, SEED_PREPARATIONS
from twinspan.model.site import Site


@rule("R-OFF-001", "A site has an office network.", source=SEED_PREPARATIONS)
def _one(site: Site) -> Iterator[Problem]:
    if not site.office_networks:
        remedy = "call one of the VPCs office, or write role: office at it"
        yield Problem(("vpcs",), "no VPC is an office VPC, so there is nothing to reach", remedy)


@rule("R-OFF-002", "An office network lies inside its VPC.", source=SEED_PLANNING)
def _inside(site: Site) -> Iterator[Problem]:
    for name, office in site.office_networks.items():
        block = site.vpcs[office.vpc].cidr_block
        if not addressing.inside(office.cidr_block, block):
            problem = f"it is not inside {block} of VPC {office.vpc}"
            yield Problem(
                ("office_networks", name, "cidr_block"), problem, f"choose a part of {block}", office.cidr_block
            )


@rule("R-OFF-003", "Office networks do not overlap.", source=SEED_PREPARATIONS)
def _overlap(site: Site) -> Iterator[Problem]:
    before: list[tuple[str, str]] = []
    for name, office in site.office_networks.items():
        for other, prefix in before:
            if addressing.overlap(prefix, office.cidr_block):
                path = ("office_networks", name, "cidr_block")
                yield Problem(
                    path, f"it overlaps {prefix} of {other}", "give one of them other addresses", office.cidr_block
                )
        before.append((name, office.cidr_block))


@rule(
    "R-OFF-004",
    "An Active Directory office network names its domain and server; a convenience one does not.",
    source=SEED_PREPARATIONS,
)
def _directory(site: Site) -> Iterator[Problem]:
    for name, office in site.office_networks.items():
        for field in ("ad_domain", "ad_server"):
            value = getattr(office, field)
            if office.type == "enterprise_ad" and not value:
                yield Problem(
                    ("office_networks", name, field), f"{field} is missing", f"write {field}, or type: convenience"
                )
            if office.type == "convenience" and value:
                problem = "type is convenience"
                yield Problem(
                    ("office_networks", name, field), problem, "write type: enterprise_ad, or remove it", value
                )


@rule("R-OFF-005", "The Active Directory server is in the data centre or in an attached VPC.", source=SEED_PREPARATIONS)
def _directory_reachable(site: Site) -> Iterator[Problem]:
    attached = {attachment.vpc for attachment in site.attachments.values()}
    reachable = [vpc.cidr_block for name, vpc in site.vpcs.items() if name in attached] + list(
        site.data_center.prefixes
    )
    for name, office in site.office_networks.items():
        if office.ad_server and not any(addressing.inside(office.ad_server, prefix) for prefix in reachable):
            remedy = "attach its VPC, or correct the address"
            path = ("office_networks", name, "ad_server")
            yield Problem(path, f"it is in none of {', '.join(reachable)}", remedy, office.ad_server)


@rule("R-OFF-006", "Clients may come over the private network.", source=SEED_PREPARATIONS, severity="warning")
def _private_access(site: Site) -> Iterator[Problem]:
    for name, office in site.office_networks.items():
        if office.desktop_access == "internet":
            problem = "clients are sent over the Internet although two private spans exist"
            path = ("office_networks", name, "desktop_access")
            yield Problem(path, problem, "write desktop_access: vpc or any", office.desktop_access)


RULES = (_one, _inside, _overlap, _directory, _directory_reachable, _private_access)
