"""VBR health checks: where probes come from and what they do.

In: `Site`. Out: findings. Next: `gateway.py`.
"""

from collections.abc import Iterator

from twinspan.engine import addressing
from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.fields import SEED_STEP_3
from twinspan.model.health_check import (
    AUTOMATIC_SOURCES_EXCEPTIONS,
    AUTOMATIC_SOURCES_PER_REGION,
    CUSTOM_SOURCE_PREFIXES,
    SOURCE_POOL,
)
from twinspan.model.site import Site


@rule(
    "R-HC-001", f"An automatic source lies in {SOURCE_POOL}; any other needs source_method custom.", source=SEED_STEP_3
)
def _method(site: Site) -> Iterator[Problem]:
    for name, check in site.health_checks.items():
        path = ("health_checks", name, "source_ip")
        automatic = check.source_method == "automatic" and check.source_ip
        if automatic and not addressing.inside(check.source_ip, SOURCE_POOL):
            remedy = "leave source_ip out, or write source_method: custom"
            yield Problem(path, f"an automatic source is chosen from {SOURCE_POOL}", remedy, check.source_ip)
        if check.source_method == "custom" and not check.source_ip:
            yield Problem(path, "no address is given", "write source_ip, or source_method: automatic")


@rule("R-HC-002", "A custom source lies in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16.", source=SEED_STEP_3)
def _custom_block(site: Site) -> Iterator[Problem]:
    for name, check in site.health_checks.items():
        custom = check.source_method == "custom" and check.source_ip
        if custom and not any(addressing.inside(check.source_ip, block) for block in CUSTOM_SOURCE_PREFIXES):
            yield Problem(
                ("health_checks", name, "source_ip"),
                "it is in none of the three blocks",
                "choose an idle address of them, or write source_method: automatic (recommended)",
                check.source_ip,
            )


@rule(
    "R-HC-003",
    "A custom source is idle: no address of the VBR, of the target or of the data centre.",
    source=SEED_STEP_3,
)
def _idle(site: Site) -> Iterator[Problem]:
    for name, check in site.health_checks.items():
        if check.source_method != "custom" or not check.source_ip:
            continue
        vbr = site.virtual_border_routers[check.virtual_border_router]
        user = {
            vbr.local_gateway_ip: "it is the VBR's address",
            vbr.peer_gateway_ip: "it is the gateway's circuit address",
            check.target_ip: "it is the target",
        }.get(check.source_ip)
        if any(addressing.inside(check.source_ip, prefix) for prefix in site.data_center.prefixes):
            user = "it belongs to the data centre, so replies would not leave it"
        if user is not None:
            remedy = "choose an idle address of the cloud, or write source_method: automatic"
            yield Problem(("health_checks", name, "source_ip"), user, remedy, check.source_ip)


@rule("R-HC-004", "Every check has a source of its own.", source=SEED_STEP_3)
def _unique_source(site: Site) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, check in site.health_checks.items():
        if check.source_ip and check.source_ip in seen:
            problem = f"check {seen[check.source_ip]} uses it"
            yield Problem(("health_checks", name, "source_ip"), problem, "choose another address", check.source_ip)
        seen.setdefault(check.source_ip, name)


@rule("R-HC-005", "The target is the customer side of the VBR.", source=SEED_STEP_3)
def _target(site: Site) -> Iterator[Problem]:
    for name, check in site.health_checks.items():
        customer = site.virtual_border_routers[check.virtual_border_router].peer_gateway_ip
        if check.target_ip != customer:
            problem = f"the customer side of VBR {check.virtual_border_router} is {customer}"
            path = ("health_checks", name, "target_ip")
            yield Problem(path, problem, f"write {customer}, or leave it out", check.target_ip)


@rule("R-HC-006", "A region gives automatic sources to 16 VBRs, some regions to 8.", source=SEED_STEP_3)
def _region_limit(site: Site) -> Iterator[Problem]:
    limit = AUTOMATIC_SOURCES_EXCEPTIONS.get(site.region, AUTOMATIC_SOURCES_PER_REGION)
    automatic = [name for name, check in site.health_checks.items() if check.source_method == "automatic"]
    for name in automatic[limit:]:
        yield Problem(
            ("health_checks", name, "source_method"),
            f"region {site.region} gives at most {limit}; this is one more",
            "write source_method: custom and a source_ip",
            "automatic",
        )


@rule("R-HC-007", "A VBR has one health check.", source=SEED_STEP_3)
def _one_per_vbr(site: Site) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, check in site.health_checks.items():
        vbr = check.virtual_border_router
        if vbr in seen:
            path = ("health_checks", name, "virtual_border_router")
            yield Problem(path, f"check {seen[vbr]} watches this VBR", "remove one of them", vbr)
        seen.setdefault(vbr, name)


@rule(
    "R-HC-008",
    "With Change Route off, something else notices that the circuit is dead.",
    source=SEED_STEP_3,
    severity="warning",
)
def _covered(site: Site) -> Iterator[Problem]:
    protected = {
        site.bgp_groups[peer.bgp_group].virtual_border_router for peer in site.bgp_peers.values() if peer.enable_bfd
    }
    for name, check in site.health_checks.items():
        if not check.change_route and check.virtual_border_router not in protected:
            yield Problem(
                ("health_checks", name, "change_route"),
                "the check only watches and the VBR has no BFD, so the cloud keeps sending into a dead circuit",
                "write change_route: true, or enable_bfd: true at the VBR's peer",
                check.change_route,
            )


RULES = (_method, _custom_block, _idle, _unique_source, _target, _region_limit, _one_per_vbr, _covered)
