"""Attachment: a VPC, a VBR or an IPsec connection plugged into a transit router.

In: nothing. Out: `AttachmentSpec`. Next: `office_network.py`.
"""

from typing import Annotated

from twinspan.model.fields import SEED_STEP_3, ResourceSpec, about

ADVANCED = "CreateTransitRouterVpcAttachment, Advanced Settings"


class AttachmentSpec(ResourceSpec, frozen=True, kw_only=True):
    """One plug. Exactly one of `vpc`, `virtual_border_router` and `ipsec_connection` is set."""

    transit_router: Annotated[
        str,
        about(
            "The transit router.",
            source=SEED_STEP_3,
            ref="TransitRouter",
            filled="the only transit router",
            immutable=True,
            api="TransitRouterId",
        ),
    ] = ""
    vpc: Annotated[str, about("The VPC it attaches.", source=SEED_STEP_3, ref="Vpc", immutable=True, api="VpcId")] = ""
    virtual_border_router: Annotated[
        str,
        about("The VBR it attaches.", source=SEED_STEP_3, ref="VirtualBorderRouter", immutable=True, api="VbrId"),
    ] = ""
    ipsec_connection: Annotated[
        str,
        about(
            "The IPsec connection it attaches, where no VPN gateway is between.",
            source="CreateTransitRouterVpnAttachment",
            ref="IpsecConnection",
            immutable=True,
            api="VpnId",
        ),
    ] = ""
    vswitches: Annotated[
        tuple[str, ...],
        about(
            "vSwitches of the VPC in which the transit router has an address, one per zone; none is needed here.",
            source="CreateTransitRouterVpcAttachment, ZoneMappings",
            ref="Vswitch",
            max_length=10,
        ),
    ] = ()
    route_table_association: Annotated[
        str | None,
        about(
            "Route table of the transit router that forwards what comes from here (associated forwarding). "
            "`null`: none, which forwards nothing.",
            source=ADVANCED,
            ref="RouteTable",
            filled="the transit router's system table",
            cloud_default=None,
        ),
    ] = ""
    route_table_propagation: Annotated[
        tuple[str, ...] | None,
        about(
            "Route tables of the transit router that learn the routes of what is attached (route learning). "
            "`[]`: none, which makes it unreachable.",
            source=ADVANCED,
            ref="RouteTable",
            filled="the transit router's system table",
            cloud_default=(),
        ),
    ] = None
    auto_publish_routes: Annotated[
        bool,
        about(
            "Whether the transit router puts its routes into the attached network's own route table.",
            source="CreateTransitRouterVpcAttachment",
            cloud_default=False,
            api="AutoPublishRouteEnabled",
        ),
    ] = True
    account: Annotated[
        str,
        about("Account that owns what is attached.", source=SEED_STEP_3, immutable=True, api="VpcOwnerId"),
    ] = "current"
