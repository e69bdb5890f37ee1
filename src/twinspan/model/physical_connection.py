"""Physical connection: the leased circuit between the gateway's port and the cloud's access point.

In: nothing. Out: `PhysicalConnectionSpec`. Next: `virtual_border_router.py`, which terminates it.
"""

from typing import Annotated, Literal

from twinspan.model.fields import SEED_STEP_1, SEED_STEP_4, TWINSPAN, ResourceSpec, about


class PhysicalConnectionSpec(ResourceSpec, frozen=True, kw_only=True):
    """A circuit. `dedicated` belongs to one customer; `hosted` is a partner's, who also sets VLAN and bandwidth."""

    type: Annotated[
        Literal["dedicated", "hosted"],
        about(
            "Whether the circuit is dedicated to this customer or hosted by a partner.",
            source=SEED_STEP_1,
            immutable=True,
        ),
    ] = "dedicated"
    gateway_port: Annotated[
        str,
        about("Port of the gateway that the circuit is plugged into.", source=SEED_STEP_4),
    ] = "circuit"
    bandwidth_mbps: Annotated[
        int,
        about("Bandwidth of the circuit.", source=SEED_STEP_1, unit="Mbit/s", ge=1, le=102400, api="Bandwidth"),
    ] = 1000
    vlan_id: Annotated[
        int | None,
        about(
            "The VLAN that the partner gave a hosted circuit; VBRs on it take it over. Not for dedicated circuits.",
            source=SEED_STEP_1,
            ge=0,
            le=2999,
            api="VlanId",
        ),
    ] = None
    access_point: Annotated[
        str, about("Where the circuit enters the cloud; free text for people.", source=TWINSPAN, api="AccessPointId")
    ] = ""
    circuit_code: Annotated[
        str, about("The carrier's own name of the circuit.", source="CreateVirtualBorderRouter", api="CircuitCode")
    ] = ""
