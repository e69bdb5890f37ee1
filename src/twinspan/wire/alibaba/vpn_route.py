"""Destination-based and policy-based routes of VPN gateways in the compatible API.

They have no id there: gateway, next hop, prefixes and weight name one. In: the kinds DestinationRoute, PolicyRoute.
Out: their shapes, `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Call, Compose, Create, Delete, Done, Find, List, Plan, Step, Update
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault, malformed, not_found
from twinspan.wire.alibaba.ipsec_connection import CONNECTION, spec_of
from twinspan.wire.alibaba.listing import where
from twinspan.wire.alibaba.shape import More, Shape, shape
from twinspan.wire.alibaba.spelling import Wrong, choice, spelled, switch, whole
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.vpn_gateway import VPN_GATEWAY
from twinspan.wire.alibaba.words import milliseconds


def connection_of(route: Resource) -> str:
    """Id of the next hop."""
    return str(getattr(route.spec, "ipsec_connection", ""))


def gateway_of(route: Resource, view: View) -> str:
    """Id of the VPN gateway."""
    connection = view.get("IpsecConnection", connection_of(route))
    return spec_of(connection).vpn_gateway if connection is not None else ""


def _state(route: Resource, _: View) -> str:
    return "published" if getattr(route.spec, "advertise_to_vpc", False) else "normal"


def _route_shape(kind: str, more: dict[str, More], *, asked: tuple[str, ...] = ()) -> Shape:
    return shape(
        kind,
        id="",
        name="",
        absent="InvalidRouteEntry.NotFound",
        tags="",
        reply_tags="",
        status="",
        without=("resource_group",),
        only_asked=("advertise_to_vpc", *asked),
        more={
            "State": _state,
            "VpnInstanceId": gateway_of,
            "CreateTime": lambda route, _: milliseconds(route.created_ns),
            **more,
        },
    )


_CUSTOM: dict[str, More] = {"RouteEntryType": lambda _, __: "custom", "Source": lambda _, __: "DBR"}
DESTINATION = _route_shape("DestinationRoute", _CUSTOM, asked=("description",))
POLICY = _route_shape("PolicyRoute", {}, asked=("description",))
_CREATED = {
    kind: _route_shape(kind, {"OverlayMode": lambda _, __: "Ipsec"}) for kind in ("DestinationRoute", "PolicyRoute")
}


def _on_its_gateway(spec: dict[str, Any], call: Call, view: View) -> dict[str, Any] | Fault:
    """The next hop is a connection of that very gateway."""
    gateway = by_id(VPN_GATEWAY, "VpnGatewayId", call.parameters.get("VpnGatewayId"), view)
    if isinstance(gateway, Fault):
        return gateway
    connection = by_id(CONNECTION, "NextHop", spec.get("ipsec_connection"), view)
    if isinstance(connection, Fault):
        return connection
    if spec_of(connection).vpn_gateway != gateway.id:
        return malformed("NextHop", f"{connection.id} is a connection of another gateway", f"name one of {gateway.id}")
    return spec


def _same(route: Resource, call: Call) -> bool:
    """Whether a request means this route."""
    spec = route.spec
    told = {
        "RouteDest": getattr(spec, "destination", ""),
        "RouteSource": getattr(spec, "route_source", None),
        "Weight": str(getattr(spec, "weight", "")),
        "Priority": str(getattr(spec, "priority", "")),
        "NextHop": connection_of(route),
    }
    return all(call.text(name) == has for name, has in told.items() if has is not None and call.text(name))


def finder(of: Shape) -> Find:
    """Find a route by what names it."""

    def find(call: Call, view: View) -> Resource | Fault:
        gateway = by_id(VPN_GATEWAY, "VpnGatewayId", call.parameters.get("VpnGatewayId"), view)
        if isinstance(gateway, Fault):
            return gateway
        for route in view.users(of.kind, call.text("NextHop")):
            if _same(route, call) and gateway_of(route, view) == gateway.id:
                return route
        return not_found(of.absent, of.label, f"{call.text('RouteDest')} over {call.text('NextHop')}")

    return find


# ------------------------------------------------------------------------------------------------------ publishing


def publish(given: dict[str, Any], view: View) -> Plan | Fault:
    """PublishVpnRouteEntry: publishes a route to the VPC, or withdraws it and its twin."""
    gateway = by_id(VPN_GATEWAY, "VpnGatewayId", given["gateway"], view)
    if isinstance(gateway, Fault):
        return gateway
    for route in view.users(given["kind"], given["next_hop"]):
        if getattr(route.spec, "destination", "") == given["destination"] and gateway_of(route, view) == gateway.id:
            patch = {"spec": {"advertise_to_vpc": given["on"]}}
            return Plan(steps=(Step(verb="patch", kind=route.kind, id=route.id, spec=patch),), reply=_nothing)
    return not_found(DESTINATION.absent, "route", f"{given['destination']} over {given['next_hop']}")


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}


def _weight(value: Any) -> Any:
    found = whole(value)
    if isinstance(found, Wrong) or found in {0, 100}:
        return found
    return Wrong(problem=f"{found} is not a weight", remedy="write 100 (active) or 0 (standby)")


_NEW_WEIGHT, _NEW_PRIORITY = spelled("weight", "NewWeight", _weight), spelled("priority", "NewPriority", whole)
_BY_D = ("VpnGatewayId", "NextHop", "RouteDest", "Weight")
_BY_P = (*_BY_D, "RouteSource", "Priority")
_NEEDS_P = ("VpnGatewayId", "NextHop", "RouteDest", "RouteSource", "Weight")
_OVERLAY = {"OverlayMode": "every tunnel is IPsec"}
_HERE = {"VpnGatewayId": where(gateway_of)}
_SAID = ("CreateTime", "Description", "NextHop", "OverlayMode", "RouteDest", "State", "VpnInstanceId", "Weight")

ACTIONS: tuple[Action, ...] = (
    Action(
        name="CreateVpnRouteEntry",
        does=Create(_CREATED["DestinationRoute"], replies=_SAID, prepare=_on_its_gateway),
        needs=("NextHop", "PublishVpc", "RouteDest", "VpnGatewayId", "Weight"),
        reads=("VpnGatewayId",),
        ignored=_OVERLAY,
    ),
    Action(
        name="DescribeVpnRouteEntries",
        does=List(
            DESTINATION,
            into="VpnRouteEntries.VpnRouteEntry",
            by={**_HERE, "RouteEntryType": where(lambda _, __: "custom")},
        ),
        needs=("VpnGatewayId",),
    ),
    Action(
        name="ModifyVpnRouteEntryWeight",
        does=Update(DESTINATION, find=finder(DESTINATION), found_by=_BY_D, spellings=(_NEW_WEIGHT,)),
        needs=(*_BY_D, "NewWeight"),
        ignored=_OVERLAY,
    ),
    Action(
        name="PublishVpnRouteEntry",
        does=Compose(
            (
                spelled("gateway", "VpnGatewayId"),
                spelled("next_hop", "NextHop"),
                spelled("destination", "RouteDest"),
                spelled("kind", "RouteType", choice({"dbr": "DestinationRoute", "pbr": "PolicyRoute"})),
                spelled("on", "PublishVpc", switch),
            ),
            publish,
        ),
        needs=("NextHop", "PublishVpc", "RouteDest", "RouteType", "VpnGatewayId"),
    ),
    Action(
        name="DeleteVpnRouteEntry",
        does=Delete(DESTINATION, find=finder(DESTINATION), found_by=_BY_D),
        needs=_BY_D,
        ignored=_OVERLAY,
    ),
    Action(
        name="CreateVpnPbrRouteEntry",
        does=Create(_CREATED["PolicyRoute"], replies=(*_SAID, "RouteSource", "Priority"), prepare=_on_its_gateway),
        needs=("NextHop", "PublishVpc", "RouteDest", "RouteSource", "VpnGatewayId", "Weight"),
        reads=("VpnGatewayId",),
        ignored=_OVERLAY,
    ),
    Action(
        name="DescribeVpnPbrRouteEntries",
        does=List(POLICY, into="VpnPbrRouteEntries.VpnPbrRouteEntry", by=_HERE),
        needs=("VpnGatewayId",),
    ),
    Action(
        name="ModifyVpnPbrRouteEntryWeight",
        does=Update(POLICY, find=finder(POLICY), found_by=_BY_P, spellings=(_NEW_WEIGHT,)),
        needs=(*_NEEDS_P, "NewWeight"),
        ignored=_OVERLAY,
    ),
    Action(
        name="ModifyVpnPbrRouteEntryPriority",
        does=Update(POLICY, find=finder(POLICY), found_by=_BY_P, spellings=(_NEW_PRIORITY,)),
        needs=(*_NEEDS_P, "NewPriority"),
    ),
    Action(
        name="ModifyVpnPbrRouteEntryAttribute",
        does=Update(POLICY, find=finder(POLICY), found_by=_BY_P, spellings=(_NEW_WEIGHT, _NEW_PRIORITY)),
        needs=(*_NEEDS_P, "Priority"),
    ),
    Action(
        name="DeleteVpnPbrRouteEntry",
        does=Delete(POLICY, find=finder(POLICY), found_by=_BY_P),
        needs=_NEEDS_P,
        ignored=_OVERLAY,
    ),
)
