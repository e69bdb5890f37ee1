"""What the data centre's gateway must be told: DownloadVpnConnectionConfig.

Written from the gateway's side: its Local is the customer gateway, its Remote the VPN gateway, its LocalSubnet the data
centre's. Whoever takes it as it stands has the other end of the tunnel. In: a connection. Out: `ACTIONS`.
Next: `diagnosis.py`.
"""

from __future__ import annotations

from typing import Any

from twinspan.model.ipsec_connection import Tunnel, tunnels_of
from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Compute
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault
from twinspan.wire.alibaba.ipsec_connection import CONNECTION, gateway_address, ike_parts, peer_asn, spec_of
from twinspan.wire.alibaba.ipsec_parts import IPSEC, local_address, other_address, tunnel_id
from twinspan.wire.alibaba.spelling import spelled, with_commas, written
from twinspan.wire.alibaba.view import View


def download(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DownloadVpnConnectionConfig: shows what the gateway at the far end must be told."""
    resource = by_id(CONNECTION, "VpnConnectionId", given.get("connection"), view)
    if isinstance(resource, Fault):
        return resource
    spec = spec_of(resource)
    tunnels = tunnels_of(spec)
    config: dict[str, Any] = {
        **_ends(resource, tunnels[0], view),
        "LocalSubnet": with_commas(spec.remote_subnets),
        "RemoteSubnet": with_commas(spec.local_subnets),
    }
    if spec.tunnels:
        rows = [{"TunnelId": tunnel_id(resource.id, one.role), **_ends(resource, one, view)} for one in tunnels]
        config["TunnelsConfig"] = {"TunnelConfig": rows}
    speakers = [one for one in tunnels if one.bgp is not None]
    config["BgpConfigs"] = {"BgpConfig": [_bgp(resource, one, view) for one in speakers]}
    return {"VpnConnectionConfig": config}


def _ends(resource: Resource, tunnel: Tunnel, view: View) -> dict[str, Any]:
    """Both addresses, and both phases with the identities changed over."""
    customer = view.get("CustomerGateway", tunnel.customer_gateway)
    remote = gateway_address(resource, view, tunnel.index)
    ike = ike_parts(tunnel, remote, view)
    return {
        "Local": str(getattr(customer.spec, "ip_address", "")) if customer is not None else "",
        "Remote": remote,
        "IkeConfig": {**ike, "LocalId": ike["RemoteId"], "RemoteId": ike["LocalId"]},
        "IpsecConfig": written(IPSEC, tunnel.ipsec),
    }


def _bgp(resource: Resource, tunnel: Tunnel, view: View) -> dict[str, Any]:
    """The gateway's neighbour: its own ASN and address are what the cloud calls the peer's."""
    bgp = tunnel.bgp
    assert bgp is not None
    return {
        "TunnelId": tunnel_id(resource.id, tunnel.role),
        "TunnelCidr": bgp.tunnel_cidr,
        "LocalBgpIp": other_address(bgp.tunnel_cidr, bgp.local_ip),
        "PeerBgpIp": local_address(bgp),
        "LocalAsn": str(peer_asn(tunnel.customer_gateway, view)),
        "PeerAsn": str(bgp.local_asn),
    }


ACTIONS: tuple[Action, ...] = (
    Action(
        name="DownloadVpnConnectionConfig",
        does=Compute((spelled("connection", "VpnConnectionId"),), download),
        needs=("VpnConnectionId",),
    ),
)
