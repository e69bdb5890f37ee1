"""Why a VPN does not work, in the compatible API: diagnoses of gateways and connections, and their logs.

A diagnosis is made when it is asked for, of what is declared and what the nodes report; its id names the connection.
In: connections, routes, quotas. Out: `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

import msgspec

from twinspan.model.ipsec_connection import tunnels_of
from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Compute
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault, malformed, missing, not_found
from twinspan.wire.alibaba.ipsec_connection import CONNECTION, gateway_address, sa_status, seen_of, spec_of
from twinspan.wire.alibaba.ipsec_parts import tunnel_id
from twinspan.wire.alibaba.listing import PAGES, paged
from twinspan.wire.alibaba.spelling import comma_list, spelled, whole
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.vpn_gateway import VPN_GATEWAY
from twinspan.wire.alibaba.words import milliseconds, second

NORMAL, WARNING, ERROR = "normal", "warning", "error"
_UP = "ipsec_sa_established"
_ID = "vpndgn-"
MOST_MINUTES = 10


# ------------------------------------------------------------------------------------------------------ connections


def connections(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DiagnoseVpnConnections: says of each tunnel what is wrong."""
    wanted, tunnels = given.get("connections", []), given.get("tunnels", [])
    found = view.users("IpsecConnection", given["gateway"]) if given.get("gateway") else view.all("IpsecConnection")
    rows = [
        row
        for connection in found
        if not wanted or connection.id in wanted
        for row in _tunnels(connection, view)
        if not tunnels or row["TunnelId"] in tunnels
    ]
    return paged(rows, given, "VpnConnections")


def _tunnels(connection: Resource, view: View) -> Iterator[dict[str, Any]]:
    for tunnel in tunnels_of(spec_of(connection)):
        role = tunnel.role if spec_of(connection).tunnels else ""
        status = sa_status(connection, role)
        row = {"VpnConnectionId": connection.id, "TunnelId": tunnel_id(connection.id, tunnel.role), "SourceLog": ""}
        if status == _UP:
            yield {**row, "Severity": "Normal", "FailedReason": "", "FailedReasonCode": ""}
            continue
        phase, code = (2, "Phase2Failed") if status == "ipsec_sa_not_established" else (1, "Phase1Failed")
        reason = (
            f"Phase {phase} with {_far_end(tunnel.customer_gateway, view)} has not come to an end: compare key, "
            "algorithms and identities of both ends (DownloadVpnConnectionConfig shows what the other end must have)."
        )
        yield {
            **row,
            "Severity": "Critical",
            "FailedReason": reason,
            "FailedReasonCode": code,
            "FailedTime": milliseconds(connection.updated_ns),
        }


def _far_end(customer_gateway: str, view: View) -> str:
    customer = view.get("CustomerGateway", customer_gateway)
    return str(getattr(customer.spec, "ip_address", "")) if customer is not None else "the data centre"


# ------------------------------------------------------------------------------------------------------ the gateway


def begin(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DiagnoseVpnGateway: begins a diagnosis of a connection."""
    gateway = by_id(VPN_GATEWAY, "VpnGatewayId", given.get("gateway"), view)
    if isinstance(gateway, Fault):
        return gateway
    connection = by_id(CONNECTION, "ResourceId", given.get("connection"), view)
    if isinstance(connection, Fault):
        return connection
    if str(given.get("type", "")).lower() != "ipsec":
        return malformed("ResourceType", "it is not IPsec", "write IPsec")
    return {"DiagnoseId": _ID + connection.id.removeprefix("vco-")}


def result(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """GetVpnGatewayDiagnoseResult: shows what a diagnosis found."""
    diagnose_id = str(given.get("id", ""))
    if not diagnose_id:
        return missing("DiagnoseId")
    connection = view.get("IpsecConnection", f"vco-{diagnose_id.removeprefix(_ID)}")
    if connection is None:
        return not_found("InvalidDiagnoseId.NotFound", "diagnosis", diagnose_id)
    items = [
        {
            "DiagnoseName": name,
            "DiagnoseResultLevel": level,
            "DiagnoseResultDescription": msgspec.json.encode(description).decode(),
        }
        for name, level, description in _items(connection, view)
    ]
    return {
        "DiagnoseId": diagnose_id,
        "VpnGatewayId": spec_of(connection).vpn_gateway,
        "ResourceInstanceId": connection.id,
        "ResourceType": "IPsec",
        "BeginTime": second(view.now_ns),
        "FinishTime": second(view.now_ns),
        "TotalCount": len(items),
        "FinishedCount": len(items),
        "DiagnoseResult": items,
    }


Item = tuple[str, str, dict[str, Any]]


def _items(connection: Resource, view: View) -> Iterator[Item]:
    gateway = spec_of(connection).vpn_gateway
    siblings = view.users("IpsecConnection", gateway)
    routes = [route for one in siblings for route in view.users("DestinationRoute", one.id)]
    policies = [route for one in siblings for route in view.users("PolicyRoute", one.id)]
    yield _conflicts([*routes, *policies], gateway, view)
    yield _quota("VpnRouteQuota", "destination_routes_per_vpn_gateway", len(routes), view)
    yield _quota("VpnIPsecQuota", "connections_per_vpn_gateway", len(siblings), view)
    yield _quota("VpnPbrRouteQuota", "policy_routes_per_vpn_gateway", len(policies), view)
    yield _consistency(connection)
    customer = _far_end(spec_of(connection).customer_gateway, view)
    answers = sa_status(connection) != "ike_sa_not_established"
    yield "VcoUserInternetIpConnectivity", NORMAL if answers else WARNING, {"targetIp": customer}
    yield _private(connection, view)


def _conflicts(routes: list[Resource], gateway: str, view: View) -> Item:
    """Routes into the VPN that would take a vSwitch's own traffic away."""
    stored = view.get("VpnGateway", gateway)
    vswitches = view.users("Vswitch", str(getattr(stored.spec, "vpc", ""))) if stored is not None else ()
    found = [
        {"routeDest": str(getattr(route.spec, "destination", "")), "vSwitch": vswitch.id}
        for route in routes
        for vswitch in vswitches
        if _overlap(getattr(route.spec, "destination", ""), getattr(vswitch.spec, "cidr_block", ""))
    ]
    return "RouteEntryConflict", ERROR if found else NORMAL, {"conflicts": found}


def _overlap(one: str, other: str) -> bool:
    return ipaddress.ip_network(one).overlaps(ipaddress.ip_network(other))


def _quota(name: str, quota: str, used: int, view: View) -> Item:
    limit = view.quota(quota)
    return name, ERROR if used >= limit else NORMAL, {"quotaName": quota, "quantity": limit, "used": used}


def _consistency(connection: Resource) -> Item:
    """Both ends agree when an SA stands; what the other end has is not known before."""
    status = sa_status(connection)
    level = NORMAL if status == _UP else ERROR if status == "ipsec_sa_not_established" else WARNING
    return "VcoConfigConsistency", level, {"vcoLackConf": status != _UP, "status": status}


def _private(connection: Resource, view: View) -> Item:
    """The health check's word, where there is one."""
    check, healthy = spec_of(connection).health_check, connection.status.get("healthy")
    level = NORMAL if healthy else ERROR if healthy is False else WARNING
    target = check.destination_ip if check is not None else ""
    return "VcoPrivateConnectivity", level, {"targetIp": target, "srcIp": gateway_address(connection, view, 0)}


# ------------------------------------------------------------------------------------------------------ logs


def logs(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DescribeVpnConnectionLogs: shows what the nodes report of the tunnels, as lines."""
    connection = by_id(CONNECTION, "VpnConnectionId", given.get("connection"), view)
    if isinstance(connection, Fault):
        return connection
    if not {"from", "to", "minutes"} & set(given):
        return missing("MinutePeriod")
    minutes = given.get("minutes", MOST_MINUTES)
    if not 1 <= minutes <= MOST_MINUTES:
        return malformed("MinutePeriod", f"{minutes} is outside 1 to {MOST_MINUTES}", f"write 1 to {MOST_MINUTES}")
    lines = list(_lines(connection, given.get("tunnel", ""), view))
    answer = paged(lines, given, "Data.Logs")
    if isinstance(answer, Fault):
        return answer
    answer.pop("TotalCount")
    return {**answer, "Count": len(answer["Data"]["Logs"]), "IsCompleted": bool(connection.status)}


def _lines(connection: Resource, wanted: str, view: View) -> Iterator[str]:
    spec = spec_of(connection)
    for tunnel in tunnels_of(spec):
        name = tunnel_id(connection.id, tunnel.role)
        if wanted in {"", name}:
            seen = seen_of(connection, tunnel.role)
            states = f"IKE_SA {seen.get('ike_state', 'unknown')}, CHILD_SA {seen.get('child_state', 'unknown')}"
            far = _far_end(tunnel.customer_gateway, view)
            yield f"{second(view.now_ns)} [IKE] {name} to {far} ({tunnel.ike.version}): {states}"


_CONNECTION = spelled("connection", "VpnConnectionId")

ACTIONS: tuple[Action, ...] = (
    Action(
        name="DiagnoseVpnConnections",
        does=Compute(
            (
                spelled("gateway", "VpnGatewayId"),
                spelled("connections", "VpnConnectionIds", comma_list),
                spelled("tunnels", "TunnelIds", comma_list),
                *PAGES,
            ),
            connections,
        ),
    ),
    Action(
        name="DiagnoseVpnGateway",
        does=Compute(
            (spelled("gateway", "VpnGatewayId"), spelled("connection", "ResourceId"), spelled("type", "ResourceType")),
            begin,
        ),
        needs=("ResourceId", "ResourceType", "VpnGatewayId"),
        ignored={"IPsecExtendInfo": "the health check of the connection says what is probed"},
    ),
    Action(
        name="GetVpnGatewayDiagnoseResult",
        does=Compute((spelled("id", "DiagnoseId"), spelled("gateway", "VpnGatewayId")), result),
    ),
    Action(
        name="DescribeVpnConnectionLogs",
        does=Compute(
            (
                _CONNECTION,
                spelled("from", "From", whole),
                spelled("to", "To", whole),
                spelled("minutes", "MinutePeriod", whole),
                spelled("tunnel", "TunnelId"),
                *PAGES,
            ),
            logs,
        ),
        needs=("VpnConnectionId",),
    ),
)
