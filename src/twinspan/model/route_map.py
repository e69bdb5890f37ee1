"""Route map: a rule of a CEN instance about routes that enter or leave a transit router's region.

In: nothing. Out: `RouteMapSpec`. Next: `kinds.py`.
"""

from typing import Annotated, Literal

from twinspan.model.fields import ResourceSpec, about

CREATE = "CreateCenRouteMap"

MATCHES = 32
"""Entries of each matcher (CreateCenRouteMap)."""

InstanceType = Literal["vpc", "vbr", "ccn", "vpn"]
RouteType = Literal["system", "custom", "bgp"]


class RouteMapSpec(ResourceSpec, frozen=True, kw_only=True):
    """One rule. Rules are asked by priority, smaller first; a route that none matches passes."""

    cen: Annotated[str, about("The CEN instance.", source=CREATE, ref="Cen", immutable=True, api="CenId")]
    region: Annotated[
        str, about("Region whose routes it is about.", source=CREATE, immutable=True, api="CenRegionId")
    ] = "cn-hangzhou"
    transit_router_route_table: Annotated[
        str,
        about(
            "Route table it belongs to; empty: the transit router's system table.",
            source=CREATE,
            ref="RouteTable",
            immutable=True,
            api="TransitRouterRouteTableId",
        ),
    ] = ""
    direction: Annotated[
        Literal["in", "out"],
        about(
            "in: routes that the table learns. out: routes that it gives away.",
            source=CREATE,
            immutable=True,
            api="TransmitDirection",
        ),
    ]
    priority: Annotated[
        int,
        about("Smaller is asked first; once per region and direction.", source=CREATE, ge=1, le=100, api="Priority"),
    ]
    result: Annotated[
        Literal["permit", "deny"], about("What happens to a route that matches.", source=CREATE, api="MapResult")
    ]
    next_priority: Annotated[
        int,
        about(
            "The rule that is asked next, larger than this one's; 0: none. Only with permit.",
            source=CREATE,
            ge=0,
            le=100,
            api="NextPriority",
        ),
    ] = 0
    preference: Annotated[
        int,
        about(
            "Preference of a route that passes, smaller wins; 0: as it was (50 at first).",
            source=CREATE,
            ge=0,
            le=100,
            api="Preference",
        ),
    ] = 0
    prepend_as_path: Annotated[
        tuple[int, ...],
        about("ASNs put before the AS path.", source=CREATE, max_length=MATCHES, api="PrependAsPath"),
    ] = ()
    match_prefixes: Annotated[
        tuple[str, ...],
        about("Prefixes.", source=CREATE, form="ipv4-prefix", max_length=MATCHES, api="DestinationCidrBlocks"),
    ] = ()
    prefix_match: Annotated[
        Literal["include", "complete"],
        about(
            "include: a route inside one of the prefixes matches. complete: only an equal one.",
            source=CREATE,
            api="CidrMatchMode",
        ),
    ] = "include"
    match_asns: Annotated[
        tuple[int, ...], about("ASNs of the AS path.", source=CREATE, max_length=MATCHES, api="MatchAsns")
    ] = ()
    as_path_match: Annotated[
        Literal["include", "complete"],
        about("include: they share one. complete: they are equal.", source=CREATE, api="AsPathMatchMode"),
    ] = "include"
    match_communities: Annotated[
        tuple[str, ...],
        about("Communities, n:n with 1 to 65535.", source=CREATE, max_length=MATCHES, api="MatchCommunitySet"),
    ] = ()
    community_match: Annotated[
        Literal["include", "complete"],
        about("include: they share one. complete: they are equal.", source=CREATE, api="CommunityMatchMode"),
    ] = "include"
    communities: Annotated[
        tuple[str, ...],
        about(
            "Communities that a route that passes gets.", source=CREATE, max_length=MATCHES, api="OperateCommunitySet"
        ),
    ] = ()
    community_operation: Annotated[
        Literal["additive", "replace"],
        about("Whether they are added or take the place of all others.", source=CREATE, api="CommunityOperateMode"),
    ] = "additive"
    route_types: Annotated[
        tuple[RouteType, ...], about("Sorts of routes.", source=CREATE, max_length=3, api="RouteTypes")
    ] = ()
    source_types: Annotated[
        tuple[InstanceType, ...],
        about("Sorts of networks a route comes from.", source=CREATE, max_length=4, api="SourceChildInstanceTypes"),
    ] = ()
    destination_types: Annotated[
        tuple[InstanceType, ...],
        about("Sorts of networks a route goes to.", source=CREATE, max_length=4, api="DestinationChildInstanceTypes"),
    ] = ()
    source_instances: Annotated[
        tuple[str, ...],
        about("Ids of networks a route comes from.", source=CREATE, max_length=MATCHES, api="SourceInstanceIds"),
    ] = ()
    source_instances_excluded: Annotated[
        bool,
        about("The listed networks are those that do not match.", source=CREATE, api="SourceInstanceIdsReverseMatch"),
    ] = False
    destination_instances: Annotated[
        tuple[str, ...],
        about("Ids of networks a route goes to.", source=CREATE, max_length=MATCHES, api="DestinationInstanceIds"),
    ] = ()
    destination_instances_excluded: Annotated[
        bool,
        about(
            "The listed networks are those that do not match.", source=CREATE, api="DestinationInstanceIdsReverseMatch"
        ),
    ] = False
    source_regions: Annotated[
        tuple[str, ...],
        about("Regions a route comes from.", source=CREATE, max_length=MATCHES, api="SourceRegionIds"),
    ] = ()
    destination_regions: Annotated[
        tuple[str, ...],
        about("Regions a route goes to.", source=CREATE, max_length=MATCHES, api="DestinationRegionIds"),
    ] = ()
    source_route_tables: Annotated[
        tuple[str, ...],
        about("Ids of tables a route comes from.", source=CREATE, max_length=MATCHES, api="SourceRouteTableIds"),
    ] = ()
    destination_route_tables: Annotated[
        tuple[str, ...],
        about("Ids of tables a route goes to.", source=CREATE, max_length=MATCHES, api="DestinationRouteTableIds"),
    ] = ()
