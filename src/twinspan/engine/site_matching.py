"""What of the stored resources is what a site file means, where names do not say it.

Programs leave names away that a site file gives, and route tables that owners are born with never had one. Such a
resource is known by what it is: a system table by its owner, a BGP peer by group and address, a health check by its
VBR, a VPN route by connection and destination. In: drafts, stored resources, their keys. Out: keys. Next:
`site_changes.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from twinspan.engine.reference_walk import rename
from twinspan.engine.site_drafts import Draft, key_of
from twinspan.model.fields import ResourceSpec
from twinspan.model.resource import Resource
from twinspan.model.route_table import RouteTableSpec

_IDENTITY: Mapping[str, tuple[str, ...]] = {
    "RouteTable": ("vpc", "virtual_border_router", "transit_router"),
    "BgpPeer": ("bgp_group", "peer_ip"),
    "HealthCheck": ("virtual_border_router",),
    "DestinationRoute": ("ipsec_connection", "destination"),
    "PolicyRoute": ("ipsec_connection", "destination", "route_source"),
}
"""Kinds of which there is one with the same values, and those fields."""

Identity = tuple[str, ...]


def wanted_keys(drafts: Iterable[Draft], resources: Iterable[Resource], keys: Mapping[str, str]) -> Mapping[str, str]:
    """Id to key, as the drafts call it: `keys` (id to key of the resources), but for those that no draft names and that
    are what a draft means whose key nobody has."""
    drafts, found = tuple(drafts), dict(keys)
    taken = set(keys.values())
    open_drafts = _alone((draft.key, _identity(draft.kind, draft.spec)) for draft in drafts if draft.key not in taken)
    named = {draft.key for draft in drafts}
    unnamed = (one for one in resources if one.id in keys and keys[one.id] not in named and _is_nameless(one, keys))
    stored = _alone((one.id, _identity(one.kind, _with_keys(one.spec, keys))) for one in unnamed)
    for identity, resource_id in stored.items():
        if identity in open_drafts:
            found[resource_id] = open_drafts[identity]
    return found


def _is_nameless(resource: Resource, keys: Mapping[str, str]) -> bool:
    """Its key is its id; or it is a system table, of which its owner has one, whoever has called it what."""
    return isinstance(resource.spec, RouteTableSpec) or keys[resource.id] == key_of(resource.kind, resource.id)


def _with_keys(spec: ResourceSpec, keys: Mapping[str, str]) -> ResourceSpec:
    return rename(spec, lambda _, text: keys.get(text, text))


def _identity(kind: str, spec: ResourceSpec) -> Identity | None:
    """What it is, beside its name; None: only its name says it."""
    fields = _IDENTITY.get(kind)
    if fields is None or (isinstance(spec, RouteTableSpec) and not spec.system):
        return None
    values = tuple(str(getattr(spec, field)) for field in fields)
    return (kind, *values) if any(values) else None


def _alone(named: Iterable[tuple[str, Identity | None]]) -> dict[Identity, str]:
    """By identity; two of the same are not told apart."""
    pairs = [(identity, name) for name, identity in named if identity is not None]
    counts = Counter(identity for identity, _ in pairs)
    return {identity: name for identity, name in pairs if counts[identity] == 1}
