"""The register of resource kinds: name, spec, section of the site file, and the rule its names follow.

In: the nouns. Out: `KINDS`, `SECTIONS`. Next: `decode.py`.
"""

import re
from typing import Annotated, get_args, get_origin, get_type_hints

from msgspec import Struct

from twinspan.model.attachment_grant import AttachmentGrantSpec
from twinspan.model.cen_verification import CenVerificationSpec
from twinspan.model.end_user import EndUserSpec
from twinspan.model.failover_test_job import FailoverTestJobSpec
from twinspan.model.fields import ResourceSpec
from twinspan.model.resource_group import ResourceGroupSpec
from twinspan.model.route_map import RouteMapSpec
from twinspan.model.site import SiteFile, SiteSpec


class NameRule(Struct, frozen=True, kw_only=True):
    """What a name of a kind may look like. Names never start with http:// or https://."""

    min_length: int = 1
    max_length: int = 128
    letter_first: bool = True
    marks: str = "_-"
    """Characters allowed beside letters and digits."""


class Kind(Struct, frozen=True, kw_only=True):
    """A resource kind."""

    name: str
    """As references name it: VirtualBorderRouter."""
    section: str
    """As the site file names all of them: virtual_border_routers."""
    label: str
    """As people say it: VBR."""
    spec: type[ResourceSpec]
    name_rule: NameRule = NameRule()
    tag_key_length: int = 128
    """Longest tag key; 64 where the seed's console or that service says so."""
    id_prefix: str = ""
    """How ids of this kind begin: vbr-."""

    @property
    def path(self) -> str:
        """As the native API names all of them: virtual-border-routers."""
        return self.section.replace("_", "-")


_LABELS = {
    "virtual_border_routers": "VBR",
    "bgp_groups": "BGP group",
    "bgp_peers": "BGP peer",
    "bgp_networks": "BGP network",
    "vpcs": "VPC",
    "vswitches": "vSwitch",
    "cens": "CEN instance",
    "attachments": "attachment",
    "health_checks": "VBR health check",
    "vpn_gateways": "VPN gateway",
    "ipsec_connections": "IPsec connection",
    "destination_routes": "destination-based route",
    "policy_routes": "policy-based route",
    "dns_services": "DNS service",
    "dhcp_services": "DHCP service",
}

_NAME_RULES = {
    "virtual_border_routers": NameRule(min_length=2),  # CreateVirtualBorderRouter
    "bgp_groups": NameRule(min_length=2, marks="_-."),  # CreateBgpGroup
    "vpn_gateways": NameRule(min_length=2, max_length=100, marks="_-."),  # CreateVpnGateway
    "customer_gateways": NameRule(max_length=100, letter_first=False, marks="_-."),  # CreateCustomerGateway
    "ipsec_connections": NameRule(max_length=100, letter_first=False, marks="_-."),  # CreateVpnConnection
}

_SHORT_TAG_KEYS = {"virtual_border_routers", "cens", "transit_routers", "attachments", "customer_gateways"}


_ID_PREFIXES = {
    "physical_connections": "pc-",
    "virtual_border_routers": "vbr-",
    "bgp_groups": "bgpg-",
    "bgp_peers": "bgp-",
    "bgp_networks": "bgpnet-",
    "vpcs": "vpc-",
    "vswitches": "vsw-",
    "route_tables": "vtb-",
    "cens": "cen-",
    "transit_routers": "tr-",
    "attachments": "tr-attach-",
    "office_networks": "cn-hangzhou+dir-",
    "health_checks": "hc-",
    "vpn_gateways": "vpn-",
    "customer_gateways": "cgw-",
    "ipsec_connections": "vco-",
    "destination_routes": "dbr-",
    "policy_routes": "pbr-",
    "dns_services": "dns-",
    "dhcp_services": "dhcp-",
}
"""As the seed's cloud begins them, where it has the kind."""


def _kinds() -> dict[str, Kind]:
    kinds = {}
    for section, hint in get_type_hints(SiteFile, include_extras=True).items():
        if get_origin(hint) is Annotated or get_origin(hint) is not dict:
            continue
        spec = get_args(hint)[1]
        name = spec.__name__.removesuffix("Spec")
        kinds[name] = Kind(
            name=name,
            section=section,
            label=_LABELS.get(section) or re.sub(r"(?<!^)([A-Z])", r" \1", name).lower(),
            spec=spec,
            name_rule=_NAME_RULES.get(section, NameRule()),
            tag_key_length=64 if section in _SHORT_TAG_KEYS else 128,
            id_prefix=_ID_PREFIXES[section],
        )
    return kinds


KINDS: dict[str, Kind] = _kinds()
"""Every resource kind by its name."""

SECTIONS: dict[str, Kind] = {kind.section: kind for kind in KINDS.values()}
"""Every resource kind by its section in the site file."""

STORED_KINDS: dict[str, Kind] = KINDS | {
    kind.name: kind
    for kind in (
        Kind(name="Site", section="sites", label="site", spec=SiteSpec, id_prefix="site-"),
        Kind(
            name="ResourceGroup",
            section="resource_groups",
            label="resource group",
            spec=ResourceGroupSpec,
            id_prefix="rg-",
        ),
        Kind(
            name="AttachmentGrant",
            section="attachment_grants",
            label="attachment grant",
            spec=AttachmentGrantSpec,
            id_prefix="grant-",
        ),
        Kind(
            name="CenVerification",
            section="cen_verifications",
            label="CEN verification",
            spec=CenVerificationSpec,
            id_prefix="cenvc-",
        ),
        Kind(
            name="RouteMap",
            section="route_maps",
            label="route map",
            spec=RouteMapSpec,
            tag_key_length=64,
            id_prefix="cenrmap-",
        ),
        Kind(
            name="FailoverTestJob",
            section="failover_test_jobs",
            label="failover test job",
            spec=FailoverTestJobSpec,
            name_rule=NameRule(min_length=0, letter_first=False),  # CreateFailoverTestJob
            id_prefix="ftj-",
        ),
        Kind(
            name="EndUser",
            section="end_users",
            label="end user",
            spec=EndUserSpec,
            name_rule=NameRule(min_length=3, max_length=24, letter_first=False, marks="_"),  # CreateUsers
            id_prefix="user-",
        ),
    )
}
"""What the server keeps: the kinds of the site file, the site itself, and what has no place in a site file."""
