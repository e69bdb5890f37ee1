"""BGP group: what the BGP peers of a VBR have in common.

In: nothing. Out: `BgpGroupSpec`. Next: `bgp_peer.py`.
"""

from typing import Annotated, Literal

from twinspan.model.fields import SEED_STEP_1, TWINSPAN, ResourceSpec, about
from twinspan.model.secret_source import SecretSource

CREATE = "CreateBgpGroup"

LOCAL_ASN_RANGES = ((45104, 45104), (64512, 65534), (4200000000, 4294967294))
"""ASNs the cloud side may use (seed 004 Step 1)."""

LOCAL_ASN_RESERVED = {65025: "reserved by the cloud itself"}


class BgpGroupSpec(ResourceSpec, frozen=True, kw_only=True):
    """ASNs, key, family and quota for the peers of one VBR. `local` is the cloud's side, `peer` the data centre's."""

    virtual_border_router: Annotated[
        str,
        about(
            "The VBR whose BGP this is.",
            source=SEED_STEP_1,
            ref="VirtualBorderRouter",
            filled="the only VBR of this account",
            immutable=True,
            api="RouterId",
        ),
    ] = ""
    ip_version: Annotated[
        Literal["ipv4", "ipv6"],
        about("Family of the peers; ipv6 only where the VBR enables IPv6.", source=SEED_STEP_1, api="IpVersion"),
    ] = "ipv4"
    peer_asn: Annotated[
        int,
        about(
            "ASN of the data centre.",
            source=SEED_STEP_1,
            ge=1,
            le=4294967295,
            filled="the gateway's local_asn",
            api="PeerAsn",
        ),
    ] = 0
    local_asn: Annotated[
        int,
        about(
            "ASN of the cloud side.",
            source=SEED_STEP_1,
            ranges=LOCAL_ASN_RANGES,
            excluded=LOCAL_ASN_RESERVED,
            cloud_default=45104,
            api="LocalAsn",
        ),
    ] = 45104
    auth_key: Annotated[
        SecretSource | None,
        about("TCP-MD5 key of the sessions (RFC 2385). Left out, a lab makes one.", source=SEED_STEP_1, api="AuthKey"),
    ] = None
    route_quota: Annotated[
        int,
        about(
            "Routes accepted from a peer; what exceeds it is dropped and the session stays.",
            source=SEED_STEP_1,
            unit="routes",
            limits={"cloud": (1, 110), "edge": (1, 1_000_000)},
            quota="routes_per_bgp_peer",
            cloud_default=110,
            api="RouteQuota",
        ),
    ] = 110
    hold_time_s: Annotated[
        int,
        about("Silence after which a session is down (RFC 4271 4.2).", source=TWINSPAN, unit="s", ge=3, le=65535),
    ] = 9
    keepalive_interval_s: Annotated[
        int,
        about("Time between keepalives, at most a third of the hold time.", source=TWINSPAN, unit="s", ge=1, le=21845),
    ] = 3
    is_fake_asn: Annotated[
        bool,
        about("Whether the cloud may present another ASN than its own.", source=CREATE, api="IsFakeAsn"),
    ] = False
