"""Shows that the cloud can be rehearsed: its own SDKs build seed 004, Preparations to Step 3, on a Twinspan server.

    python build.py

Nothing here knows Twinspan. From the environment: ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET, CLOUD_ENDPOINT (host:port)
and CLOUD_CA (the file with the server's authority). What it makes has the names of examples/01-two-spans/site.yaml, so
that the two ways can be compared.
"""

import json
import os
import sys
import time

from alibabacloud_cbn20170912 import models as cbn_models
from alibabacloud_cbn20170912.client import Client as Cbn
from alibabacloud_ecd20200930 import models as ecd_models
from alibabacloud_ecd20200930.client import Client as Ecd
from alibabacloud_tea_openapi.models import Config
from alibabacloud_vpc20160428 import models as vpc_models
from alibabacloud_vpc20160428.client import Client as Vpc

REGION, ZONE = "cn-hangzhou", "cn-hangzhou-a"
DATA_CENTER, GATEWAY_ASN, GATEWAY_PUBLIC = "192.168.1.0/24", 65001, os.environ.get("GATEWAY_PUBLIC", "198.18.0.154")
OFFICE, USER, CLOUD_SERVICES = "172.16.0.0/12", "192.168.0.0/24", "100.64.0.0/10"
DEADLINE_S, POLL_S = 60, 0.3


def client(kind):
    """A client as its manual shows it, with the endpoint of this server."""
    config = Config(
        access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        region_id=REGION,
        endpoint=os.environ["CLOUD_ENDPOINT"],
        protocol="HTTPS",
        ca=os.environ["CLOUD_CA"],
    )
    return kind(config)


vpc, cbn, ecd = client(Vpc), client(Cbn), client(Ecd)


def call(product, action, **parameters):
    """One action of a product: its request is built, sent and answered by the SDK alone."""
    models = {vpc: vpc_models, cbn: cbn_models, ecd: ecd_models}[product]
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in action).lstrip("_")
    method = getattr(product, words.replace("v_switch", "vswitch"))
    request = getattr(models, f"{action}Request")
    regional = "region_id" in request().__init__.__code__.co_varnames
    return method(request(**({"region_id": REGION} if regional else {}), **parameters)).body


def wait(what, ask, *wanted):
    """Most things take a moment: ask until the state is one of those."""
    end = time.monotonic() + DEADLINE_S
    while True:
        state = ask()
        if state in wanted:
            print(f"  {what}: {state}", flush=True)
            return
        if time.monotonic() > end:
            sys.exit(f"{what} is {state!r} after {DEADLINE_S} s, not {' or '.join(wanted)}")
        time.sleep(POLL_S)


def preparations():
    """A CEN instance, a user VPC, an office network; their VPCs attached to the CEN instance."""
    print("Preparations")
    cen = call(cbn, "CreateCen", name="cen").cen_id
    wait("CEN instance", lambda: _one(call(cbn, "DescribeCens").cens.cen, "cen_id", cen).status, "Active")
    router = call(cbn, "CreateTransitRouter", cen_id=cen, transit_router_name="transit-router").transit_router_id
    routers = lambda: call(cbn, "ListTransitRouters", cen_id=cen).transit_routers  # noqa: E731
    wait("transit router", lambda: _one(routers(), "transit_router_id", router).status, "Active")

    site = call(
        ecd, "CreateSimpleOfficeSite", office_site_name="office", cidr_block=OFFICE, desktop_access_type="VPC"
    ).office_site_id
    sites = lambda: call(ecd, "DescribeOfficeSites", office_site_id=[site]).office_sites  # noqa: E731
    wait("office network", lambda: sites()[0].status, "REGISTERED")
    call(ecd, "AttachCen", office_site_id=site, cen_id=cen)
    wait("office network's CEN", lambda: sites()[0].cen_attach_status, "attached")

    network = call(vpc, "CreateVpc", vpc_name="user", cidr_block=USER).vpc_id
    wait("user VPC", lambda: call(vpc, "DescribeVpcAttribute", vpc_id=network).status, "Available")
    switch = call(
        vpc, "CreateVSwitch", vpc_id=network, cidr_block="192.168.0.0/25", zone_id=ZONE, v_switch_name="user-a"
    ).v_switch_id
    wait("vSwitch", lambda: call(vpc, "DescribeVSwitchAttributes", v_switch_id=switch).status, "Available")
    return cen, router, sites()[0].vpc_id, network, switch


def _one(items, field, value):
    return next(item for item in items if getattr(item, field) == value)


def step_1():
    """The circuit, the VBR on it, its BGP group and peer."""
    print("Step 1: the Express Connect circuit")
    circuit = call(
        vpc, "CreatePhysicalConnection", name="circuit", access_point_id="ap-cn-hangzhou-a", line_operator="Other",
        port_type="1000Base-T", bandwidth=1000,
    ).physical_connection_id  # fmt: skip
    call(vpc, "EnablePhysicalConnection", physical_connection_id=circuit)  # the provider's part
    circuits = lambda: call(vpc, "DescribePhysicalConnections").physical_connection_set  # noqa: E731
    found = lambda: _one(circuits().physical_connection_type, "physical_connection_id", circuit)  # noqa: E731
    wait("circuit", lambda: found().status, "Enabled")

    router = call(
        vpc, "CreateVirtualBorderRouter", name="vbr", physical_connection_id=circuit, vlan_id=0, bandwidth=1000,
        local_gateway_ip="10.0.0.1", peer_gateway_ip="10.0.0.2", peering_subnet_mask="255.255.255.252",
    ).vbr_id  # fmt: skip
    routers = lambda: call(vpc, "DescribeVirtualBorderRouters").virtual_border_router_set  # noqa: E731
    state = lambda: _one(routers().virtual_border_router_type, "vbr_id", router).status  # noqa: E731
    wait("VBR", state, "active")
    call(
        vpc, "ModifyVirtualBorderRouterAttribute", vbr_id=router,
        min_tx_interval=300, min_rx_interval=300, detect_multiplier=3,
    )  # fmt: skip
    wait("VBR", state, "active")

    group = call(
        vpc, "CreateBgpGroup", name="vbr", router_id=router, peer_asn=GATEWAY_ASN, local_asn=45104, auth_key="rehearsal"
    ).bgp_group_id
    groups = lambda: call(vpc, "DescribeBgpGroups", router_id=router).bgp_groups.bgp_group  # noqa: E731
    wait("BGP group", lambda: _one(groups(), "bgp_group_id", group).status, "Available")
    peer = call(
        vpc, "CreateBgpPeer", bgp_group_id=group, peer_ip_address="10.0.0.2", enable_bfd=True, bfd_multi_hop=1
    ).bgp_peer_id
    peers = lambda: call(vpc, "DescribeBgpPeers", bgp_group_id=group).bgp_peers.bgp_peer  # noqa: E731
    wait("BGP peer", lambda: _one(peers(), "bgp_peer_id", peer).status, "Available")
    return router, lambda: _one(peers(), "bgp_peer_id", peer)


def step_2(network, switch):
    """The VPN gateway, its connection to the data centre, and the destination-based route."""
    print("Step 2: the VPN gateway")
    gateway = call(
        vpc, "CreateVpnGateway", name="vpn-gateway", vpc_id=network, v_switch_id=switch, bandwidth=200,
        enable_ipsec=True, enable_ssl=False, instance_charge_type="POSTPAY", vpn_type="Normal",
    ).vpn_gateway_id  # fmt: skip
    state = lambda: call(vpc, "DescribeVpnGateway", vpn_gateway_id=gateway).status  # noqa: E731
    wait("VPN gateway", state, "active")
    customer = call(
        vpc, "CreateCustomerGateway", name="customer-gateway", ip_address=GATEWAY_PUBLIC, asn=str(GATEWAY_ASN)
    ).customer_gateway_id
    ike = {"Psk": "rehearsal-of-seed-004", "IkeVersion": "ikev2", "IkeMode": "main", "IkeEncAlg": "aes256",
           "IkeAuthAlg": "sha256", "IkePfs": "group14", "IkeLifetime": 86400}  # fmt: skip
    ipsec = {"IpsecEncAlg": "aes256", "IpsecAuthAlg": "sha256", "IpsecPfs": "group14", "IpsecLifetime": 86400}
    connection = call(
        vpc, "CreateVpnConnection", name="vpn", vpn_gateway_id=gateway, customer_gateway_id=customer,
        local_subnet="0.0.0.0/0", remote_subnet="0.0.0.0/0", effect_immediately=True, auto_config_route=False,
        enable_dpd=True, enable_nat_traversal=True, ike_config=json.dumps(ike), ipsec_config=json.dumps(ipsec),
    ).vpn_connection_id  # fmt: skip
    wait("VPN gateway", state, "active")
    call(
        vpc, "CreateVpnRouteEntry", vpn_gateway_id=gateway, route_dest=DATA_CENTER, next_hop=connection, weight=100,
        publish_vpc=True,
    )  # fmt: skip
    wait("VPN gateway", state, "active")
    config = call(vpc, "DownloadVpnConnectionConfig", vpn_connection_id=connection).vpn_connection_config
    print(f"  for the data centre's gateway: remote {config.remote}, local {config.local}")
    return lambda: call(vpc, "DescribeVpnConnection", vpn_connection_id=connection)


def step_3(cen, router, office, network, switch, vbr):
    """User VPC and VBR to the CEN instance, who learns whose routes, what is published, the VBR's health check."""
    print("Step 3: the CEN instance")
    zones = [cbn_models.CreateTransitRouterVpcAttachmentRequestZoneMappings(zone_id=ZONE, v_switch_id=switch)]
    user = call(
        cbn, "CreateTransitRouterVpcAttachment", cen_id=cen, transit_router_id=router, vpc_id=network,
        zone_mappings=zones, transit_router_attachment_name="user-attachment", auto_publish_route_enabled=True,
    ).transit_router_attachment_id  # fmt: skip
    border = call(
        cbn, "CreateTransitRouterVbrAttachment", cen_id=cen, transit_router_id=router, vbr_id=vbr,
        transit_router_attachment_name="vbr-attachment", auto_publish_route_enabled=True,
    ).transit_router_attachment_id  # fmt: skip
    vpcs = lambda: call(cbn, "ListTransitRouterVpcAttachments", cen_id=cen).transit_router_attachments  # noqa: E731
    vbrs = lambda: call(cbn, "ListTransitRouterVbrAttachments", cen_id=cen).transit_router_attachments  # noqa: E731
    wait("user attachment", lambda: _one(vpcs(), "transit_router_attachment_id", user).status, "Attached")
    wait("VBR attachment", lambda: _one(vbrs(), "transit_router_attachment_id", border).status, "Attached")
    (table,) = call(cbn, "ListTransitRouterRouteTables", transit_router_id=router).transit_router_route_tables
    own = _one(vpcs(), "vpc_id", office).transit_router_attachment_id
    for attachment in (own, user, border):
        _join(attachment, table.transit_router_route_table_id)
    call(
        cbn, "CreateTransitRouterRouteEntry", transit_router_route_table_id=table.transit_router_route_table_id,
        transit_router_route_entry_destination_cidr_block=CLOUD_SERVICES,
        transit_router_route_entry_next_hop_type="Attachment", transit_router_route_entry_next_hop_id=user,
    )  # fmt: skip
    # A VPC keeps routes to a VPN gateway for itself unless somebody publishes them; without it there is no standby.
    (own,) = call(vpc, "DescribeRouteTableList", vpc_id=network).router_table_list.router_table_list_type
    entry = vpc_models.PublishVpcRouteEntriesRequestRouteEntries(
        route_table_id=own.route_table_id, destination_cidr_block=DATA_CENTER
    )
    call(vpc, "PublishVpcRouteEntries", target_instance_id=cen, target_type="CEN", route_entries=[entry])
    call(
        cbn, "EnableCenVbrHealthCheck", cen_id=cen, vbr_instance_id=vbr, vbr_instance_region_id=REGION,
        health_check_target_ip="10.0.0.2", health_check_interval=2, healthy_threshold=8,
    )  # fmt: skip
    checks = call(cbn, "DescribeCenVbrHealthCheck", cen_id=cen, vbr_instance_region_id=REGION).vbr_health_checks
    print(f"  health check: from {checks.vbr_health_check[0].health_check_source_ip} to 10.0.0.2")


def _join(attachment, table):
    """Learn from the table, and teach it; what is so already is left."""
    ids = {"transit_router_attachment_id": attachment, "transit_router_route_table_id": table}
    associations = lambda: call(cbn, "ListTransitRouterRouteTableAssociations", **ids)  # noqa: E731
    propagations = lambda: call(cbn, "ListTransitRouterRouteTablePropagations", **ids)  # noqa: E731
    if not associations().transit_router_associations:
        call(cbn, "AssociateTransitRouterAttachmentWithRouteTable", **ids)
    if not propagations().transit_router_propagations:
        call(cbn, "EnableTransitRouterRouteTablePropagation", **ids)
    wait("association", lambda: associations().transit_router_associations[0].status, "Active")
    wait("propagation", lambda: propagations().transit_router_propagations[0].status, "Active")


def main():
    cen, router, office, network, switch = preparations()
    vbr, peer = step_1()
    connection = step_2(network, switch)
    step_3(cen, router, office, network, switch, vbr)
    print("What it has come to")
    wait("BGP", lambda: peer().bgp_status, "Established")
    wait("IPsec", lambda: connection().status, "ipsec_sa_established")


if __name__ == "__main__":
    main()
