"""CEN instances, transit routers, attachments, health checks and route maps: what only the service can know.

In: a `Case`. Out: refusals. Next: `lone_rules.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from twinspan.engine import addressing
from twinspan.engine.rule_case import Case, refuse
from twinspan.model.attachment import AttachmentSpec
from twinspan.model.attachment_grant import AttachmentGrantSpec
from twinspan.model.fields import SEED_PREPARATIONS, SEED_STEP_3
from twinspan.model.finding import Rule
from twinspan.model.health_check import HealthCheckSpec
from twinspan.model.refusal import Refusal
from twinspan.model.route_map import RouteMapSpec
from twinspan.model.transit_router import TransitRouterSpec
from twinspan.model.vpc import VpcSpec

_COMMUNITY = re.compile(r"([0-9]{1,5}):([0-9]{1,5})\Z")
_MAP = "CreateCenRouteMap"

SAME_PREFIX = Rule(
    id="R-CEN-001",
    text="Networks of a CEN instance may overlap, but no two have the same prefix.",
    source=SEED_PREPARATIONS,
)
GRANTED = Rule(
    id="R-CEN-002",
    text="A network of another account is attached only where its owner grants it to the CEN instance.",
    source=SEED_STEP_3,
)
ROUTER_BLOCKS = Rule(
    id="R-TR-002", text="CIDR blocks of a transit router do not overlap.", source="CreateTransitRouterCidr"
)
ATTACHED_FIRST = Rule(id="R-HC-009", text="A VBR that is watched is attached to the CEN instance.", source=SEED_STEP_3)
MAP_PLACE = Rule(id="R-MAP-001", text="A priority stands once per region and direction.", source=_MAP)
MAP_DENIES = Rule(id="R-MAP-002", text="Only a map that permits goes on to another one.", source=_MAP)
MAP_NEXT = Rule(id="R-MAP-003", text="The map that is asked next has a larger priority.", source=_MAP)
MAP_COMMUNITY = Rule(id="R-MAP-004", text="A community is n:n, each from 1 to 65535.", source=_MAP)
MAP_ASN = Rule(id="R-MAP-005", text="An ASN is 1 to 4294967295.", source=_MAP)
DECLARED = (
    SAME_PREFIX, GRANTED, ROUTER_BLOCKS, ATTACHED_FIRST, MAP_PLACE, MAP_DENIES, MAP_NEXT, MAP_COMMUNITY, MAP_ASN,
)  # fmt: skip
"""What the checks of this module stand for."""
_NETWORKS = ("vpc", "virtual_border_router", "ipsec_connection")


def reduced_overlap(case: Case) -> Iterator[Refusal]:
    """Protection level REDUCED: attached networks may overlap; two with the same prefix cannot be told apart."""
    spec = case.resource.spec
    if not isinstance(spec, AttachmentSpec):
        return
    own = case.other(spec.vpc)
    if own is None or not isinstance(own.spec, VpcSpec):
        return
    cen = _cen_of(case, spec)
    for one, other in case.of(AttachmentSpec):
        vpc = case.other(other.vpc)
        if vpc is None or vpc.id == own.id or not isinstance(vpc.spec, VpcSpec) or _cen_of(case, other) != cen:
            continue
        if vpc.spec.cidr_block == own.spec.cidr_block:
            yield refuse(
                SAME_PREFIX,
                field="vpc",
                value=spec.vpc,
                problem=f"{vpc.name or vpc.id} has {own.spec.cidr_block} too and is attached by {one.name or one.id}",
                remedy="give one of them other addresses, or attach it to another CEN instance",
            )


def _cen_of(case: Case, spec: AttachmentSpec) -> str:
    router = case.other(spec.transit_router)
    return router.spec.cen if router is not None and isinstance(router.spec, TransitRouterSpec) else spec.transit_router


def granted(case: Case) -> Iterator[Refusal]:
    """A network of another account is attached only where its owner grants it."""
    spec = case.resource.spec
    if not isinstance(spec, AttachmentSpec):
        return
    for field in _NETWORKS:
        network = case.other(getattr(spec, field))
        if network is None or network.account == case.resource.account:
            continue
        cen = _cen_of(case, spec)
        grants = (grant for _, grant in case.of(AttachmentGrantSpec) if grant.instance == network.id)
        if not any(grant.cen == cen and grant.cen_account == case.resource.account for grant in grants):
            yield refuse(
                GRANTED,
                field=field,
                value=network.id,
                problem=f"its owner has not granted it to CEN instance {cen}",
                remedy="let its owner grant it first (GrantInstanceToTransitRouter)",
            )


def router_blocks(case: Case) -> Iterator[Refusal]:
    """A transit router's own address blocks keep off each other."""
    spec = case.resource.spec
    if not isinstance(spec, TransitRouterSpec):
        return
    for index, block in enumerate(spec.cidr_blocks):
        clash = next((other for other in spec.cidr_blocks[:index] if addressing.overlap(block, other)), None)
        if clash is not None:
            yield refuse(
                ROUTER_BLOCKS,
                field=f"cidr_blocks[{index}]",
                value=block,
                problem=f"it overlaps {clash}",
                remedy="choose another block",
            )


def attached_first(case: Case) -> Iterator[Refusal]:
    """A VBR is watched after it was attached (InvalidOperation.VbrNotAttachedToCen)."""
    spec = case.resource.spec
    if not isinstance(spec, HealthCheckSpec) or not spec.virtual_border_router or case.before is not None:
        return
    ways = [other for _, other in case.of(AttachmentSpec) if other.virtual_border_router == spec.virtual_border_router]
    if not any(not spec.cen or _cen_of(case, way) == spec.cen for way in ways):
        yield refuse(
            ATTACHED_FIRST,
            field="virtual_border_router",
            value=spec.virtual_border_router,
            problem="it is not attached",
            remedy="attach it to a transit router of the CEN instance first",
        )


def map_order(case: Case) -> Iterator[Refusal]:
    """Where a route map stands among the others, and where it goes on (CreateCenRouteMap)."""
    spec = case.resource.spec
    if not isinstance(spec, RouteMapSpec):
        return
    for one, other in case.of(RouteMapSpec):
        if _place(other) == _place(spec):
            problem = f"route map {one.name or one.id} has it"
            yield _of_map(MAP_PLACE, "priority", spec.priority, problem, "choose another from 1 to 100")
    if spec.next_priority and spec.result == "deny":
        yield _of_map(MAP_DENIES, "next_priority", spec.next_priority, "this one denies", "leave it out")
    elif spec.next_priority and spec.next_priority <= spec.priority:
        problem = f"the priority is {spec.priority}"
        yield _of_map(MAP_NEXT, "next_priority", spec.next_priority, problem, "choose a larger one")


def _place(spec: RouteMapSpec) -> tuple[str, str, str, str, int]:
    return spec.cen, spec.region, spec.direction, spec.transit_router_route_table, spec.priority


def map_values(case: Case) -> Iterator[Refusal]:
    """Communities and ASNs of a route map (CreateCenRouteMap)."""
    spec = case.resource.spec
    if not isinstance(spec, RouteMapSpec):
        return
    for field in ("match_communities", "communities"):
        for index, community in enumerate(getattr(spec, field)):
            if not _is_community(community):
                remedy = "for example 65001:100"
                yield _of_map(MAP_COMMUNITY, f"{field}[{index}]", community, "it has another form", remedy)
    for field in ("match_asns", "prepend_as_path"):
        for index, asn in enumerate(getattr(spec, field)):
            if not 1 <= asn <= 4294967295:
                yield _of_map(MAP_ASN, f"{field}[{index}]", asn, "it is out of range", "write another")


def _is_community(text: str) -> bool:
    match = _COMMUNITY.match(text)
    return match is not None and all(1 <= int(part) <= 65535 for part in match.groups())


def _of_map(rule: Rule, field: str, value: object, problem: str, remedy: str) -> Refusal:
    return refuse(rule, field=field, value=str(value), problem=problem, remedy=remedy)


RULES = (reduced_overlap, granted, router_blocks, attached_first, map_order, map_values)
