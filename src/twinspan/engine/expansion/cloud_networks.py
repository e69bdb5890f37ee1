"""Cloud networks: VPC roles, vSwitches, office networks, CEN instance, transit router, attachments, route tables.

In: a site whose VPCs people named. Out: the cloud's inside, joined by a transit router. Next: `circuit.py`.
"""

from twinspan.engine import addressing
from twinspan.engine.expansion.draft import add, fill, first, free_name, is_empty, only
from twinspan.model.attachment import AttachmentSpec
from twinspan.model.cen import CenSpec
from twinspan.model.dns_service import CLOUD_SERVICES_PREFIX
from twinspan.model.office_network import OfficeNetworkSpec
from twinspan.model.route_table import RouteEntry, RouteTableSpec
from twinspan.model.site import Site
from twinspan.model.transit_router import TransitRouterSpec
from twinspan.model.vswitch import VswitchSpec

OFFICE = "office"
VSWITCH_LENGTH = 24
SMALLEST_VSWITCH = 29


def vpc_roles(site: Site) -> Site:
    """A VPC is an office VPC if an office network uses it or if it is called office."""
    homes = {office.vpc for office in site.office_networks.values()}
    for name in site.vpcs:
        site = fill(site, "vpcs", name, role="office" if name in homes or name == OFFICE else "user")
    return site


def vswitches(site: Site) -> Site:
    """A VPC without a vSwitch gets one in zone a: its first /24, or half of a smaller VPC."""
    for name, vpc in site.vpcs.items():
        if any(vswitch.vpc == name for vswitch in site.vswitches.values()):
            continue
        net = addressing.network(vpc.cidr_block)
        length = max(net.prefixlen, min(max(net.prefixlen + 1, VSWITCH_LENGTH), SMALLEST_VSWITCH))
        cidr = f"{net.network_address}/{length}"
        site = add(site, "vswitches", free_name(f"{name}-a", site.vswitches), VswitchSpec(vpc=name, cidr_block=cidr))
    return site


def office_networks(site: Site) -> Site:
    """Every office VPC has an office network; one that is not given covers all of it."""
    homes = {office.vpc for office in site.office_networks.values()}
    for name, vpc in site.vpcs.items():
        if vpc.role == "office" and name not in homes and not (site.office_networks and "" in homes):
            site = add(site, "office_networks", free_name(name, site.office_networks), OfficeNetworkSpec(vpc=name))
    return settle_office_networks(site)


def settle_office_networks(site: Site) -> Site:
    """The fields of office networks that are left out."""
    home = only(site.vpcs, lambda vpc: vpc.role == "office")
    for name, office in site.office_networks.items():
        vpc_name = office.vpc or home
        cidr = site.vpcs[vpc_name].cidr_block if vpc_name in site.vpcs else ""
        site = fill(site, "office_networks", name, vpc=home, cidr_block=cidr, cen=only(site.cens))
    return site


def cen(site: Site) -> Site:
    """One CEN instance with one transit router in the site's region."""
    if not site.cens:
        site = add(site, "cens", "cen", CenSpec())
    if not site.transit_routers:
        site = add(site, "transit_routers", "transit-router", TransitRouterSpec())
    return settle_transit_routers(site)


def settle_transit_routers(site: Site) -> Site:
    """The fields of transit routers that are left out."""
    for name in site.transit_routers:
        site = fill(site, "transit_routers", name, cen=only(site.cens), region=site.region)
    return site


def system_route_tables(site: Site) -> Site:
    """VPCs, VBRs and transit routers are born with a route table."""
    for section, owner_field in (
        ("vpcs", "vpc"),
        ("virtual_border_routers", "virtual_border_router"),
        ("transit_routers", "transit_router"),
    ):
        for owner in getattr(site, section):
            if not _system_table(site, owner_field, owner):
                name = free_name(f"{owner}-routes", site.route_tables)
                site = add(site, "route_tables", name, RouteTableSpec(**{owner_field: owner}))
    return site


def _system_table(site: Site, owner_field: str, owner: str) -> str:
    return first(site.route_tables, lambda table: table.system and getattr(table, owner_field) == owner)


def attachments(site: Site) -> Site:
    """Every VPC and every VBR of this account is attached, associated with the system table and learned by it."""
    for section, field in (("vpcs", "vpc"), ("virtual_border_routers", "virtual_border_router")):
        attached = {getattr(attachment, field) for attachment in site.attachments.values()}
        for owner, spec in getattr(site, section).items():
            if owner not in attached and spec.account == "current":
                name = free_name(f"{owner}-attachment", site.attachments)
                site = add(site, "attachments", name, AttachmentSpec(**{field: owner}))
    return settle_attachments(site)


def settle_attachments(site: Site) -> Site:
    """The fields of attachments that are left out; `null` and `[]` are no gaps."""
    for name, attachment in site.attachments.items():
        router = attachment.transit_router or only(site.transit_routers)
        table = _system_table(site, "transit_router", router)
        site = fill(site, "attachments", name, transit_router=router)
        if attachment.route_table_association == "":
            site = fill(site, "attachments", name, route_table_association=table)
        if attachment.route_table_propagation is None and table:
            site = fill(site, "attachments", name, route_table_propagation=(table,))
    return site


def services_route(site: Site) -> Site:
    """The transit router sends 100.64.0.0/10 to the VPC through which cloud services are reached (seed 004 Step 6)."""
    home = first(site.vpcs, lambda vpc: vpc.role == "user") or first(site.vpcs)
    attachment = first(site.attachments, lambda spec: spec.vpc == home)
    table_name = _system_table(site, "transit_router", only(site.transit_routers))
    if is_empty(attachment) or is_empty(table_name):
        return site
    table = site.route_tables[table_name]
    if any(entry.destination == CLOUD_SERVICES_PREFIX for entry in table.entries):
        return site
    entry = RouteEntry(destination=CLOUD_SERVICES_PREFIX, next_hop_kind="attachment", next_hop=attachment)
    return add(site, "route_tables", table_name, _with_entry(table, entry))


def _with_entry(table: RouteTableSpec, entry: RouteEntry) -> RouteTableSpec:
    return RouteTableSpec(
        description=table.description,
        tags=table.tags,
        vpc=table.vpc,
        virtual_border_router=table.virtual_border_router,
        transit_router=table.transit_router,
        system=table.system,
        entries=(*table.entries, entry),
    )
