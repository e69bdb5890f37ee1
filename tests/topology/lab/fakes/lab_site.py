"""A site of five nodes, up in a fifth of a second: pc - gateway = circuit and isp = vbr and vpn-gateway - office."""

from twinspan.model.deployment import Deployment, Endpoint, Expectation, Port, Segment, Topology, Wire
from twinspan.model.device_config import DeviceConfig, IpsecTunnel, Link, NextHop, NodeRole, StaticRoute
from twinspan.model.secret import Secret

PC, OFFICE, USER = "192.168.1.10", "172.16.0.10", "192.168.5.10"
ROLES: dict[str, NodeRole] = {
    "pc": "pc",
    "gateway": "gateway",
    "vbr": "vbr",
    "vpn-gateway": "vpn_gateway",
    "office-host": "office_host",
}
LINKS = {
    "pc": (("eth0", f"{PC}/24"),),
    "gateway": (("lan0", "192.168.1.1/24"), ("circ0", "10.0.0.2/30"), ("wan0", "198.18.0.1/30")),
    "vbr": (("circ0", "10.0.0.1/30"), ("tr0", "172.16.0.1/24")),
    "vpn-gateway": (("wan0", "198.18.0.2/30"),),
    "office-host": (("tr0", f"{OFFICE}/24"), ("lo", f"{USER}/32")),
}
ROUTES = {
    "pc": (("0.0.0.0/0", "192.168.1.1"),),
    "gateway": (("172.16.0.0/24", "10.0.0.1"), ("192.168.5.0/24", "10.0.0.1")),
    "vbr": (("192.168.1.0/24", "10.0.0.2"), ("192.168.5.0/24", OFFICE)),
    "office-host": (("0.0.0.0/0", "172.16.0.1"),),
}


def _tunnel(name: str, ports: tuple[int, int]) -> IpsecTunnel:
    return IpsecTunnel(
        name=name, local_address="198.18.0.1", remote_address="198.18.0.2", local_id="a", remote_id="b",
        psk=Secret("never-shown-anywhere"), ike_port=ports[0], nat_t_port=ports[1],
    )  # fmt: skip


def _config(node: str) -> DeviceConfig:
    return DeviceConfig(
        node=node,
        role=ROLES[node],
        site="mini",
        forwarding=node in {"gateway", "vbr"},
        links=tuple(Link(name=name, addresses=(address,)) for name, address in LINKS[node]),
        routes=tuple(StaticRoute(prefix=prefix, next_hops=(NextHop(via=via),)) for prefix, via in ROUTES.get(node, ())),
        tunnels=(_tunnel("t1", (500, 4500)), _tunnel("t2", (1500, 14500))) if node == "gateway" else (),
    )


def _port(node: str, link: str) -> Port:
    return Port(node=node, link=link)


def mini_site(site: str = "mini") -> Deployment:
    nodes = tuple(ROLES)
    return Deployment(
        site=site,
        profile="edge",
        region="none",
        topology=Topology(
            nodes=nodes,
            wires=(
                Wire(a=_port("pc", "eth0"), b=_port("gateway", "lan0")),
                Wire(a=_port("vbr", "tr0"), b=_port("office-host", "tr0")),
            ),
            segments=(
                Segment(name="circuit", kind="circuit", ports=(_port("gateway", "circ0"), _port("vbr", "circ0"))),
                Segment(name="isp", kind="isp", ports=(_port("gateway", "wan0"), _port("vpn-gateway", "wan0"))),
                Segment(name="management", kind="management", ports=tuple(_port(node, "mgmt0") for node in nodes)),
            ),
        ),
        configs={node: _config(node) for node in nodes},
        site_endpoint=Endpoint(node="pc", address=PC),
        cloud_endpoint=Endpoint(node="office-host", address=OFFICE),
        expectation=Expectation(
            bfd_interval_ms=None, bfd_multiplier=None, probe_interval_ms=500, probe_lost_threshold=3, hold_time_s=9,
            hold_down_s=5.0, health_check_interval_s=None, health_check_packets=None, max_outage_ms=1000,
        ),
        dns_name="",
        site_prefixes=("192.168.1.0/24",),
        cloud_prefixes=("172.16.0.0/24", "192.168.5.0/24"),
    )  # fmt: skip
