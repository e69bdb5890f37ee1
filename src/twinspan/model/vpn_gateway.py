"""VPN gateway: the cloud's end of the IPsec tunnels.

In: nothing. Out: `VpnGatewaySpec`. Next: `customer_gateway.py`.
"""

from typing import Annotated, Literal

from twinspan.model.fields import SEED_STEP_2, TWINSPAN, ResourceSpec, about

CREATE = "CreateVpnGateway"
VPN_BANDWIDTHS_MBPS = (5, 10, 20, 50, 100, 200, 500, 1000)
"""Bandwidths of a VPN gateway in Mbit/s (CreateVpnGateway; 5, 20 and 50 in mainland regions only)."""


class VpnGatewaySpec(ResourceSpec, frozen=True, kw_only=True):
    """A VPN gateway in a VPC. In an office VPC both spans must speak BGP (seed 004, CIDR block planning)."""

    vpc: Annotated[
        str,
        about("The VPC it serves.", source=SEED_STEP_2, ref="Vpc", filled="the only user VPC", immutable=True),
    ] = ""
    network_type: Annotated[
        Literal["public", "private"],
        about("public: reached over the Internet.", source=CREATE, immutable=True, api="NetworkType"),
    ] = "public"
    bandwidth_mbps: Annotated[
        int,
        about(
            "Bandwidth of all its tunnels together.",
            source=CREATE,
            unit="Mbit/s",
            ranges=[(value, value) for value in VPN_BANDWIDTHS_MBPS],
            api="Bandwidth",
        ),
    ] = 200
    vswitch: Annotated[
        str,
        about(
            "Where the gateway lives in its VPC.",
            source=CREATE,
            ref="Vswitch",
            filled="the first vSwitch of the VPC",
            immutable=True,
            api="VSwitchId",
        ),
    ] = ""
    disaster_recovery_vswitch: Annotated[
        str,
        about(
            "Home of the second tunnel, in another zone; empty: the gateway has one tunnel per connection.",
            source=CREATE,
            ref="Vswitch",
            immutable=True,
            api="DisasterRecoveryVSwitchId",
        ),
    ] = ""
    internet_ip: Annotated[
        str,
        about(
            "Public address of the gateway and its (master) tunnels.",
            source=SEED_STEP_2,
            form="ipv4",
            filled="an underlay address (198.18.0.0/15) that the lab builds",
            api="InternetIp",
        ),
    ] = ""
    disaster_recovery_internet_ip: Annotated[
        str,
        about(
            "Public address of the slave tunnels; only with two tunnels.",
            source=CREATE,
            form="ipv4",
            filled="an underlay address where a connection has two tunnels",
            api="DisasterRecoveryInternetIp",
        ),
    ] = ""
    internet_prefix_length: Annotated[
        int, about("Length of the subnet of each public address.", source=TWINSPAN, unit="bits", ge=8, le=30)
    ] = 30
    enable_ipsec: Annotated[bool, about("IPsec-VPN on.", source=CREATE, api="EnableIpsec")] = True
    enable_ssl: Annotated[bool, about("SSL-VPN on.", source=CREATE, cloud_default=False, api="EnableSsl")] = False
    auto_propagate: Annotated[
        bool,
        about(
            "Whether routes learned by BGP inside IPsec go into the VPC's route table.",
            source=CREATE,
            cloud_default=False,
            api="AutoPropagate",
        ),
    ] = True
