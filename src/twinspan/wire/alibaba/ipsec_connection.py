"""IPsec connections in the compatible API, with one tunnel and with two.

In: the kind IpsecConnection. Out: `CONNECTION`, `ACTIONS`. Next: `peer_configuration.py`.
"""

from __future__ import annotations

from typing import Any, cast

from twinspan.model.ike import TunnelBgpSpec
from twinspan.model.ipsec_connection import IpsecConnectionSpec, Tunnel, tunnels_of
from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Call, Create, Delete, Get, List, Update
from twinspan.wire.alibaba.fault import Fault, malformed, missing
from twinspan.wire.alibaba.ipsec_parts import (
    BGP,
    BGP_CONFIG,
    HEALTH,
    HEALTH_CONFIG,
    IKE,
    IKE_CONFIG,
    IPSEC,
    TUNNELS,
    local_address,
    merged,
    other_address,
    plain_tunnels,
    tunnel_id,
)
from twinspan.wire.alibaba.listing import by_ids, by_reference
from twinspan.wire.alibaba.shape import More, Shape, shape
from twinspan.wire.alibaba.spelling import as_text, comma_list, revealed, spelled, with_commas, written
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.vpn_gateway import address
from twinspan.wire.alibaba.words import VPN_GATEWAY as WORDS
from twinspan.wire.alibaba.words import milliseconds

DOWN = "ike_sa_not_established"
"""What a connection is until the nodes report otherwise."""


def spec_of(resource: Resource) -> IpsecConnectionSpec:
    """Of the kind that this module is about."""
    return cast("IpsecConnectionSpec", resource.spec)


def seen_of(resource: Resource, role: str) -> dict[str, Any]:
    """What the nodes report of one of the tunnels; empty: nothing yet."""
    tunnels = [one for one in resource.status.get("tunnels", ()) if isinstance(one, dict)]
    return next((one for one in tunnels if one.get("role") == role), {})


def sa_status(resource: Resource, role: str = "") -> str:
    """What the nodes report of the connection, or of one of its tunnels."""
    seen: Any = seen_of(resource, role) if role else resource.status
    return str(seen.get("status", DOWN))


def gateway_of(resource: Resource, view: View) -> Resource | None:
    """The VPN gateway."""
    return view.get("VpnGateway", spec_of(resource).vpn_gateway)


def gateway_address(resource: Resource, view: View, index: int) -> str:
    """The public address that a tunnel ends at."""
    gateway = gateway_of(resource, view)
    if gateway is None:
        return ""
    return address(gateway, "disaster_recovery_internet_ip" if index else "internet_ip")


def peer_asn(customer_gateway: str, view: View) -> int:
    """ASN of the data centre; 0: none was given."""
    customer = view.get("CustomerGateway", customer_gateway)
    return int(getattr(customer.spec, "asn", 0)) if customer is not None else 0


def _bgp(resource: Resource, view: View) -> dict[str, Any]:
    spec = spec_of(resource)
    if spec.bgp is None:
        return {"EnableBgp": "false"}
    up = str(resource.status.get("bgp_state", "")).lower() == "established"
    return {
        "EnableBgp": "true",
        **bgp_parts(spec.bgp, peer_asn(spec.customer_gateway, view)),
        "AuthKey": "",
        "Status": "success" if up else "false",
    }


def _bgp_in_list(resource: Resource, view: View) -> dict[str, Any]:
    """A list does not say whether BGP is on; what is off has no other parts."""
    return {name: part for name, part in _bgp(resource, view).items() if name != "EnableBgp"}


def bgp_parts(bgp: TunnelBgpSpec, asn: int) -> dict[str, Any]:
    """BGP inside a tunnel, both ends."""
    return {
        **written(BGP, bgp),
        "LocalBgpIp": local_address(bgp),
        "PeerBgpIp": other_address(bgp.tunnel_cidr, bgp.local_ip),
        "PeerAsn": asn,
    }


def _health(resource: Resource, _: View) -> dict[str, Any]:
    check = spec_of(resource).health_check
    if check is None:
        return {"Enable": "false"}
    parts = {name[:1].upper() + name[1:]: part for name, part in written(HEALTH[:-1], check).items()}
    healthy = resource.status.get("healthy")
    return {"Enable": "true", **parts, "Status": "success" if healthy else "failed"}


def ike_parts(tunnel: Tunnel, local: str, view: View) -> dict[str, Any]:
    """Phase 1 as it is: whoever has no identity of its own is known by its address."""
    customer = view.get("CustomerGateway", tunnel.customer_gateway)
    remote = str(getattr(customer.spec, "ip_address", "")) if customer is not None else ""
    return {
        **written(IKE[:-1], tunnel.ike),
        "LocalId": tunnel.ike.local_id or local,
        "RemoteId": tunnel.ike.remote_id or remote,
        "Psk": revealed(tunnel.psk),
    }


def _ike(resource: Resource, view: View) -> dict[str, Any]:
    """Of the only tunnel, or of the master."""
    return ike_parts(tunnels_of(spec_of(resource))[0], gateway_address(resource, view, 0), view)


def _tunnels(resource: Resource, view: View) -> list[dict[str, Any]]:
    spec = spec_of(resource)
    return [_tunnel(resource, tunnel, view) for tunnel in tunnels_of(spec)] if spec.tunnels else []


def _tunnel(resource: Resource, tunnel: Tunnel, view: View) -> dict[str, Any]:
    spec = spec_of(resource)
    gateway = gateway_of(resource, view)
    home = getattr(gateway.spec, "disaster_recovery_vswitch" if tunnel.index else "vswitch", "") if gateway else ""
    vswitch, local = view.get("Vswitch", home), gateway_address(resource, view, tunnel.index)
    found: dict[str, Any] = {
        "TunnelId": tunnel_id(resource.id, tunnel.role),
        "TunnelIndex": tunnel.index + 1,
        "Role": tunnel.role,
        "CustomerGatewayId": tunnel.customer_gateway,
        "EnableDpd": as_text(spec.enable_dpd),
        "EnableNatTraversal": as_text(spec.enable_nat_traversal),
        "InternetIp": local,
        "State": WORDS.get(resource.phase, resource.phase),
        "Status": sa_status(resource, tunnel.role),
        "ZoneNo": str(getattr(vswitch.spec, "zone", "")) if vswitch is not None else "",
        "TunnelIkeConfig": {name: as_text(part) for name, part in ike_parts(tunnel, local, view).items()},
        "TunnelIpsecConfig": {name: as_text(part) for name, part in written(IPSEC, tunnel.ipsec).items()},
    }
    if tunnel.bgp is not None:
        parts = bgp_parts(tunnel.bgp, peer_asn(tunnel.customer_gateway, view))
        up = seen_of(resource, tunnel.role).get("bgp_state") == "Established"
        texts = {name: as_text(part) for name, part in parts.items()}
        found["TunnelBgpConfig"] = {**texts, "BgpStatus": "success" if up else "false"}
    return found


def _health_or_none(resource: Resource, view: View) -> dict[str, Any] | None:
    """Two tunnels have no health check."""
    return None if spec_of(resource).tunnels else _health(resource, view)


_MORE: dict[str, More] = {
    "Status": lambda resource, _: sa_status(resource),
    "CreateTime": lambda resource, _: milliseconds(resource.created_ns),
    "AttachType": lambda resource, _: "VPNGW" if spec_of(resource).vpn_gateway else "NO_ASSOCIATED",
    "AttachInstanceId": lambda resource, _: spec_of(resource).vpn_gateway,
    "InternetIp": lambda resource, view: gateway_address(resource, view, 0),
    "EnableTunnelsBgp": lambda resource, _: any(tunnel.bgp is not None for tunnel in spec_of(resource).tunnels),
    "IkeConfig": _ike,
    "VpnBgpConfig": _bgp,
    "VcoHealthCheck": _health_or_none,
    "TunnelOptionsSpecification.TunnelOptions": _tunnels,
    "NetworkType": lambda _, __: "public",
    "CrossAccountAuthorized": lambda _, __: False,
}


def _shape(reply_tags: str, more: dict[str, More]) -> Shape:
    return shape(
        "IpsecConnection",
        id="VpnConnectionId",
        absent="InvalidVpnConnectionInstanceId.NotFound",
        tags="Tags",
        reply_tags=reply_tags,
        status="State",
        words=WORDS,
        differ=(
            IKE_CONFIG,
            BGP_CONFIG,
            HEALTH_CONFIG,
            TUNNELS,
            spelled("local_subnets", "LocalSubnet", comma_list, with_commas),
            spelled("remote_subnets", "RemoteSubnet", comma_list, with_commas),
        ),
        without=("ike", "psk", "tunnels", "description"),
        only_asked=("auto_config_route",),
        more=more,
    )


CONNECTION = _shape("Tags.Tag", _MORE)
_LISTED = _shape("Tag.Tag", {**_MORE, "VpnBgpConfig": _bgp_in_list})


# ------------------------------------------------------------------------------------------------------ changes


def _with_keys(spec: dict[str, Any], call: Call, view: View) -> dict[str, Any] | Fault:
    """Both tunnels or one, and a random key where none is given (CreateVpnConnection)."""
    tunnels = spec.get("tunnels")
    if tunnels:
        ready = _two(spec, tunnels, call)
        if isinstance(ready, Fault):
            return ready
        for tunnel in ready["tunnels"]:
            tunnel.setdefault("psk", view.secret())
        return ready
    if not call.text("CustomerGatewayId"):
        return missing("CustomerGatewayId")
    return {"psk": view.secret(), **spec}


def _two(spec: dict[str, Any], tunnels: list[dict[str, Any]], call: Call) -> dict[str, Any] | Fault:
    for number, tunnel in enumerate(tunnels, 1):
        for name, parameter in (("role", "Role"), ("customer_gateway", "CustomerGatewayId")):
            if not tunnel.get(name):
                return missing(f"TunnelOptionsSpecification.{number}.{parameter}")
        if "id" in tunnel:
            remedy = "leave it out; a new tunnel gets its id"
            return malformed(f"TunnelOptionsSpecification.{number}.TunnelId", "the tunnel is not there yet", remedy)
    with_bgp = call.text("EnableTunnelsBgp").lower() == "true"
    ready = [tunnel if with_bgp else {**tunnel, "bgp": None} for tunnel in tunnels]
    return {"customer_gateway": ready[0]["customer_gateway"], **spec, "tunnels": ready}


def _changed_tunnels(spec: dict[str, Any], call: Call, view: View) -> dict[str, Any] | Fault:
    """A request names the tunnels that it changes by id or role; the others stay."""
    stored = view.get("IpsecConnection", call.text("VpnConnectionId"))
    if stored is None or ("tunnels" not in spec and "EnableTunnelsBgp" not in call.parameters):
        return spec
    plain = {tunnel["role"]: tunnel for tunnel in plain_tunnels(spec_of(stored))}
    roles = {tunnel_id(stored.id, role): role for role in plain}
    for number, change in enumerate(spec.get("tunnels", []), 1):
        role = roles.get(change.pop("id", ""), change.get("role", ""))
        if role not in plain:
            problem = "the connection has no such tunnel"
            return malformed(
                f"TunnelOptionsSpecification.{number}.TunnelId", problem, "DescribeVpnConnection lists them"
            )
        plain[role] = merged(plain[role], change)
    if call.text("EnableTunnelsBgp").lower() == "false":
        plain = {role: {**tunnel, "bgp": None} for role, tunnel in plain.items()}
    return {**spec, "tunnels": list(plain.values())}


_CA = {"RemoteCaCertificate": "tunnels authenticate by key; certificates are for national standard gateways"}
_SAID = (
    "VpnConnectionId", "Name", "CreateTime", "CustomerGatewayId", "VpnGatewayId", "LocalSubnet", "RemoteSubnet",
    "EffectImmediately", "EnableDpd", "EnableNatTraversal", "EnableTunnelsBgp", "IpsecConfig", "ResourceGroupId",
)  # fmt: skip

ACTIONS: tuple[Action, ...] = (
    Action(
        name="CreateVpnConnection",
        does=Create(CONNECTION, replies=("CreateTime", "Name"), prepare=_with_keys),
        needs=("LocalSubnet", "RemoteSubnet", "VpnGatewayId"),
        reads=("EnableTunnelsBgp",),
        never=("ResourceGroupId",),
        refused=_CA,
    ),
    Action(name="DescribeVpnConnection", does=Get(CONNECTION)),
    Action(
        name="DescribeVpnConnections",
        does=List(
            _LISTED,
            into="VpnConnections.VpnConnection",
            by={
                "VpnConnectionId": by_ids(),
                "VpnGatewayId": by_reference(),
                "CustomerGatewayId": by_reference(),
            },
            tags="Tag",
        ),
    ),
    Action(
        name="ModifyVpnConnectionAttribute",
        does=Update(CONNECTION, prepare=_changed_tunnels, replies=_SAID),
        reads=("EnableTunnelsBgp",),
        never=("ResourceGroupId",),
        refused=_CA,
    ),
    Action(name="DeleteVpnConnection", does=Delete(CONNECTION)),
)
