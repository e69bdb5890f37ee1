"""The route tables of whole sites."""

from __future__ import annotations

from msgspec.structs import replace
from tests.unit.engine.test_site_assembly import site_of

from twinspan.engine.route_choice import Choice
from twinspan.engine.route_tables import Known, route_table, vpn_routes
from twinspan.model.attachment import AttachmentSpec
from twinspan.model.route_table import RouteEntry
from twinspan.model.site import Site

SITE = site_of("01-two-spans/site.yaml")
DC, OFFICE, USER, SERVICES = "192.168.1.0/24", "172.16.0.0/12", "192.168.0.0/24", "100.64.0.0/10"


def active(choices: tuple[Choice, ...]) -> dict[str, str]:
    return {c.route.destination: c.route.next_hop or "local" for c in choices if c.status == "Active"}


def with_attachments(site: Site, **fields: object) -> Site:
    changed = {name: replace(spec, **fields) for name, spec in site.attachments.items()}  # type: ignore[arg-type]
    return replace(site, attachments=changed)


def test_the_document_s_topology_prefers_the_circuit_and_keeps_the_vpn_ready() -> None:
    choices = [c for c in route_table(SITE, "transit-router-routes") if c.route.destination == DC]
    assert [(c.route.next_hop, c.status) for c in choices] == [
        ("vbr-attachment", "Active"),
        ("user-attachment", "Standby"),
    ]


def test_a_failed_health_check_moves_the_data_centre_to_the_vpn() -> None:
    known = Known(dead_circuits={"vbr": "the health check fails"})
    assert active(route_table(SITE, "transit-router-routes", known))[DC] == "user-attachment"
    assert active(route_table(SITE, "office-routes", known))[DC] == "office-attachment"


def test_a_session_that_is_down_brings_nothing() -> None:
    known = Known(silent_circuits=frozenset({"vbr"}))
    choices = [c for c in route_table(SITE, "transit-router-routes", known) if c.route.destination == DC]
    assert [c.route.next_hop for c in choices] == ["user-attachment"]


def test_a_vpn_route_reaches_the_cen_instance_only_where_it_is_published() -> None:
    """PublishRouteEntries: VPC routes to a VPN gateway are not advertised by default."""
    routes = {name: replace(spec, advertise_to_cen=False) for name, spec in SITE.destination_routes.items()}
    unpublished = replace(SITE, destination_routes=routes)
    choices = [c for c in route_table(unpublished, "transit-router-routes") if c.route.destination == DC]
    assert [c.route.next_hop for c in choices] == ["vbr-attachment"]
    assert active(route_table(unpublished, "user-routes"))[DC] == "vpn-gateway"


def test_a_static_vpn_route_in_an_office_vpc_beats_the_circuit() -> None:
    """The seed's reason why both spans must speak BGP there."""
    site = replace(SITE, vpn_gateways={"vpn-gateway": replace(SITE.vpn_gateways["vpn-gateway"], vpc="office")})
    choices = [c for c in route_table(site, "office-routes") if c.route.destination == DC]
    assert [(c.route.next_hop, c.status, c.reason) for c in choices] == [
        ("vpn-gateway", "Active", "preferred"),
        ("office-attachment", "Standby", "a static route comes before a learned one"),
    ]


def test_with_bgp_in_the_office_vpc_the_circuit_wins() -> None:
    site = site_of("03-vpn-in-office-vpc/site.yaml")
    choices = [c for c in route_table(site, "office-routes") if c.route.destination == DC]
    assert [(c.route.next_hop, c.status) for c in choices] == [
        ("office-attachment", "Active"),
        ("vpn-gateway", "Standby"),
    ]


def test_without_association_nothing_is_given_and_without_propagation_nothing_learned() -> None:
    deaf = with_attachments(SITE, route_table_association=None)
    assert active(route_table(deaf, "office-routes")) == {OFFICE: "local", SERVICES: "local"}
    dumb = with_attachments(SITE, route_table_propagation=())
    assert active(route_table(dumb, "transit-router-routes")) == {SERVICES: "user-attachment"}


def test_a_vpc_takes_the_transit_router_s_routes_only_where_it_publishes_them() -> None:
    site = with_attachments(SITE, auto_publish_routes=False)
    assert active(route_table(site, "office-routes")) == {OFFICE: "local", SERVICES: "local"}
    assert OFFICE in active(route_table(site, "vbr-routes"))


def test_100_64_is_never_published_from_a_vpc() -> None:
    entry = RouteEntry(destination=SERVICES, next_hop_kind="vpn_gateway", next_hop="vpn-gateway", advertise=True)
    tables = {**SITE.route_tables, "user-routes": replace(SITE.route_tables["user-routes"], entries=(entry,))}
    choices = route_table(replace(SITE, route_tables=tables), "transit-router-routes")
    assert [c.route.entry for c in choices if c.route.destination == SERVICES] == [True]


def test_a_vpn_attachment_closes_the_way_from_circuit_to_circuit() -> None:
    """From then on a VBR does not learn what another data centre announces."""
    other = AttachmentSpec(
        transit_router="transit-router",
        ipsec_connection="vpn",
        route_table_association="transit-router-routes",
        route_table_propagation=("transit-router-routes",),
    )
    spoken = site_of("03-vpn-in-office-vpc/site.yaml")
    site = replace(spoken, attachments={**spoken.attachments, "direct": other})
    known = Known(silent_circuits=frozenset({"vbr"}))
    statuses = {c.route.next_hop: c.status for c in route_table(site, "vbr-routes", known) if c.route.destination == DC}
    assert statuses == {"vbr-attachment": "Prohibited"}


def test_the_route_of_a_dead_connection_makes_way_for_its_standby() -> None:
    site = site_of("02-two-tunnels/site.yaml")
    calm = {key: choice.status for key, choice in vpn_routes(site).items()}
    moved = {key: choice.status for key, choice in vpn_routes(site, Known(dead_connections={"vpn-a": "down"})).items()}
    assert sorted(calm.values()) == ["Active", "Standby"]
    assert {key: {"Active": "Standby", "Standby": "Active"}[status] for key, status in calm.items()} == moved
