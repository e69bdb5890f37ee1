"""Tags and resource groups in the compatible API, on every kind that has them.

In: ids and tags. Out: `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twinspan.model.kinds import STORED_KINDS
from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import VPC, Action, Compose, Compute, Done, Plan, Step
from twinspan.wire.alibaba.fault import Fault, malformed, missing, not_found
from twinspan.wire.alibaba.listing import EVERYTHING, tokened
from twinspan.wire.alibaba.shape import read_tags
from twinspan.wire.alibaba.spelling import comma_list, spelled, switch, whole
from twinspan.wire.alibaba.view import Selection, View

Types = Mapping[str, str]
"""The cloud's word for a kind, in capitals, to the kind."""
VPC_TYPES: Types = {
    "VPC": "Vpc",
    "VSWITCH": "Vswitch",
    "ROUTETABLE": "RouteTable",
    "VPNGATEWAY": "VpnGateway",
    "CUSTOMERGATEWAY": "CustomerGateway",
    "VPNCONNECTION": "IpsecConnection",
}
CIRCUIT_TYPES: Types = {"PHYSICALCONNECTION": "PhysicalConnection", "VIRTUALBORDERROUTER": "VirtualBorderRouter"}
MOST_AT_ONCE = 50
_ABSENT = "InvalidResourceId.NotFound"


def _kind(given: Mapping[str, Any], types: Types) -> str | Fault:
    word = str(given.get("type", ""))
    kind = types.get(word.upper())
    return kind if kind is not None else malformed("ResourceType", f"{word} is none here", f"one of {', '.join(types)}")


def _named(given: Mapping[str, Any], types: Types, view: View) -> list[Resource] | Fault:
    """The resources that a request names."""
    kind = _kind(given, types)
    if isinstance(kind, Fault):
        return kind
    ids = given.get("ids", [])
    if len(ids) > MOST_AT_ONCE:
        return malformed("ResourceId", f"it has more than {MOST_AT_ONCE} ids", "name fewer in one request")
    found = []
    for resource_id in dict.fromkeys(ids):
        resource = view.get(kind, resource_id)
        if resource is None:
            return not_found(_ABSENT, STORED_KINDS[kind].label, resource_id)
        found.append(resource)
    return found


def _patched(resources: list[Resource], tags: Mapping[str, str | None]) -> Plan:
    steps = tuple(
        Step(verb="patch", kind=one.kind, id=one.id, spec={"spec": {"tags": dict(tags)}}) for one in resources
    )
    return Plan(steps=steps, reply=_nothing)


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}


def tag(types: Types) -> Any:
    """TagResources."""

    def plan(given: dict[str, Any], view: View) -> Plan | Fault:
        """TagResources: sets tags of resources."""
        resources = _named(given, types, view)
        if isinstance(resources, Fault):
            return resources
        return _patched(resources, given["tags"]) if given.get("tags") else missing("Tag.1.Key")

    return plan


def untag(types: Types) -> Any:
    """UnTagResources: the keys that are named, or all."""

    def plan(given: dict[str, Any], view: View) -> Plan | Fault:
        """UnTagResources: takes tags off resources."""
        resources = _named(given, types, view)
        if isinstance(resources, Fault):
            return resources
        keys = given.get("keys", [])
        if not keys and not given.get("all"):
            return missing("TagKey.1")
        steps = []
        for one in resources:
            gone = [key for key in one.spec.tags if (given.get("all") and not keys) or key in keys]
            if gone:
                steps.append(Step(verb="patch", kind=one.kind, id=one.id, spec={"spec": {"tags": dict.fromkeys(gone)}}))
        return Plan(steps=tuple(steps), reply=_nothing)

    return plan


def tags(types: Types, into: str) -> Any:
    """ListTagResources: one row for each tag of each resource."""

    def answer(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
        """ListTagResources: lists tags of resources."""
        kind = _kind(given, types)
        if isinstance(kind, Fault):
            return kind
        wanted = given.get("tags", {})
        if not given.get("ids") and not wanted:
            return missing("ResourceId.1")
        ids = tuple(given["ids"]) if given.get("ids") else None
        chosen = Selection(
            kind=kind, ids=ids, tags={key: value or None for key, value in wanted.items()}, limit=EVERYTHING
        )
        rows = [
            {"ResourceId": one.id, "ResourceType": str(given["type"]).upper(), "TagKey": key, "TagValue": value}
            for one in view.select(chosen).resources
            for key, value in one.spec.tags.items()
            if not wanted or key in wanted
        ]
        found = tokened(rows, given, into, most=50)
        if isinstance(found, Fault):
            return found
        return {name: part for name, part in found.items() if name in {"TagResources", "NextToken"}}

    return answer


def move(types: Types) -> Any:
    """MoveResourceGroup."""

    def plan(given: dict[str, Any], view: View) -> Plan | Fault:
        """MoveResourceGroup: moves a resource to another group."""
        resources = _named({**given, "ids": [given.get("id", "")]}, types, view)
        if isinstance(resources, Fault):
            return resources
        patch = {"spec": {"resource_group": given["group"]}}
        steps = tuple(Step(verb="patch", kind=one.kind, id=one.id, spec=patch) for one in resources)
        return Plan(steps=steps, reply=_nothing)

    return plan


_TYPE, _IDS = spelled("type", "ResourceType"), spelled("ids", "ResourceId", comma_list)
_TAGS = spelled("tags", "Tag", lambda value: read_tags("Tag", value))
_KEYS = (spelled("keys", "TagKey", comma_list), spelled("all", "All", switch))
_GROUP = spelled("group", "NewResourceGroupId")


def actions(
    version: str,
    names: tuple[str, str, str],
    types: Types,
    *,
    region: bool = True,
    into: str = "TagResources.TagResource",
    limit: str = "MaxResults",
) -> tuple[Action, ...]:
    """The three actions of a product: TagResources, UntagResources, ListTagResources, as it calls them."""
    put, take, show = names
    paging = (spelled("next_token", "NextToken"), spelled("max_results", limit, whole))
    return (
        Action(
            name=put,
            version=version,
            does=Compose((_TYPE, _IDS, _TAGS), tag(types)),
            needs=("ResourceId", "ResourceType", "Tag"),
            region=region,
        ),
        Action(
            name=take,
            version=version,
            does=Compose((_TYPE, _IDS, *_KEYS), untag(types)),
            needs=("ResourceId", "ResourceType"),
            region=region,
        ),
        Action(
            name=show,
            version=version,
            does=Compute((_TYPE, _IDS, _TAGS, *paging), tags(types, into)),
            needs=("ResourceType",),
            region=region,
        ),
    )


ACTIONS: tuple[Action, ...] = (
    *actions(VPC, ("TagResources", "UnTagResources", "ListTagResources"), VPC_TYPES),
    *actions(
        VPC,
        ("TagResourcesForExpressConnect", "UntagResourcesForExpressConnect", "ListTagResourcesForExpressConnect"),
        CIRCUIT_TYPES,
    ),
    Action(
        name="MoveResourceGroup",
        does=Compose((_TYPE, spelled("id", "ResourceId"), _GROUP), move(VPC_TYPES)),
        needs=("NewResourceGroupId", "ResourceId", "ResourceType"),
    ),
    Action(
        name="MoveVpnResourceGroup",
        does=Compose((_TYPE, spelled("id", "InstanceId"), _GROUP), move(VPC_TYPES)),
        needs=("InstanceId", "NewResourceGroupId", "ResourceType"),
    ),
    Action(
        name="ChangeResourceGroup",
        does=Compose((_TYPE, spelled("id", "ResourceId"), _GROUP), move(CIRCUIT_TYPES)),
        needs=("NewResourceGroupId", "ResourceId", "ResourceType"),
    ),
)
