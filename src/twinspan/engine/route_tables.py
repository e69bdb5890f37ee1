"""The route tables of a site as its cloud has them: every candidate, what was chosen, and why.

In: a `Site` and what is known of its circuits and tunnels. Out: choices per route table, and per VPN route.
Next: `resource_status.py` compares them with what the nodes have; the APIs list them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from twinspan.engine import addressing
from twinspan.engine.quotas import limit_of
from twinspan.engine.route_choice import Candidate, Choice, Network, choose, choose_by_weight
from twinspan.engine.route_policy import apply_maps, hidden_denial
from twinspan.model.attachment import AttachmentSpec
from twinspan.model.destination_route import DestinationRouteSpec
from twinspan.model.dns_service import CLOUD_SERVICES_PREFIX
from twinspan.model.ipsec_connection import tunnels_of
from twinspan.model.policy_route import PolicyRouteSpec
from twinspan.model.route_map import RouteMapSpec
from twinspan.model.route_table import RouteEntry, RouteTableSpec
from twinspan.model.site import Site


class Known(Struct, frozen=True, kw_only=True):
    """What was seen of the ways into the data centre. What is not mentioned is taken for alive."""

    dead_connections: Mapping[str, str] = {}
    """IPsec connections that are down, and why."""
    dead_circuits: Mapping[str, str] = {}
    """VBRs whose health check moved their routes away, and why."""
    silent_circuits: frozenset[str] = frozenset()
    """VBRs whose BGP session is not Established: they bring nothing by BGP."""


ALIVE = Known()


def vpn_routes(site: Site, known: Known = ALIVE) -> dict[str, Choice]:
    """Every destination- and policy-based route by its key (destination_routes.NAME): active or standby."""
    groups: dict[tuple[str, ...], list[Candidate]] = {}
    for key, route in _vpn_routes(site):
        gateway = _gateway_of(site, route)
        source = route.route_source if isinstance(route, PolicyRouteSpec) else ""
        groups.setdefault((gateway, source, route.destination), []).append(_vpn_candidate(key, route, known))
    return {choice.route.source: choice for routes in groups.values() for choice in choose_by_weight(routes)}


def transit_router_table(
    site: Site, name: str, known: Known = ALIVE, maps: Iterable[RouteMapSpec] = ()
) -> tuple[Choice, ...]:
    """A route table of a transit router: its entries and what its attachments bring."""
    table = site.route_tables[name]
    found = [_entry(entry) for entry in table.entries]
    incoming = [rule for rule in maps if rule.direction == "in"]
    for key, attachment in site.attachments.items():
        if name in (attachment.route_table_propagation or ()):
            found += [apply_maps(route, incoming) for route in _brought(site, key, attachment, known)]
    return choose(found, "transit_router", site.region)


def given_to(
    site: Site, attachment: AttachmentSpec, known: Known = ALIVE, maps: Iterable[RouteMapSpec] = ()
) -> tuple[Candidate, ...]:
    """What the transit router gives an attached network: the active routes of the table it is associated with, not its
    own back, what a policy denies marked so."""
    table = attachment.route_table_association
    if not table or table not in site.route_tables:
        return ()
    to, target = network_of(attachment), attached_network(attachment)
    outgoing = [rule for rule in maps if rule.direction == "out"]
    vpn = any(other.ipsec_connection for other in site.attachments.values())
    given = []
    own = {key for key, other in site.attachments.items() if other == attachment}
    for choice in transit_router_table(site, table, known, maps):
        back = choice.route.source == target or choice.route.next_hop in own
        if choice.status == "Active" and not back and choice.route.next_hop_kind != "blackhole":
            route = apply_maps(choice.route, outgoing, to=to, target=target)
            denied = route.denied or hidden_denial(route, to, has_vpn_attachment=vpn)
            given.append(replace(route, denied=denied))
    return tuple(given)


def vpc_table(site: Site, name: str, known: Known = ALIVE, maps: Iterable[RouteMapSpec] = ()) -> tuple[Choice, ...]:
    """A route table of a VPC. VPN routes and what the transit router publishes go into the system table only."""
    table = site.route_tables[name]
    found = [_local(site.vpcs[table.vpc].cidr_block, table.vpc), _local(CLOUD_SERVICES_PREFIX, table.vpc)]
    found += [_entry(entry) for entry in table.entries]
    if table.system:
        found += list(_from_vpn_gateway(site, table.vpc, known))
        found += list(_from_transit_router(site, "vpc", table.vpc, known, maps))
    return choose(found, "vpc", site.region)


def vbr_table(site: Site, name: str, known: Known = ALIVE, maps: Iterable[RouteMapSpec] = ()) -> tuple[Choice, ...]:
    """The route table of a VBR: its entries, the data centre's routes, the transit router's."""
    vbr = site.route_tables[name].virtual_border_router
    found = [_entry(entry) for entry in site.route_tables[name].entries]
    found += [replace(route, next_hop_kind="circuit") for route in _of_circuit(site, vbr, known)]
    found += list(_from_transit_router(site, "virtual_border_router", vbr, known, maps))
    return choose(found, "vbr", site.region)


def route_table(site: Site, name: str, known: Known = ALIVE, maps: Iterable[RouteMapSpec] = ()) -> tuple[Choice, ...]:
    """Any of them."""
    table = site.route_tables[name]
    if table.vpc:
        return vpc_table(site, name, known, maps) if table.vpc in site.vpcs else ()
    if table.virtual_border_router:
        return vbr_table(site, name, known, maps) if table.virtual_border_router in site.virtual_border_routers else ()
    return transit_router_table(site, name, known, maps)


# ------------------------------------------------------------------------------------------------- what is brought


def _brought(site: Site, key: str, attachment: AttachmentSpec, known: Known) -> Iterator[Candidate]:
    """What an attached network gives the transit router."""
    if attachment.virtual_border_router in site.virtual_border_routers:
        routes = [*_of_circuit(site, attachment.virtual_border_router, known)]
        routes += [
            replace(_entry(entry), network="vbr", entry=False)
            for table in _tables(site, "virtual_border_router", attachment.virtual_border_router)
            for entry in table.entries
            if entry.next_hop_kind == "circuit" and entry.advertise
        ]
    elif attachment.vpc in site.vpcs:
        routes = [_local(site.vpcs[attachment.vpc].cidr_block, attachment.vpc)]
        routes += _published(site, attachment.vpc, known)
    else:
        routes = list(_of_connection(site, attachment.ipsec_connection, known))
    for route in routes:
        yield replace(
            route, next_hop_kind="attachment", next_hop=key, source=attached_network(attachment), region=site.region
        )


def _published(site: Site, vpc: str, known: Known) -> Iterator[Candidate]:
    """What a VPC passes on to the CEN instance: VPN routes only where people publish them, 100.64.0.0/10 never."""
    for table in _tables(site, "vpc", vpc):
        for entry in table.entries:
            if table.system and entry.advertise and not addressing.inside(entry.destination, CLOUD_SERVICES_PREFIX):
                yield replace(_entry(entry), entry=False)
    wanted = {route.destination for _, route in _vpn_routes(site) if route.advertise_to_cen}
    for route in _from_vpn_gateway(site, vpc, known):
        if route.origin == "bgp" or route.destination in wanted:
            yield route


def _from_vpn_gateway(site: Site, vpc: str, known: Known) -> Iterator[Candidate]:
    """What the VPN gateways of a VPC put into its system table: published routes, and by BGP what is propagated."""
    chosen = vpn_routes(site, known)
    seen: set[tuple[str, str]] = set()
    for key, route in _vpn_routes(site):
        gateway = _gateway_of(site, route)
        here = gateway in site.vpn_gateways and site.vpn_gateways[gateway].vpc == vpc
        once = (gateway, route.destination) not in seen
        if here and route.advertise_to_vpc and chosen[key].status == "Active" and once:
            seen.add((gateway, route.destination))
            yield replace(chosen[key].route, next_hop_kind="vpn_gateway", next_hop=gateway, source=gateway)
    for name, gateway_spec in site.vpn_gateways.items():
        if gateway_spec.vpc == vpc and gateway_spec.auto_propagate:
            for connection, spec in site.ipsec_connections.items():
                if spec.vpn_gateway == name:
                    for route_ in _of_connection(site, connection, known):
                        yield replace(route_, next_hop_kind="vpn_gateway", next_hop=name, source=name)


def _of_connection(site: Site, name: str, known: Known) -> Iterator[Candidate]:
    """What the data centre announces by BGP through a connection; nothing while it is down."""
    spec = site.ipsec_connections.get(name)
    if spec is None or name in known.dead_connections or all(tunnel.bgp is None for tunnel in tunnels_of(spec)):
        return
    gateways = [site.customer_gateways[t.customer_gateway] for t in tunnels_of(spec) if t.customer_gateway]
    as_path = (gateways[0].asn,) if gateways else ()
    for prefix in site.data_center.prefixes[: limit_of("bgp_routes_per_vpn_gateway")]:
        yield Candidate(
            destination=prefix,
            network="vpn",
            origin="bgp",
            next_hop_kind="ipsec_connection",
            next_hop=name,
            source=name,
            as_path=as_path,
        )


def _of_circuit(site: Site, vbr: str, known: Known) -> Iterator[Candidate]:
    """What the data centre announces by BGP over a circuit."""
    peered = {peer.bgp_group for peer in site.bgp_peers.values()}
    groups = [g for n, g in site.bgp_groups.items() if g.virtual_border_router == vbr and n in peered]
    trouble = known.dead_circuits.get(vbr, "")
    for group in groups:
        prefixes = site.data_center.prefixes if group.ip_version == "ipv4" else site.data_center.ipv6_prefixes
        for prefix in prefixes[: group.route_quota] if vbr not in known.silent_circuits else ():
            yield Candidate(
                destination=prefix,
                network="vbr",
                origin="bgp",
                next_hop_kind="circuit",
                next_hop=site.virtual_border_routers[vbr].physical_connection,
                source=vbr,
                region=site.region,
                as_path=(group.peer_asn,),
                usable=not trouble,
                trouble=trouble,
            )


def _from_transit_router(
    site: Site, field: str, owner: str, known: Known, maps: Iterable[RouteMapSpec]
) -> Iterator[Candidate]:
    """What the transit router puts into an attached network's own table, if it may."""
    for key, attachment in site.attachments.items():
        if getattr(attachment, field) == owner and (attachment.auto_publish_routes or field != "vpc"):
            for route in given_to(site, attachment, known, maps):
                yield replace(route, origin="bgp", next_hop_kind="attachment", next_hop=key, entry=False)


# ------------------------------------------------------------------------------------------------- single routes


def _entry(entry: RouteEntry) -> Candidate:
    return Candidate(
        destination=entry.destination,
        network="vpc",
        origin="static",
        next_hop_kind=entry.next_hop_kind,
        next_hop=entry.next_hop,
        entry=True,
    )


def _local(prefix: str, vpc: str) -> Candidate:
    return Candidate(destination=prefix, network="vpc", origin="system", next_hop_kind="local", source=vpc)


def _vpn_candidate(key: str, route: DestinationRouteSpec | PolicyRouteSpec, known: Known) -> Candidate:
    trouble = known.dead_connections.get(route.ipsec_connection, "")
    return Candidate(
        destination=route.destination,
        network="vpc",
        origin="static",
        next_hop_kind="ipsec_connection",
        next_hop=route.ipsec_connection,
        source=key,
        weight=route.weight,
        usable=not trouble,
        trouble=trouble,
    )


def _vpn_routes(site: Site) -> Iterator[tuple[str, DestinationRouteSpec | PolicyRouteSpec]]:
    """Policy-based routes are asked before destination-based ones (CreateVpnPbrRouteEntry)."""
    for name, policy in sorted(site.policy_routes.items(), key=lambda item: item[1].priority):
        yield f"policy_routes.{name}", policy
    for name, route in site.destination_routes.items():
        yield f"destination_routes.{name}", route


def _gateway_of(site: Site, route: DestinationRouteSpec | PolicyRouteSpec) -> str:
    connection = site.ipsec_connections.get(route.ipsec_connection)
    return connection.vpn_gateway if connection is not None else ""


def _tables(site: Site, field: str, owner: str) -> list[RouteTableSpec]:
    return [table for table in site.route_tables.values() if getattr(table, field) == owner]


def attached_network(attachment: AttachmentSpec) -> str:
    """Key of the VPC, VBR or IPsec connection that is attached."""
    return attachment.vpc or attachment.virtual_border_router or attachment.ipsec_connection


def network_of(attachment: AttachmentSpec) -> Network:
    """Which sort that is."""
    if attachment.virtual_border_router:
        return "vbr"
    return "vpn" if attachment.ipsec_connection else "vpc"
