"""BGP network: a prefix that a VBR announces to the data centre by itself.

In: nothing. Out: `BgpNetworkSpec`. Next: `vpc.py`.
"""

from typing import Annotated

from twinspan.model.fields import ResourceSpec, about

ADD = "AddBgpNetwork"


class BgpNetworkSpec(ResourceSpec, frozen=True, kw_only=True):
    """One announced prefix of a VPC; with a transit router the attachments do this and none is needed."""

    virtual_border_router: Annotated[
        str,
        about("The VBR.", source=ADD, ref="VirtualBorderRouter", filled="the only VBR of this account", api="RouterId"),
    ] = ""
    prefix: Annotated[
        str,
        about("What it announces.", source=ADD, form="ipv4-prefix", immutable=True, api="DstCidrBlock"),
    ]
    vpc: Annotated[
        str,
        about(
            "The VPC that the prefix belongs to.", source=ADD, ref="Vpc", filled="the VPC that holds it", api="VpcId"
        ),
    ] = ""
