"""Routes of a VPN gateway, destination-based and policy-based: weights, twins, and what the standby carries.

In: `Site`. Out: findings. Next: `attachment.py`.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from twinspan.engine import addressing
from twinspan.engine.admission.rule_book import Problem, counting_rule, rule
from twinspan.engine.quotas import limit_of
from twinspan.model.dns_service import CLOUD_SERVICES_PREFIX
from twinspan.model.fields import SEED_STEP_2, TWINSPAN
from twinspan.model.finding import Path
from twinspan.model.ipsec_connection import tunnels_of
from twinspan.model.site import Site


class _Route(NamedTuple):
    path: Path
    gateway: str
    connection: str
    source: str
    """Source prefix of a policy-based route; empty for a destination-based one."""
    destination: str
    weight: int
    advertised: bool


def _destination_routes(site: Site) -> list[_Route]:
    return [
        _Route(
            ("destination_routes", name),
            site.ipsec_connections[route.ipsec_connection].vpn_gateway,
            route.ipsec_connection,
            "",
            route.destination,
            route.weight,
            route.advertise_to_vpc,
        )
        for name, route in site.destination_routes.items()
    ]


def _policy_routes(site: Site) -> list[_Route]:
    return [
        _Route(
            ("policy_routes", name),
            site.ipsec_connections[route.ipsec_connection].vpn_gateway,
            route.ipsec_connection,
            route.route_source,
            route.destination,
            route.weight,
            route.advertise_to_vpc,
        )
        for name, route in site.policy_routes.items()
    ]


def _routes(site: Site) -> list[_Route]:
    return [*_destination_routes(site), *_policy_routes(site)]


@rule("R-DBR-001", "A VPN route is neither the default route nor touches 100.64.0.0/10.", source="CreateVpnRouteEntry")
def _forbidden(site: Site) -> Iterator[Problem]:
    for route in _routes(site):
        path = (*route.path, "destination")
        if route.destination == "0.0.0.0/0":
            yield Problem(
                path, "it would draw everything into the tunnel", "name the data centre's prefix", route.destination
            )
        elif addressing.overlap(route.destination, CLOUD_SERVICES_PREFIX):
            problem = f"{CLOUD_SERVICES_PREFIX} holds the cloud's own services"
            yield Problem(path, problem, "name the data centre's prefix", route.destination)


@rule("R-DBR-002", "A VPN route leads to the data centre.", source=SEED_STEP_2)
def _to_data_center(site: Site) -> Iterator[Problem]:
    for route in _routes(site):
        if not any(addressing.overlap(route.destination, prefix) for prefix in site.data_center.prefixes):
            remedy = f"write one of {', '.join(site.data_center.prefixes)}"
            yield Problem((*route.path, "destination"), "the data centre has no such prefix", remedy, route.destination)


@rule(
    "R-DBR-003",
    "Routes with one destination go into different connections and have different weights, 100 and 0.",
    source=SEED_STEP_2,
)
def _pairs(site: Site) -> Iterator[Problem]:
    seen: dict[tuple[str, str, str], list[_Route]] = {}
    for route in _routes(site):
        twins = seen.setdefault((route.gateway, route.source, route.destination), [])
        for twin in twins:
            name = twin.path[1]
            if twin.connection == route.connection:
                problem = f"{name} sends {route.destination} into the same connection"
                yield Problem(route.path, problem, "remove one of them, or name another connection", route.connection)
            elif twin.weight == route.weight:
                problem = f"{name} has the same weight for {route.destination}, so neither is the standby"
                yield Problem((*route.path, "weight"), problem, f"write weight: {100 - route.weight}", route.weight)
        twins.append(route)


@rule("R-DBR-004", "A route with weight 0 has a partner with weight 100.", source=SEED_STEP_2, severity="warning")
def _partner(site: Site) -> Iterator[Problem]:
    routes = _routes(site)
    active = {(route.gateway, route.source, route.destination) for route in routes if route.weight == 100}
    for route in routes:
        if route.weight == 0 and (route.gateway, route.source, route.destination) not in active:
            problem = f"there is no active route to {route.destination}"
            yield Problem((*route.path, "weight"), problem, "write weight: 100", route.weight)


@rule("R-DBR-005", "Weights have no effect on a connection with two tunnels.", source=SEED_STEP_2, severity="warning")
def _useless_weight(site: Site) -> Iterator[Problem]:
    for route in _routes(site):
        if route.weight == 0 and site.ipsec_connections[route.connection].tunnels:
            problem = f"connection {route.connection} has two tunnels, which stand by for each other"
            yield Problem((*route.path, "weight"), problem, "remove this route", route.weight)


@rule(
    "R-DBR-006",
    "A destination is not advertised from both tables: withdrawing the destination-based route withdraws the "
    "policy-based one too.",
    source=SEED_STEP_2,
    severity="warning",
)
def _twins(site: Site) -> Iterator[Problem]:
    advertised = [route for route in _destination_routes(site) if route.advertised]
    routes = {(route.gateway, route.destination): route.path[1] for route in advertised}
    for route in _policy_routes(site):
        twin = routes.get((route.gateway, route.destination))
        if twin is not None and route.advertised:
            problem = f"destination-based route {twin} has the same destination and is advertised to the same table"
            yield Problem((*route.path, "destination"), problem, "keep one of the two", route.destination)


@rule("R-DBR-007", "No route of the standby is longer than what the circuit announces.", source=TWINSPAN)
def _longer(site: Site) -> Iterator[Problem]:
    for route in _routes(site):
        for prefix in site.data_center.prefixes:
            known = route.destination in site.data_center.prefixes
            if addressing.longer(route.destination, prefix) and not known:
                yield Problem(
                    (*route.path, "destination"),
                    f"the circuit announces {prefix}, and longest-prefix match would prefer the standby for good",
                    f"write {prefix}",
                    route.destination,
                )


@rule("R-DBR-008", "The standby carries every prefix of the data centre.", source=SEED_STEP_2)
def _every_prefix(site: Site) -> Iterator[Problem]:
    if any(tunnel.bgp is not None for spec in site.ipsec_connections.values() for tunnel in tunnels_of(spec)):
        return
    routes = _routes(site)
    for index, prefix in enumerate(site.data_center.prefixes):
        if not any(addressing.inside(prefix, route.destination) for route in routes):
            yield Problem(
                ("data_center", "prefixes", index),
                "no VPN route leads there, so it is cut off when the circuit fails",
                "add it to destination_routes, or leave that section out and it is made",
                prefix,
            )


@rule("R-DBR-009", "A VPN route is advertised to the VPC.", source=SEED_STEP_2, severity="warning")
def _to_vpc(site: Site) -> Iterator[Problem]:
    for section in ("destination_routes", "policy_routes"):
        for name, route in getattr(site, section).items():
            if not route.advertise_to_vpc:
                problem = "the VPC does not know the way until someone advertises it by hand"
                yield Problem((section, name, "advertise_to_vpc"), problem, "write advertise_to_vpc: true", False)


@rule(
    "R-DBR-010", "The VPC publishes a VPN route to the CEN instance.", source="PublishRouteEntries", severity="warning"
)
def _to_cen(site: Site) -> Iterator[Problem]:
    for section in ("destination_routes", "policy_routes"):
        for name, route in getattr(site, section).items():
            if route.advertise_to_vpc and not route.advertise_to_cen:
                problem = "other VPCs, such as the office VPC, have no standby"
                yield Problem((section, name, "advertise_to_cen"), problem, "write advertise_to_cen: true", False)


@rule("R-DBR-011", "A connection with BGP needs no static routes.", source=TWINSPAN, severity="warning")
def _beside_bgp(site: Site) -> Iterator[Problem]:
    for route in _routes(site):
        if any(tunnel.bgp is not None for tunnel in tunnels_of(site.ipsec_connections[route.connection])):
            problem = f"connection {route.connection} speaks BGP, and a static route beats what it learns"
            yield Problem(route.path, problem, "remove the route", route.destination)


@counting_rule(
    "R-DBR-012",
    "A VPN gateway has at most 20 routes of each sort, or what an operator allows.",
    source="Quotas of VPN Gateway",
)
def _count(site: Site, limits: Mapping[str, int]) -> Iterator[Problem]:
    for section, routes in (("destination_routes", _destination_routes(site)), ("policy_routes", _policy_routes(site))):
        for gateway in site.vpn_gateways:
            count = sum(route.gateway == gateway for route in routes)
            if count > limit_of(f"{section}_per_vpn_gateway", limits):
                yield Problem((section,), f"VPN gateway {gateway} has {count}", "summarise prefixes, or use BGP")


@rule("R-PBR-001", "A policy-based route's source lies in the cloud.", source="CreateVpnPbrRouteEntry")
def _policy_source(site: Site) -> Iterator[Problem]:
    for name, route in site.policy_routes.items():
        if route.route_source != "0.0.0.0/0" and not any(
            addressing.overlap(route.route_source, vpc.cidr_block) for vpc in site.vpcs.values()
        ):
            remedy = f"write one of {', '.join(vpc.cidr_block for vpc in site.vpcs.values())}"
            yield Problem(("policy_routes", name, "route_source"), "no VPC has it", remedy, route.route_source)


RULES = (
    _forbidden,
    _to_data_center,
    _pairs,
    _partner,
    _useless_weight,
    _twins,
    _longer,
    _every_prefix,
    _to_vpc,
    _to_cen,
    _beside_bgp,
    _count,
    _policy_source,
)
