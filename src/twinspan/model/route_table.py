"""Route table: of a VPC, a VBR or a transit router, with the entries that people add.

System routes and routes that are learned are not declared here. In: nothing. Out: `RouteTableSpec`, `RouteEntry`.
Next: `cen.py`.
"""

from typing import Annotated, Literal

from msgspec import Struct

from twinspan.model.fields import SEED_STEP_1, SEED_STEP_3, SEED_STEP_6, ResourceSpec, about


class RouteEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A custom route."""

    destination: Annotated[str, about("Where to.", source=SEED_STEP_1, form="ipv4-prefix", api="DestinationCidrBlock")]
    next_hop_kind: Annotated[
        Literal["circuit", "vpc", "attachment", "vpn_gateway", "blackhole"],
        about(
            "VBR tables: circuit or vpc. VPC tables: attachment or vpn_gateway. Transit router tables: attachment or "
            "blackhole.",
            source=SEED_STEP_1,
            api="NextHopType",
        ),
    ]
    next_hop: Annotated[
        str,
        about(
            "Name of that circuit, VPC, attachment or VPN gateway; empty for blackhole.",
            source=SEED_STEP_1,
            api="NextHopId",
        ),
    ] = ""
    advertise: Annotated[
        bool,
        about("Whether the table's owner publishes it to the CEN instance.", source="PublishRouteEntries"),
    ] = False


class RouteTableSpec(ResourceSpec, frozen=True, kw_only=True):
    """A table of the owner that is named. A VBR has exactly one; `system` marks the one an owner is born with."""

    vpc: Annotated[
        str, about("The VPC that owns it, if a VPC does.", source=SEED_STEP_6, ref="Vpc", immutable=True, api="VpcId")
    ] = ""
    virtual_border_router: Annotated[
        str,
        about("The VBR that owns it, if a VBR does.", source=SEED_STEP_1, ref="VirtualBorderRouter", immutable=True),
    ] = ""
    transit_router: Annotated[
        str,
        about("The transit router that owns it, if one does.", source=SEED_STEP_3, ref="TransitRouter", immutable=True),
    ] = ""
    system: Annotated[bool, about("The table that its owner is born with.", source="CreateRouteTable")] = True
    entries: Annotated[
        tuple[RouteEntry, ...], about("Custom routes, at most one per destination.", source=SEED_STEP_1)
    ] = ()
