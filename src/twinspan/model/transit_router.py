"""Transit router: the CEN instance's router in one region. Made by itself where an attachment needs one.

In: nothing. Out: `TransitRouterSpec`. Next: `attachment.py`.
"""

from typing import Annotated, Literal

from twinspan.model.fields import SEED_STEP_3, ResourceSpec, about


class TransitRouterSpec(ResourceSpec, frozen=True, kw_only=True):
    """A transit router."""

    cen: Annotated[
        str,
        about(
            "The CEN instance it belongs to.",
            source=SEED_STEP_3,
            ref="Cen",
            filled="the only CEN instance",
            immutable=True,
            api="CenId",
        ),
    ] = ""
    region: Annotated[
        str,
        about("Region it serves.", source=SEED_STEP_3, filled="the site's region", immutable=True, api="RegionId"),
    ] = ""
    edition: Annotated[
        Literal["enterprise", "basic"],
        about("enterprise has route tables, association and propagation.", source="CreateTransitRouter", api="Type"),
    ] = "enterprise"
    cidr_blocks: Annotated[
        tuple[str, ...],
        about(
            "Addresses for what the router itself needs, /16 to /24, at most five.",
            source="CreateTransitRouterCidr",
            form="ipv4-prefix",
            max_length=5,
            api="TransitRouterCidrList",
        ),
    ] = ()
