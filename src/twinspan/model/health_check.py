"""VBR health check: probes from the cloud to the gateway's circuit port that move cloud traffic to the standby.

In: nothing. Out: `HealthCheckSpec`. Next: `vpn_gateway.py`.
"""

from typing import Annotated, Literal

from twinspan.model.fields import SEED_STEP_3, ResourceSpec, about

SOURCE_POOL = "100.96.0.0/16"
"""Automatic source addresses come from here (seed 004 Step 3)."""

CUSTOM_SOURCE_PREFIXES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""Custom source addresses come from these (seed 004 Step 3)."""

AUTOMATIC_SOURCES_PER_REGION = 16
"""VBRs of a region that can have an automatic source (seed 004 Step 3)."""

AUTOMATIC_SOURCES_EXCEPTIONS = {
    "ap-southeast-6": 8,  # Philippines (Manila)
    "ap-northeast-2": 8,  # South Korea (Seoul)
    "cn-fuzhou": 8,  # China (Fuzhou), a local region
    "ap-southeast-7": 8,  # Thailand (Bangkok)
}
"""Regions with another limit (seed 004 Step 3)."""


class HealthCheckSpec(ResourceSpec, frozen=True, kw_only=True):
    """One check per VBR. Its source /32 is announced to the VBR, and by BGP on to the data centre."""

    cen: Annotated[
        str,
        about("The CEN instance.", source=SEED_STEP_3, ref="Cen", filled="the only CEN instance", api="CenId"),
    ] = ""
    virtual_border_router: Annotated[
        str,
        about(
            "The VBR to watch.",
            source=SEED_STEP_3,
            ref="VirtualBorderRouter",
            filled="the only VBR of this account",
            immutable=True,
            api="VbrInstanceId",
        ),
    ] = ""
    source_method: Annotated[
        Literal["automatic", "custom"],
        about("automatic (recommended): an address of 100.96.0.0/16. custom: source_ip.", source=SEED_STEP_3),
    ] = "automatic"
    source_ip: Annotated[
        str,
        about(
            "Source address of the probes; written only with source_method custom.",
            source=SEED_STEP_3,
            form="ipv4",
            filled="the next free address of 100.96.0.0/16",
            api="HealthCheckSourceIp",
        ),
    ] = ""
    target_ip: Annotated[
        str,
        about(
            "What is probed: the customer side of the VBR.",
            source=SEED_STEP_3,
            form="ipv4",
            filled="the VBR's peer_gateway_ip",
            api="HealthCheckTargetIp",
        ),
    ] = ""
    interval_s: Annotated[
        int,
        about(
            "Time between probes.",
            source=SEED_STEP_3,
            unit="s",
            ge=2,
            le=3,
            cloud_default=2,
            api="HealthCheckInterval",
        ),
    ] = 2
    probe_packets: Annotated[
        int,
        about(
            "Probes lost in a row that mean failure.",
            source=SEED_STEP_3,
            unit="packets",
            ge=3,
            le=8,
            cloud_default=8,
            api="HealthyThreshold",
        ),
    ] = 8
    change_route: Annotated[
        bool,
        about(
            "Whether a failed check moves traffic to the standby; off, it only watches.",
            source=SEED_STEP_3,
            cloud_default=True,
            api="HealthCheckOnly (inverted)",
        ),
    ] = True
