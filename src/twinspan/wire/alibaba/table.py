"""Every action of the compatible API, joined from the tables of the nouns.

In: the nouns' `ACTIONS`. Out: `ACTIONS` by version and name, `ABSENT`. Next: `server.alibaba.execute`.
"""

from __future__ import annotations

from twinspan.wire.alibaba import (
    bgp,
    cbn_attachment,
    cbn_cen,
    cbn_child_instance,
    cbn_cidr,
    cbn_grant,
    cbn_health_check,
    cbn_publication,
    cbn_route_entry,
    cbn_route_map,
    cbn_route_table,
    cbn_route_view,
    cbn_tag,
    cbn_transit_router,
    customer_gateway,
    diagnosis,
    ecd_cen,
    ecd_office_site,
    ecd_region,
    failover_test_job,
    ipsec_connection,
    peer_configuration,
    physical_connection,
    region,
    route_entry_change,
    route_entry_list,
    route_publication,
    route_table,
    tag,
    user_account,
    virtual_border_router,
    vpc,
    vpn_gateway,
    vpn_route,
    vswitch,
)
from twinspan.wire.alibaba.action import Action, Compose, Compute

_TABLES: tuple[tuple[Action, ...], ...] = (
    region.ACTIONS,
    vpc.ACTIONS,
    vswitch.ACTIONS,
    route_table.ACTIONS,
    route_entry_change.ACTIONS,
    route_entry_list.ACTIONS,
    route_publication.ACTIONS,
    physical_connection.ACTIONS,
    virtual_border_router.ACTIONS,
    bgp.ACTIONS,
    failover_test_job.ACTIONS,
    vpn_gateway.ACTIONS,
    customer_gateway.ACTIONS,
    ipsec_connection.ACTIONS,
    peer_configuration.ACTIONS,
    diagnosis.ACTIONS,
    vpn_route.ACTIONS,
    tag.ACTIONS,
    cbn_cen.ACTIONS,
    cbn_transit_router.ACTIONS,
    cbn_cidr.ACTIONS,
    cbn_attachment.ACTIONS,
    cbn_route_table.ACTIONS,
    cbn_grant.ACTIONS,
    cbn_health_check.ACTIONS,
    cbn_route_map.ACTIONS,
    cbn_route_entry.ACTIONS,
    cbn_child_instance.ACTIONS,
    cbn_route_view.ACTIONS,
    cbn_publication.ACTIONS,
    cbn_tag.ACTIONS,
    ecd_office_site.ACTIONS,
    ecd_cen.ACTIONS,
    ecd_region.ACTIONS,
    user_account.ACTIONS,
)

ACTIONS: dict[tuple[str, str], Action] = {
    (action.version, action.name): action for table in _TABLES for action in table
}
"""By version and name."""

ABSENT: dict[str, str] = {}
"""Kind to the error code where there is none of an id; the first product's that has the kind."""
for _action in ACTIONS.values():
    if not isinstance(_action.does, Compute | Compose):
        ABSENT.setdefault(_action.does.shape.kind, _action.does.shape.absent)
