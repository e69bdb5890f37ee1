"""Grants in the compatible API: the owner of a network lets another account's CEN instance attach it.

In: the kind AttachmentGrant. Out: `ACTIONS`. Next: `cbn_attachment.py`, where a grant is what lets an attachment be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Compose, Compute, Done, Plan, Step
from twinspan.wire.alibaba.cbn import CEN, field, row
from twinspan.wire.alibaba.fault import Fault, malformed, not_found, shown
from twinspan.wire.alibaba.listing import PAGES, TOKENS, paged, tokened
from twinspan.wire.alibaba.spelling import spelled
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.vswitch import zone_of
from twinspan.wire.alibaba.words import milliseconds

TYPES = {"VPC": "Vpc", "ExpressConnect": "VirtualBorderRouter", "VBR": "VirtualBorderRouter", "VPN": "IpsecConnection"}
"""InstanceType and ProductType to the kind."""
_PAYER = "PayByCenOwner"


def _instance(given: Mapping[str, Any], view: View) -> Resource | Fault:
    """The caller's own network that a request names."""
    word = str(given.get("type", ""))
    kind = next((kind for name, kind in TYPES.items() if name.lower() == word.lower()), None)
    if kind is None:
        return malformed(
            "InstanceType", f"{shown(word)} is none that is granted here", f"write one of {', '.join(TYPES)}"
        )
    found = view.get(kind, str(given.get("instance", "")))
    return found if found is not None else not_found("ParameterInstanceId", word, str(given.get("instance", "")))


def _owner_of_cen(given: Mapping[str, Any], view: View) -> str | Fault:
    """The account that has the CEN instance; both must fit, or a typing error would grant it to somebody else."""
    account = view.account_named(str(given.get("cen_owner", "")))
    cen = str(given.get("cen", ""))
    if account is None or view.of(account).get("Cen", cen) is None:
        return not_found(CEN.absent, f"CEN instance of account {shown(given.get('cen_owner', ''))}", cen)
    return account


def _find(instance: Resource, cen: str, view: View) -> Resource | None:
    grants = view.all("AttachmentGrant")
    return next((one for one in grants if field(one, "instance") == instance.id and field(one, "cen") == cen), None)


def _grant(given: dict[str, Any], view: View) -> Plan | Fault:
    """GrantInstanceToTransitRouter."""
    instance = _instance(given, view)
    if isinstance(instance, Fault):
        return instance
    account = _owner_of_cen(given, view)
    if isinstance(account, Fault):
        return account
    if _find(instance, given["cen"], view) is not None:
        message = f"InstanceId: {instance.id} is granted to {given['cen']} already (nothing is left to do)."
        return Fault(code="InvalidOperation.GrantRuleExist", message=message)
    spec = {"instance": instance.id, "cen": given["cen"], "cen_account": account}
    return Plan(steps=(Step(verb="create", kind="AttachmentGrant", spec=spec),), reply=_nothing)


def _revoke(given: dict[str, Any], view: View) -> Plan | Fault:
    """RevokeInstanceFromTransitRouter: not while the CEN instance attaches it."""
    instance = _instance(given, view)
    if isinstance(instance, Fault):
        return instance
    grant = _find(instance, str(given.get("cen", "")), view)
    if grant is None:
        return not_found("InvalidGrantRule.NotFound", f"grant of {instance.id} to", str(given.get("cen", "")))
    everything = view.of("")
    for attachment in everything.users("Attachment", instance.id):
        router = everything.get("TransitRouter", field(attachment, "transit_router"))
        if router is not None and field(router, "cen") == field(grant, "cen"):
            message = (
                f"InstanceId: the CEN instance attaches {instance.id} (let its owner delete the attachment first)."
            )
            return Fault(code="InvalidOperation.AttachedChildInstanceExist", message=message)
    return Plan(steps=(Step(verb="delete", kind="AttachmentGrant", id=grant.id),), reply=_nothing)


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}


# ------------------------------------------------------------------------------------------------------ questions


def _kind_of(instance: str, view: View) -> str:
    return next((word for word, kind in TYPES.items() if view.get(kind, instance) is not None), "")


def _to_cen(cen: str, view: View) -> list[Resource]:
    """What others have granted to a CEN instance of the caller."""
    grants = view.of("").all("AttachmentGrant")
    return [one for one in grants if field(one, "cen") == cen and field(one, "cen_account") == view.account]


def _rules_to_cen(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DescribeGrantRulesToCen, for who has the CEN instance."""
    rows = []
    for grant in _to_cen(str(given.get("cen", "")), view):
        word = _kind_of(field(grant, "instance"), view.of(grant.account))
        told = {"child": field(grant, "instance"), "owner": view.account_id(grant.account), "type": word}
        if all(str(given.get(name, value)).lower() == value.lower() for name, value in told.items()):
            rows.append({**_of_grant(grant, view), **_of_child(grant, word, view)})
    return tokened(rows, given, "GrantRules.GrantRule")


def _of_grant(grant: Resource, view: View) -> dict[str, Any]:
    return {
        "CenId": field(grant, "cen"),
        "CenOwnerId": int(view.account_id(field(grant, "cen_account"))),
        "OrderType": _PAYER,
        "EffectiveOrderType": _PAYER,
    }


def _of_child(grant: Resource, word: str, view: View) -> dict[str, Any]:
    return {
        "ChildInstanceId": field(grant, "instance"),
        "ChildInstanceType": word,
        "ChildInstanceOwnerId": int(view.account_id(grant.account)),
        "ChildInstanceRegionId": view.region,
        "CreateTime": milliseconds(grant.created_ns),
    }


def _rules_to_resource(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DescribeGrantRulesToResource, for who has the network."""
    instance = _instance(given, view)
    if isinstance(instance, Fault):
        return instance
    rows = [
        {**_of_grant(grant, view), "CreateTime": str(milliseconds(grant.created_ns))}
        for grant in view.all("AttachmentGrant")
        if field(grant, "instance") == instance.id
    ]
    return tokened(rows, given, "GrantRules")


def _vswitches(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """ListGrantVSwitchesToCen: where a transit router could have an address in a VPC that it may attach."""
    vpc, cen = str(given.get("vpc", "")), str(given.get("cen", ""))
    if view.get("Cen", cen) is None:
        return not_found(CEN.absent, CEN.label, cen)
    account = next((one.account for one in _to_cen(cen, view) if field(one, "instance") == vpc), view.account)
    owner = view.of(account)
    if owner.get("Vpc", vpc) is None:
        return not_found("InvalidVpcId.NotFound", "VPC that is granted to the CEN instance", vpc)
    return paged(_rows(owner.users("Vswitch", vpc), str(given.get("zone", "")), view), given, "VSwitches")


def _rows(vswitches: Iterable[Resource], zone: str, view: View) -> list[dict[str, Any]]:
    return [
        {"VSwitchId": one.id, "VSwitchName": one.name, "VpcId": field(one, "vpc"), "ZoneId": zone_of(one, view)}
        for one in vswitches
        if zone in {"", zone_of(one, view)}
    ]


_GRANT = (spelled("instance", "InstanceId"), spelled("type", "InstanceType"), spelled("cen", "CenId"))
_NEEDS = ("CenId", "CenOwnerId", "InstanceId", "InstanceType")
_IPV6 = {"EnabledIpv6": "vSwitches are IPv4 here"}

ACTIONS: tuple[Action, ...] = (
    row(
        name="GrantInstanceToTransitRouter",
        does=Compose((*_GRANT, spelled("cen_owner", "CenOwnerId")), _grant),
        needs=_NEEDS,
        region=True,
        ignored={"OrderType": "nothing is billed here"},
    ),
    row(
        name="RevokeInstanceFromTransitRouter",
        does=Compose(_GRANT, _revoke),
        needs=_NEEDS,
        region=True,
        ignored={"CenOwnerId": "the CEN instance's id says whose it is"},
    ),
    row(
        name="DescribeGrantRulesToCen",
        does=Compute(
            (
                spelled("cen", "CenId"),
                spelled("child", "ChildInstanceId"),
                spelled("owner", "ChildInstanceOwnerId"),
                spelled("type", "ProductType"),
                *TOKENS,
            ),
            _rules_to_cen,
        ),
        needs=("CenId", "ProductType"),
        ignored=_IPV6,
    ),
    row(
        name="DescribeGrantRulesToResource",
        does=Compute((spelled("instance", "ResourceId"), spelled("type", "ProductType"), *TOKENS), _rules_to_resource),
        needs=("ProductType", "ResourceId"),
    ),
    row(
        name="ListGrantVSwitchesToCen",
        does=Compute(
            (
                spelled("cen", "CenId"),
                spelled("vpc", "VpcId"),
                spelled("zone", "ZoneId"),
                *PAGES,
            ),
            _vswitches,
        ),
        needs=("CenId", "VpcId"),
        ignored=_IPV6,
    ),
)
