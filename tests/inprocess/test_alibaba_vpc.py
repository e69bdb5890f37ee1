"""Every action of the VPC product, called by the cloud's own SDK over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.inprocess.compatible import CloudClient, Server, made_state

from twinspan.model.resource import Actor
from twinspan.wire.alibaba.action import VPC
from twinspan.wire.alibaba.table import ACTIONS

CIDR = "192.168.0.0/24"
DC = "192.168.1.0/24"
PSK = "a-key-of-the-test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[Server]:
    """What is created, changed or deleted is so at once."""
    running = Server(made_state(tmp_path_factory.mktemp("vpc") / "state", authority), async_delay_ms=0)
    yield running
    running.close()


@pytest.fixture(scope="module")
def walk(server: Server) -> CloudClient:
    """A client that has called every action once, in an order that makes sense."""
    cloud = server.cloud()
    ids = _networks(cloud)
    _circuit(cloud, ids)
    _vpn(cloud, ids)
    _routes(cloud, ids)
    _labels(cloud, ids)
    _away(cloud, ids)
    return cloud


def _networks(cloud: CloudClient) -> dict[str, str]:
    cloud.vpc("DescribeRegions")
    cloud.vpc("DescribeZones")
    made = cloud.vpc("CreateVpc", cidr_block=CIDR, vpc_name="user", tag=[{"key": "team", "value": "net"}])
    vpc = made.vpc_id
    vswitch = cloud.vpc(
        "CreateVSwitch", vpc_id=vpc, cidr_block="192.168.0.0/25", zone_id="cn-hangzhou-a", v_switch_name="first"
    )
    second = cloud.vpc("CreateVSwitch", vpc_id=vpc, cidr_block="192.168.0.128/25", zone_id="cn-hangzhou-b")
    found = cloud.vpc("DescribeVpcs", vpc_id=vpc)
    assert found.total_count == 1
    assert found.vpcs.vpc[0].router_table_ids.router_table_ids == [made.route_table_id]
    assert cloud.vpc("DescribeVpcAttribute", vpc_id=vpc).v_switch_ids.v_switch_id == [
        vswitch.v_switch_id,
        second.v_switch_id,
    ]
    cloud.vpc("ModifyVpcAttribute", vpc_id=vpc, description="of the users")
    cloud.vpc("ModifyVSwitchAttribute", v_switch_id=vswitch.v_switch_id, description="one half")
    assert cloud.vpc("DescribeVSwitches", vpc_id=vpc).total_count == 2
    attributes = cloud.vpc("DescribeVSwitchAttributes", v_switch_id=vswitch.v_switch_id)
    assert attributes.available_ip_address_count == 124
    return {
        "vpc": vpc,
        "vswitch": vswitch.v_switch_id,
        "second": second.v_switch_id,
        "table": made.route_table_id,
    }


def _circuit(cloud: CloudClient, ids: dict[str, str]) -> None:
    circuit = ids["circuit"] = cloud.vpc(
        "CreatePhysicalConnection", access_point_id="ap-1", line_operator="CT", bandwidth=1000, name="leased"
    ).physical_connection_id
    cloud.vpc("ModifyPhysicalConnectionAttribute", physical_connection_id=circuit, circuit_code="L-1")
    cloud.vpc("EnablePhysicalConnection", physical_connection_id=circuit)
    assert _circuit_of(cloud, circuit).status == "Enabled"
    vbr = ids["vbr"] = cloud.vpc(
        "CreateVirtualBorderRouter",
        physical_connection_id=circuit,
        vlan_id=0,
        bandwidth=1000,
        local_gateway_ip="10.0.0.1",
        peer_gateway_ip="10.0.0.2",
        peering_subnet_mask="255.255.255.252",
        name="vbr-1",
    ).vbr_id
    cloud.vpc(
        "ModifyVirtualBorderRouterAttribute",
        vbr_id=vbr,
        min_tx_interval=300,
        min_rx_interval=300,
        detect_multiplier=3,
    )
    cloud.vpc("UpdateVirtualBorderBandwidth", virtual_border_router_id=vbr, bandwidth=500)
    shown = cloud.vpc(
        "DescribeVirtualBorderRouters", filter=[{"key": "PhysicalConnectionId", "value": [circuit]}]
    ).virtual_border_router_set.virtual_border_router_type
    assert [(one.vbr_id, one.status, one.peering_subnet_mask, one.circuit_code) for one in shown] == [
        (vbr, "active", "255.255.255.252", "L-1")
    ]
    cloud.vpc("DescribeVirtualBorderRoutersForPhysicalConnection", physical_connection_id=circuit)
    _bgp(cloud, ids)
    job = cloud.vpc(
        "CreateFailoverTestJob",
        resource_type="PHYSICALCONNECTION",
        resource_id=[circuit],
        job_type="StartLater",
        job_duration=5,
        name="drill",
    ).job_id
    cloud.vpc("UpdateFailoverTestJob", job_id=job, job_duration=10)
    assert cloud.vpc("DescribeFailoverTestJob", job_id=job).failover_test_job_model.job_duration == "10"
    cloud.vpc("StartFailoverTestJob", job_id=job)
    cloud.vpc("DescribeFailoverTestJobs", filter=[{"key": "JobStatus", "value": ["Testing"]}])
    cloud.vpc("StopFailoverTestJob", job_id=job)
    cloud.vpc("DeleteFailoverTestJob", job_id=job)


def _circuit_of(cloud: CloudClient, circuit: str) -> Any:
    found = cloud.vpc("DescribePhysicalConnections", filter=[{"key": "PhysicalConnectionId", "value": [circuit]}])
    return found.physical_connection_set.physical_connection_type[0]


def _bgp(cloud: CloudClient, ids: dict[str, str]) -> None:
    group = cloud.vpc("CreateBgpGroup", router_id=ids["vbr"], peer_asn=65001, name="group", auth_key="secret1")
    ids["group"] = group.bgp_group_id
    cloud.vpc("ModifyBgpGroupAttribute", bgp_group_id=ids["group"], clear_auth_key=True)
    shown = cloud.vpc("DescribeBgpGroups", router_id=ids["vbr"]).bgp_groups.bgp_group[0]
    assert (shown.local_asn, shown.peer_asn, shown.route_limit, shown.auth_key) == ("45104", "65001", "110", "")
    ids["peer"] = cloud.vpc("CreateBgpPeer", bgp_group_id=ids["group"], enable_bfd=True, bfd_multi_hop=1).bgp_peer_id
    cloud.vpc("ModifyBgpPeerAttribute", bgp_peer_id=ids["peer"], bfd_multi_hop=255)
    peer = cloud.vpc("DescribeBgpPeers", router_id=ids["vbr"]).bgp_peers.bgp_peer[0]
    assert (peer.peer_ip_address, peer.bfd_multi_hop, peer.bgp_status) == ("10.0.0.2", 255, "UnEstablished")
    cloud.vpc("AddBgpNetwork", router_id=ids["vbr"], dst_cidr_block=CIDR, vpc_id=ids["vpc"])
    network = cloud.vpc("DescribeBgpNetworks", router_id=ids["vbr"]).bgp_networks.bgp_network[0]
    assert network.dst_cidr_block == CIDR
    cloud.vpc("DeleteBgpNetwork", router_id=ids["vbr"], dst_cidr_block=CIDR)


def _vpn(cloud: CloudClient, ids: dict[str, str]) -> None:
    gateway = ids["gateway"] = cloud.vpc(
        "CreateVpnGateway", vpc_id=ids["vpc"], bandwidth=200, name="vpn", instance_charge_type="POSTPAY", period=1
    ).vpn_gateway_id
    cloud.vpc("ModifyVpnGatewayAttribute", vpn_gateway_id=gateway, description="standby")
    assert cloud.vpc("DescribeVpnGateway", vpn_gateway_id=gateway).spec == "200M"
    assert cloud.vpc("DescribeVpnGateways", vpc_id=ids["vpc"]).vpn_gateways.vpn_gateway[0].v_switch_id == ids["vswitch"]
    customer = ids["customer"] = cloud.vpc(
        "CreateCustomerGateway", ip_address="198.18.0.154", asn="65001", name="dc"
    ).customer_gateway_id
    cloud.vpc("ModifyCustomerGatewayAttribute", customer_gateway_id=customer, description="the firewall")
    cloud.vpc("DescribeCustomerGateway", customer_gateway_id=customer)
    assert cloud.vpc("DescribeCustomerGateways").total_count == 1
    connection = ids["connection"] = cloud.vpc(
        "CreateVpnConnection",
        vpn_gateway_id=gateway,
        customer_gateway_id=customer,
        name="tunnel",
        local_subnet="0.0.0.0/0",
        remote_subnet="0.0.0.0/0",
        effect_immediately=True,
        ike_config=f'{{"Psk": "{PSK}", "IkeVersion": "ikev2", "IkeEncAlg": "aes256", "IkeLifetime": 86400}}',
        ipsec_config='{"IpsecEncAlg": "aes256", "IpsecPfs": "group14"}',
    ).vpn_connection_id
    cloud.vpc("ModifyVpnConnectionAttribute", vpn_connection_id=connection, ike_config='{"IkePfs": "group14"}')
    shown = cloud.vpc("DescribeVpnConnection", vpn_connection_id=connection)
    assert (shown.ike_config.psk, shown.ike_config.ike_version, shown.ike_config.ike_pfs) == (PSK, "ikev2", "group14")
    assert cloud.vpc("DescribeVpnConnections", vpn_gateway_id=gateway).total_count == 1
    config = cloud.vpc("DownloadVpnConnectionConfig", vpn_connection_id=connection).vpn_connection_config
    assert (config.local, config.ike_config.psk) == ("198.18.0.154", PSK)
    assert cloud.vpc("DiagnoseVpnConnections", vpn_gateway_id=gateway).vpn_connections[0].severity == "Critical"
    diagnosis = cloud.vpc("DiagnoseVpnGateway", vpn_gateway_id=gateway, resource_id=connection, resource_type="IPsec")
    result = cloud.vpc("GetVpnGatewayDiagnoseResult", vpn_gateway_id=gateway, diagnose_id=diagnosis.diagnose_id)
    assert result.finished_count == 7
    cloud.vpc("DescribeVpnConnectionLogs", vpn_connection_id=connection, minute_period=10)
    _vpn_routes(cloud, gateway, connection)


def _vpn_routes(cloud: CloudClient, gateway: str, connection: str) -> None:
    named: dict[str, Any] = {"vpn_gateway_id": gateway, "next_hop": connection, "route_dest": DC}
    made = cloud.vpc("CreateVpnRouteEntry", **named, weight=100, publish_vpc=False)
    assert made.state == "normal"
    cloud.vpc("ModifyVpnRouteEntryWeight", **named, weight=100, new_weight=0)
    cloud.vpc("PublishVpnRouteEntry", **named, route_type="dbr", publish_vpc=True)
    shown = cloud.vpc("DescribeVpnRouteEntries", vpn_gateway_id=gateway).vpn_route_entries.vpn_route_entry
    assert [(one.route_dest, one.weight, one.state) for one in shown] == [(DC, 0, "published")]
    policy = {**named, "route_source": CIDR, "weight": 100}
    cloud.vpc("CreateVpnPbrRouteEntry", **policy, publish_vpc=True)
    cloud.vpc("ModifyVpnPbrRouteEntryWeight", **policy, new_weight=0)
    policy["weight"] = 0
    cloud.vpc("ModifyVpnPbrRouteEntryPriority", **policy, priority=10, new_priority=20)
    cloud.vpc("ModifyVpnPbrRouteEntryAttribute", **policy, priority=20, new_priority=30, new_weight=100)
    policy["weight"] = 100
    shown = cloud.vpc("DescribeVpnPbrRouteEntries", vpn_gateway_id=gateway).vpn_pbr_route_entries.vpn_pbr_route_entry
    assert [(one.route_source, one.priority, one.weight) for one in shown] == [(CIDR, 30, 100)]
    cloud.vpc("DeleteVpnPbrRouteEntry", **policy, priority=30)


def _routes(cloud: CloudClient, ids: dict[str, str]) -> None:
    custom = cloud.vpc("CreateRouteTable", vpc_id=ids["vpc"], route_table_name="second").route_table_id
    cloud.vpc("ModifyRouteTableAttributes", route_table_id=custom, description="of no use")
    assert cloud.vpc("DescribeRouteTableList", vpc_id=ids["vpc"]).total_count == 2
    cloud.vpc("DeleteRouteTable", route_table_id=custom)
    routers = cloud.vpc("DescribeVirtualBorderRouters").virtual_border_router_set.virtual_border_router_type
    table = routers[0].route_table_id
    entry = cloud.vpc(
        "CreateRouteEntry",
        route_table_id=table,
        destination_cidr_block=DC,
        next_hop_id=ids["circuit"],
        next_hop_type="RouterInterface",
    ).route_entry_id
    cloud.vpc("ModifyRouteEntry", route_entry_id=entry, new_next_hop_id=ids["vpc"])
    shown = cloud.vpc("DescribeRouteEntryList", route_table_id=table, route_entry_type="Custom")
    (found,) = shown.route_entrys.route_entry
    assert (found.destination_cidr_block, found.next_hops.next_hop[0].next_hop_id) == (DC, ids["vpc"])
    cloud.vpc("DescribeRouteTables", route_table_id=table)
    cloud.vpc("DeleteRouteEntry", route_entry_id=found.route_entry_id)
    many = [{"route_table_id": table, "dst_cidr_block": f"10.{n}.0.0/16", "next_hop": ids["circuit"]} for n in (1, 2)]
    assert cloud.vpc("CreateRouteEntries", route_entries=[*many, many[0]]).failed_count == 1
    gone = [{"route_table_id": table, "dst_cidr_block": one["dst_cidr_block"]} for one in many]
    assert cloud.vpc("DeleteRouteEntries", route_entries=gone).success_count == 2
    published: dict[str, Any] = {
        "target_type": "CEN",
        "target_instance_id": "cen-1",
        "route_entries": [{"route_table_id": ids["table"], "destination_cidr_block": DC}],
    }
    cloud.vpc("PublishVpcRouteEntries", **published)
    listed = cloud.vpc("ListVpcPublishedRouteEntries", route_table_id=ids["table"], target_type="CEN").route_entries
    assert DC in [one.destination_cidr_block for one in listed]
    cloud.vpc("WithdrawVpcPublishedRouteEntries", **published)


def _labels(cloud: CloudClient, ids: dict[str, str]) -> None:
    group = "rg-1"
    cloud.vpc("TagResources", resource_type="VPC", resource_id=[ids["vpc"]], tag=[{"key": "k", "value": "v"}])
    listed = cloud.vpc("ListTagResources", resource_type="VPC", resource_id=[ids["vpc"]]).tag_resources.tag_resource
    assert {(one.tag_key, one.tag_value) for one in listed} == {("team", "net"), ("k", "v")}
    cloud.vpc("UnTagResources", resource_type="VPC", resource_id=[ids["vpc"]], tag_key=["k"])
    circuit: dict[str, Any] = {"resource_type": "PHYSICALCONNECTION", "resource_id": [ids["circuit"]]}
    cloud.vpc("TagResourcesForExpressConnect", **circuit, tag=[{"key": "k", "value": "v"}])
    cloud.vpc("ListTagResourcesForExpressConnect", **circuit)
    cloud.vpc("UntagResourcesForExpressConnect", **circuit, all=True)
    assert _circuit_of(cloud, ids["circuit"]).tags.tags == []
    cloud.vpc("MoveResourceGroup", resource_type="vpc", resource_id=ids["vpc"], new_resource_group_id=group)
    cloud.vpc(
        "MoveVpnResourceGroup", resource_type="VpnGateway", instance_id=ids["gateway"], new_resource_group_id=group
    )
    cloud.vpc(
        "ChangeResourceGroup",
        resource_type="PHYSICALCONNECTION",
        resource_id=ids["circuit"],
        new_resource_group_id=group,
    )
    assert cloud.vpc("DescribeVpcs", resource_group_id=group).total_count == 1


def _away(cloud: CloudClient, ids: dict[str, str]) -> None:
    cloud.vpc("DeleteVpnRouteEntry", vpn_gateway_id=ids["gateway"], next_hop=ids["connection"], route_dest=DC, weight=0)
    cloud.vpc("DeleteVpnConnection", vpn_connection_id=ids["connection"])
    cloud.vpc("DeleteCustomerGateway", customer_gateway_id=ids["customer"])
    cloud.vpc("DeleteVpnGateway", vpn_gateway_id=ids["gateway"])
    cloud.vpc("DeleteBgpPeer", bgp_peer_id=ids["peer"])
    cloud.vpc("DeleteBgpGroup", bgp_group_id=ids["group"])
    cloud.vpc("TerminateVirtualBorderRouter", vbr_id=ids["vbr"])
    cloud.vpc("RecoverVirtualBorderRouter", vbr_id=ids["vbr"])
    cloud.vpc("DeleteVirtualBorderRouter", vbr_id=ids["vbr"])
    cloud.vpc("TerminatePhysicalConnection", physical_connection_id=ids["circuit"])
    cloud.vpc("DeletePhysicalConnection", physical_connection_id=ids["circuit"])
    _unbuilt_circuits(cloud)
    cloud.vpc("DeleteVSwitch", v_switch_id=ids["vswitch"])
    cloud.vpc("DeleteVSwitch", v_switch_id=ids["second"])
    cloud.vpc("DeleteVpc", vpc_id=ids["vpc"])
    assert cloud.vpc("DescribeVpcs").total_count == 0
    assert cloud.vpc("DescribeRouteTables").total_count == 0


def _unbuilt_circuits(cloud: CloudClient) -> None:
    """One that is taken back, and one that the provider has built as far as its owner's word."""
    asked: dict[str, Any] = {"access_point_id": "ap-1", "line_operator": "CT"}
    taken_back = cloud.vpc("CreatePhysicalConnection", **asked).physical_connection_id
    cloud.vpc("CancelPhysicalConnection", physical_connection_id=taken_back)
    assert _circuit_of(cloud, taken_back).status == "Canceled"
    built = cloud.vpc("CreatePhysicalConnection", **asked).physical_connection_id
    provider = Actor(account="acme", label="provider", role="administrator")
    for verb in ("approve", "allocate"):
        cloud.server.worker.resources.service.perform(provider, "PhysicalConnection", built, verb, {})
    cloud.vpc("ConfirmPhysicalConnection", physical_connection_id=built)
    assert _circuit_of(cloud, built).status == "Confirmed"
    for circuit in (taken_back, built):
        cloud.vpc("DeletePhysicalConnection", physical_connection_id=circuit)


FROM_SDK = [action for (version, _), action in ACTIONS.items() if version == VPC and not action.ours]


@pytest.mark.parametrize("name", [action.name for action in FROM_SDK])
def test_the_sdk_has_called_the_action_and_its_answer_fits_the_sdk_s_model(walk: CloudClient, name: str) -> None:
    assert (VPC, name) in walk.called
