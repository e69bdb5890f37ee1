"""Where things are in a lab: segments, ports, sessions, daemons, by the names its deployment gave them.

In: a `Lab`. Out: names of links and bridge ports, BGP peers, process identities. Next: `faults.py` aims with these.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Literal

from twinspan.lab import namespace, process
from twinspan.lab.build import segment_ports
from twinspan.lab.lab import Lab
from twinspan.lab.process import ProcessId
from twinspan.model.deployment import Segment
from twinspan.model.device_config import BgpPeer, DeviceConfig
from twinspan.model.errors import Rejected, Unavailable

GATEWAY, VBR, VPN_GATEWAY = "gateway", "vbr", "vpn-gateway"
CLOUD_SERVER = "cloud-server"
"""Its namespace, and the management bridge's port towards it."""


def segment(lab: Lab, kind: Literal["circuit", "isp"]) -> Segment:
    """The stretch of that kind. Raises Rejected if the site has none."""
    for found in lab.deployment.topology.segments:
        if found.kind == kind:
            return found
    raise Rejected(f"lab {lab.name} has no {kind} segment", remedy="choose a fault that this site can have")


def ports(where: Segment, node: str | None = None) -> list[str]:
    """Names of the bridge's ports in the segment's namespace; all, or the one towards a node."""
    return [name for port, name in segment_ports(where).items() if node in (None, port.node)]


def config(lab: Lab, node: str) -> DeviceConfig:
    """What the node was told to be when the lab was made."""
    lab.netns(node)
    return lab.deployment.configs[node]


def circuit_links(lab: Lab, node: str) -> list[str]:
    """The node's links onto the circuit: the port itself and the VLANs on it."""
    own = {port.link for port in segment(lab, "circuit").ports if port.node == node}
    return sorted(own) + [link.name for link in config(lab, node).links if link.parent in own]


def circuit_port(lab: Lab, node: str) -> str:
    """The node's physical port onto the circuit."""
    return next(port.link for port in segment(lab, "circuit").ports if port.node == node)


def circuit_peers(lab: Lab) -> list[BgpPeer]:
    """The VBR's sessions with the gateway."""
    bgp = config(lab, VBR).bgp
    own = {address.partition("/")[0] for link in config(lab, GATEWAY).links for address in link.addresses}
    return [peer for peer in (bgp.peers if bgp else ()) if peer.peer_address in own]


def office_prefix(lab: Lab) -> str:
    """The office VPC's prefix: the one the cloud's endpoint lies in."""
    address = ip_address(lab.deployment.cloud_endpoint.address)
    for prefix in lab.deployment.cloud_prefixes:
        if address in ip_network(prefix):
            return prefix
    raise Rejected(f"no prefix of the cloud holds {address}", remedy="check the site's office network")


def daemons(lab: Lab, node: str, name: str) -> tuple[ProcessId, ...]:
    """Processes of that name in the node's namespace."""
    number = namespace.inode(lab.netns(node))
    inside = process.in_namespaces({number}) if number else ()
    return tuple(one for one in inside if process.command_name(one.pid) == name)


def bird_argument(lab: Lab, node: str, option: str) -> str:
    """What the node's BIRD was started with: -s its control socket, -c its configuration."""
    for one in daemons(lab, node, "bird"):
        words = process.arguments(one.pid)
        if option in words[:-1]:
            return words[words.index(option) + 1]
    raise Unavailable(f"{node}: BIRD does not run", remedy="look at `twinspan lab status` first")


def tunnel_ports(lab: Lab, only: Sequence[str] | None = None) -> list[int]:
    """UDP ports of the tunnels' IKE daemons at both ends; of all tunnels, or of these."""
    tunnels = [tunnel for node in (GATEWAY, VPN_GATEWAY) for tunnel in config(lab, node).tunnels]
    if not tunnels:
        raise Rejected(f"lab {lab.name} has no VPN", remedy="choose a fault of the circuit")
    return sorted({p for t in tunnels if only is None or t.name in only for p in (t.ike_port, t.nat_t_port)})


def require_cloud(lab: Lab) -> None:
    """Raises Rejected for a lab without a cloud server."""
    if CLOUD_SERVER not in lab.state.parts:
        raise Rejected(
            f"lab {lab.name} has no cloud server", remedy="bring it up with --cloud; its site needs a management bridge"
        )


def cloud_server(lab: Lab) -> tuple[ProcessId, ...]:
    """Its process, as the keeper has written it down."""
    require_cloud(lab)
    found = process.recorded(lab.paths.part(CLOUD_SERVER))
    return (found,) if found is not None and process.alive(found) else ()
