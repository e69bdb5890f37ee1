"""Span: one of the two ways between the data centre and the cloud.

In: nothing. Out: `SpanSpec`. Next: `failover_policy.py`.
"""

from typing import Annotated, Literal

from msgspec import Struct

from twinspan.model.fields import SEED_PLANNING, TWINSPAN, about


class SpanSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way. Two are admitted: a circuit that is active and a VPN that stands by."""

    name: Annotated[str, about("What reports call it: short, lower case.", source=TWINSPAN)]
    kind: Annotated[Literal["circuit", "vpn"], about("What it is made of.", source=SEED_PLANNING)]
    role: Annotated[
        Literal["active", "standby"],
        about("active carries traffic while it is whole; standby takes over.", source=SEED_PLANNING),
    ]
    virtual_border_router: Annotated[
        str,
        about(
            "circuit: the VBR at its far end.",
            source=SEED_PLANNING,
            ref="VirtualBorderRouter",
            filled="the only VBR of this account",
        ),
    ] = ""
    ipsec_connections: Annotated[
        tuple[str, ...],
        about(
            "vpn: its IPsec connections; two with weights 100 and 0 stand by for each other.",
            source=SEED_PLANNING,
            ref="IpsecConnection",
            filled="all IPsec connections",
        ),
    ] = ()
    probe_local_ip: Annotated[
        str,
        about(
            "The gateway's own /32 for probes pinned to this span.",
            source=TWINSPAN,
            form="ipv4",
            filled="an address of 198.19.255.0/24",
        ),
    ] = ""
    probe_remote_ip: Annotated[
        str,
        about(
            "The cloud's /32 that answers them, on the far side of the transit router.",
            source=TWINSPAN,
            form="ipv4",
            filled="an address of 198.19.255.0/24",
        ),
    ] = ""
