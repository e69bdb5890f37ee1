"""Quotas: how many of something there may be, as numbers that an operator can raise per account.

In: a resource that shall be made, what is there, and what the operator has set. Out: `Quota`s, `Refusal`s.
Next: `resource_rules.py`.
"""

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from twinspan.engine.phases import UNBUILT
from twinspan.engine.reference_walk import references
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.refusal import Refusal
from twinspan.model.resource import DELETED, Resource

Neighbours = Mapping[str, Resource]
"""Resources by id."""


class Quota(Struct, frozen=True, kw_only=True):
    """One limit."""

    name: str
    """As an operator sets it: vpn_gateways_per_account."""
    limit: int
    """What holds where nobody has set another."""
    text: str
    """The rule, as a sentence without the number."""
    source: str
    kind: str = ""
    """The kind that is counted; empty: the number bounds a field or a list, and its reader counts."""
    parent: Callable[[Resource, Neighbours], str] | None = None
    """Id of what they are counted in; None: the account."""
    counts: Callable[[Resource], bool] = lambda _: True
    """Which of the kind are counted."""


def _named(kind: str) -> Callable[[Resource, Neighbours], str]:
    """Counted in the first resource of `kind` that the spec names."""

    def parent(resource: Resource, _: Neighbours) -> str:
        return next((mention.target for mention in references(resource.spec) if mention.kind == kind), "")

    return parent


def _by_way_of(between: str, kind: str) -> Callable[[Resource, Neighbours], str]:
    """Counted in the `kind` that the `between` names that the spec names."""

    def parent(resource: Resource, neighbours: Neighbours) -> str:
        middle = neighbours.get(_named(between)(resource, neighbours))
        return _named(kind)(middle, neighbours) if middle is not None else ""

    return parent


def _router_of_vpn_attachment(resource: Resource, neighbours: Neighbours) -> str:
    if not getattr(resource.spec, "ipsec_connection", ""):
        return ""
    return _named("TransitRouter")(resource, neighbours)


_VPN = "Quotas of VPN Gateway"
_CEN = "Quotas of Cloud Enterprise Network"
_CIRCUIT = "Quotas of Express Connect"

QUOTAS: tuple[Quota, ...] = (
    Quota(
        name="routes_per_bgp_peer",
        limit=110,
        text="A BGP peer's route quota stays within the account's.",
        source="seed 004, Step 1, BGP Route Quota",
    ),
    Quota(name="tags_per_resource", limit=20, text="A resource has so many tags at most.", source="TagResources"),
    Quota(
        name="bgp_peers_per_vbr",
        limit=8,
        text="A VBR has so many BGP peers at most.",
        source="CreateBgpPeer",
        kind="BgpPeer",
        parent=_by_way_of("BgpGroup", "VirtualBorderRouter"),
    ),
    Quota(
        name="unbuilt_circuits_per_account",
        limit=5,
        text="An account has so many circuits at most that are not enabled yet.",
        source=_CIRCUIT,
        kind="PhysicalConnection",
        counts=lambda circuit: circuit.phase in UNBUILT,
    ),
    Quota(
        name="vpn_gateways_per_account",
        limit=30,
        text="An account has so many VPN gateways at most.",
        source=_VPN,
        kind="VpnGateway",
    ),
    Quota(
        name="connections_per_vpn_gateway",
        limit=10,
        text="A VPN gateway has so many IPsec connections at most.",
        source=_VPN,
        kind="IpsecConnection",
        parent=_named("VpnGateway"),
    ),
    Quota(
        name="destination_routes_per_vpn_gateway",
        limit=20,
        text="A VPN gateway has so many destination-based routes at most.",
        source=_VPN,
        kind="DestinationRoute",
        parent=_by_way_of("IpsecConnection", "VpnGateway"),
    ),
    Quota(
        name="policy_routes_per_vpn_gateway",
        limit=20,
        text="A VPN gateway has so many policy-based routes at most.",
        source=_VPN,
        kind="PolicyRoute",
        parent=_by_way_of("IpsecConnection", "VpnGateway"),
    ),
    Quota(
        name="bgp_routes_per_vpn_gateway",
        limit=50,
        text="A VPN gateway learns so many routes by BGP at most.",
        source=_VPN,
    ),
    Quota(
        name="customer_gateways_per_account",
        limit=100,
        text="An account has so many customer gateways at most.",
        source=_VPN,
        kind="CustomerGateway",
    ),
    Quota(
        name="vpn_attachments_per_transit_router",
        limit=50,
        text="A transit router has so many VPN attachments at most.",
        source=_CEN,
        kind="Attachment",
        parent=_router_of_vpn_attachment,
    ),
    Quota(
        name="routes_per_transit_router_table",
        limit=2000,
        text="A route table of a transit router holds so many routes at most.",
        source=_CEN,
    ),
    Quota(
        name="resources_per_failover_test_job",
        limit=16,
        text="A failover test job takes out so many resources at most.",
        source="CreateFailoverTestJob",
    ),
)
"""Everything an operator can raise."""

BY_NAME: Mapping[str, Quota] = {quota.name: quota for quota in QUOTAS}


def limit_of(name: str, limits: Mapping[str, int] = {}) -> int:
    """What holds: the operator's number, or the default. Raises KeyError for a name that is no quota."""
    return limits.get(name, BY_NAME[name].limit)


def of_kind(kind: str) -> tuple[Quota, ...]:
    """The quotas that one more resource of a kind could break."""
    return tuple(quota for quota in QUOTAS if quota.kind == kind)


def exceeded(resource: Resource, neighbours: Iterable[Resource], limits: Mapping[str, int] = {}) -> Refusal | None:
    """The quota that one more resource, `resource`, would break, or None.

    neighbours: at least every resource of its kind in the account, and what those refer to. limits: what the operator
    has set for the account, by name of the quota.
    """
    known = {other.id: other for other in neighbours if other.phase != DELETED and other.id != resource.id}
    for quota in of_kind(resource.kind):
        parent = quota.parent(resource, known) if quota.parent is not None else ""
        if (quota.parent is not None and not parent) or not quota.counts(resource):
            continue
        count = sum(
            other.kind == quota.kind
            and other.account == resource.account
            and quota.counts(other)
            and (quota.parent is None or quota.parent(other, known) == parent)
            for other in known.values()
        )
        limit = limit_of(quota.name, limits)
        if count >= limit:
            return refusal(quota, limit, count, value=parent)
    return None


def refusal(quota: Quota, limit: int, count: int, *, field: str = "", value: str = "") -> Refusal:
    """What to answer where a quota is used up."""
    what = STORED_KINDS[quota.kind].label if quota.kind else quota.name.replace("_", " ")
    return Refusal(
        code=f"QuotaExceeded.{quota.name}",
        field=field,
        value=value,
        rule=quota.text,
        problem=f"{what}: {count} of {limit} are in use",
        remedy=f"remove one, or have an operator raise the quota {quota.name}",
        source=quota.source,
    )
