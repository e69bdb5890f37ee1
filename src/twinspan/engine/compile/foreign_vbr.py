"""VBRs of other accounts on the site's circuit: routers in VLANs that the site shares nothing with but the cable.

In: a `Site`. Out: their names and `DeviceConfig`s. Each has its VLAN and the addresses in it, and no more: no session,
because the gateway at its far end belongs to the other account; no cable to the transit router; no management port,
because a bridge that both accounts sit on would be a way around the VLAN. Next: `transit_router.py`.
"""

from __future__ import annotations

from twinspan.model.device_config import DeviceConfig, Link
from twinspan.model.site import Site
from twinspan.model.virtual_border_router import VirtualBorderRouterSpec

PORT = "circ0"
_NODE_NAME_MAX = 15
"""A node's name is that of its port in a segment too (IFNAMSIZ)."""


def foreign_vbrs(site: Site) -> dict[str, VirtualBorderRouterSpec]:
    """VBRs of other accounts on the circuit of the site's own, by node name: `vbr-` and its name, or its place in the
    file where that is no interface name."""
    own = site.virtual_border_routers.get(site.circuit.virtual_border_router)
    if own is None:
        return {}
    circuit = own.physical_connection
    found: dict[str, VirtualBorderRouterSpec] = {}
    for index, (name, vbr) in enumerate(site.virtual_border_routers.items(), start=1):
        if vbr.account != "current" and vbr.physical_connection == circuit:
            node = f"vbr-{name}"
            found[node if node.isascii() and len(node) <= _NODE_NAME_MAX else f"vbr{index}"] = vbr
    return found


def compile_foreign_vbr(site: Site, node: str, vbr: VirtualBorderRouterSpec) -> DeviceConfig:
    """One of them. It forwards as every VBR does: what keeps the site out is the VLAN, not a router that is off."""
    addresses: tuple[str, ...] = (f"{vbr.local_gateway_ip}/{vbr.prefix_length}",)
    if vbr.enable_ipv6:
        addresses += (f"{vbr.local_ipv6_gateway_ip}/{vbr.ipv6_prefix_length}",)
    vlan = f"{PORT}.{vbr.vlan_id}"
    return DeviceConfig(
        node=node,
        role="vbr",
        site=site.site,
        profile=site.profile,
        forwarding=True,
        links=(
            Link(name=PORT, mtu=vbr.mtu),
            Link(name=vlan, kind="vlan", parent=PORT, vlan_id=vbr.vlan_id, addresses=addresses, mtu=vbr.mtu),
        ),
    )
