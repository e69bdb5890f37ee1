"""Site: everything between one data centre and its cloud.

`SiteFile` is what people write, with gaps; `engine.expand` fills the gaps and answers a `Site`, in which every
reference names something that exists and no field that is marked `filled` is empty. `engine.compile` reads `Site` only.

In: the nouns. Out: `SiteSpec`, `SiteFile`, `Site`. Next: `kinds.py`.
"""

# ruff: noqa: RUF012 - msgspec copies a mutable default for every value

from typing import Annotated

from twinspan.model.attachment import AttachmentSpec
from twinspan.model.bgp_group import BgpGroupSpec
from twinspan.model.bgp_network import BgpNetworkSpec
from twinspan.model.bgp_peer import BgpPeerSpec
from twinspan.model.cen import CenSpec
from twinspan.model.customer_gateway import CustomerGatewaySpec
from twinspan.model.data_center import DataCenterSpec
from twinspan.model.destination_route import DestinationRouteSpec
from twinspan.model.dhcp_service import DhcpServiceSpec
from twinspan.model.dns_service import DnsServiceSpec
from twinspan.model.failover_policy import FailoverPolicy
from twinspan.model.fields import SEED_PLANNING, SEED_STEP_3, TWINSPAN, Profile, ResourceSpec, about
from twinspan.model.gateway import GatewaySpec
from twinspan.model.health_check import HealthCheckSpec
from twinspan.model.ipsec_connection import IpsecConnectionSpec
from twinspan.model.office_network import OfficeNetworkSpec
from twinspan.model.physical_connection import PhysicalConnectionSpec
from twinspan.model.policy_route import PolicyRouteSpec
from twinspan.model.route_table import RouteTableSpec
from twinspan.model.span import SpanSpec
from twinspan.model.transit_router import TransitRouterSpec
from twinspan.model.virtual_border_router import VirtualBorderRouterSpec
from twinspan.model.vpc import VpcSpec
from twinspan.model.vpn_gateway import VpnGatewaySpec
from twinspan.model.vswitch import VswitchSpec

UNDERLAY_PREFIX = "198.18.0.0/15"
"""Addresses of a lab's own Internet and of pinned probes, so that no site collides with them (RFC 2544)."""

PROBE_PREFIX = "198.19.255.0/24"
"""The part of it that pinned probes use."""


class SiteSpec(ResourceSpec, frozen=True, kw_only=True):
    """The data centre's own half, and the site as a whole: the kind Site. The rest of a site file is other kinds."""

    region: Annotated[str, about("Region of the cloud.", source=SEED_STEP_3, api="RegionId")] = "cn-hangzhou"
    profile: Annotated[
        Profile,
        about("Which limits hold: our own nodes' (edge) or those of the seed's cloud (cloud).", source=TWINSPAN),
    ] = "edge"
    max_outage_ms: Annotated[
        int,
        about(
            "Longest cut that users accept; a drill's verdict compares with it.",
            source=TWINSPAN,
            unit="ms",
            ge=1,
            le=600000,
        ),
    ] = 3000
    data_center: Annotated[DataCenterSpec, about("What lies behind the gateway.", source=SEED_PLANNING)]
    gateway: Annotated[GatewaySpec, about("The data centre's gateway.", source=SEED_PLANNING)]
    spans: Annotated[
        tuple[SpanSpec, ...],
        about(
            "The ways to the cloud: one circuit, active, and one vpn, standby.",
            source=SEED_PLANNING,
            filled="circuit and vpn",
        ),
    ] = ()
    failover: Annotated[FailoverPolicy, about("Detection and failback.", source=TWINSPAN)] = FailoverPolicy()
    devices: Annotated[
        dict[str, str],
        about(
            "Which device is which node, for a site that a server manages: node name to serial number. A node without "
            "a device is planned, not configured.",
            source=TWINSPAN,
        ),
    ] = {}


class SiteFile(SiteSpec, frozen=True, kw_only=True):
    """A site as it is written: resources by section and name."""

    site: Annotated[str, about("Name of the site: lower case letters, digits, hyphens.", source=TWINSPAN)]

    physical_connections: dict[str, PhysicalConnectionSpec] = {}
    virtual_border_routers: dict[str, VirtualBorderRouterSpec] = {}
    bgp_groups: dict[str, BgpGroupSpec] = {}
    bgp_peers: dict[str, BgpPeerSpec] = {}
    bgp_networks: dict[str, BgpNetworkSpec] = {}
    vpcs: dict[str, VpcSpec]
    vswitches: dict[str, VswitchSpec] = {}
    route_tables: dict[str, RouteTableSpec] = {}
    cens: dict[str, CenSpec] = {}
    transit_routers: dict[str, TransitRouterSpec] = {}
    attachments: dict[str, AttachmentSpec] = {}
    office_networks: dict[str, OfficeNetworkSpec] = {}
    health_checks: dict[str, HealthCheckSpec] = {}
    vpn_gateways: dict[str, VpnGatewaySpec] = {}
    customer_gateways: dict[str, CustomerGatewaySpec] = {}
    ipsec_connections: dict[str, IpsecConnectionSpec] = {}
    destination_routes: dict[str, DestinationRouteSpec] = {}
    policy_routes: dict[str, PolicyRouteSpec] = {}
    dns_services: dict[str, DnsServiceSpec] = {}
    dhcp_services: dict[str, DhcpServiceSpec] = {}


class Site(SiteFile, frozen=True, kw_only=True):
    """A complete site."""

    made: frozenset[str] = frozenset()
    """What `expand` added: "vpcs.user.role" for a field, "cens.cen" for a resource, "spans" for a list."""

    @property
    def circuit(self) -> SpanSpec:
        """The span made of a circuit."""
        return next(span for span in self.spans if span.kind == "circuit")

    @property
    def vpn(self) -> SpanSpec:
        """The span made of IPsec."""
        return next(span for span in self.spans if span.kind == "vpn")
