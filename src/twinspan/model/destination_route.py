"""Destination-based route: a prefix of the data centre that a VPN gateway sends into an IPsec connection.

In: nothing. Out: `DestinationRouteSpec`. Next: `policy_route.py`.
"""

from typing import Annotated, Literal

from twinspan.model.fields import SEED_STEP_2, ResourceSpec, about


class DestinationRouteSpec(ResourceSpec, frozen=True, kw_only=True):
    """A route of the VPN gateway's destination-based table."""

    ipsec_connection: Annotated[
        str,
        about(
            "Next hop: the IPsec connection.",
            source=SEED_STEP_2,
            ref="IpsecConnection",
            filled="the only IPsec connection",
            api="NextHop",
        ),
    ] = ""
    destination: Annotated[
        str,
        about("Prefix of the data centre.", source=SEED_STEP_2, form="ipv4-prefix", immutable=True, api="RouteDest"),
    ]
    weight: Annotated[
        Literal[100, 0],
        about(
            "100: active. 0: standby of the route with the same destination over another connection. To change one, "
            "delete the other first. No effect on a connection with two tunnels.",
            source=SEED_STEP_2,
            api="Weight",
        ),
    ] = 100
    advertise_to_vpc: Annotated[
        bool,
        about(
            "Whether it goes into the VPC's route table (recommended).",
            source=SEED_STEP_2,
            cloud_default=False,
            api="PublishVpc",
        ),
    ] = True
    advertise_to_cen: Annotated[
        bool,
        about(
            "Whether the VPC publishes it on to the CEN instance, without which no other network has a standby.",
            source="PublishRouteEntries",
            cloud_default=False,
        ),
    ] = True
