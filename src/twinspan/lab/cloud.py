"""A lab's cloud connection on paper: who is managed how, and the two namespaces that no agent lives in.

In: a `Deployment` and the lab's id. Out: for every node with a management port its serial number, password and the
config with its cloud connection; and a topology with the cloud server and the NAT in it. The deployment itself stays
the site's. Next: `cloud_parts.py` furnishes the namespaces.

    node ---- management bridge ---- cloud-server        by hand: address and password stand in the config
    gateway -- nat --/                                   found by DHCP (253, 252) and DNS, behind a masquerade
"""

from __future__ import annotations

import secrets

import msgspec

from twinspan.lab.places import CLOUD_SERVER, GATEWAY
from twinspan.lab.state import LabPaths, write_private
from twinspan.model.cloud_management import DEFAULT_PORT, CloudManagement, CloudServer
from twinspan.model.deployment import Deployment, Port, Segment, Topology, Wire
from twinspan.model.device_config import DeviceConfig, NextHop, StaticRoute
from twinspan.model.errors import Unavailable
from twinspan.model.secret import Secret, decode_hook, encode_hook

SERVER, NAT = CLOUD_SERVER, "nat"
PARTS = (SERVER, NAT)
"""Namespaces without an agent."""
ACCOUNT = "lab"
"""Owns the lab's devices, and the resources of a blank lab."""
DOMAIN, PORT = "cloud.lab", DEFAULT_PORT
SERVER_ADDRESS, NAT_ADDRESS, PREFIX = "198.19.0.2", "198.19.0.3", "198.19.0.0/24"
"""On the management bridge, below the addresses of the nodes."""
NAT_INSIDE, LEASE_FIRST, LEASE_LAST, NETMASK = "198.19.1.1", "198.19.1.10", "198.19.1.19", "255.255.255.0"
"""Between the NAT and the gateway."""
SERVER_LINK, NAT_OUTER, NAT_INNER = "eth0", "out0", "in0"
DEAD_AFTER_S = 6.0
"""Seconds without a sign of life: short, so that a fault shows while somebody watches."""
PASSWORD_BYTES = 18


class Managed(msgspec.Struct, frozen=True, kw_only=True):
    """One node as the cloud server knows it."""

    serial: str
    password: Secret
    config: DeviceConfig


def can_be_managed(deployment: Deployment) -> bool:
    """Whether the site has a management bridge with a gateway on it."""
    return GATEWAY in management_links(deployment.topology)


def management_links(topology: Topology) -> dict[str, str]:
    """Node to its port on the management bridge."""
    return {port.node: port.link for part in topology.segments if part.kind == "management" for port in part.ports}


def serial_number(lab_id: str, node: str) -> str:
    """Unique on this machine, and legible."""
    return f"TS-{lab_id.upper()}-{node}"


def manage(deployment: Deployment, lab_id: str) -> dict[str, Managed]:
    """Every node that has a management port, with a password of its own."""
    found = {}
    for node, link in management_links(deployment.topology).items():
        password = Secret(secrets.token_urlsafe(PASSWORD_BYTES))
        config = deployment.configs[node]
        config = _by_dhcp(config, link) if node == GATEWAY else _by_hand(config, password)
        found[node] = Managed(serial=serial_number(lab_id, node), password=password, config=config)
    return found


def widen(topology: Topology) -> Topology:
    """The same cables, with the server on the management bridge and the NAT between it and the gateway."""
    inner = Port(node=GATEWAY, link=management_links(topology)[GATEWAY])
    return Topology(
        nodes=(*topology.nodes, *PARTS),
        wires=(*topology.wires, Wire(a=inner, b=Port(node=NAT, link=NAT_INNER))),
        segments=tuple(_behind_nat(part) if part.kind == "management" else part for part in topology.segments),
    )


def save_managed(paths: LabPaths, managed: dict[str, Managed]) -> None:
    """For the server's first start, and for whoever asks what a node's config was."""
    write_private(paths.managed, msgspec.json.encode(managed, enc_hook=encode_hook))


def load_managed(paths: LabPaths) -> dict[str, Managed]:
    """By node; empty for a lab without a cloud server."""
    try:
        return msgspec.json.decode(paths.managed.read_bytes(), type=dict[str, Managed], dec_hook=decode_hook)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise Unavailable(
            f"{paths.managed} cannot be read: {error}",
            remedy=f"take the lab down and bring it up again: twinspan lab down {paths.name}",
        ) from error


def _by_hand(config: DeviceConfig, password: Secret) -> DeviceConfig:
    cloud = CloudManagement(primary=CloudServer(domain=SERVER_ADDRESS), password=password, dead_after_s=DEAD_AFTER_S)
    return msgspec.structs.replace(config, cloud=cloud)


def _by_dhcp(config: DeviceConfig, link: str) -> DeviceConfig:
    """Address, server and password come with a lease; the server's network lies behind that link."""
    links = tuple(msgspec.structs.replace(one, addresses=()) if one.name == link else one for one in config.links)
    way = StaticRoute(prefix=PREFIX, next_hops=(NextHop(link=link),))
    cloud = CloudManagement(dhcp_link=link, dead_after_s=DEAD_AFTER_S)
    return msgspec.structs.replace(config, links=links, routes=(*config.routes, way), cloud=cloud)


def _behind_nat(bridge: Segment) -> Segment:
    others = tuple(port for port in bridge.ports if port.node != GATEWAY)
    parts = (Port(node=SERVER, link=SERVER_LINK), Port(node=NAT, link=NAT_OUTER))
    return msgspec.structs.replace(bridge, ports=(*others, *parts))
