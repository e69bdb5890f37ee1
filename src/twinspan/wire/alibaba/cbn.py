"""What the tables of CEN and its transit routers share: the shape of a CEN instance, where a network is plugged in.

In: resources. Out: `CEN`, and small questions about routers and attachments. Next: the `cbn_*.py` modules.
"""

from __future__ import annotations

import functools
from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import CBN, Action
from twinspan.wire.alibaba.fault import Fault, missing, not_found
from twinspan.wire.alibaba.shape import shape
from twinspan.wire.alibaba.spelling import choice, spelled, words_of
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.words import CEN as WORDS
from twinspan.wire.alibaba.words import minute

row = functools.partial(Action, version=CBN, region=False)
"""An `Action` of this product; it knows no region where the SDK knows none."""

NETWORKS = {"VPC": "Vpc", "VBR": "VirtualBorderRouter", "VPN": "IpsecConnection"}
"""The cloud's word for what can be attached, to the kind."""
ATTACHED = {"Vpc": "vpc", "VirtualBorderRouter": "virtual_border_router", "IpsecConnection": "ipsec_connection"}
"""Kind to the field of an attachment that names it."""
_LEVELS = {"REDUCED": "reduced"}

CEN = shape(
    "Cen",
    id="CenId",
    absent="ParameterCenInstanceId",
    words=WORDS,
    differ=(spelled("protection_level", "ProtectionLevel", choice(_LEVELS), words_of(_LEVELS)),),
    more={
        "CreationTime": lambda cen, _: minute(cen.created_ns),
        "Ipv6Level": lambda _, __: "DISABLED",
        "CenBandwidthPackageIds.CenBandwidthPackageId": lambda _, __: [],
    },
)


def field(resource: Resource, name: str) -> str:
    """A text of the spec; empty where the kind has no such field."""
    return str(getattr(resource.spec, name, "") or "")


def router_of(attachment: Resource, view: View) -> Resource | None:
    """The transit router that it plugs into."""
    return view.get("TransitRouter", field(attachment, "transit_router"))


def cen_of(attachment: Resource, view: View) -> str:
    """Id of the CEN instance that it plugs into."""
    router = router_of(attachment, view)
    return field(router, "cen") if router is not None else ""


def resource_of(attachment: Resource) -> tuple[str, str]:
    """The cloud's word for what is attached, and its id."""
    for word, kind in NETWORKS.items():
        if found := field(attachment, ATTACHED[kind]):
            return word, found
    return "", ""


def owner_of(attachment: Resource, view: View) -> int:
    """Number of the account that has what is attached."""
    account = field(attachment, "account")
    return int(view.account_id(attachment.account if account in {"", "current"} else account))


def routers_of(cen: str, view: View) -> tuple[Resource, ...]:
    """The transit routers of a CEN instance, in this region."""
    routers = view.users("TransitRouter", cen)
    return tuple(router for router in routers if field(router, "region") in {"", view.region})


def attachments_of(cen: str, view: View) -> tuple[Resource, ...]:
    """Everything that is plugged into the transit routers of a CEN instance."""
    return tuple(one for router in view.users("TransitRouter", cen) for one in view.users("Attachment", router.id))


def tables_of(router: str, view: View) -> tuple[Resource, ...]:
    """The route tables of a transit router, the one that it was born with first."""
    tables = view.users("RouteTable", router)
    return tuple(sorted(tables, key=lambda table: not getattr(table.spec, "system", False)))


def find_attachment(cen: str, kind: str, network: str, view: View) -> Resource | Fault:
    """Where a network is plugged into a CEN instance."""
    for attachment in attachments_of(cen, view):
        if field(attachment, ATTACHED[kind]) == network:
            return attachment
    return not_found("ParameterInstanceId", "network in this CEN instance", network)


def account_of(number: Any, parameter: str, view: View) -> str | Fault:
    """The account of a number; empty: the caller's own."""
    if number in (None, ""):
        return ""
    account = view.account_named(str(number))
    if account is None:
        return not_found(f"Invalid{parameter}.NotFound", "account", str(number))
    return "" if account == view.account else account


def needed(given: dict[str, Any], key: str, parameter: str) -> str | Fault:
    """A text that must be there."""
    value = given.get(key)
    return str(value) if value else missing(parameter)
