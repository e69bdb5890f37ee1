"""Rules of the service about one resource by itself: what cannot be undone, quotas of fields, users, failover tests.

In: a `Case`. Out: refusals. Next: `resource_rules.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from twinspan.engine import quotas
from twinspan.engine.phases import STARTING, STOPPING, TESTING
from twinspan.engine.rule_case import Case, refuse
from twinspan.model.bgp_group import BgpGroupSpec
from twinspan.model.end_user import EndUserSpec
from twinspan.model.failover_test_job import FailoverTestJobSpec
from twinspan.model.fields import SEED_STEP_1
from twinspan.model.finding import Rule
from twinspan.model.physical_connection import PhysicalConnectionSpec
from twinspan.model.refusal import Refusal
from twinspan.model.route_table import RouteTableSpec
from twinspan.model.virtual_border_router import VirtualBorderRouterSpec

IPV6_STAYS = Rule(id="R-VBR-011", text="IPv6 of a VBR cannot be switched off again.", source=SEED_STEP_1)
LOGON_NAME = Rule(
    id="R-USER-001",
    text="A logon name has 3 to 24 lower case letters, digits and underscores.",
    source="CreateUsers",
)
OWN_NAME = Rule(id="R-USER-003", text="A user's name is the logon name.", source="CreateUsers")
PASSWORD = Rule(id="R-USER-002", text="A password has at least 10 characters of three classes.", source="CreateUsers")
LOGON_NAME_TAKEN = Rule(id="ExistedEndUserId", text="A logon name stands once in an account.", source="CreateUsers")
TESTABLE = Rule(
    id="R-JOB-001",
    text="A circuit that is tested carries VBRs: by VLAN if it is shared, of one other account at most.",
    source="CreateFailoverTestJob",
)
ONE_TEST = Rule(
    id="OnlyOneRunningJob", text="One failover test runs at a time in an account.", source="CreateFailoverTestJob"
)
DECLARED = (IPV6_STAYS, LOGON_NAME, OWN_NAME, PASSWORD, LOGON_NAME_TAKEN, TESTABLE, ONE_TEST)
"""What the checks of this module stand for, beside quotas."""

_USER = re.compile(r"[a-z0-9_]{3,24}\Z")
_CLASSES = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
PASSWORD_LENGTH = 10
PASSWORD_CLASSES = 3
"""Of lower case, upper case, digits and marks (CreateUsers)."""


def ipv6_stays(case: Case) -> Iterator[Refusal]:
    """IPv6 of a VBR cannot be switched off again."""
    spec, before = case.resource.spec, case.before.spec if case.before is not None else None
    if not isinstance(spec, VirtualBorderRouterSpec) or not isinstance(before, VirtualBorderRouterSpec):
        return
    if before.enable_ipv6 and not spec.enable_ipv6:
        yield refuse(
            IPV6_STAYS,
            field="enable_ipv6",
            value="false",
            problem="it is on",
            remedy="leave it on, or delete the VBR and create one without IPv6",
        )


def field_quotas(case: Case) -> Iterator[Refusal]:
    """Numbers inside a spec that a quota bounds."""
    spec = case.resource.spec
    if isinstance(spec, BgpGroupSpec) and case.edge == "alibaba":
        limit = quotas.limit_of("routes_per_bgp_peer", case.limits)
        if spec.route_quota > limit:
            yield _over("routes_per_bgp_peer", "route_quota", spec.route_quota, limit)
    if isinstance(spec, RouteTableSpec) and spec.transit_router:
        limit = quotas.limit_of("routes_per_transit_router_table", case.limits)
        if len(spec.entries) > limit:
            yield _over("routes_per_transit_router_table", "entries", len(spec.entries), limit)
    limit = quotas.limit_of("tags_per_resource", case.limits)
    if len(spec.tags) > limit:
        yield _over("tags_per_resource", "tags", len(spec.tags), limit)


def _over(name: str, field: str, count: int, limit: int) -> Refusal:
    quota = quotas.BY_NAME[name]
    return Refusal(
        code=f"QuotaExceeded.{name}",
        field=field,
        value=str(count),
        rule=quota.text,
        problem=f"{count} is more than {limit}",
        remedy=f"lower it to {limit}, or have an operator raise the quota {name}",
        source=quota.source,
    )


def end_user(case: Case) -> Iterator[Refusal]:
    """Logon names and passwords (CreateUsers)."""
    spec = case.resource.spec
    if not isinstance(spec, EndUserSpec):
        return
    if not _USER.match(spec.end_user_id):
        yield refuse(
            LOGON_NAME,
            field="end_user_id",
            value=spec.end_user_id,
            problem="it has another form",
            remedy="for example li_4",
        )
    if case.resource.name != spec.end_user_id:
        yield refuse(
            OWN_NAME,
            field="name",
            value=case.resource.name,
            problem=f"the logon name is {spec.end_user_id}",
            remedy=f"leave the name out, or write {spec.end_user_id}",
        )
    if any(
        other.end_user_id == spec.end_user_id and one.account == case.resource.account
        for one, other in case.of(EndUserSpec)
    ):
        yield refuse(
            LOGON_NAME_TAKEN,
            field="end_user_id",
            value=spec.end_user_id,
            problem="there is a user of this name",
            remedy="choose another",
        )
    if spec.password is not None and spec.password.value is not None and not _is_strong(spec.password.value.reveal()):
        yield refuse(
            PASSWORD,
            field="password",
            problem="it is too short or too plain",
            remedy="mix lower case, upper case, digits and marks",
        )


def _is_strong(password: str) -> bool:
    classes = sum(any(has(character) for character in password) for has in _CLASSES)
    return len(password) >= PASSWORD_LENGTH and classes >= PASSWORD_CLASSES


def failover_test(case: Case) -> Iterator[Refusal]:
    """What may be tested, and one test at a time (CreateFailoverTestJob)."""
    spec = case.resource.spec
    if not isinstance(spec, FailoverTestJobSpec):
        return
    limit = quotas.limit_of("resources_per_failover_test_job", case.limits)
    if len(spec.resources) > limit:
        yield _over("resources_per_failover_test_job", "resources", len(spec.resources), limit)
    for index, circuit in enumerate(spec.resources if spec.resource_kind == "circuit" else ()):
        problem = _untestable(case, circuit)
        if problem:
            yield refuse(
                TESTABLE,
                field=f"resources[{index}]",
                value=circuit,
                problem=problem,
                remedy="choose another circuit",
            )
    running = [one for one, _ in case.of(FailoverTestJobSpec) if one.phase in {STARTING, TESTING, STOPPING}]
    starts = case.resource.phase in {STARTING, TESTING} or (case.before is None and spec.job_type == "start_now")
    for one in running if starts else ():
        yield refuse(
            ONE_TEST,
            value=one.id,
            problem=f"{one.name or one.id} is {one.phase}",
            remedy="stop it, or wait until it is over",
            retry_after_s=60.0,
        )


def _untestable(case: Case, circuit: str) -> str:
    vbrs = [spec for _, spec in case.of(VirtualBorderRouterSpec) if spec.physical_connection == circuit]
    if not vbrs:
        return "no VBR is on it, so there is nothing to fail over"
    owner = case.other(circuit)
    shared = owner is not None and isinstance(owner.spec, PhysicalConnectionSpec) and owner.spec.type == "hosted"
    if shared and any(spec.vlan_id == 0 for spec in vbrs):
        return "it is shared, and its VBR has VLAN ID 0"
    if len({spec.account for spec in vbrs if spec.account != "current"}) > 1:
        return "VBRs of several other accounts are on it"
    return ""


RULES = (ipv6_stays, field_quotas, end_user, failover_test)
