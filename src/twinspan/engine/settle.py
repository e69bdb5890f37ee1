"""Settle: the fields that stored resources leave open, filled as `expand` fills them; no resource is added.

A site file is expanded once, before it is stored; what people and programs make one by one is completed here whenever
a site is put together. In: a `Site` with gaps. Out: one with fewer. Next: `site_assembly.py`.
"""

from collections.abc import Callable

from twinspan.engine.expansion import circuit, cloud_networks, data_center, vpn
from twinspan.model.site import Site

STEPS: tuple[Callable[[Site], Site], ...] = (
    cloud_networks.vpc_roles,
    cloud_networks.settle_transit_routers,
    cloud_networks.settle_office_networks,
    data_center.data_center,
    circuit.settle_virtual_border_routers,
    circuit.settle_bgp_groups,
    circuit.settle_bgp_peers,
    circuit.bgp_networks,
    circuit.settle_health_checks,
    vpn.settle_vpn_gateways,
    vpn.settle_customer_gateways,
    vpn.settle_ipsec_connections,
    vpn.settle_vpn_routes,
    cloud_networks.settle_attachments,
    data_center.settle_name_services,
    data_center.spans,
)
"""The halves of `expand.STEPS` that fill."""


def settle(site: Site) -> Site:
    """Fill every field that has one sensible filling. A complete site stays as it is."""
    for step in STEPS:
        site = step(site)
    return site
