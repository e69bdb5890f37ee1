"""Which resources must be looked at to judge one: what it stands on, what stands on it, and its siblings.

Small on purpose: an account may have a hundred thousand resources, and one of them is judged in a millisecond.

In: a resource, and two questions to the store. Out: its neighbours. Next: `resource_rules.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twinspan.engine.reference_walk import references
from twinspan.model.resource import Resource

SIBLINGS: dict[str, tuple[str, ...]] = {
    "VirtualBorderRouter": ("PhysicalConnection",),
    "BgpGroup": ("VirtualBorderRouter",),
    "BgpPeer": ("VirtualBorderRouter", "BgpGroup"),
    "HealthCheck": ("VirtualBorderRouter",),
    "Vswitch": ("Vpc",),
    "RouteTable": ("Vpc", "VirtualBorderRouter", "TransitRouter"),
    "OfficeNetwork": ("Vpc",),
    "TransitRouter": ("Cen",),
    "Attachment": ("Cen", "TransitRouter", "Vpc", "VirtualBorderRouter", "IpsecConnection"),
    "VpnGateway": ("Vpc",),
    "IpsecConnection": ("VpnGateway",),
    "DestinationRoute": ("VpnGateway", "IpsecConnection"),
    "PolicyRoute": ("VpnGateway", "IpsecConnection"),
    "RouteMap": ("Cen",),
    "FailoverTestJob": ("PhysicalConnection",),
}
"""By kind: whatever refers to these, where the resource stands on them, is asked too: it may clash with it."""

ASKED_WHOLE = frozenset({"FailoverTestJob"})
"""Kinds whose siblings refer to nothing in common: all of the account's are neighbours. There are few of them."""

ASKED_BY_NAME = frozenset({"EndUser"})
"""Kinds whose name stands once in an account: whoever has it is a neighbour. There may be very many of them."""

_BETWEEN = frozenset({"BgpGroup", "IpsecConnection", "TransitRouter"})
"""Siblings of a kind may stand on another one of these: peers of the same VBR in another group."""


def neighbourhood(
    resource: Resource, get: Callable[[str], Resource | None], users: Callable[[str], Iterable[str]]
) -> tuple[Resource, ...]:
    """Its neighbours, without itself.

    get: a resource by id, settled; None: it is gone. users: ids of what refers to one.
    """
    found: dict[str, Resource] = {resource.id: resource}

    def take(ids: Iterable[str]) -> list[Resource]:
        fresh = []
        for one in ids:
            if one not in found:
                other = get(one)
                if other is not None:
                    found[one] = other
                    fresh.append(other)
        return fresh

    def ground(of: Iterable[Resource]) -> list[Resource]:
        """What they stand on, and what that stands on."""
        grown, edge = [], list(of)
        while edge:
            fresh = take(mention.target for mention in references(edge.pop().spec))
            grown += fresh
            edge += fresh
        return grown

    below = ground([resource])
    parents = SIBLINGS.get(resource.kind, ())
    above = take(users(resource.id))
    siblings = [user for other in below if other.kind in parents for user in take(users(other.id))]
    further = [other for other in siblings if other.kind in _BETWEEN and other.kind in parents]
    siblings += [user for other in further for user in take(users(other.id))]
    ground([*above, *siblings])
    del found[resource.id]
    return tuple(found.values())
