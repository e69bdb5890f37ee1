"""The hub of the CEN instance: learns per propagation and hands out per association (seed 004 Step 3).

In: `Facts`. Out: its `DeviceConfig`. Next: `vpc.py`.
"""

from __future__ import annotations

from twinspan.engine.compile.attached import attachment_of, learned_by
from twinspan.engine.compile.cloud import VBR_CABLE, across, brings, inside, pins, transit_entries
from twinspan.engine.compile.facts import TRANSIT_ROUTER, Facts, transit_pair
from twinspan.model.attachment import AttachmentSpec
from twinspan.model.device_config import Bgp, BgpPeer, DeviceConfig, Link, Originate, StaticRoute
from twinspan.model.route_table import RouteEntry


def compile_transit_router(facts: Facts) -> DeviceConfig:
    """One link and one session (per family) for each attached network."""
    links = [Link(name="vbr0", addresses=transit_pair(VBR_CABLE)[1])]
    vbr = attachment_of(facts.site, "virtual_border_router", facts.vbr_name)
    peers = _session(facts, vbr, "vbr", "vbr0", (VBR_CABLE, 1)) if vbr is not None else []
    for name, index in facts.vpc_cables.items():
        link = f"vpc{index}"
        links.append(Link(name=link, addresses=transit_pair(index)[0]))
        attachment = attachment_of(facts.site, "vpc", name)
        if attachment is not None:
            peers += _session(facts, attachment, link, link, (index, 0))
    return DeviceConfig(
        node=TRANSIT_ROUTER,
        role="transit_router",
        site=facts.site.site,
        profile=facts.site.profile,
        forwarding=True,
        links=(*links, facts.management(TRANSIT_ROUTER)),
        routes=tuple(_route(facts, entry) for entry in transit_entries(facts) if _has_cable(facts, entry)),
        bgp=Bgp(
            router_id=facts.router_id(TRANSIT_ROUTER),
            asn=facts.cloud_asn,
            peers=tuple(peers),
            originate=tuple(Originate(prefix=p) for p in _announced(facts)),
        ),
    )


def _session(facts: Facts, own: AttachmentSpec, name: str, link: str, end: tuple[int, int]) -> list[BgpPeer]:
    imports = brings(facts, own) if own.route_table_propagation else ()
    exports = tuple(p for a in learned_by(facts.site, own) for p in brings(facts, a))
    key = next(key for key, attachment in facts.site.attachments.items() if attachment is own)
    imports = tuple(p for p in imports if (key, p) not in facts.denials.imports)
    exports = tuple(p for p in exports if (key, p) not in facts.denials.exports)
    if own.vpc and not own.auto_publish_routes:
        exports = tuple(p for p in exports if p in pins(facts))
    return inside(facts, name, link, *end, imports=imports, exports=exports)


def _has_cable(facts: Facts, entry: RouteEntry) -> bool:
    if entry.next_hop_kind == "blackhole":
        return True
    attachment = facts.site.attachments[entry.next_hop]
    return attachment.vpc in facts.vpc_cables or attachment.virtual_border_router == facts.vbr_name != ""


def _route(facts: Facts, entry: RouteEntry) -> StaticRoute:
    """A custom entry: towards an attachment, or refused ("blackhole" in the cloud's words)."""
    if entry.next_hop_kind == "blackhole":
        return StaticRoute(prefix=entry.destination, next_hops=())
    attachment = facts.site.attachments[entry.next_hop]
    if attachment.virtual_border_router:
        return StaticRoute(prefix=entry.destination, next_hops=(across(VBR_CABLE, 1, "vbr0", entry.destination),))
    index = facts.vpc_cables[attachment.vpc]
    return StaticRoute(prefix=entry.destination, next_hops=(across(index, 0, f"vpc{index}", entry.destination),))


def _announced(facts: Facts) -> tuple[str, ...]:
    """Custom entries that no attached network brings by itself."""
    brought = {p for a in facts.site.attachments.values() for p in brings(facts, a)}
    entries = [e for e in transit_entries(facts) if e.next_hop_kind == "attachment"]
    return tuple(sorted({e.destination for e in entries} - brought))
