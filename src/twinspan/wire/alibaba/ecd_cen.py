"""Office networks and CEN instances in the compatible API: attach, detach, and whether their addresses collide.

In: the kinds OfficeNetwork, Cen, CenVerification. Out: `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from twinspan.wire.alibaba.action import Action, Call, Compose, Compute, Done, Plan, Step
from twinspan.wire.alibaba.cbn import CEN, attachments_of, field, routers_of, tables_of
from twinspan.wire.alibaba.cbn_route_entry import network_of
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.ecd_attachment import attachment_of, code_fault, codes, office_steps, owner_of_cen, unplugged
from twinspan.wire.alibaba.ecd_office_site import BLOCKS, LISTED, office_block, row
from twinspan.wire.alibaba.fault import Fault, not_found
from twinspan.wire.alibaba.listing import PAGES, paged
from twinspan.wire.alibaba.shape import item
from twinspan.wire.alibaba.spelling import Wrong, from_json, spelled
from twinspan.wire.alibaba.view import View

RECOMMENDED = 3
"""Free blocks that are named where the wanted one collides."""


def _attach(given: dict[str, Any], view: View) -> Plan | Fault:
    """AttachCen."""
    office = by_id(LISTED, LISTED.id, given.get("OfficeSiteId"), view)
    if isinstance(office, Fault):
        return office
    if field(office, "type") != "convenience":
        message = "OfficeSiteId: an Active Directory office network is attached when it is made (give CenId then)."
        return Fault(code="InvalidOfficeSiteType.NotSupported", message=message)
    if attachment_of(office, view) is not None:
        message = f"OfficeSiteId: {office.id} is attached to a CEN instance (it can be in one; DetachCen first)."
        return Fault(code="OfficeSiteAlreadyAttachedCen", message=message)
    call = Call(action=_ATTACH, parameters=given)
    steps = office_steps(call, field(office, "vpc"), office.name, view)
    if isinstance(steps, Fault):
        return steps
    if view.get("Cen", str(given["CenId"])) is not None:
        known = {"spec": {"cen": given["CenId"]}}
        steps = (*steps, Step(verb="patch", kind="OfficeNetwork", id=office.id, spec=known))
    return Plan(steps=steps, reply=_nothing)


def _detach(given: dict[str, Any], view: View) -> Plan | Fault:
    """DetachCen."""
    office = by_id(LISTED, LISTED.id, given.get("OfficeSiteId"), view)
    if isinstance(office, Fault):
        return office
    steps = unplugged(office, view)
    if not steps:
        return not_found("OfficeSiteNotAttachedCen", "CEN instance with office network", office.id)
    if field(office, "cen"):
        steps = (*steps, Step(verb="patch", kind="OfficeNetwork", id=office.id, spec={"spec": {"cen": None}}))
    return Plan(steps=steps, reply=_nothing)


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}


# ------------------------------------------------------------------------------------------------------ other accounts


def _send(given: dict[str, Any], view: View) -> Plan | Fault:
    """SendVerifyCode: a new code for the owner of a CEN instance; the ones before are worth nothing any more."""
    extra = given.get("extra", {})
    cen = str(extra.get("CenId", ""))
    owner = owner_of_cen(cen, extra.get("CenOwnerId"), view)
    if isinstance(owner, Fault):
        return owner
    if owner.account == view.account:
        return Plan(reply=_nothing)  # nobody needs to be asked
    steps = [
        Step(verb="delete", kind="CenVerification", id=one.id, account=owner.account)
        for one in codes(cen, view.account, owner)
    ]
    spec = {"cen": cen, "asked_by": view.account, "code": view.secret()}
    steps.append(Step(verb="create", kind="CenVerification", spec=spec, account=owner.account))
    return Plan(steps=tuple(steps), reply=_nothing)


def _extra(value: Any) -> Any:
    found = from_json(value) if isinstance(value, str) else value
    if isinstance(found, dict):
        return found
    return found if isinstance(found, Wrong) else Wrong(problem="it is no object", remedy='write {"CenId": "cen-..."}')


# ------------------------------------------------------------------------------------------------------ collisions


def _routes(cen: str, view: View) -> Iterator[tuple[str, str]]:
    """Prefixes that the CEN instance knows, and whose they are."""
    seen = set()
    for router in routers_of(cen, view):
        for table in tables_of(router.id, view):
            for route in view.routes(table):
                one = (route.destination, network_of(route, view)[1])
                if one not in seen:
                    seen.add(one)
                    yield one
    for attachment in attachments_of(cen, view):
        vpc = view.of("").get("Vpc", field(attachment, "vpc"))
        one = (field(vpc, "cidr_block"), vpc.id) if vpc is not None else ("", "")
        if one[0] and one not in seen:
            seen.add(one)
            yield one


def _collides(block: ipaddress.IPv4Network, prefix: str) -> bool:
    """A default route leads everywhere and collides with nothing."""
    try:
        other = ipaddress.IPv4Network(prefix)
    except ValueError:
        return False
    return other.prefixlen > 0 and block.overlaps(other)


def _free(length: int, taken: list[str]) -> list[str]:
    """Blocks of that length that collide with nothing."""
    found: list[str] = []
    for text in BLOCKS:
        whole = ipaddress.IPv4Network(text)
        for block in whole.subnets(new_prefix=max(length, whole.prefixlen)):
            if not any(_collides(block, prefix) for prefix in taken):
                found.append(str(block))
                break
    return found[:RECOMMENDED]


def _verify(given: Mapping[str, Any], view: View) -> dict[str, Any] | Fault:
    """VerifyCen: whether an office network's addresses fit into a CEN instance."""
    block = office_block("CidrBlock", given.get("CidrBlock"))
    if isinstance(block, Fault):
        return block
    cen = str(given.get("CenId", ""))
    owner = owner_of_cen(cen, given.get("CenOwnerId"), view)
    if isinstance(owner, Fault):
        word = "CenUidInvalid" if given.get("CenOwnerId") else "ParameterCenInstanceId"
        return {"Status": f"InvalidCen.{word}", "RouteEntries": [], "CidrBlocks": []}
    fault = code_fault(cen, given, owner, view)
    if fault is not None:
        return fault
    routes = list(_routes(cen, owner))
    rows = [
        {
            "DestinationCidrBlock": prefix,
            "NextHopInstanceId": network,
            "RegionId": view.region,
            "Status": "Conflict" if _collides(block, prefix) else "Access",
        }
        for prefix, network in routes
    ]
    bad = any(one["Status"] == "Conflict" for one in rows)
    free = _free(block.prefixlen, [prefix for prefix, _ in routes]) if bad else []
    return {"Status": "Conflict" if bad else "Access", "RouteEntries": rows, "CidrBlocks": free}


def _cens(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DescribeCens: those that an office network can be attached to."""
    rows = []
    for cen in view.all("Cen"):
        shown_cen = item(CEN, cen, view)
        names = ("CenId", "Name", "Description", "Status", "ProtectionLevel", "Ipv6Level", "CreationTime")
        tags = [{"Key": key, "Value": value} for key, value in cen.spec.tags.items()]
        rows.append({**{name: shown_cen[name] for name in names}, "Tags": tags, "PackageIds": []})
    return paged(rows, given, "Cens")


_PLAIN = (spelled("CenId", "CenId"), spelled("CenOwnerId", "CenOwnerId"), spelled("VerifyCode", "VerifyCode"))
_SITE = spelled("OfficeSiteId", "OfficeSiteId")
_ATTACH = row(name="AttachCen", does=Compose((*_PLAIN, _SITE), _attach, shape=LISTED), needs=("CenId", "OfficeSiteId"))

ACTIONS: tuple[Action, ...] = (
    _ATTACH,
    row(name="DetachCen", does=Compose((_SITE,), _detach, shape=LISTED), needs=("OfficeSiteId",)),
    row(
        name="SendVerifyCode",
        does=Compose((spelled("extra", "ExtraInfo", _extra),), _send),
        needs=("ExtraInfo", "VerifyCodeAction"),
        ignored={"VerifyCodeAction": "a code is for attaching an office network"},
    ),
    row(
        name="VerifyCen",
        does=Compute((*_PLAIN, spelled("CidrBlock", "CidrBlock")), _verify),
        needs=("CenId", "CidrBlock"),
    ),
    row(name="DescribeCens", does=Compute(PAGES, _cens)),
)
