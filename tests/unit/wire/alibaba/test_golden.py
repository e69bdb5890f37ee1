"""Whole answers, compared with what was read and approved: the document topology as the cloud's API shows it.

Regenerate after reading the difference: `python -m tests.unit.wire.alibaba.test_golden --regenerate`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.wire.alibaba.view import HeldView, resource

from twinspan.wire.alibaba.action import VPC
from twinspan.wire.alibaba.decide import decide
from twinspan.wire.alibaba.fault import Fault
from twinspan.wire.alibaba.table import ACTIONS

FOLDER = Path(__file__).resolve().parents[3] / "golden" / "alibaba"
REGION = {"RegionId": "cn-hangzhou"}


def topology() -> HeldView:
    """Circuit, VBR, VPN with two tunnels, and what the nodes report of them."""
    tunnel = {"customer_gateway": "cgw-1", "psk": "key"}
    return HeldView(
        resource("Vpc", "vpc-1", "user", cidr_block="192.168.0.0/24"),
        resource("Vswitch", "vsw-1", vpc="vpc-1", cidr_block="192.168.0.0/25", zone="a"),
        resource("Vswitch", "vsw-2", vpc="vpc-1", cidr_block="192.168.0.128/25", zone="b"),
        resource(
            "RouteTable",
            "vtb-1",
            status={
                "routes": [
                    {
                        "destination": "172.16.0.0/12",
                        "next_hop_kind": "attachment",
                        "next_hop": "tr-attach-1",
                        "origin": "bgp",
                        "status": "Active",
                    }
                ]
            },
            vpc="vpc-1",
            system=True,
        ),
        resource("RouteTable", "vtb-2", virtual_border_router="vbr-1", system=True),
        resource("PhysicalConnection", "pc-1", "leased", bandwidth_mbps=1000, circuit_code="L-1", access_point="ap-1"),
        resource(
            "VirtualBorderRouter",
            "vbr-1",
            "vbr",
            physical_connection="pc-1",
            vlan_id=100,
            bandwidth_mbps=1000,
            local_gateway_ip="10.0.0.1",
            peer_gateway_ip="10.0.0.2",
            tags={"team": "net"},
        ),
        resource("BgpGroup", "bgpg-1", virtual_border_router="vbr-1", peer_asn=65001, auth_key="bgp-key"),
        resource(
            "BgpPeer",
            "bgp-1",
            status={"bgp_state": "Established", "received_routes": 1, "advertised_routes": 3},
            bgp_group="bgpg-1",
            peer_ip="10.0.0.2",
            enable_bfd=True,
            bfd_hop_count=1,
        ),
        resource(
            "VpnGateway",
            "vpn-1",
            "vpn",
            vpc="vpc-1",
            vswitch="vsw-1",
            disaster_recovery_vswitch="vsw-2",
            internet_ip="198.18.0.10",
            disaster_recovery_internet_ip="198.18.0.14",
        ),
        resource("CustomerGateway", "cgw-1", "dc", ip_address="198.18.0.154", asn=65001),
        resource(
            "IpsecConnection",
            "vco-1",
            "tunnels",
            status={
                "status": "ipsec_sa_established",
                "tunnels": [{"role": "master", "status": "ipsec_sa_established", "bgp_state": "Established"}],
            },
            vpn_gateway="vpn-1",
            customer_gateway="cgw-1",
            local_subnets=["0.0.0.0/0"],
            remote_subnets=["0.0.0.0/0"],
            ike={"version": "ikev2"},
            tunnels=[
                {**tunnel, "role": "master", "bgp": {"tunnel_cidr": "169.254.10.0/30"}},
                {**tunnel, "role": "slave", "ike": {"version": "ikev2", "local_id": "cloud", "remote_id": "dc"}},
            ],
        ),
        resource(
            "DestinationRoute",
            "dbr-1",
            ipsec_connection="vco-1",
            destination="192.168.1.0/24",
            weight=100,
            advertise_to_vpc=True,
        ),
    )


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "vpcs": ("DescribeVpcs", {}),
    "virtual_border_routers": (
        "DescribeVirtualBorderRouters",
        {"Filter": [{"Key": "PhysicalConnectionId", "Value": ["pc-1"]}]},
    ),
    "bgp_groups": ("DescribeBgpGroups", {"RouterId": "vbr-1"}),
    "bgp_peers": ("DescribeBgpPeers", {"RouterId": "vbr-1"}),
    "route_entries": ("DescribeRouteEntryList", {"RouteTableId": "vtb-1"}),
    "vpn_gateway": ("DescribeVpnGateway", {"VpnGatewayId": "vpn-1"}),
    "vpn_connection": ("DescribeVpnConnection", {"VpnConnectionId": "vco-1"}),
    "peer_configuration": ("DownloadVpnConnectionConfig", {"VpnConnectionId": "vco-1"}),
    "vpn_routes": ("DescribeVpnRouteEntries", {"VpnGatewayId": "vpn-1"}),
    "diagnosis": ("GetVpnGatewayDiagnoseResult", {"DiagnoseId": "vpndgn-1"}),
}


def answered(name: str) -> str:
    action, given = CASES[name]
    view = topology()
    plan = decide(ACTIONS[VPC, action], {**REGION, **given}, view)
    assert not isinstance(plan, Fault), plan
    return msgspec.json.format(msgspec.json.encode(plan.reply((), view)), indent=2).decode() + "\n"


@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_the_approved_one(name: str) -> None:
    assert answered(name) == (FOLDER / f"{name}.json").read_text("utf-8")


def test_no_approved_answer_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(CASES)


if __name__ == "__main__" and sys.argv[1:] == ["--regenerate"]:
    for case in CASES:
        (FOLDER / f"{case}.json").write_text(answered(case), "utf-8")
