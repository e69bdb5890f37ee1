"""Office networks in the compatible API: convenience ones and those of an enterprise's Active Directory.

An office network brings its own VPC with a vSwitch, and takes them with it when it goes. With a CEN instance it is
attached at once. In: the kind OfficeNetwork. Out: `OFFICE`, `ACTIONS`. Next: `ecd_cen.py`.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable
from typing import Any

from twinspan.model.resource import CHANGING, CREATING, DELETED, DELETING, READY, Resource
from twinspan.wire.alibaba.action import (
    ECD,
    Action,
    Call,
    Compose,
    Create,
    Done,
    List,
    Made,
    Plan,
    Prepared,
    Step,
    Update,
)
from twinspan.wire.alibaba.cbn import cen_of, field
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.ecd_attachment import attachment_of, office_steps, unplugged
from twinspan.wire.alibaba.fault import Fault, malformed, missing, shown
from twinspan.wire.alibaba.listing import by_ids, by_reference, where
from twinspan.wire.alibaba.region import ZONES
from twinspan.wire.alibaba.shape import Shape, shape
from twinspan.wire.alibaba.spelling import Wrong, choice, comma_list, spelled, switch, words_of
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.words import ATTACHMENT, Words, minute, word

row = functools.partial(Action, version=ECD)
WORDS: Words = {
    READY: "REGISTERED",
    CREATING: "REGISTERING",
    CHANGING: "REGISTERED",
    DELETING: "DEREGISTERING",
    DELETED: "DEREGISTERED",
}
BLOCKS = ("10.0.0.0/12", "172.16.0.0/12", "192.168.0.0/16")
"""Where an office network may be (CreateSimpleOfficeSite)."""
LONGEST = 24
SMALLEST_VSWITCH = 29
MOST_AT_ONCE = 100
_TYPES = {"SIMPLE": "convenience", "AD_CONNECTOR": "enterprise_ad"}
_ACCESS = {"INTERNET": "internet", "VPC": "vpc", "ANY": "any"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")


def status(office: Resource, _: View) -> str:
    """REGISTERING, REGISTERED, ...; NEEDCONFIGUSER while nobody has said who administers the domain."""
    needs_user = field(office, "type") == "enterprise_ad" and not field(office, "ad_user")
    return "NEEDCONFIGUSER" if needs_user and office.phase == READY else word(WORDS, office.phase)


def _attached(office: Resource, view: View) -> str:
    attachment = attachment_of(office, view)
    return word(ATTACHMENT, attachment.phase).lower() if attachment is not None else "detached"


def _cen(office: Resource, view: View) -> str:
    attachment = attachment_of(office, view)
    return cen_of(attachment, view.of(attachment.account)) if attachment is not None else ""


def _vswitches(office: Resource, view: View) -> list[str]:
    return [one.id for one in view.users("Vswitch", field(office, "vpc"))]


def _only_false(why: str) -> Callable[[Any], Any]:
    """A switch that cannot be turned on here."""

    def read(value: Any) -> Any:
        found = switch(value)
        return Wrong(problem=why, remedy="send false") if found is True else found if isinstance(found, Wrong) else {}

    return read


def _one(value: Any) -> Any:
    """A list of one address."""
    found = comma_list(value)
    if isinstance(found, Wrong) or len(found) == 1:
        return found if isinstance(found, Wrong) else found[0]
    return Wrong(problem="it is not one address", remedy="give the address of one domain controller")


_DIFFER = (
    spelled("type", "", choice(_TYPES), words_of(_TYPES), reply="OfficeSiteType"),
    spelled("desktop_access", "DesktopAccessType", choice(_ACCESS), words_of(_ACCESS)),
    spelled(
        "", "EnableInternetAccess", _only_false("cloud computers have no way to the Internet here"), lambda _: False
    ),
)
_DIRECTORY = (
    spelled("ad_domain", "DomainName"),
    spelled("ad_server", "DnsAddress", _one, lambda address: [address] if address else []),
    spelled("ad_user", "DomainUserName"),
    spelled("ad_password", "DomainPassword", reply=""),
)
_STANDARD = spelled("", "VpcType", choice({"standard": {}}), lambda _: "standard")


def _shape(name: str, differ: tuple[Any, ...], **more: Any) -> Shape:
    return shape(
        "OfficeNetwork",
        id="OfficeSiteId",
        name=name,
        absent="InvalidOfficeSiteId.NotFound",
        tags="",
        reply_tags="",
        status="",
        differ=differ,
        without=("description", "resource_group", "cen", "ad_user", "ad_password", "vpc"),
        more=more,
    )


OFFICE = _shape("OfficeSiteName", (*_DIFFER, _STANDARD))
DIRECTORY = _shape("OfficeSiteName", (*_DIFFER, *_DIRECTORY))
LISTED = _shape(
    "Name",
    (*_DIFFER, *_DIRECTORY, _STANDARD),
    Status=status,
    VpcId=lambda office, _: field(office, "vpc"),
    VSwitchIds=_vswitches,
    CenId=_cen,
    CenAttachStatus=_attached,
    CreationTime=lambda office, _: minute(office.created_ns),
    DesktopCount=lambda _, __: 0,
    Bandwidth=lambda _, __: 0,
    MfaEnabled=lambda _, __: False,
    SsoEnabled=lambda _, __: False,
    EnableCrossDesktopAccess=lambda _, __: False,
    ADConnectors=lambda _, __: [],
)


# ------------------------------------------------------------------------------------------------------ create


def office_block(parameter: str, text: Any) -> ipaddress.IPv4Network | Fault:
    """The addresses of an office network."""
    remedy = f"choose a part of {', '.join(BLOCKS)} with a length of at most {LONGEST}"
    if not text:
        return missing(parameter)
    try:
        block = ipaddress.IPv4Network(str(text))
    except ValueError:
        return malformed(parameter, f"{shown(text)} is no prefix without host bits", remedy)
    if block.prefixlen > LONGEST or not any(block.subnet_of(ipaddress.IPv4Network(one)) for one in BLOCKS):
        return malformed(parameter, f"no office network can be {block}", remedy)
    return block


def _prepared(office_type: str) -> Callable[[dict[str, Any], Call, View], Prepared | Fault]:
    def prepare(spec: dict[str, Any], call: Call, view: View) -> Prepared | Fault:
        block = office_block("CidrBlock", call.parameters.get("CidrBlock"))
        if isinstance(block, Fault):
            return block
        name = call.text("OfficeSiteName") if _NAME.fullmatch(call.text("OfficeSiteName")) else ""
        first = _own_network(block, name, view)
        ready = {**spec, "type": office_type, "vpc": Made(0)}
        if not call.text("CenId"):
            return Prepared(spec=ready, first=first)
        steps = office_steps(call, Made(0), name, view, before=len(first))
        if isinstance(steps, Fault):
            return steps
        own = view.get("Cen", call.text("CenId")) is not None
        return Prepared(spec={**ready, **({"cen": call.text("CenId")} if own else {})}, first=(*first, *steps))

    return prepare


def _own_network(block: ipaddress.IPv4Network, name: str, view: View) -> tuple[Step, ...]:
    """The VPC that an office network brings, its route table, a vSwitch for the cloud computers."""
    length = max(block.prefixlen, min(max(block.prefixlen + 1, LONGEST), SMALLEST_VSWITCH))
    subnet = f"{block.network_address}/{length}"
    named = {"vpc": name, "table": f"{name}-routes" if name else "", "vswitch": f"{name}-a" if name else ""}
    return (
        Step(verb="create", kind="Vpc", name=named["vpc"], spec={"cidr_block": str(block), "role": "office"}),
        Step(verb="create", kind="RouteTable", name=named["table"], spec={"vpc": Made(0), "system": True}),
        Step(
            verb="create",
            kind="Vswitch",
            name=named["vswitch"],
            spec={"vpc": Made(0), "cidr_block": subnet, "zone": ZONES[0]},
        ),
    )


# ------------------------------------------------------------------------------------------------------ delete


def _deleted(given: dict[str, Any], view: View) -> Plan | Fault:
    """DeleteOfficeSites: all of them or none, each with what it brought."""
    ids = list(dict.fromkeys(given.get("ids", [])))
    if len(ids) > MOST_AT_ONCE:
        return malformed("OfficeSiteId", f"it has more than {MOST_AT_ONCE} ids", "name fewer in one request")
    steps: list[Step] = []
    for office_id in ids:
        office = by_id(LISTED, LISTED.id, office_id, view)
        if isinstance(office, Fault):
            return office
        steps += _gone(office, view)
    return Plan(steps=tuple(steps), reply=_nothing)


def _gone(office: Resource, view: View) -> list[Step]:
    steps = [*unplugged(office, view), Step(verb="delete", kind="OfficeNetwork", id=office.id)]
    vpc = view.get("Vpc", field(office, "vpc"))
    if vpc is not None and _brought(office, vpc):
        steps += [Step(verb="delete", kind="Vswitch", id=one) for one in _vswitches(office, view)]
        steps.append(Step(verb="delete", kind="Vpc", id=vpc.id))
    return steps


def _brought(office: Resource, vpc: Resource) -> bool:
    """Whether both came into being at once by this API: a site's VPC is the site's."""
    return vpc.created_ns == office.created_ns and not vpc.site


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}


# ------------------------------------------------------------------------------------------------------ rows

_NO_IDENTITY = "users are the accounts of eds-user; there is no other identity provider here"
_NO_BOX = "there are no CloudBoxes here"
_LATER = "how users prove themselves is not of the network here"
_NO_INTERNET = "cloud computers have no way to the Internet here"
_SIMPLE_REFUSED = {
    "AccessAttribute": _LATER,
    "AccountType": _NO_IDENTITY,
    "AuthorityHost": _NO_IDENTITY,
    "ClientId": _NO_IDENTITY,
    "ClientSecret": _NO_IDENTITY,
    "DomainName": _NO_IDENTITY,
    "Eid": _NO_IDENTITY,
    "TenantId": _NO_IDENTITY,
    "Bandwidth": _NO_INTERNET,
    "CloudBoxOfficeSite": _NO_BOX,
    "VSwitchId": _NO_BOX,
    "NeedVerifyZeroDevice": _LATER,
}
_ONE_SERVER = "one domain controller is known here, by its address"
_AD_REFUSED = {
    "AccessAttribute": _LATER,
    "AdHostname": _ONE_SERVER,
    "BackupDCHostname": _ONE_SERVER,
    "BackupDns": _ONE_SERVER,
    "SubDomainDnsAddress": _ONE_SERVER,
    "SubDomainName": _ONE_SERVER,
    "Bandwidth": _NO_INTERNET,
    "MfaEnabled": _LATER,
    "VSwitchId": "the vSwitch comes with the office network",
}
_SIMPLE_ONLY = ("AccessAttribute", "AccountType", "Eid", "Bandwidth", "CloudBoxOfficeSite")
_READS = ("CenId", "CenOwnerId", "VerifyCode")

ACTIONS: tuple[Action, ...] = (
    row(
        name="CreateSimpleOfficeSite",
        does=Create(OFFICE, prepare=_prepared("convenience")),
        needs=("CidrBlock",),
        reads=_READS,
        refused=_SIMPLE_REFUSED,
    ),
    row(
        name="CreateADConnectorOfficeSite",
        does=Create(DIRECTORY, prepare=_prepared("enterprise_ad")),
        needs=("CidrBlock", "DomainName", "DnsAddress"),
        reads=_READS,
        refused=_AD_REFUSED,
        ignored={
            "ProtocolType": "the protocol is the client's choice",
            "Specification": "the connector is as large as it needs to be",
        },
    ),
    row(
        name="DescribeOfficeSites",
        does=List(
            LISTED,
            into="OfficeSites",
            by={
                "OfficeSiteId": by_ids(),
                "VpcId": by_reference(),
                "Status": where(status),
                "OfficeSiteType": where(lambda office, _: words_of(_TYPES)(field(office, "type"))),
            },
            paging="tokens",
            max_size=MOST_AT_ONCE,
            limit_told=False,
            tags="",
        ),
        ignored={
            "AccountType": "OfficeSiteType says it",
            "SecurityProtection": "no office network is protected by another product here",
        },
    ),
    row(
        name="ModifyOfficeSiteAttribute",
        does=Update(OFFICE),
        never=("VpcType", "EnableInternetAccess"),
        refused={
            **{name: why for name, why in _SIMPLE_REFUSED.items() if name not in _SIMPLE_ONLY},
            "NeedVerifyLoginRisk": _LATER,
        },
    ),
    row(
        name="ConfigADConnectorUser",
        does=Update(DIRECTORY, spellings=_DIRECTORY[2:]),
        needs=("DomainUserName", "DomainPassword"),
        never=("OfficeSiteName",),
        refused={"OUName": "computers join the domain's own container"},
    ),
    row(
        name="DeleteOfficeSites",
        does=Compose((spelled("ids", "OfficeSiteId", comma_list),), _deleted, shape=LISTED),
        needs=("OfficeSiteId",),
    ),
)
