"""Circuits: ports, VLANs, and how many VBRs one carries.

In: `Site`. Out: findings. Next: `virtual_border_router.py`.
"""

from collections.abc import Iterator

from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.fields import SEED_STEP_1, SEED_STEP_4
from twinspan.model.site import Site
from twinspan.model.virtual_border_router import VirtualBorderRouterSpec


def _on_circuit(site: Site, circuit: str) -> list[tuple[str, VirtualBorderRouterSpec]]:
    return [(name, vbr) for name, vbr in site.virtual_border_routers.items() if vbr.physical_connection == circuit]


@rule("R-PC-001", "A circuit is plugged into the gateway's circuit port.", source=SEED_STEP_4)
def _port(site: Site) -> Iterator[Problem]:
    ports = site.gateway.ports
    for name, circuit in site.physical_connections.items():
        if circuit.gateway_port in {ports.isp, ports.lan}:
            yield Problem(
                ("physical_connections", name, "gateway_port"),
                "that port leads to the Internet or to the data centre",
                f"write gateway_port: {ports.circuit}",
                circuit.gateway_port,
            )


@rule("R-PC-002", "Only a hosted circuit has a VLAN ID of its own.", source=SEED_STEP_1)
def _vlan_owner(site: Site) -> Iterator[Problem]:
    for name, circuit in site.physical_connections.items():
        path = ("physical_connections", name, "vlan_id")
        if circuit.type == "dedicated" and circuit.vlan_id is not None:
            yield Problem(
                path, "this circuit is dedicated", "write vlan_id at the VBR, or type: hosted", circuit.vlan_id
            )
        if circuit.type == "hosted" and circuit.vlan_id is None:
            yield Problem(path, "the partner's VLAN ID is missing", "write the VLAN ID that the partner configured")


@rule("R-VBR-001", "With VLAN ID 0 a VBR has the circuit for itself.", source=SEED_STEP_1)
def _vlan_zero(site: Site) -> Iterator[Problem]:
    for circuit in site.physical_connections:
        vbrs = _on_circuit(site, circuit)
        zero = next((name for name, vbr in vbrs if vbr.vlan_id == 0), None)
        for name, vbr in vbrs:
            if zero is not None and name != zero:
                yield Problem(
                    ("virtual_border_routers", name, "vlan_id"),
                    f"VBR {zero} uses circuit {circuit} with VLAN ID 0, which leaves no room for another",
                    f"give {zero} a VLAN ID of 1 to 2999, or {name} a circuit of its own",
                    vbr.vlan_id,
                )


@rule("R-VBR-002", "A VLAN ID is used once per circuit.", source=SEED_STEP_1)
def _vlan_unique(site: Site) -> Iterator[Problem]:
    for circuit in site.physical_connections:
        seen: dict[int, str] = {}
        for name, vbr in _on_circuit(site, circuit):
            if vbr.vlan_id and vbr.vlan_id in seen:
                yield Problem(
                    ("virtual_border_routers", name, "vlan_id"),
                    f"VBR {seen[vbr.vlan_id]} already has VLAN {vbr.vlan_id} on circuit {circuit}",
                    "choose another VLAN ID",
                    vbr.vlan_id,
                )
            seen.setdefault(vbr.vlan_id, name)


@rule("R-VBR-003", "A VLAN ID above 0 needs trunking on the gateway's port.", source=SEED_STEP_1)
def _trunk(site: Site) -> Iterator[Problem]:
    for name, vbr in site.virtual_border_routers.items():
        port = site.physical_connections[vbr.physical_connection].gateway_port
        if vbr.vlan_id and port not in site.gateway.trunk_ports:
            yield Problem(
                ("virtual_border_routers", name, "vlan_id"),
                f"port {port} of the gateway is no trunk, so tagged frames are lost",
                f"turn trunking on there and write gateway.trunk_ports: [{port}], or use VLAN ID 0",
                vbr.vlan_id,
            )


@rule("R-VBR-004", "VLAN ID 0 is recommended unless the carrier demands another.", source=SEED_STEP_1, severity="info")
def _recommend_zero(site: Site) -> Iterator[Problem]:
    for name, vbr in site.virtual_border_routers.items():
        circuit = vbr.physical_connection
        if (
            vbr.vlan_id
            and site.physical_connections[circuit].type == "dedicated"
            and len(_on_circuit(site, circuit)) == 1
        ):
            yield Problem(
                ("virtual_border_routers", name, "vlan_id"),
                f"VBR {name} is alone on circuit {circuit}",
                "write vlan_id: 0 unless the carrier set this VLAN",
                vbr.vlan_id,
            )


@rule("R-VBR-005", "A VBR on a hosted circuit has the VLAN ID of the circuit.", source=SEED_STEP_1)
def _hosted_vlan(site: Site) -> Iterator[Problem]:
    for name, vbr in site.virtual_border_routers.items():
        circuit = site.physical_connections[vbr.physical_connection]
        if circuit.type == "hosted" and circuit.vlan_id is not None and vbr.vlan_id != circuit.vlan_id:
            yield Problem(
                ("virtual_border_routers", name, "vlan_id"),
                f"the partner configured VLAN {circuit.vlan_id}",
                "leave vlan_id out: it comes from the circuit",
                vbr.vlan_id,
            )


@rule("R-VBR-006", "A VBR is not faster than its circuit.", source=SEED_STEP_1, severity="warning")
def _bandwidth(site: Site) -> Iterator[Problem]:
    for name, vbr in site.virtual_border_routers.items():
        circuit = site.physical_connections[vbr.physical_connection]
        if vbr.bandwidth_mbps > circuit.bandwidth_mbps:
            yield Problem(
                ("virtual_border_routers", name, "bandwidth_mbps"),
                f"the circuit has {circuit.bandwidth_mbps} Mbit/s",
                "lower it, or leave it out",
                vbr.bandwidth_mbps,
            )


RULES = (_port, _vlan_owner, _vlan_zero, _vlan_unique, _trunk, _recommend_zero, _hosted_vlan, _bandwidth)
