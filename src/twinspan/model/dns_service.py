"""DNS service of the data centre: how its hosts resolve the cloud's private names.

In: nothing. Out: `DnsServiceSpec`. Next: `dhcp_service.py`.
"""

from typing import Annotated, Literal

from twinspan.model.fields import SEED_STEP_6, TWINSPAN, ResourceSpec, about

CLOUD_DNS_SERVERS = ("100.100.2.136", "100.100.2.138")
"""The cloud's resolvers, in the services network 100.64.0.0/10 (seed 004 Step 6)."""

CLOUD_SERVICES_PREFIX = "100.64.0.0/10"
"""Cloud services that are reached through a VPC (seed 004 Step 6, RFC 6598)."""


class DnsServiceSpec(ResourceSpec, frozen=True, kw_only=True):
    """One of the seed's two ways: hand the cloud's resolvers to hosts by DHCP, or forward only the cloud's names."""

    method: Annotated[
        Literal["dhcp", "forward"],
        about(
            "dhcp: hosts ask the cloud's resolvers for everything. forward: hosts ask the gateway, which forwards "
            "names that end with one of `suffixes`.",
            source=SEED_STEP_6,
        ),
    ] = "dhcp"
    servers: Annotated[
        tuple[str, ...],
        about("The cloud's resolvers.", source=SEED_STEP_6, form="ipv4", min_length=1, max_length=3),
    ] = CLOUD_DNS_SERVERS
    suffixes: Annotated[tuple[str, ...], about("The cloud's names.", source=SEED_STEP_6, min_length=1)] = (
        "aliyuncs.com",
    )
    upstream_servers: Annotated[
        tuple[str, ...],
        about("With forward: resolvers for every other name; empty: those are refused.", source=TWINSPAN, form="ip"),
    ] = ()
