"""Attachments of a transit router in the compatible API: of VPCs, VBRs and IPsec connections.

Association, propagation and publishing routes into the attached VPC are off until somebody asks for them, as in the
cloud; only a VPN attachment publishes at once. A network of another account needs its grant. In: the kind Attachment.
Out: its three shapes, `ACTIONS`. Next: `cbn_route_table.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Call, Compose, Create, Done, List, Plan, Prepared, Step, Update
from twinspan.wire.alibaba.cbn import ATTACHED, NETWORKS, account_of, cen_of, field, owner_of, row, tables_of
from twinspan.wire.alibaba.cbn_transit_router import router_for
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault, malformed, missing, not_found, shown
from twinspan.wire.alibaba.listing import by_ids, by_reference, where
from twinspan.wire.alibaba.shape import More, Shape, shape
from twinspan.wire.alibaba.spelling import Wrong, list_of, spelled, structure, switch
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.vswitch import zone_of
from twinspan.wire.alibaba.words import ATTACHMENT as WORDS
from twinspan.wire.alibaba.words import minute, word

_ABSENT = "InvalidTransitRouterAttachmentId.NotFound"
_FIELDS = ("vpc", "virtual_border_router", "ipsec_connection")
_ZONES = list_of(structure((spelled("vswitch", "VSwitchId"), spelled("zone", "ZoneId"))))


def _read_zones(value: Any) -> Any:
    """ZoneMappings.N: the vSwitches; their zones follow from them."""
    found = _ZONES(value)
    if isinstance(found, Wrong):
        return found
    if not all(part.get("vswitch") for part in found):
        return Wrong(problem="a zone has no VSwitchId", remedy="write ZoneMappings.1.VSwitchId")
    return [part["vswitch"] for part in found]


def _read_places(value: Any) -> Any:
    """ZoneMappings.N as pairs of vSwitch and zone."""
    found = _ZONES(value)
    return found if isinstance(found, Wrong) else [(one.get("vswitch", ""), one.get("zone", "")) for one in found]


def _misplaced(parameter: str, places: Any, view: View) -> Fault | None:
    """A zone that is not its vSwitch's. A vSwitch that is not there is refused by what refers to it."""
    for number, (vswitch, zone) in enumerate(places, start=1):
        found = view.get("Vswitch", vswitch)
        if zone and found is not None and zone != zone_of(found, view):
            return malformed(
                f"{parameter}.{number}.ZoneId",
                f"{shown(vswitch)} is not in the zone {shown(zone)}",
                f"write {zone_of(found, view)}",
            )
    return None


def _zones(attachment: Resource, view: View) -> list[dict[str, Any]]:
    rows = []
    for vswitch in getattr(attachment.spec, "vswitches", ()):
        found = view.get("Vswitch", vswitch)
        rows.append({"VSwitchId": vswitch, "ZoneId": zone_of(found, view) if found is not None else ""})
    return rows


def status(attachment: Resource, _: View) -> str:
    """Attaching, Attached, Detaching."""
    return word(WORDS, attachment.phase)


def _shape(network: str, **more: More) -> Shape:
    """VPC, VBR or VPN: parameter, owner and region of the network are called after it."""
    own = ATTACHED[NETWORKS[network]]
    prefix = network.capitalize()
    zones = spelled("vswitches", "ZoneMappings", _read_zones, lambda _: None, reply="")
    return shape(
        "Attachment",
        id="TransitRouterAttachmentId",
        name="TransitRouterAttachmentName",
        absent=_ABSENT,
        reply_tags="Tags",
        words=WORDS,
        differ=(
            spelled("description", "TransitRouterAttachmentDescription"),
            spelled("auto_publish_routes", "AutoPublishRouteEnabled", switch),
            *((zones,) if network == "VPC" else ()),
        ),
        without=("resource_group", "account", *(one for one in _FIELDS if one != own)),
        more={
            "CenId": cen_of,
            "CreationTime": lambda attachment, _: minute(attachment.created_ns),
            "ResourceType": lambda _, __: network,
            f"{prefix}OwnerId": owner_of,
            f"{prefix}RegionId": lambda _, view: view.region,
            "OrderType": lambda _, __: "PayByCenOwner",
            **more,
        },
    )


def managed_by(attachment: Resource, view: View) -> str:
    """The product that made the VPC for itself; empty: nobody but its owner."""
    vpc = field(attachment, "vpc")
    return "ECD" if vpc and view.users("OfficeNetwork", vpc) else ""


VPC = _shape("VPC", ZoneMappings=_zones, ManagedService=managed_by)
VBR = _shape("VBR")
VPN = _shape("VPN", Zones=lambda _, __: [])


# ------------------------------------------------------------------------------------------------------ create


def _prepared(network: str) -> Callable[[dict[str, Any], Call, View], Prepared | Fault]:
    """The router by its id, or that of the CEN instance; the owner where it is somebody else."""
    owner = f"{network.capitalize()}OwnerId"

    def prepare(spec: dict[str, Any], call: Call, view: View) -> Prepared | Fault:
        router = router_for(call, view)
        if isinstance(router, Fault):
            return router
        account = account_of(call.parameters.get(owner), owner, view)
        if isinstance(account, Fault):
            return account
        ready = {**spec, "transit_router": router.id, **({"account": account} if account else {})}
        if network == "VPN":
            ready.setdefault("auto_publish_routes", True)
        fault = _refused(ready, network, account, view)
        if fault is None and network == "VPC":
            places = _read_places(call.parameters.get("ZoneMappings", []))
            fault = _misplaced("ZoneMappings", places, view.of(account) if account else view)
        return fault if fault is not None else Prepared(spec=ready, first=router.first)

    return prepare


def _refused(spec: dict[str, Any], network: str, account: str, view: View) -> Fault | None:
    """What belongs to another account must be said so; a network is plugged into one CEN instance once."""
    kind = NETWORKS[network]
    target = str(spec.get(ATTACHED[kind], ""))
    if not account and view.get(kind, target) is None:
        return Fault(
            code="ParameterInstanceId",
            status=404,
            message=f"{network.capitalize()}Id: there is no {shown(target)} in this account (give the number of the "
            f"account that has it as {network.capitalize()}OwnerId; it must have granted it to the CEN instance).",
        )
    taken = next(iter(view.users("Attachment", target)), None)
    if taken is not None:
        return Fault(
            code="InvalidOperation.AttachedChildInstanceExist",
            message=f"{network.capitalize()}Id: {taken.id} attaches {shown(target)} already (delete that one first).",
        )
    return None


# ------------------------------------------------------------------------------------------------------ delete


def released(attachment: Resource, view: View) -> tuple[Step, ...]:
    """What a deletion by force takes away before: the entries that lead to the attachment."""
    steps = []
    for table in tables_of(field(attachment, "transit_router"), view):
        entries = getattr(table.spec, "entries", ())
        kept = [entry for entry in entries if entry.next_hop != attachment.id]
        if len(kept) < len(entries):
            plain = [
                {name: getattr(entry, name) for name in ("destination", "next_hop_kind", "next_hop", "advertise")}
                for entry in kept
            ]
            steps.append(Step(verb="patch", kind="RouteTable", id=table.id, spec={"spec": {"entries": plain}}))
    return tuple(steps)


def _delete(of: Shape, network: str) -> Compose:
    own = ATTACHED[NETWORKS[network]]

    def plan(given: dict[str, Any], view: View) -> Plan | Fault:
        attachment = by_id(of, of.id, given.get("id"), view)
        if isinstance(attachment, Fault):
            return attachment
        if not field(attachment, own):
            return not_found(_ABSENT, f"{network} attachment", attachment.id)
        step = Step(verb="delete", kind="Attachment", id=attachment.id)
        if given.get("force"):
            return Plan(steps=(*released(attachment, view), step), reply=_nothing)
        fault = _in_use(attachment, view)
        return fault if fault is not None else Plan(steps=(step,), reply=_nothing)

    reads = (spelled("id", of.id), spelled("force", "Force", switch))
    return Compose(reads, plan, shape=of)


def _in_use(attachment: Resource, view: View) -> Fault | None:
    """What stands in the way unless Force says that it may go."""
    way_out = "or send Force=true"
    if field(attachment, "route_table_association"):
        return Fault(
            code="OperationFailed.RouteTableAssociationExist",
            message=f"{attachment.id} is associated with a route table (dissociate it first, {way_out}).",
        )
    if getattr(attachment.spec, "route_table_propagation", None):
        return Fault(
            code="OperationFailed.RouteTablePropagationExist",
            message=f"A route table learns the routes of {attachment.id} (disable the propagation first, {way_out}).",
        )
    if released(attachment, view):
        return Fault(
            code="OperationFailed.RouteEntryExist",
            message=f"A route table has an entry that leads to {attachment.id} (delete the entry first, {way_out}).",
        )
    return None


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}


# ------------------------------------------------------------------------------------------------------ zones


def _zones_changed(given: dict[str, Any], view: View) -> Plan | Fault:
    """UpdateTransitRouterVpcAttachmentZones."""
    attachment = by_id(VPC, VPC.id, given.get("id"), view)
    if isinstance(attachment, Fault):
        return attachment
    fault = _misplaced("AddZoneMappings", given.get("places", []), view)
    if fault is not None:
        return fault
    gone, added = given.get("removed", []), given.get("added", [])
    if not gone and not added:
        return missing("AddZoneMappings.1.VSwitchId")
    kept = [one for one in getattr(attachment.spec, "vswitches", ()) if one not in gone]
    spec = {"vswitches": [*kept, *(one for one in added if one not in kept)]}
    return Plan(
        steps=(Step(verb="patch", kind="Attachment", id=attachment.id, spec={"spec": spec}),),
        reply=_nothing,
    )


# ------------------------------------------------------------------------------------------------------ rows

_ORDER = {"OrderType": "nothing is billed here"}
_CHARGE = {"ChargeType": "nothing is billed here"}
_OPTIONS = {"TransitRouterVPCAttachmentOptions": "attachments have no options here"}
_VPN_ZONE = {"Zone": "the nodes of a connection are where its gateway is"}


def _rows(network: str, of: Shape, create: dict[str, str], refused: dict[str, str]) -> list[Action]:
    """The four actions of one sort of network."""
    noun = network.capitalize()
    only = ATTACHED[NETWORKS[network]]
    by = {"CenId": where(cen_of), "TransitRouterId": by_reference(), of.id: by_ids()}
    if network == "VPC":
        by |= {"VpcId": by_reference(), "Status": where(status)}
    return [
        row(
            name=f"CreateTransitRouter{noun}Attachment",
            does=Create(of, prepare=_prepared(network)),
            needs=(f"{noun}Id",),
            reads=("CenId", f"{noun}OwnerId"),
            ignored=create,
            refused=refused,
        ),
        row(
            name=f"ListTransitRouter{noun}Attachments",
            does=List(
                of, into="TransitRouterAttachments", by=by, paging="tokens", max_size=100,
                only=lambda attachment: bool(field(attachment, only)),
            ),
            ignored=_ORDER if network == "VPC" else {},
        ),
        row(
            name=f"UpdateTransitRouter{noun}AttachmentAttribute",
            does=Update(of),
            ignored=_ORDER,
            refused=refused if network == "VPC" else {},
            never=("ZoneMappings",),
        ),
        row(name=f"DeleteTransitRouter{noun}Attachment", does=_delete(of, network)),
    ]  # fmt: skip


ACTIONS: tuple[Action, ...] = (
    *_rows("VPC", VPC, _CHARGE, _OPTIONS),
    *_rows("VBR", VBR, {}, {}),
    *_rows("VPN", VPN, {**_CHARGE, **_VPN_ZONE}, {}),
    row(
        name="UpdateTransitRouterVpcAttachmentZones",
        does=Compose(
            (
                spelled("id", VPC.id),
                spelled("added", "AddZoneMappings", _read_zones),
                spelled("places", "AddZoneMappings", _read_places),
                spelled("removed", "RemoveZoneMappings", _read_zones),
            ),
            _zones_changed,
            shape=VPC,
        ),
    ),
)
