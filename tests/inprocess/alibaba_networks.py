"""Networks that tests of the CEN and office network products stand on, made by the cloud's own SDK."""

from __future__ import annotations

from tests.inprocess.compatible import CloudClient

DC = "192.168.1.0/24"
USER = "192.168.0.0/24"
OFFICE = "172.16.0.0/16"


def vpc(cloud: CloudClient, cidr: str = USER, name: str = "user") -> tuple[str, str]:
    """VPC and a vSwitch in it."""
    made = cloud.vpc("CreateVpc", cidr_block=cidr, vpc_name=name).vpc_id
    address, _, length = cidr.partition("/")
    subnet = f"{address}/{min(int(length) + 1, 29)}"
    vswitch = cloud.vpc("CreateVSwitch", vpc_id=made, cidr_block=subnet, zone_id="cn-hangzhou-a").v_switch_id
    return made, vswitch


def vbr(cloud: CloudClient, local: str = "10.0.0.1", peer: str = "10.0.0.2") -> str:
    """A VBR with a BGP peer, on a circuit of its own."""
    circuit = cloud.vpc("CreatePhysicalConnection", access_point_id="ap", line_operator="CT", bandwidth=1000)
    cloud.vpc("EnablePhysicalConnection", physical_connection_id=circuit.physical_connection_id)
    made = cloud.vpc(
        "CreateVirtualBorderRouter",
        physical_connection_id=circuit.physical_connection_id,
        vlan_id=0,
        local_gateway_ip=local,
        peer_gateway_ip=peer,
        peering_subnet_mask="255.255.255.252",
    ).vbr_id
    group = cloud.vpc("CreateBgpGroup", router_id=made, peer_asn=65001).bgp_group_id
    cloud.vpc("CreateBgpPeer", bgp_group_id=group)
    return str(made)


def connection(cloud: CloudClient, vpc_id: str) -> tuple[str, str]:
    """VPN gateway in the VPC and an IPsec connection of it."""
    gateway = cloud.vpc("CreateVpnGateway", vpc_id=vpc_id, bandwidth=200).vpn_gateway_id
    customer = cloud.vpc("CreateCustomerGateway", ip_address="198.18.0.154", asn="65001").customer_gateway_id
    made = cloud.vpc(
        "CreateVpnConnection",
        vpn_gateway_id=gateway,
        customer_gateway_id=customer,
        local_subnet="0.0.0.0/0",
        remote_subnet="0.0.0.0/0",
    ).vpn_connection_id
    return gateway, made
