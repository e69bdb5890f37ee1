"""Expand: from the little that people wrote to a complete site.

Every missing resource of the seed's topology is made with a name and defaults, every missing reference is settled where
there is only one candidate, and all of it is marked in `Site.made`. Where there is a choice the field stays empty and
admission asks people to choose. Pure: equal input gives equal output.

In: `SiteFile`. Out: `Site`. Next: `admission`, then `compile`.
"""

from collections.abc import Callable

from twinspan.engine.expansion import circuit, cloud_networks, data_center, vpn
from twinspan.model.site import Site, SiteFile

STEPS: tuple[Callable[[Site], Site], ...] = (
    cloud_networks.vpc_roles,
    cloud_networks.vswitches,
    cloud_networks.cen,
    cloud_networks.office_networks,
    data_center.data_center,
    circuit.physical_connections,
    circuit.virtual_border_routers,
    circuit.bgp_groups,
    circuit.bgp_peers,
    circuit.bgp_networks,
    circuit.health_checks,
    vpn.vpn_gateways,
    vpn.customer_gateways,
    vpn.ipsec_connections,
    vpn.destination_routes,
    cloud_networks.system_route_tables,
    cloud_networks.attachments,
    cloud_networks.services_route,
    data_center.name_services,
    data_center.spans,
)
"""In the order in which each finds what it needs."""


def expand(site_file: SiteFile) -> Site:
    """Fill every gap that has one sensible filling."""
    site = Site(**{field: getattr(site_file, field) for field in site_file.__struct_fields__ if field != "made"})
    for step in STEPS:
        site = step(site)
    return site
