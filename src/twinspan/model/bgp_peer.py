"""BGP peer: one session between a VBR and the gateway. Its family is its group's.

In: nothing. Out: `BgpPeerSpec`. Next: `bgp_network.py`.
"""

from typing import Annotated

from twinspan.model.fields import SEED_STEP_1, ResourceSpec, about


class BgpPeerSpec(ResourceSpec, frozen=True, kw_only=True):
    """The gateway as the VBR sees it."""

    bgp_group: Annotated[
        str,
        about(
            "The group it belongs to.",
            source=SEED_STEP_1,
            ref="BgpGroup",
            filled="the only BGP group",
            immutable=True,
            api="BgpGroupId",
        ),
    ] = ""
    peer_ip: Annotated[
        str,
        about(
            "Address of the gateway, of the group's family.",
            source=SEED_STEP_1,
            form="ip",
            filled="the VBR's customer-side address of that family",
            api="PeerIpAddress",
        ),
    ] = ""
    enable_bfd: Annotated[
        bool,
        about(
            "BFD for this session: a dead path is noticed in milliseconds instead of a hold time.",
            source=SEED_STEP_1,
            cloud_default=False,
            api="EnableBfd",
        ),
    ] = True
    bfd_hop_count: Annotated[
        int | None,
        about(
            "Most devices a BFD packet may pass. Required with BFD; 1 on a direct circuit (RFC 5881), more is "
            "multi-hop BFD (RFC 5883).",
            source=SEED_STEP_1,
            unit="hops",
            ge=1,
            le=255,
            cloud_default=255,
            api="BfdMultiHop",
        ),
    ] = None
