"""VPC: a private network in the cloud.

In: nothing. Out: `VpcSpec`. Next: `vswitch.py`.
"""

from typing import Annotated, Literal

from twinspan.model.fields import SEED_PLANNING, SEED_PREPARATIONS, ResourceSpec, about


class VpcSpec(ResourceSpec, frozen=True, kw_only=True):
    """A VPC. Office networks with their cloud computers live in one; the VPN gateway usually in another, the user's."""

    cidr_block: Annotated[
        str,
        about("Its addresses.", source=SEED_PLANNING, form="ipv4-prefix", immutable=True, api="CidrBlock"),
    ]
    ipv6_cidr_block: Annotated[
        str,
        about(
            "Its IPv6 addresses; empty: none.",
            source="CreateVpc",
            form="ipv6-prefix",
            immutable=True,
            api="Ipv6CidrBlock",
        ),
    ] = ""
    role: Annotated[
        Literal["", "office", "user"],
        about(
            "office: holds office networks. user: independent of them, the usual home of the VPN gateway.",
            source=SEED_PLANNING,
            filled="office where an office network uses it or where it is called office, else user",
        ),
    ] = ""
    account: Annotated[
        str, about("Account that owns it.", source=SEED_PREPARATIONS, immutable=True, api="ResourceOwnerId")
    ] = "current"
