"""vSwitch: a subnet of a VPC in one zone.

In: nothing. Out: `VswitchSpec`. Next: `route_table.py`.
"""

from typing import Annotated

from twinspan.model.fields import SEED_PREPARATIONS, ResourceSpec, about


class VswitchSpec(ResourceSpec, frozen=True, kw_only=True):
    """Where a VPC's hosts, attachments and gateways have their addresses."""

    vpc: Annotated[
        str,
        about("The VPC it belongs to.", source=SEED_PREPARATIONS, ref="Vpc", immutable=True, api="VpcId"),
    ]
    cidr_block: Annotated[
        str,
        about(
            "Its part of the VPC's addresses.",
            source=SEED_PREPARATIONS,
            form="ipv4-prefix",
            immutable=True,
            api="CidrBlock",
        ),
    ]
    zone: Annotated[str, about("Zone of the region.", source="CreateVSwitch", immutable=True, api="ZoneId")] = "a"
