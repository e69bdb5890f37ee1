"""Routes of a VPN gateway: how a weight is changed, and what a withdrawal takes along.

In: a `Case`. Out: refusals, and `twin_routes` for the service. Next: `cen_rules.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from twinspan.engine.rule_case import Case, refuse
from twinspan.model.destination_route import DestinationRouteSpec
from twinspan.model.fields import SEED_STEP_2
from twinspan.model.finding import Rule
from twinspan.model.ipsec_connection import IpsecConnectionSpec
from twinspan.model.policy_route import PolicyRouteSpec
from twinspan.model.refusal import Refusal
from twinspan.model.resource import DELETED, DELETING, Resource

VpnRoute = DestinationRouteSpec | PolicyRouteSpec

WEIGHT_PARTNER = Rule(id="R-DBR-013", text="A weight is changed while the route's partner is away.", source=SEED_STEP_2)
DECLARED = (WEIGHT_PARTNER,)
"""What the checks of this module stand for."""


def twin_routes(resource: Resource, neighbours: Iterable[Resource]) -> tuple[Resource, ...]:
    """Routes whose advertisement goes when this one's goes: of the same gateway and destination, in the other table,
    advertised to the same VPC (seed 004 Step 2). The service withdraws them together."""
    others = [one for one in neighbours if one.id != resource.id and one.phase not in {DELETED, DELETING}]
    spec = resource.spec
    if not isinstance(spec, VpnRoute):
        return ()
    gateways = _gateways([*others, resource])
    return tuple(
        one
        for one in others
        if isinstance(one.spec, VpnRoute)
        and type(one.spec) is not type(spec)
        and one.spec.advertise_to_vpc
        and one.spec.destination == spec.destination
        and gateways.get(one.spec.ipsec_connection, "?") == gateways.get(spec.ipsec_connection, "")
    )


def _gateways(resources: Iterable[Resource]) -> dict[str, str]:
    """Connection to its VPN gateway."""
    return {one.id: one.spec.vpn_gateway for one in resources if isinstance(one.spec, IpsecConnectionSpec)}


def weight_partner(case: Case) -> Iterator[Refusal]:
    """A weight changes only while the route has no partner; swapping both at once has no moment with one of each."""
    spec, before = case.resource.spec, case.before.spec if case.before is not None else None
    if not isinstance(spec, VpnRoute) or not isinstance(before, VpnRoute) or spec.weight == before.weight:
        return
    gateways = _gateways(case.others)
    own = gateways.get(before.ipsec_connection)
    for one in case.others:
        if (
            isinstance(one.spec, VpnRoute)
            and _same_way(one.spec, before)
            and gateways.get(one.spec.ipsec_connection) == own
        ):
            yield refuse(
                WEIGHT_PARTNER,
                field="weight",
                value=str(spec.weight),
                problem=f"{one.name or one.id} goes to {before.destination} too, with weight {one.spec.weight}",
                remedy=f"delete {one.name or one.id}, change this weight, then create it again with the other weight",
            )


def _same_way(one: VpnRoute, other: VpnRoute) -> bool:
    source = getattr(one, "route_source", "") == getattr(other, "route_source", "")
    return type(one) is type(other) and source and one.destination == other.destination


RULES = (weight_partner,)
