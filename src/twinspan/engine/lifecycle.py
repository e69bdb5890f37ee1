"""Where a resource is between created and deleted, and what may be done with it there.

Nothing runs in the background: a phase on the way carries the time at which it ends, and `settled` says what it is now.
`begin` opens a phase, `may` refuses what the seed's cloud refuses: a second operation on a busy VPN gateway, a VBR that
is terminated in the wrong state, a resource that others still use. Time is an argument.

In: resources. Out: phases, `Refusal`s. Next: `quotas.py`, `resource_rules.py`.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from twinspan.engine.phases import (
    ALLOCATED,
    ALLOCATING,
    APPROVED,
    AT_ONCE,
    CANCELED,
    CONFIRMED,
    INIT,
    INITIAL,
    NS_PER_MIN,
    PASSING,
    REJECTED,
    STARTING,
    STOPPED,
    TERMINATED,
    TESTING,
    UNCONFIRMED,
    VERBS,
    Verb,
)
from twinspan.engine.reference_walk import references
from twinspan.model.failover_test_job import FailoverTestJobSpec
from twinspan.model.fields import TWINSPAN, Edge, ResourceSpec
from twinspan.model.finding import Rule
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.refusal import Refusal
from twinspan.model.resource import CHANGING, CREATING, DELETED, DELETING, READY, Resource
from twinspan.model.route_table import RouteTableSpec
from twinspan.model.virtual_border_router import VirtualBorderRouterSpec

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
SOON_S = 1.0
"""When to ask again about a phase that does not say when it ends."""

ACTION_KNOWN = Rule(id="UnsupportedOperation", text="A resource can be asked for what it can do.", source=TWINSPAN)
PHASE_ALLOWS = Rule(
    id="IncorrectStatus.KIND", text="An operation needs a resource in a phase that allows it.", source=TWINSPAN
)
GATEWAY_FREE = Rule(
    id="VpnGateway.Configuring",
    text="A VPN gateway carries out one operation at a time, on itself, its connections and its routes.",
    source="CreateVpnConnection",
)
TARGET_READY = Rule(id="IncorrectStatus.KIND", text="A resource refers to what is there and ready.", source=TWINSPAN)
UNUSED = Rule(id="DependencyViolation.KIND", text="Nothing that is used is deleted.", source=TWINSPAN)
PHASE_RULES = (ACTION_KNOWN, PHASE_ALLOWS, TARGET_READY, GATEWAY_FREE, UNUSED)
"""What depends on phases and uses; KIND is the kind that stands in the way."""

GATEWAY_FAMILY = ("VpnGateway", "IpsecConnection", "DestinationRoute", "PolicyRoute")
"""What shares the one operation of a VPN gateway."""


class Begun(NamedTuple):
    """A phase and when it ends."""

    phase: str
    until_ns: int
    """0: it does not end by itself."""


def settled(resource: Resource, now_ns: int) -> Resource:
    """The resource as it is now: every phase that is over has made way for the next."""
    while resource.phase_until_ns and now_ns >= resource.phase_until_ns and resource.phase in PASSING:
        after = _after(resource.phase, resource.phase_until_ns, resource.spec)
        resource = replace(resource, phase=after.phase, phase_until_ns=after.until_ns)
    return resource


def begin(
    kind: str,
    verb: str,
    now_ns: int,
    delay_ms: int,
    *,
    spec: ResourceSpec | None = None,
    edge: Edge = "native",
) -> Begun:
    """The phase that `verb` opens and its end; `delay_ms` 0: it is over at once.

    spec: of the resource. edge: where the request came in. An empty phase: it stays in the one that it is in.
    Raises KeyError if the kind has no such verb; `may` has said so before.
    """
    opened = _opening(kind, verb, spec, edge)
    if opened not in PASSING:
        return Begun(opened, 0)
    if delay_ms > 0 and (kind, opened) not in AT_ONCE:
        return Begun(opened, now_ns + delay_ms * NS_PER_MS)
    return _after(opened, now_ns, spec)


def _after(phase: str, now_ns: int, spec: ResourceSpec | None) -> Begun:
    """What follows a phase that ended at `now_ns`."""
    after = PASSING[phase]
    if after == TESTING and isinstance(spec, FailoverTestJobSpec):
        return Begun(after, now_ns + spec.duration_min * NS_PER_MIN)
    return Begun(after, 0)


def _opening(kind: str, verb: str, spec: ResourceSpec | None, edge: Edge) -> str:
    if verb == "create":
        if isinstance(spec, VirtualBorderRouterSpec) and spec.account != "current":
            return UNCONFIRMED  # until its owner confirms it (ConfirmVirtualBorderRouter)
        if kind == "PhysicalConnection" and edge == "alibaba":
            return INITIAL  # until the provider has built it (CreatePhysicalConnection)
        if isinstance(spec, FailoverTestJobSpec):
            return STARTING if spec.job_type == "start_now" else INIT
        return CREATING
    if verb == "update":
        return "" if kind in {"PhysicalConnection", "FailoverTestJob"} else CHANGING
    return DELETING if verb == "delete" else VERBS[kind, verb].opens


def verbs_of(kind: str) -> tuple[str, ...]:
    """What can be performed on a kind beside create, update and delete."""
    return tuple(verb for owner, verb in VERBS if owner == kind)


def may(resource: Resource, verb: str, related: Iterable[Resource] = (), *, now_ns: int = 0) -> Refusal | None:
    """Whether `verb` may begin; None: it may.

    resource: settled; for create the one that would be made. related: settled resources of the account that refer to it
    or that it refers to; for what belongs to a VPN gateway all of the gateway's family. Others do no harm.
    now_ns: to say how long to wait; 0: a second.
    """
    others = [other for other in related if other.id != resource.id and other.phase != DELETED]
    by_id = {other.id: other for other in others}
    return (
        (_phase_allows(resource, verb, now_ns) if verb != "create" else None)
        or _gateway_is_free(resource, by_id, now_ns)
        or _targets_are_there(resource, verb, by_id, now_ns)
        or (_unused(resource, others, now_ns) if verb == "delete" else None)
    )


def _phase_allows(resource: Resource, verb: str, now_ns: int) -> Refusal | None:
    kind = STORED_KINDS[resource.kind]
    if verb not in {"update", "delete"} and (resource.kind, verb) not in VERBS:
        known = ", ".join(("update", "delete", *verbs_of(resource.kind)))
        return Refusal(
            code=ACTION_KNOWN.id,
            value=verb,
            rule=ACTION_KNOWN.text,
            problem=f"a {kind.label} has no action {verb}",
            remedy=f"one of {known}",
        )
    allowed = _allowed_phases(resource.kind, verb)
    if resource.phase in allowed:
        return None
    busy = resource.phase in {CREATING, CHANGING, DELETING} or resource.phase_until_ns > 0
    return Refusal(
        code=PHASE_ALLOWS.id.replace("KIND", resource.kind),
        field="phase",
        value=resource.phase,
        rule=f"{verb} needs a {kind.label} that is {' or '.join(allowed)}.",
        problem=f"{_called(resource)} is {resource.phase}",
        remedy="ask again when it is done" if busy else f"bring it to {allowed[0]} first",
        retry_after_s=_wait_s(resource, now_ns) if busy else None,
    )


_UPDATE_PHASES: Mapping[str, tuple[str, ...]] = {
    "Attachment": (READY, CHANGING),  # association and propagations change side by side
    "FailoverTestJob": (INIT,),
    "PhysicalConnection": (READY, INITIAL, APPROVED, ALLOCATING, ALLOCATED, CONFIRMED),
}
_DELETE_PHASES: Mapping[str, tuple[str, ...]] = {
    "VirtualBorderRouter": (READY, UNCONFIRMED, TERMINATED),  # DeleteVirtualBorderRouter
    "FailoverTestJob": (INIT, STOPPED),  # DeleteFailoverTestJob
    "PhysicalConnection": (READY, INITIAL, APPROVED, ALLOCATED, CONFIRMED, REJECTED, CANCELED, TERMINATED),
}


def _allowed_phases(kind: str, verb: str) -> tuple[str, ...]:
    if verb == "update":
        return _UPDATE_PHASES.get(kind, (READY,))
    if verb == "delete":
        return _DELETE_PHASES.get(kind, (READY,))
    rule: Verb = VERBS[kind, verb]
    return rule.needs


def gateway_of(resource: Resource, by_id: Mapping[str, Resource]) -> str:
    """Id of the VPN gateway whose one operation this resource shares; empty: none."""
    if resource.kind == "VpnGateway":
        return resource.id
    for mention in references(resource.spec):
        if mention.kind == "VpnGateway":
            return mention.target
        if mention.kind == "IpsecConnection" and mention.target in by_id:
            return gateway_of(by_id[mention.target], by_id)
    return ""


def _gateway_is_free(resource: Resource, by_id: Mapping[str, Resource], now_ns: int) -> Refusal | None:
    """A VPN gateway does one thing at a time, its connections and routes included (VpnGateway.Configuring)."""
    if resource.kind not in GATEWAY_FAMILY:
        return None
    gateway = gateway_of(resource, by_id)
    if not gateway:
        return None
    for other in by_id.values():
        busy = other.kind in GATEWAY_FAMILY and other.phase in {CREATING, CHANGING, DELETING}
        if busy and gateway_of(other, by_id) == gateway:
            return Refusal(
                code=GATEWAY_FREE.id,
                value=gateway,
                rule=GATEWAY_FREE.text,
                problem=f"{_called(other)} is {other.phase}",
                remedy="ask again when it is done",
                source=GATEWAY_FREE.source,
                retry_after_s=_wait_s(other, now_ns),
            )
    return None


def _targets_are_there(resource: Resource, verb: str, by_id: Mapping[str, Resource], now_ns: int) -> Refusal | None:
    """What a resource is put on is ready: no VPN connection on a gateway that is not, no VBR on a dead circuit."""
    if verb not in {"create", "update", "recover"}:
        return None
    for mention in references(resource.spec):
        target = by_id.get(mention.target)
        if target is None or target.phase in {READY, CHANGING} or resource.kind in {"Site", "FailoverTestJob"}:
            continue
        wait = target.phase == CREATING
        return Refusal(
            code=TARGET_READY.id.replace("KIND", target.kind),
            field=mention.path,
            value=mention.target,
            rule=TARGET_READY.text,
            problem=f"{_called(target)} is {target.phase}",
            remedy="ask again when it is done" if wait else "name another, or bring it to ready first",
            retry_after_s=_wait_s(target, now_ns) if wait else None,
        )
    return None


def _unused(resource: Resource, others: list[Resource], now_ns: int) -> Refusal | None:
    for other in others:
        place = next((mention.path for mention in references(other.spec) if mention.target == resource.id), "")
        if place and not _goes_along(other, resource):
            return Refusal(
                code=UNUSED.id.replace("KIND", other.kind),
                value=other.id,
                rule=UNUSED.text,
                problem=f"{_called(other)} refers to {_called(resource)} ({place})",
                remedy=f"delete {_called(other)} first, or take the reference out of it",
                retry_after_s=_wait_s(other, now_ns) if other.phase == DELETING else None,
            )
    return None


def _goes_along(user: Resource, resource: Resource) -> bool:
    """The empty route table that its owner was born with dies with it; a job that is over holds nothing."""
    if isinstance(user.spec, FailoverTestJobSpec):
        return user.phase in {INIT, STOPPED}
    spec = user.spec
    born = isinstance(spec, RouteTableSpec) and spec.system and not spec.entries
    return born and resource.kind in {"Vpc", "VirtualBorderRouter", "TransitRouter"}


def _called(resource: Resource) -> str:
    label = STORED_KINDS[resource.kind].label
    return f"{label} {resource.name or resource.id}" if resource.name or resource.id else f"the {label}"


def _wait_s(resource: Resource, now_ns: int) -> float:
    if not resource.phase_until_ns or not now_ns:
        return SOON_S
    return max((resource.phase_until_ns - now_ns) / NS_PER_S, 0.1)
