"""Health checks of VBRs in the compatible API: one per VBR, made or changed by the same action.

Without a source address it gets one of 100.96.0.0/16. In: the kind HealthCheck. Out: `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from twinspan.model.health_check import SOURCE_POOL
from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Call, Compose, Delete, Done, List, Plan, Step
from twinspan.wire.alibaba.cbn import CEN, account_of, attachments_of, field, row
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault, missing, not_found
from twinspan.wire.alibaba.listing import by_reference, where
from twinspan.wire.alibaba.shape import shape
from twinspan.wire.alibaba.spelling import inverted, opposite, spelled, whole
from twinspan.wire.alibaba.view import View

_ABSENT = "ParameterInstanceId"

CHECK = shape(
    "HealthCheck",
    id="",
    absent=_ABSENT,
    name="",
    tags="",
    reply_tags="",
    status="",
    differ=(spelled("change_route", "HealthCheckOnly", inverted, opposite),),
    without=("resource_group",),
    more={"VbrInstanceRegionId": lambda _, view: view.region},
)
_ENABLE = (
    spelled("cen", "CenId"),
    spelled("virtual_border_router", "VbrInstanceId"),
    spelled("source_ip", "HealthCheckSourceIp"),
    spelled("target_ip", "HealthCheckTargetIp"),
    spelled("interval_s", "HealthCheckInterval", whole),
    spelled("probe_packets", "HealthyThreshold", whole),
    spelled("change_route", "HealthCheckOnly", inverted),
    spelled("description", "Description"),
    spelled("region", "VbrInstanceRegionId"),
    spelled("owner", "VbrInstanceOwnerId"),
)
_SET_LATER = ("target_ip", "interval_s", "probe_packets", "change_route", "description")


def _check_of(cen: str, vbr: str, view: View) -> Resource | None:
    return next((one for one in view.users("HealthCheck", vbr) if field(one, "cen") in {"", cen}), None)


def _vbr(given: Mapping[str, Any], view: View) -> str | Fault:
    """A VBR that the CEN instance attaches, whoever has it."""
    vbr = str(given["virtual_border_router"])
    for attachment in attachments_of(str(given["cen"]), view):
        if field(attachment, "virtual_border_router") == vbr:
            return vbr
    if view.get("VirtualBorderRouter", vbr) is None:
        return not_found(_ABSENT, "VBR", vbr)
    return Fault(
        code="InvalidOperation.VbrNotAttachedToCen",
        message=f"VbrInstanceId: {vbr} is not attached to {given['cen']} (attach it first).",
    )


def _enable(given: dict[str, Any], view: View) -> Plan | Fault:
    """EnableCenVbrHealthCheck: a second time it changes the check that is there."""
    cen = by_id(CEN, "CenId", given.get("cen"), view)
    if isinstance(cen, Fault):
        return cen
    account = account_of(given.pop("owner", ""), "VbrInstanceOwnerId", view)
    region = given.pop("region", view.region)
    vbr = _elsewhere(region, view) or (account if isinstance(account, Fault) else _vbr(given, view))
    if isinstance(vbr, Fault):
        return vbr
    if source := given.get("source_ip"):
        given["source_method"] = "automatic" if _is_automatic(source) else "custom"
    there = _check_of(cen.id, vbr, view)
    if there is None:
        return Plan(steps=(Step(verb="create", kind="HealthCheck", spec=given),), reply=_nothing)
    names = (*_SET_LATER, *(("source_ip", "source_method") if source else ()))
    changed = {name: given[name] for name in names if name in given}
    step = Step(verb="patch", kind="HealthCheck", id=there.id, spec={"spec": changed})
    return Plan(steps=(step,), reply=_nothing)


def _is_automatic(source: str) -> bool:
    """An address of the cloud's own pool is one that it gave out (seed 004, Step 3)."""
    try:
        return ipaddress.IPv4Address(source) in ipaddress.IPv4Network(SOURCE_POOL)
    except ValueError:
        return False


def _elsewhere(region: str, view: View) -> Fault | None:
    if region == view.region:
        return None
    return Fault(
        code="InvalidVbrInstanceRegionId.NotFound",
        status=404,
        message=f"VbrInstanceRegionId: there is no VBR in another region (this server is {view.region}).",
    )


def _find(call: Call, view: View) -> Resource | Fault:
    """A check has no id there: the CEN instance and the VBR name it."""
    for name in ("CenId", "VbrInstanceId"):
        if not call.text(name):
            return missing(name)
    found = _check_of(call.text("CenId"), call.text("VbrInstanceId"), view)
    return found if found is not None else not_found(_ABSENT, CHECK.label, call.text("VbrInstanceId"))


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}


_ONE = {"VbrInstanceRegionId": "this server is one region", "VbrInstanceOwnerId": "the VBR's id says whose it is"}

ACTIONS: tuple[Action, ...] = (
    row(
        name="EnableCenVbrHealthCheck",
        does=Compose(_ENABLE, _enable, shape=CHECK),
        needs=("CenId", "VbrInstanceId", "VbrInstanceRegionId"),
    ),
    row(
        name="DescribeCenVbrHealthCheck",
        does=List(
            CHECK,
            into="VbrHealthChecks.VbrHealthCheck",
            by={
                "CenId": by_reference(),
                "VbrInstanceId": by_reference(),
                "VbrInstanceRegionId": where(lambda _, view: view.region),
            },
        ),
        needs=("VbrInstanceRegionId",),
        ignored={"VbrInstanceOwnerId": "the VBR's id says whose it is"},
    ),
    row(
        name="DisableCenVbrHealthCheck",
        does=Delete(CHECK, find=_find, found_by=("CenId", "VbrInstanceId")),
        needs=("CenId", "VbrInstanceId", "VbrInstanceRegionId"),
        ignored=_ONE,
    ),
)
