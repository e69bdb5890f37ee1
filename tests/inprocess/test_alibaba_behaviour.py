"""Where users of the cloud fail they must fail here: states, locks, accounts, signatures, seen through its SDK."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_tea_openapi.utils import Utils
from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions
from tests.inprocess.compatible import REGION, CloudClient, Refused, Server, made_state

from twinspan.model.secret import Secret
from twinspan.server.alibaba.view import number_of
from twinspan.server.resources.rate_limit import RateSettings

DELAY_MS = 400


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[Server]:
    """What is created, changed or deleted is on its way for a moment."""
    state = made_state(tmp_path_factory.mktemp("behaviour") / "state", authority)
    running = Server(state, async_delay_ms=DELAY_MS)
    yield running
    running.close()


@pytest.fixture
def cloud(server: Server, request: pytest.FixtureRequest) -> CloudClient:
    """An account of the test's own."""
    return server.cloud(f"t{abs(hash(request.node.nodeid)) % 10**9}")


def until(ask: Callable[[], bool], what: str, deadline_s: float = 10.0) -> None:
    end = time.monotonic() + deadline_s
    while not ask():
        assert time.monotonic() < end, f"not within {deadline_s:g} s: {what}"
        time.sleep(0.02)


def refused(work: Callable[[], Any]) -> Refused:
    with pytest.raises(Refused) as found:
        work()
    return found.value


def ready_vpc(cloud: CloudClient, cidr_block: str = "192.168.0.0/24") -> str:
    vpc = cloud.vpc("CreateVpc", cidr_block=cidr_block).vpc_id
    until(lambda: cloud.vpc("DescribeVpcAttribute", vpc_id=vpc).status == "Available", "the VPC")
    return str(vpc)


def ready_gateway(cloud: CloudClient) -> str:
    vpc = ready_vpc(cloud)
    vswitch = cloud.vpc("CreateVSwitch", vpc_id=vpc, cidr_block="192.168.0.0/25", zone_id="cn-hangzhou-a").v_switch_id
    until(lambda: cloud.vpc("DescribeVSwitchAttributes", v_switch_id=vswitch).status == "Available", "the vSwitch")
    gateway = cloud.vpc("CreateVpnGateway", vpc_id=vpc, bandwidth=200).vpn_gateway_id
    wait_for_gateway(cloud, gateway)
    return str(gateway)


def wait_for_gateway(cloud: CloudClient, gateway: str) -> None:
    until(lambda: cloud.vpc("DescribeVpnGateway", vpn_gateway_id=gateway).status == "active", "the gateway")


def connection_on(cloud: CloudClient, gateway: str, address: str = "198.18.0.154", **more: Any) -> str:
    customer = cloud.vpc("CreateCustomerGateway", ip_address=address, asn="65001").customer_gateway_id
    made = cloud.vpc(
        "CreateVpnConnection",
        vpn_gateway_id=gateway,
        customer_gateway_id=customer,
        local_subnet="0.0.0.0/0",
        remote_subnet="0.0.0.0/0",
        **more,
    )
    wait_for_gateway(cloud, gateway)
    return str(made.vpn_connection_id)


# ------------------------------------------------------------------------------------------------------ states


def test_a_vpc_is_pending_then_available(cloud: CloudClient) -> None:
    vpc = cloud.vpc("CreateVpc", cidr_block="192.168.0.0/24").vpc_id

    assert cloud.vpc("DescribeVpcAttribute", vpc_id=vpc).status == "Pending"
    until(lambda: cloud.vpc("DescribeVpcAttribute", vpc_id=vpc).status == "Available", "the VPC")


def test_a_vpn_gateway_does_one_thing_at_a_time(cloud: CloudClient) -> None:
    gateway = ready_gateway(cloud)
    connection = connection_on(cloud, gateway)
    route = {"vpn_gateway_id": gateway, "next_hop": connection, "weight": 100, "publish_vpc": False}

    cloud.vpc("CreateVpnRouteEntry", route_dest="192.168.1.0/24", **route)
    assert cloud.vpc("DescribeVpnGateway", vpn_gateway_id=gateway).status == "updating"
    error = refused(lambda: cloud.vpc("CreateVpnRouteEntry", route_dest="192.168.2.0/24", **route))

    assert (error.code, error.status) == ("VpnGateway.Configuring", 400)
    wait_for_gateway(cloud, gateway)
    cloud.vpc("CreateVpnRouteEntry", route_dest="192.168.2.0/24", **route)


def test_withdrawing_a_destination_based_route_withdraws_its_policy_based_twin(cloud: CloudClient) -> None:
    gateway = ready_gateway(cloud)
    connection = connection_on(cloud, gateway)
    named = {"vpn_gateway_id": gateway, "next_hop": connection, "route_dest": "192.168.1.0/24"}
    cloud.vpc("CreateVpnRouteEntry", **named, weight=100, publish_vpc=True)
    wait_for_gateway(cloud, gateway)
    cloud.vpc("CreateVpnPbrRouteEntry", **named, route_source="192.168.0.0/24", weight=100, publish_vpc=True)
    wait_for_gateway(cloud, gateway)

    cloud.vpc("PublishVpnRouteEntry", **named, route_type="dbr", publish_vpc=False)

    shown = cloud.vpc("DescribeVpnPbrRouteEntries", vpn_gateway_id=gateway).vpn_pbr_route_entries
    assert [one.state for one in shown.vpn_pbr_route_entry] == ["normal"]


def test_a_viewer_is_shown_no_keys(server: Server) -> None:
    cloud, viewer = server.cloud("audited"), server.cloud("audited", "viewer")
    made = connection_on(cloud, ready_gateway(cloud))
    key = cloud.vpc("DescribeVpnConnection", vpn_connection_id=made).ike_config.psk
    for action in ("DescribeVpnConnection", "DownloadVpnConnectionConfig", "DescribeVpnConnections"):
        named = {} if action.endswith("s") else {"vpn_connection_id": made}
        answer = json.dumps(viewer.vpc(action, **named).to_map())
        assert key not in answer
        assert '"Psk": "***"' in answer


def test_defaults_are_the_cloud_s(cloud: CloudClient) -> None:
    gateway = ready_gateway(cloud)
    shown = cloud.vpc("DescribeVpnConnection", vpn_connection_id=connection_on(cloud, gateway))

    assert (shown.ike_config.ike_version, shown.ike_config.ike_enc_alg, shown.ike_config.ike_pfs) == (
        "ikev1",
        "aes",
        "group2",
    )
    assert shown.effect_immediately is False
    assert len(shown.ike_config.psk) == 16
    assert cloud.vpc("DescribeVpnGateway", vpn_gateway_id=gateway).auto_propagate is False


def test_a_connection_has_two_tunnels_which_are_changed_one_by_one(cloud: CloudClient) -> None:
    vpc = ready_vpc(cloud)
    homes = [
        cloud.vpc("CreateVSwitch", vpc_id=vpc, cidr_block=f"192.168.0.{start}/26", zone_id=zone).v_switch_id
        for start, zone in ((0, "cn-hangzhou-a"), (64, "cn-hangzhou-b"))
    ]
    for home in homes:
        until(lambda home=home: cloud.vpc("DescribeVSwitchAttributes", v_switch_id=home).status == "Available", "it")
    gateway = cloud.vpc(
        "CreateVpnGateway", vpc_id=vpc, bandwidth=200, v_switch_id=homes[0], disaster_recovery_vswitch_id=homes[1]
    ).vpn_gateway_id
    wait_for_gateway(cloud, gateway)
    customer = cloud.vpc("CreateCustomerGateway", ip_address="198.18.0.154", asn="65001").customer_gateway_id
    tunnels = [
        {
            "role": role,
            "customer_gateway_id": customer,
            "tunnel_ike_config": {"psk": f"key-of-{role}", "ike_version": "ikev2"},
            "tunnel_bgp_config": {"tunnel_cidr": cidr, "local_asn": 45104},
        }
        for role, cidr in (("master", "169.254.10.0/30"), ("slave", "169.254.11.0/30"))
    ]
    connection = cloud.vpc(
        "CreateVpnConnection",
        vpn_gateway_id=gateway,
        local_subnet="0.0.0.0/0",
        remote_subnet="0.0.0.0/0",
        enable_tunnels_bgp=True,
        tunnel_options_specification=tunnels,
    ).vpn_connection_id
    wait_for_gateway(cloud, gateway)
    shown = cloud.vpc("DescribeVpnConnection", vpn_connection_id=connection)
    master, slave = shown.tunnel_options_specification.tunnel_options
    assert [(one.role, one.tunnel_ike_config.psk) for one in (master, slave)] == [
        ("master", "key-of-master"),
        ("slave", "key-of-slave"),
    ]
    assert (slave.tunnel_bgp_config.local_bgp_ip, slave.tunnel_bgp_config.peer_bgp_ip) == (
        "169.254.11.1",
        "169.254.11.2",
    )

    change = [{"tunnel_id": slave.tunnel_id, "tunnel_ike_config": {"ike_pfs": "group14"}}]
    cloud.vpc("ModifyVpnConnectionAttribute", vpn_connection_id=connection, tunnel_options_specification=change)

    shown = cloud.vpc("DescribeVpnConnection", vpn_connection_id=connection)
    assert [
        (one.role, one.tunnel_ike_config.psk, one.tunnel_ike_config.ike_pfs)
        for one in shown.tunnel_options_specification.tunnel_options
    ] == [("master", "key-of-master", "group2"), ("slave", "key-of-slave", "group14")]
    configs = cloud.vpc("DownloadVpnConnectionConfig", vpn_connection_id=connection).vpn_connection_config
    assert [one.local_bgp_ip for one in configs.bgp_configs.bgp_config] == ["169.254.10.2", "169.254.11.2"]


def test_to_change_one_weight_of_a_pair_the_other_goes_first(cloud: CloudClient) -> None:
    gateway = ready_gateway(cloud)
    first = connection_on(cloud, gateway)
    second = connection_on(cloud, gateway, "198.18.0.158")
    routes = [
        {"vpn_gateway_id": gateway, "route_dest": "192.168.1.0/24", "next_hop": hop, "weight": weight}
        for hop, weight in ((first, 100), (second, 0))
    ]
    for route in routes:
        cloud.vpc("CreateVpnRouteEntry", **route, publish_vpc=True)
        wait_for_gateway(cloud, gateway)

    error = refused(lambda: cloud.vpc("ModifyVpnRouteEntryWeight", **routes[0], new_weight=0))

    assert "delete" in error.message
    cloud.vpc("DeleteVpnRouteEntry", **routes[1])
    wait_for_gateway(cloud, gateway)
    cloud.vpc("ModifyVpnRouteEntryWeight", **routes[0], new_weight=0)


def test_two_vbrs_share_no_vlan(cloud: CloudClient) -> None:
    circuit = cloud.vpc("CreatePhysicalConnection", access_point_id="ap", line_operator="CT").physical_connection_id
    cloud.vpc("EnablePhysicalConnection", physical_connection_id=circuit)
    asked = {
        "physical_connection_id": circuit,
        "vlan_id": 7,
        "local_gateway_ip": "10.0.0.1",
        "peer_gateway_ip": "10.0.0.2",
        "peering_subnet_mask": "255.255.255.252",
    }
    cloud.vpc("CreateVirtualBorderRouter", **asked)

    taken = refused(lambda: cloud.vpc("CreateVirtualBorderRouter", **asked))
    apart = refused(
        lambda: cloud.vpc("CreateVirtualBorderRouter", **asked | {"vlan_id": 8, "peer_gateway_ip": "10.9.0.2"})
    )

    assert taken.code == "InvalidVlanId.NotAllowed"
    assert apart.code.startswith("Invalid")
    assert apart.code.endswith("GatewayIp.NotAllowed")


def test_an_operator_raises_a_quota(server: Server) -> None:
    cloud = server.cloud("few-gateways")
    asked = {"ip_address": "198.18.0.154", "asn": "65001"}

    def allow(limit: int) -> None:
        store = server.worker.resources.store
        store.change(lambda work: work.set_quota("few-gateways", "customer_gateways_per_account", limit))

    allow(1)
    cloud.vpc("CreateCustomerGateway", **asked)
    assert refused(lambda: cloud.vpc("CreateCustomerGateway", **asked)).code == "Resource.QuotaFull"
    allow(2)
    cloud.vpc("CreateCustomerGateway", **asked)


# ------------------------------------------------------------------------------------------------------ refusals


def test_what_is_used_is_not_deleted(cloud: CloudClient) -> None:
    vpc = ready_vpc(cloud)
    cloud.vpc("CreateVSwitch", vpc_id=vpc, cidr_block="192.168.0.0/25", zone_id="cn-hangzhou-a")

    error = refused(lambda: cloud.vpc("DeleteVpc", vpc_id=vpc))

    assert error.code == "DependencyViolation.VSwitch"
    assert "delete" in error.message


@pytest.mark.parametrize(
    ("action", "given", "code", "status"),
    [
        ("DescribeVpcAttribute", {"vpc_id": "vpc-none"}, "InvalidVpcId.NotFound", 404),
        ("DeleteVpnGateway", {"vpn_gateway_id": "vpn-none"}, "InvalidVpnGatewayInstanceId.NotFound", 404),
        ("CreateVpc", {"cidr_block": "192.168.0.1/24"}, "InvalidCidrBlock.Malformed", 400),
        ("CreateVpc", {"region_id": "eu-nowhere"}, "InvalidRegionId.NotFound", 404),
        ("CreateVSwitch", {"zone_id": "cn-hangzhou-a", "cidr_block": "10.0.0.0/24"}, "MissingParameter", 400),
        (
            "CreateVSwitch",
            {"zone_id": "cn-hangzhou-a", "cidr_block": "10.0.0.0/24", "vpc_id": "x"},
            "InvalidVpcId.NotFound",
            404,
        ),
        ("DescribeVpcs", {"page_size": 51}, "InvalidPageSize.Malformed", 400),
        ("CreateVpc", {"user_cidr": "10.0.0.0/8"}, "UnsupportedParameter", 400),
        (
            "CreateCustomerGateway",
            {"ip_address": "198.18.0.1", "asn": "4294967296"},
            "InvalidAsn.ValueNotSupported",
            400,
        ),
    ],
)
def test_what_cannot_be_done_has_the_cloud_s_code(
    cloud: CloudClient, action: str, given: dict[str, Any], code: str, status: int
) -> None:
    error = refused(lambda: cloud.vpc(action, **given))

    assert (error.code, error.status) == (code, status)
    assert set(error.data) >= {"RequestId", "HostId", "Code", "Message", "Recommend"}


def test_a_part_of_a_structure_is_named(cloud: CloudClient) -> None:
    gateway = ready_gateway(cloud)

    error = refused(lambda: connection_on(cloud, gateway, ike_config='{"IkeLifetime": 99999999}'))

    assert error.code == "InvalidIkeLifetime.ValueNotSupported"
    assert "IkeConfig.IkeLifetime" in error.message


def test_an_asn_may_be_written_in_two_parts(cloud: CloudClient) -> None:
    made = cloud.vpc("CreateCustomerGateway", ip_address="198.18.0.154", asn="123.456").customer_gateway_id

    assert cloud.vpc("DescribeCustomerGateway", customer_gateway_id=made).asn == 8061384


def test_a_dry_run_decides_all_and_changes_nothing(cloud: CloudClient) -> None:
    good = refused(lambda: cloud.vpc("CreateVpc", cidr_block="192.168.0.0/24", dry_run=True))
    bad = refused(lambda: cloud.vpc("CreateVpc", cidr_block="nonsense", dry_run=True))

    assert (good.code, bad.code) == ("DryRunOperation", "InvalidCidrBlock.Malformed")
    assert cloud.vpc("DescribeVpcs").total_count == 0


def test_the_same_client_token_makes_one_thing(cloud: CloudClient) -> None:
    asked = {"cidr_block": "192.168.0.0/24", "client_token": "token-1"}

    first, again = cloud.vpc("CreateVpc", **asked), cloud.vpc("CreateVpc", **asked)
    other = refused(lambda: cloud.vpc("CreateVpc", cidr_block="10.0.0.0/8", client_token="token-1"))

    assert (first.vpc_id, first.route_table_id) == (again.vpc_id, again.route_table_id)
    assert first.request_id != again.request_id
    assert other.code == "IdempotentParameterMismatch"
    assert cloud.vpc("DescribeVpcs").total_count == 1


def test_pages_and_tokens_show_everything_once(cloud: CloudClient) -> None:
    names = [f"vpc-{n:02}" for n in range(7)]
    made = [cloud.vpc("CreateVpc", cidr_block="192.168.0.0/24", vpc_name=name).vpc_id for name in names]
    tag = [{"key": "n", "value": "v"}]
    cloud_ready = lambda: all(one.status == "Available" for one in cloud.vpc("DescribeVpcs").vpcs.vpc)  # noqa: E731
    until(cloud_ready, "the VPCs")
    cloud.vpc("TagResources", resource_type="VPC", resource_id=made, tag=tag)

    pages = [cloud.vpc("DescribeVpcs", page_number=n, page_size=3) for n in (1, 2, 3)]
    assert [one.vpc_id for page in pages for one in page.vpcs.vpc] == made
    assert {page.total_count for page in pages} == {7}

    token, seen = None, []
    while token != "":
        page = cloud.vpc("ListTagResources", resource_type="VPC", tag=tag, max_results=2, next_token=token)
        seen += [one.resource_id for one in page.tag_resources.tag_resource]
        token = page.next_token
    assert seen == made


# ------------------------------------------------------------------------------------------------------ accounts


def test_accounts_do_not_see_each_other(server: Server, cloud: CloudClient) -> None:
    vpc = ready_vpc(cloud)
    other = server.cloud("stranger")

    assert other.vpc("DescribeVpcs", vpc_id=vpc).total_count == 0
    assert refused(lambda: other.vpc("DeleteVpc", vpc_id=vpc)).code == "InvalidVpcId.NotFound"
    assert refused(lambda: other.vpc("DescribeVpcAttribute", vpc_id=vpc)).code == "InvalidVpcId.NotFound"


def test_a_viewer_changes_nothing(server: Server, cloud: CloudClient) -> None:
    viewer = server.cloud("viewers", "viewer")

    assert viewer.vpc("DescribeVpcs").total_count == 0
    error = refused(lambda: viewer.vpc("CreateVpc", cidr_block="192.168.0.0/24"))
    assert (error.code, error.status) == ("Forbidden.RAM", 403)


def test_only_the_provider_enables_a_circuit(server: Server) -> None:
    customer, provider = server.cloud("customer", "operator"), server.cloud("customer")
    circuit = customer.vpc("CreatePhysicalConnection", access_point_id="ap", line_operator="CT").physical_connection_id

    error = refused(lambda: customer.vpc("EnablePhysicalConnection", physical_connection_id=circuit))
    provider.vpc("EnablePhysicalConnection", physical_connection_id=circuit)

    assert error.code == "Forbidden.RAM"
    shown = customer.vpc("DescribePhysicalConnections").physical_connection_set.physical_connection_type
    assert [one.status for one in shown] == ["Enabled"]


def test_a_vbr_of_another_account_waits_for_its_word(server: Server, cloud: CloudClient) -> None:
    owner = server.cloud("owner-of-the-vbr")
    circuit = cloud.vpc("CreatePhysicalConnection", access_point_id="ap", line_operator="CT").physical_connection_id
    cloud.vpc("EnablePhysicalConnection", physical_connection_id=circuit)
    vbr = cloud.vpc(
        "CreateVirtualBorderRouter",
        physical_connection_id=circuit,
        vlan_id=100,
        vbr_owner_id=number_of("owner-of-the-vbr"),
        local_gateway_ip="10.0.0.1",
        peer_gateway_ip="10.0.0.2",
        peering_subnet_mask="255.255.255.252",
    ).vbr_id

    def shown() -> Any:
        found = owner.vpc("DescribeVirtualBorderRouters", filter=[{"key": "VbrId", "value": [vbr]}])
        return found.virtual_border_router_set.virtual_border_router_type[0]

    assert shown().status == "unconfirmed"
    assert call_by_name(owner, "ConfirmVirtualBorderRouter", {"VbrId": vbr})["RequestId"]
    assert (shown().status, bool(shown().route_table_id)) == ("active", True)


def call_by_name(cloud: CloudClient, action: str, query: dict[str, str]) -> dict[str, Any]:
    """An action that the SDK has no method for."""
    params = Params(
        action=action,
        version="2016-04-28",
        protocol="HTTPS",
        pathname="/",
        method="POST",
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    request = OpenApiRequest(query={"RegionId": REGION, **query})
    return dict(cloud.client("2016-04-28").call_api(params, request, RuntimeOptions())["body"])


# ------------------------------------------------------------------------------------------------------ signatures


def test_the_older_signature_is_taken(server: Server) -> None:
    older = server.cloud("older", signature_algorithm="v2")

    made = older.vpc("CreateVpc", cidr_block="192.168.0.0/24", description="Grüße & mehr: 100%+1 *~")

    assert older.vpc("DescribeVpcs", vpc_id=made.vpc_id).vpcs.vpc[0].description == "Grüße & mehr: 100%+1 *~"


@pytest.mark.parametrize("algorithm", [None, "v2"])
def test_a_wrong_secret_is_refused(server: Server, algorithm: str | None) -> None:
    key_id, _ = server.key("acme")
    wrong = CloudClient(server, key_id, Secret("wrong"), signature_algorithm=algorithm)

    assert refused(lambda: wrong.vpc("DescribeVpcs")).code == "SignatureDoesNotMatch"


def test_an_unknown_key_is_refused(server: Server) -> None:
    nobody = CloudClient(server, "TSAKnobody", Secret("x"))

    error = refused(lambda: nobody.vpc("DescribeVpcs"))
    assert (error.code, error.status) == ("InvalidAccessKeyId.NotFound", 404)


@pytest.mark.parametrize("algorithm", [None, "v2"])
def test_a_request_is_taken_once(cloud: CloudClient, algorithm: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    replayed = CloudClient(cloud.server, cloud.key_id, cloud.secret, signature_algorithm=algorithm)
    nonce = f"always-the-same-{algorithm}"
    monkeypatch.setattr(Utils, "get_nonce", staticmethod(lambda: nonce))
    replayed.vpc("DescribeVpcs")

    assert refused(lambda: replayed.vpc("DescribeVpcs")).code == "SignatureNonceUsed"


@pytest.mark.parametrize("algorithm", [None, "v2"])
def test_an_old_request_is_refused(cloud: CloudClient, algorithm: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    late = CloudClient(cloud.server, cloud.key_id, cloud.secret, signature_algorithm=algorithm)
    monkeypatch.setattr(Utils, "get_timestamp", staticmethod(lambda: "2020-01-01T00:00:00Z"))

    assert refused(lambda: late.vpc("DescribeVpcs")).code == "InvalidTimeStamp.Expired"


def test_a_key_that_asks_too_often_waits(tmp_path: Path, authority: Path) -> None:
    hasty = Server(made_state(tmp_path / "state", authority), rate=RateSettings(per_s=0.001, burst=2))
    try:
        cloud = hasty.cloud()
        for _ in range(2):
            cloud.vpc("DescribeRegions")
        error = refused(lambda: cloud.vpc("DescribeRegions"))
    finally:
        hasty.close()

    assert error.code == "Throttling.User"
