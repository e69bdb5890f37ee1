"""Gateway: the data centre's router, where both spans begin.

In: nothing. Out: `GatewaySpec`. Next: `data_center.py`.
"""

from typing import Annotated, Literal

from msgspec import Struct

from twinspan.model.fields import SEED_PLANNING, SEED_STEP_1, SEED_STEP_4, TWINSPAN, about


class GatewayPorts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names of the gateway's ports: as the kernel calls them on a real gateway, free on a lab's."""

    circuit: Annotated[str, about("Port towards the circuit.", source=SEED_STEP_4, max_length=15)] = "circuit"
    isp: Annotated[str, about("Port towards the Internet.", source=SEED_PLANNING, max_length=15)] = "isp"
    lan: Annotated[str, about("Port towards the data centre.", source=SEED_PLANNING, max_length=15)] = "lan"


class GatewaySpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What Twinspan must know of the gateway."""

    name: Annotated[str, about("What people call it.", source=TWINSPAN)] = "gateway"
    public_address: Annotated[
        str,
        about("Its public address, which must be static.", source=SEED_PLANNING, form="ipv4"),
    ]
    address_assignment: Annotated[
        Literal["static", "dynamic"],
        about("How the public address is assigned; IPsec needs static.", source=SEED_PLANNING),
    ] = "static"
    public_prefix_length: Annotated[
        int, about("Length of the subnet towards the ISP.", source=TWINSPAN, unit="bits", ge=8, le=30)
    ] = 30
    isp_next_hop: Annotated[
        str,
        about(
            "The ISP's router, through which the tunnel ends are reached.",
            source=TWINSPAN,
            form="ipv4",
            filled="another address of the subnet towards the ISP",
        ),
    ] = ""
    local_asn: Annotated[
        int,
        about(
            "ASN of the data centre.",
            source=SEED_PLANNING,
            ge=1,
            le=4294967295,
            excluded={45104: "the cloud's own ASN"},
        ),
    ]
    router_id: Annotated[
        str,
        about(
            "BGP router ID (RFC 4271 4.2).",
            source=SEED_STEP_4,
            form="ipv4",
            filled="the address of the circuit port",
        ),
    ] = ""
    ike_versions: Annotated[
        tuple[Literal["ikev1", "ikev2"], ...],
        about("IKE versions the gateway can speak.", source=SEED_PLANNING, min_length=1),
    ] = ("ikev1", "ikev2")
    ports: Annotated[GatewayPorts, about("Names of its ports.", source=SEED_STEP_4)] = GatewayPorts()
    trunk_ports: Annotated[
        tuple[str, ...],
        about("Ports with trunking (802.1Q) on: a VLAN ID above 0 needs the circuit's port here.", source=SEED_STEP_1),
    ] = ()
