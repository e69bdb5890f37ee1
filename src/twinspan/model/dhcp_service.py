"""DHCP service of the data centre.

In: nothing. Out: `DhcpServiceSpec`. Next: `gateway.py`.
"""

from typing import Annotated

from twinspan.model.fields import SEED_STEP_6, TWINSPAN, ResourceSpec, about


class DhcpServiceSpec(ResourceSpec, frozen=True, kw_only=True):
    """Addresses and resolvers for the hosts of one prefix of the data centre."""

    prefix: Annotated[
        str,
        about("Prefix it serves.", source=SEED_STEP_6, form="ipv4-prefix", filled="the data centre's first prefix"),
    ] = ""
    pool_start: Annotated[
        str, about("First address it gives out.", source=TWINSPAN, form="ipv4", filled="the middle of the prefix")
    ] = ""
    pool_end: Annotated[
        str,
        about("Last address it gives out.", source=TWINSPAN, form="ipv4", filled="the last host address of the prefix"),
    ] = ""
    lease_time_s: Annotated[
        int, about("How long an address is lent.", source=TWINSPAN, unit="s", ge=120, le=2592000)
    ] = 3600
    dns_servers: Annotated[
        tuple[str, ...],
        about(
            "Resolvers that hosts are told.",
            source=SEED_STEP_6,
            form="ipv4",
            max_length=3,
            filled="by the DNS service's method: the cloud's resolvers, or the gateway",
        ),
    ] = ()
    domain: Annotated[str, about("Search domain that hosts are told; empty: none.", source=TWINSPAN)] = ""
