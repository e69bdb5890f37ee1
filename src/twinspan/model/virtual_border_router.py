"""Virtual border router (VBR): the cloud's router at the far end of the circuit.

In: nothing. Out: `VirtualBorderRouterSpec`. Next: `bgp_group.py`, which makes it speak to the gateway.
"""

from typing import Annotated

from twinspan.model.fields import SEED_STEP_1, ResourceSpec, about

CREATE = "CreateVirtualBorderRouter"
MODIFY = "ModifyVirtualBorderRouterAttribute"

VBR_BANDWIDTHS_MBPS = (
    50, 100, 200, 300, 400, 500, 1000, 2048, 5120, 8192, 10240, 20480, 40960, 50120, 61440, 102400,
)  # fmt: skip
"""The bandwidths a VBR on a dedicated circuit can have, in Mbit/s (CreateVirtualBorderRouter)."""


class VirtualBorderRouterSpec(ResourceSpec, frozen=True, kw_only=True):
    """A VBR: one VLAN of one circuit, with an address pair towards the gateway and BFD timers."""

    physical_connection: Annotated[
        str,
        about(
            "The circuit it terminates.",
            source=SEED_STEP_1,
            ref="PhysicalConnection",
            filled="the only circuit",
            immutable=True,
            api="PhysicalConnectionId",
        ),
    ] = ""
    vlan_id: Annotated[
        int,
        about(
            "0: the port is a plain layer 3 interface and the VBR has the circuit for itself (recommended). "
            "1 to 2999: an 802.1Q subinterface, one VBR per VLAN.",
            source=SEED_STEP_1,
            ge=0,
            le=2999,
            api="VlanId",
        ),
    ] = 0
    bandwidth_mbps: Annotated[
        int,
        about(
            "Bandwidth of the VBR; a hosted circuit sets it itself.",
            source=SEED_STEP_1,
            unit="Mbit/s",
            filled="the circuit's bandwidth",
            ranges=[(value, value) for value in VBR_BANDWIDTHS_MBPS],
            api="Bandwidth",
        ),
    ] = 0
    local_gateway_ip: Annotated[
        str,
        about(
            "IPv4 address of the VBR towards the gateway (cloud side).",
            source=SEED_STEP_1,
            form="ipv4",
            filled="10.0.0.1, or the first free /30 after it",
            api="LocalGatewayIp",
        ),
    ] = ""
    peer_gateway_ip: Annotated[
        str,
        about(
            "IPv4 address of the gateway's circuit port (customer side), in the same subnet.",
            source=SEED_STEP_1,
            form="ipv4",
            filled="the other address of the /30",
            api="PeerGatewayIp",
        ),
    ] = ""
    prefix_length: Annotated[
        int,
        about(
            "Length of the IPv4 subnet that both addresses share.",
            source=SEED_STEP_1,
            unit="bits",
            ge=24,
            le=30,
            api="PeeringSubnetMask",
        ),
    ] = 30
    enable_ipv6: Annotated[
        bool,
        about("IPv6 on the circuit. Once on, it cannot be switched off again.", source=SEED_STEP_1, api="EnableIpv6"),
    ] = False
    local_ipv6_gateway_ip: Annotated[
        str,
        about(
            "IPv6 address of the VBR (cloud side).",
            source=SEED_STEP_1,
            form="ipv6",
            filled="fd00:a::1 where IPv6 is enabled",
            api="LocalIpv6GatewayIp",
        ),
    ] = ""
    peer_ipv6_gateway_ip: Annotated[
        str,
        about(
            "IPv6 address of the gateway's circuit port, in the same subnet.",
            source=SEED_STEP_1,
            form="ipv6",
            filled="fd00:a::2 where IPv6 is enabled",
            api="PeerIpv6GatewayIp",
        ),
    ] = ""
    ipv6_prefix_length: Annotated[
        int,
        about(
            "Length of the IPv6 subnet that both addresses share.",
            source=SEED_STEP_1,
            unit="bits",
            ge=64,
            le=127,
            api="PeeringIpv6SubnetMask",
        ),
    ] = 126
    min_tx_interval_ms: Annotated[
        int,
        about(
            "BFD: shortest interval at which the VBR sends control packets.",
            source=MODIFY,
            unit="ms",
            limits={"cloud": (200, 1000), "edge": (10, 60000)},
            defaults={"cloud": 1000, "edge": 300},
            cloud_default=1000,
            api="MinTxInterval",
        ),
    ] = 300
    min_rx_interval_ms: Annotated[
        int,
        about(
            "BFD: shortest interval between control packets that the VBR accepts.",
            source=MODIFY,
            unit="ms",
            limits={"cloud": (200, 1000), "edge": (10, 60000)},
            defaults={"cloud": 1000, "edge": 300},
            cloud_default=1000,
            api="MinRxInterval",
        ),
    ] = 300
    detect_multiplier: Annotated[
        int,
        about(
            "BFD: control packets that may be missing in a row before the session is down.",
            source=MODIFY,
            unit="packets",
            limits={"cloud": (3, 10), "edge": (2, 255)},
            cloud_default=3,
            api="DetectMultiplier",
        ),
    ] = 3
    mtu: Annotated[
        int,
        about("Largest IP packet on the circuit.", source=MODIFY, unit="bytes", ge=1280, le=9000, api="Mtu"),
    ] = 1500
    account: Annotated[
        str,
        about(
            "Account that owns the VBR. A VBR of another account lives in its own VLAN, isolated from the others.",
            source=SEED_STEP_1,
            immutable=True,
            api="VbrOwnerId",
        ),
    ] = "current"
