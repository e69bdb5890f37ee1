"""Addresses that a resource gets when it is made and keeps for its life.

A site file has them written down before it is stored; the cloud's own API gives them out, so they are chosen when the
resource is made. In: a resource that is being made. Out: its spec with addresses. Next: the service stores it.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from twinspan.engine import addressing
from twinspan.engine.expansion.vpn import VPN_UNDERLAY_POOL
from twinspan.model.fields import ResourceSpec
from twinspan.model.gateway import GatewaySpec
from twinspan.model.health_check import SOURCE_POOL, HealthCheckSpec
from twinspan.model.resource import DELETED, Resource
from twinspan.model.site import SiteSpec
from twinspan.model.virtual_border_router import VirtualBorderRouterSpec
from twinspan.model.vpn_gateway import VpnGatewaySpec

ADDRESSED = frozenset({"VpnGateway", "HealthCheck"})
"""Kinds that get addresses."""
SHORTEST_LINK = 24
"""A tunnel end takes no more of the pool than this prefix."""


def chosen_on_create(resource: Resource, neighbours: Iterable[Resource]) -> ResourceSpec:
    """The spec with every address that is chosen once and for all; what is written stays.

    neighbours: all of its kind in its account, and for a health check its VBR; the account's sites, whose gateways keep
    addresses too.
    """
    spec = resource.spec
    others = [one for one in neighbours if one.id != resource.id and one.phase != DELETED]
    if isinstance(spec, VpnGatewaySpec):
        return _with_public_addresses(spec, others)
    if isinstance(spec, HealthCheckSpec):
        return _with_ends(spec, others)
    return spec


def _with_public_addresses(spec: VpnGatewaySpec, others: list[Resource]) -> VpnGatewaySpec:
    taken = [_of_gateway(one.spec.gateway) for one in others if isinstance(one.spec, SiteSpec)]
    for one in others:
        if isinstance(one.spec, VpnGatewaySpec):
            ends = (one.spec.internet_ip, one.spec.disaster_recovery_internet_ip)
            taken += [f"{ip}/{one.spec.internet_prefix_length}" for ip in ends if ip]
    ip = spec.internet_ip or _free_end(spec, taken)
    taken += [f"{ip}/{spec.internet_prefix_length}"] if ip else []
    second = spec.disaster_recovery_internet_ip
    if spec.disaster_recovery_vswitch and not second:
        second = _free_end(spec, taken)
    return replace(spec, internet_ip=ip, disaster_recovery_internet_ip=second)


def _of_gateway(gateway: GatewaySpec) -> str:
    return f"{gateway.public_address}/{gateway.public_prefix_length}"


def _free_end(spec: VpnGatewaySpec, taken: list[str]) -> str:
    free = addressing.first_free(VPN_UNDERLAY_POOL, max(spec.internet_prefix_length, SHORTEST_LINK), taken)
    return addressing.host(free, 2) if free is not None else ""


def _with_ends(spec: HealthCheckSpec, others: list[Resource]) -> HealthCheckSpec:
    taken = [one.spec.source_ip for one in others if isinstance(one.spec, HealthCheckSpec) and one.spec.source_ip]
    source = spec.source_ip
    if spec.source_method == "automatic" and not source:
        source = addressing.first_free_address(SOURCE_POOL, taken) or ""
    vbr = next((one.spec for one in others if one.id == spec.virtual_border_router), None)
    target = spec.target_ip
    if isinstance(vbr, VirtualBorderRouterSpec) and not target:
        target = vbr.peer_gateway_ip
    return replace(spec, source_ip=source, target_ip=target)
