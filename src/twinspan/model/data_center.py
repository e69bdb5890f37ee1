"""Data centre: the networks and hosts behind the gateway.

In: nothing. Out: `DataCenterSpec`. Next: `site.py`.
"""

from typing import Annotated

from msgspec import Struct

from twinspan.model.fields import SEED_PLANNING, TWINSPAN, about


class HostSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine of the data centre that Twinspan may measure from."""

    name: Annotated[str, about("What people call it.", source=TWINSPAN)]
    address: Annotated[
        str,
        about(
            "Its IPv4 address; left out, it asks the DHCP service.",
            source=TWINSPAN,
            form="ipv4",
        ),
    ] = ""
    ipv6_address: Annotated[str, about("Its IPv6 address; empty: none.", source=TWINSPAN, form="ipv6")] = ""


class DataCenterSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lies behind the gateway."""

    prefixes: Annotated[
        tuple[str, ...],
        about("Its IPv4 prefixes; both spans announce them.", source=SEED_PLANNING, form="ipv4-prefix", min_length=1),
    ]
    ipv6_prefixes: Annotated[
        tuple[str, ...], about("Its IPv6 prefixes.", source=SEED_PLANNING, form="ipv6-prefix")
    ] = ()
    gateway_address: Annotated[
        str,
        about(
            "The gateway's address in the first prefix.",
            source=SEED_PLANNING,
            form="ipv4",
            filled="the first host address of the first prefix",
        ),
    ] = ""
    gateway_ipv6_address: Annotated[
        str,
        about(
            "The gateway's address in the first IPv6 prefix.",
            source=TWINSPAN,
            form="ipv6",
            filled="the first host address of the first IPv6 prefix",
        ),
    ] = ""
    hosts: Annotated[
        tuple[HostSpec, ...],
        about("Machines to measure from.", source=TWINSPAN, filled="one host called pc, addressed by DHCP"),
    ] = ()
