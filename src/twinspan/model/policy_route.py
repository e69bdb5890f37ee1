"""Policy-based route: like a destination-based route, but it also looks at the source.

In: nothing. Out: `PolicyRouteSpec`. Next: `dns_service.py`.
"""

from typing import Annotated, Literal

from twinspan.model.fields import SEED_STEP_2, ResourceSpec, about

ADD = "CreateVpnPbrRouteEntry"


class PolicyRouteSpec(ResourceSpec, frozen=True, kw_only=True):
    """A route of the VPN gateway's policy-based table, which is asked before the destination-based one."""

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
    route_source: Annotated[
        str, about("Source prefix in the VPC.", source=ADD, form="ipv4-prefix", immutable=True, api="RouteSource")
    ]
    destination: Annotated[
        str,
        about("Prefix of the data centre.", source=ADD, form="ipv4-prefix", immutable=True, api="RouteDest"),
    ]
    weight: Annotated[
        Literal[100, 0],
        about("100: active. 0: standby of its twin over another connection.", source=SEED_STEP_2, api="Weight"),
    ] = 100
    priority: Annotated[int, about("Smaller is asked first.", source=ADD, ge=1, le=100, api="Priority")] = 10
    advertise_to_vpc: Annotated[
        bool,
        about("Whether it goes into the VPC's route table.", source=SEED_STEP_2, cloud_default=False, api="PublishVpc"),
    ] = True
    advertise_to_cen: Annotated[
        bool,
        about(
            "Whether the VPC publishes it on to the CEN instance.", source="PublishRouteEntries", cloud_default=False
        ),
    ] = True
