"""Attachments: what is plugged into the transit router, and whether routes pass.

In: `Site`. Out: findings. Next: `route_table.py`.
"""

from collections.abc import Iterator

from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.attachment import AttachmentSpec
from twinspan.model.fields import SEED_PREPARATIONS, SEED_STEP_3, TWINSPAN
from twinspan.model.finding import Path
from twinspan.model.site import Site

_OWNERS = ("vpc", "virtual_border_router", "ipsec_connection")


def _attached(attachment: AttachmentSpec) -> list[tuple[str, str]]:
    return [(field, getattr(attachment, field)) for field in _OWNERS if getattr(attachment, field)]


@rule("R-ATT-001", "An attachment attaches exactly one VPC, VBR or IPsec connection.", source=SEED_STEP_3)
def _exactly_one(site: Site) -> Iterator[Problem]:
    for name, attachment in site.attachments.items():
        attached = _attached(attachment)
        if len(attached) != 1:
            names = " and ".join(f"{field} {owner}" for field, owner in attached) or "nothing"
            problem = f"it attaches {names}"
            yield Problem(("attachments", name), problem, f"write exactly one of {', '.join(_OWNERS)}", name)


@rule("R-ATT-002", "A network is attached once.", source=SEED_STEP_3)
def _once(site: Site) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    for name, attachment in site.attachments.items():
        for field, owner in _attached(attachment):
            if (field, owner) in seen:
                problem = f"attachment {seen[field, owner]} attaches it already"
                yield Problem(("attachments", name, field), problem, "remove one of them", owner)
            seen.setdefault((field, owner), name)


@rule("R-ATT-003", "An attachment is associated with a route table (associated forwarding).", source=SEED_STEP_3)
def _association(site: Site) -> Iterator[Problem]:
    for name, attachment in site.attachments.items():
        if not attachment.route_table_association:
            yield Problem(
                ("attachments", name, "route_table_association"),
                "what comes from there is forwarded nowhere",
                "leave the field out, or name a route table of the transit router",
                attachment.route_table_association,
            )


@rule("R-ATT-004", "An attachment is learned by a route table (route learning).", source=SEED_STEP_3)
def _propagation(site: Site) -> Iterator[Problem]:
    for name, attachment in site.attachments.items():
        if not attachment.route_table_propagation:
            yield Problem(
                ("attachments", name, "route_table_propagation"),
                "no other network learns the way there",
                "leave the field out, or list route tables of the transit router",
                "[]",
            )


@rule("R-ATT-005", "An attachment's route tables belong to its transit router.", source=SEED_STEP_3)
def _own_tables(site: Site) -> Iterator[Problem]:
    for name, attachment in site.attachments.items():
        tables = [("route_table_association", attachment.route_table_association)]
        tables += [("route_table_propagation", table) for table in attachment.route_table_propagation or ()]
        for field, table in tables:
            if table and site.route_tables[table].transit_router != attachment.transit_router:
                problem = f"route table {table} is not one of transit router {attachment.transit_router}"
                yield Problem(("attachments", name, field), problem, "name one of its tables", table)


@rule("R-ATT-006", "Both spans and every office network are attached to the transit router.", source=SEED_PREPARATIONS)
def _needed(site: Site) -> Iterator[Problem]:
    attached = {pair for attachment in site.attachments.values() for pair in _attached(attachment)}
    needed: list[tuple[str, str, Path]]
    needed = [("vpc", spec.vpc, ("office_networks", name, "vpc")) for name, spec in site.office_networks.items()]
    needed += [
        ("virtual_border_router", span.virtual_border_router, ("spans", index, "virtual_border_router"))
        for index, span in enumerate(site.spans)
        if span.kind == "circuit"
    ]
    needed += [
        ("vpc", gateway.vpc, ("vpn_gateways", name, "vpc"))
        for name, gateway in site.vpn_gateways.items()
        if any(connection.vpn_gateway == name for connection in site.ipsec_connections.values())
    ]
    for field, owner, path in needed:
        if (field, owner) not in attached:
            yield Problem(path, f"{owner} is not attached", f"add an attachment with {field}: {owner}", owner)


@rule(
    "R-ATT-007",
    "The transit router publishes its routes into attached VPCs.",
    source="CreateTransitRouterVpcAttachment",
    severity="warning",
)
def _auto_publish(site: Site) -> Iterator[Problem]:
    for name, attachment in site.attachments.items():
        if attachment.vpc and not attachment.auto_publish_routes:
            entries = [t for t in site.route_tables.values() if t.vpc == attachment.vpc and t.entries]
            if not entries:
                problem = f"VPC {attachment.vpc} has no way back to the data centre"
                remedy = "write auto_publish_routes: true, or add entries to the VPC's route table"
                yield Problem(("attachments", name, "auto_publish_routes"), problem, remedy, False)


@rule("R-ATT-008", "Networks of another account name it.", source=SEED_STEP_3)
def _account(site: Site) -> Iterator[Problem]:
    for name, attachment in site.attachments.items():
        for section, owner in (("vpcs", attachment.vpc), ("virtual_border_routers", attachment.virtual_border_router)):
            spec = getattr(site, section).get(owner)
            if spec is not None and spec.account != attachment.account:
                problem = f"{owner} belongs to account {spec.account}"
                yield Problem(
                    ("attachments", name, "account"), problem, f"write account: {spec.account}", attachment.account
                )


@rule("R-ATT-009", "The IPsec connection of a VPN gateway is reached through the gateway's VPC.", source=TWINSPAN)
def _not_directly(site: Site) -> Iterator[Problem]:
    for name, attachment in site.attachments.items():
        if attachment.ipsec_connection:
            gateway = site.ipsec_connections[attachment.ipsec_connection].vpn_gateway
            yield Problem(
                ("attachments", name, "ipsec_connection"),
                f"it ends at VPN gateway {gateway}, whose VPC is attached",
                "remove this attachment",
                attachment.ipsec_connection,
            )


RULES = (
    _exactly_one,
    _once,
    _association,
    _propagation,
    _own_tables,
    _needed,
    _auto_publish,
    _account,
    _not_directly,
)
