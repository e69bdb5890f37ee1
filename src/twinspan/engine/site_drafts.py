"""From a site to the resources it is made of, before they have ids.

In: a complete `Site`. Out: `Draft`s, what is referred to first. Next: `site_changes.py` compares them with what is
stored; `site_assembly.py` is the way back.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from twinspan.engine.reference_walk import rename
from twinspan.model.fields import ResourceSpec
from twinspan.model.kinds import KINDS
from twinspan.model.site import Site, SiteSpec

ORDER = (
    "PhysicalConnection",
    "Vpc",
    "Vswitch",
    "Cen",
    "TransitRouter",
    "VirtualBorderRouter",
    "BgpGroup",
    "BgpPeer",
    "BgpNetwork",
    "OfficeNetwork",
    "VpnGateway",
    "CustomerGateway",
    "IpsecConnection",
    "RouteTable",
    "Attachment",
    "HealthCheck",
    "DestinationRoute",
    "PolicyRoute",
    "DnsService",
    "DhcpService",
    "Site",
)
"""Kinds so that each refers to kinds before it. Only entries of route tables look forward, to attachments."""

OWN_KINDS = frozenset({"Site", "DnsService", "DhcpService"})
"""What belongs to the data centre itself; the other kinds are the cloud's."""


class Draft(Struct, frozen=True, kw_only=True):
    """A resource as a site wants it."""

    kind: str
    name: str
    spec: ResourceSpec
    """References in it are keys of other drafts."""

    @property
    def key(self) -> str:
        """What references of other drafts say: vpcs.user; the site's own is sites.NAME."""
        return key_of(self.kind, self.name)


def key_of(kind: str, name: str) -> str:
    """The key of a resource of a site."""
    return f"{KINDS[kind].section if kind in KINDS else 'sites'}.{name}"


def disassemble(site: Site) -> tuple[Draft, ...]:
    """Every resource of a site, in `ORDER`, and within a kind in the order of the site; the site itself last."""
    drafts = []
    for kind in ORDER:
        if kind == "Site":
            fields = {field: getattr(site, field) for field in SiteSpec.__struct_fields__}
            named: dict[str, ResourceSpec] = {site.site: SiteSpec(**fields)}
        else:
            named = getattr(site, KINDS[kind].section)
        drafts += [Draft(kind=kind, name=name, spec=rename(spec, key_of)) for name, spec in named.items()]
    return tuple(drafts)


def own_half(site: Site) -> Site:
    """The site without anything of its cloud: what somebody declares who makes the cloud's half by its own API."""
    cloud: dict[str, dict[str, ResourceSpec]] = {
        kind.section: {} for kind in KINDS.values() if kind.name not in OWN_KINDS
    }
    spans = tuple(replace(span, virtual_border_router="", ipsec_connections=()) for span in site.spans)
    return replace(site, spans=spans, **cloud)
