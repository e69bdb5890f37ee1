"""What a site lacks to carry traffic over two spans, said to people who make it resource by resource.

In: a `Site`. Out: sentences, empty for a site that is complete. Next: `Site.status.problems` shows them.
"""

from __future__ import annotations

from collections.abc import Iterator

from twinspan.engine.compile.attached import attachment_of, learned_by
from twinspan.engine.compile.cloud import vpn_routes
from twinspan.engine.compile.facts import Facts, gather
from twinspan.model.site import Site


def missing_parts(site: Site) -> tuple[str, ...]:
    """Every part that is not there yet, in the order of the seed's steps."""
    facts = gather(site)
    return (*_circuit(facts), *_vpn(facts), *_cloud(facts))


def _circuit(facts: Facts) -> Iterator[str]:
    site = facts.site
    if not facts.has_circuit:
        own = [name for name, vbr in site.virtual_border_routers.items() if vbr.account == "current"]
        several = len(own) > 1
        yield (
            f"VBRs {', '.join(own)} could all end the circuit: name one in spans[0].virtual_border_router"
            if several
            else "no VBR of this account is there: create one on an enabled circuit"
        )
    elif not facts.circuit_group("ipv4")[0]:
        yield f"VBR {facts.vbr_name} has no BGP group for IPv4: create one"
    elif "ipv4" not in facts.sessions:
        yield f"BGP group {facts.circuit_group('ipv4')[0]} has no BGP peer: create one"
    if facts.has_circuit and not facts.health_checks:
        yield f"VBR {facts.vbr_name} has no health check: enable one in the CEN instance"


def _vpn(facts: Facts) -> Iterator[str]:
    site = facts.site
    if not facts.has_vpn_gateway:
        yield "no VPN gateway is there: create one"
    elif not site.customer_gateways:
        yield "no customer gateway is there: create one with the gateway's public address"
    elif not facts.tunnels:
        yield "no IPsec connection joins the VPN gateway and a customer gateway: create one"
    elif not facts.vpn_speaks_bgp and not facts.vpn_static_routes:
        yield "the VPN gateway has no route to the data centre: create a destination-based route"
    elif not facts.vpn_speaks_bgp and not any(r.advertise_to_vpc for r in facts.vpn_static_routes):
        yield "no VPN route is advertised to the VPC: publish one"
    elif facts.vpn_vpc != facts.office_vpc and not vpn_routes(facts, to_cen=True)[1:]:
        yield "the VPC publishes no VPN route to the CEN instance, so no other VPC has a standby: publish one"


def _cloud(facts: Facts) -> Iterator[str]:
    site = facts.site
    if not facts.office_vpc:
        yield "no office network is there: create one"
    if not site.transit_routers:
        yield "no transit router is there: create a CEN instance and attach the networks to it"
        return
    needed = [("virtual_border_router", facts.vbr_name, "VBR")] if facts.has_circuit else []
    needed += [("vpc", name, "VPC") for name in dict.fromkeys((facts.office_vpc, facts.vpn_vpc)) if name]
    for field, name, label in needed:
        attachment = attachment_of(site, field, name)  # type: ignore[arg-type]
        if attachment is None:
            yield f"{label} {name} is not attached to the transit router: attach it"
        elif not attachment.route_table_association:
            yield f"the attachment of {label} {name} is associated with no route table: what comes from it goes nowhere"
        elif not attachment.route_table_propagation:
            yield f"no route table learns from the attachment of {label} {name}: nobody knows the way there"
        elif not learned_by(site, attachment):
            yield f"{label} {name} learns from no other network: let the route table it is associated with learn them"
