"""The routes of one stored route table: what was chosen, with ids, from the account's resources as they are stored.

Where the account has a site its data centre brings its prefixes; without one only what the cloud declares is there.
What is dead is taken from the status of connections, sessions and health checks.

In: a route table, the account's resources. Out: `Choice`s whose next hops and sources are ids. Next: the APIs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from twinspan.engine.resource_status import ESTABLISHED
from twinspan.engine.route_choice import Candidate, Choice
from twinspan.engine.route_tables import Known, route_table
from twinspan.engine.site_assembly import ABSENT, Assembled, assemble
from twinspan.model.data_center import DataCenterSpec
from twinspan.model.gateway import GatewaySpec
from twinspan.model.ipsec_connection import IpsecConnectionSpec
from twinspan.model.resource import Resource
from twinspan.model.route_map import RouteMapSpec
from twinspan.model.route_table import RouteTableSpec
from twinspan.model.site import SiteSpec

_NO_GATEWAY = GatewaySpec(public_address="0.0.0.0", local_asn=1)
_SECTIONS = {
    "attachment": ("attachments",),
    "circuit": ("physical_connections",),
    "vpc": ("vpcs",),
    "vpn_gateway": ("vpn_gateways",),
    "ipsec_connection": ("ipsec_connections",),
}
"""Where the key of a next hop stands."""
_SOURCES = {
    "vpc": ("vpcs", "vpn_gateways", "destination_routes", "policy_routes"),
    "vbr": ("virtual_border_routers",),
    "vpn": ("ipsec_connections", "vpn_gateways"),
}
"""Where the key of a source stands, by the sort of network it is."""


def stored_routes(table: Resource, resources: Iterable[Resource]) -> tuple[Choice, ...]:
    """Every candidate of a route table and what became of it. resources: all of the account, settled, `table` too."""
    everything = list(resources)
    for site in (*_sites(table, everything), _no_site(table)):
        assembled = assemble(site, everything)
        names = {resource_id: key.partition(".")[2] for key, resource_id in assembled.ids.items()}
        name = names.get(table.id)
        if name is not None:
            maps = [with_keys(rule, names) for rule in _maps(table, everything)]
            choices = route_table(assembled.site, name, known_of_statuses(assembled, everything), maps)
            return tuple(replace(choice, route=_with_ids(choice.route, assembled.ids)) for choice in choices)
    return ()


def _sites(table: Resource, everything: list[Resource]) -> list[Resource]:
    """The site that the table may belong to: its own, else any of the account."""
    sites = [one for one in everything if one.kind == "Site" and one.phase not in ABSENT]
    return [one for one in sites if table.site in {"", one.name}]


def _no_site(table: Resource) -> Resource:
    """An account may rehearse a cloud without a data centre."""
    spec = SiteSpec(data_center=DataCenterSpec(prefixes=()), gateway=_NO_GATEWAY)
    return replace(table, kind="Site", id="", name="", site="", spec=spec, status={})


def _maps(table: Resource, everything: list[Resource]) -> list[RouteMapSpec]:
    """The route maps that a route on its way into the table meets."""
    spec = table.spec
    if not isinstance(spec, RouteTableSpec):
        return []
    rules = [one.spec for one in everything if isinstance(one.spec, RouteMapSpec) and one.phase not in ABSENT]
    if not spec.transit_router:
        return rules
    router = next((one for one in everything if one.id == spec.transit_router), None)
    cen = getattr(router.spec, "cen", "") if router is not None else ""
    own = {table.id, ""} if spec.system else {table.id}
    return [rule for rule in rules if rule.cen == cen and rule.transit_router_route_table in own]


def with_keys(rule: RouteMapSpec, names: Mapping[str, str]) -> RouteMapSpec:
    """A stored route map with a site's keys for ids, as route tables name networks."""
    table = rule.transit_router_route_table
    return replace(
        rule,
        transit_router_route_table=names.get(table, table),
        source_instances=tuple(names.get(one, one) for one in rule.source_instances),
        destination_instances=tuple(names.get(one, one) for one in rule.destination_instances),
    )


def _with_ids(route: Candidate, ids: Mapping[str, str]) -> Candidate:
    next_hop = _id(route.next_hop, _SECTIONS.get(route.next_hop_kind, ()), ids)
    return replace(route, next_hop=next_hop, source=_id(route.source, _SOURCES.get(route.network, ()), ids))


def _id(key: str, sections: tuple[str, ...], ids: Mapping[str, str]) -> str:
    return next((ids[f"{section}.{key}"] for section in sections if f"{section}.{key}" in ids), key)


def known_of_statuses(assembled: Assembled, resources: Iterable[Resource]) -> Known:
    """What the stored statuses say of the ways into the data centre, by key."""
    by_id = {one.id: one for one in resources}
    dead: dict[str, str] = {}
    moved: dict[str, str] = {}
    site = assembled.site
    for name, spec in site.ipsec_connections.items():
        if _is_dead(spec, _status("ipsec_connections", name, assembled, by_id)):
            dead[name] = f"IPsec connection {name} is down"
    for name, check in site.health_checks.items():
        if _status("health_checks", name, assembled, by_id).get("route_moved"):
            moved[check.virtual_border_router] = f"the health check of VBR {check.virtual_border_router} fails"
    silent = set()
    for name, peer in site.bgp_peers.items():
        state = _status("bgp_peers", name, assembled, by_id).get("bgp_state", ESTABLISHED)
        group = site.bgp_groups.get(peer.bgp_group)
        if state != ESTABLISHED and group is not None:
            silent.add(group.virtual_border_router)
    return Known(dead_connections=dead, dead_circuits=moved, silent_circuits=frozenset(silent))


def _status(section: str, name: str, assembled: Assembled, by_id: Mapping[str, Resource]) -> Mapping[str, object]:
    found = by_id.get(assembled.ids.get(f"{section}.{name}", ""))
    return found.status if found is not None else {}


def _is_dead(spec: IpsecConnectionSpec, status: Mapping[str, object]) -> bool:
    """Nothing is known of a connection of which no node has reported: it is taken for alive."""
    down = status.get("status", "ipsec_sa_established") != "ipsec_sa_established"
    return down or (spec.health_check is not None and status.get("healthy") is False)
