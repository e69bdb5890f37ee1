"""The data centre's side: gateway addresses, hosts, DNS and DHCP, and the two spans themselves.

In: a site with both spans' resources. Out: a complete site. Next: `engine.admission`.
"""

from msgspec.structs import replace

from twinspan.engine import addressing
from twinspan.engine.expansion.draft import add, fill, fill_part, only
from twinspan.model.data_center import HostSpec
from twinspan.model.decode import make
from twinspan.model.dhcp_service import DhcpServiceSpec
from twinspan.model.dns_service import CLOUD_DNS_SERVERS, DnsServiceSpec
from twinspan.model.site import PROBE_PREFIX, Site
from twinspan.model.span import SpanSpec


def data_center(site: Site) -> Site:
    """The gateway's addresses behind and before it, and one host to measure from."""
    center = site.data_center
    if not center.prefixes:
        return site
    address6 = addressing.first_host(center.ipv6_prefixes[0]) if center.ipv6_prefixes else ""
    site = fill_part(
        site,
        "data_center",
        gateway_address=addressing.first_host(center.prefixes[0]),
        gateway_ipv6_address=address6,
        hosts=(HostSpec(name="pc", ipv6_address=addressing.host(center.ipv6_prefixes[0], 16) if address6 else ""),),
    )
    gateway = site.gateway
    return fill_part(
        site, "gateway", isp_next_hop=addressing.link_peer(gateway.public_address, gateway.public_prefix_length)
    )


def name_services(site: Site) -> Site:
    """DNS by the first of the seed's ways, and the DHCP service that hands it out."""
    if not site.dns_services:
        site = add(site, "dns_services", "dns", make(DnsServiceSpec, site.profile))
    if not site.dhcp_services:
        site = add(site, "dhcp_services", "dhcp", make(DhcpServiceSpec, site.profile))
    return settle_name_services(site)


def settle_name_services(site: Site) -> Site:
    """The fields of DHCP services that are left out."""
    dns = next(iter(site.dns_services.values()), None)
    forwards = dns is not None and dns.method == "forward"
    own = dns.servers if dns is not None else CLOUD_DNS_SERVERS
    resolvers = (site.data_center.gateway_address,) if forwards else own
    for name, dhcp in site.dhcp_services.items():
        prefix = dhcp.prefix or next(iter(site.data_center.prefixes), "")
        if not prefix:
            continue
        size = addressing.network(prefix).num_addresses
        site = fill(
            site,
            "dhcp_services",
            name,
            prefix=prefix,
            pool_start=addressing.host(prefix, size // 2),
            pool_end=addressing.host(prefix, -2 if size > 2 else -1),
            dns_servers=resolvers,
        )
    return site


def spans(site: Site) -> Site:
    """A circuit that is active and a VPN that stands by, each with addresses for its pinned probes."""
    site = _default_spans(site)
    vbr = only(site.virtual_border_routers, lambda spec: spec.account == "current")
    taken = [ip for span in site.spans for ip in (span.probe_local_ip, span.probe_remote_ip) if ip]
    done = []
    for span in site.spans:
        local = span.probe_local_ip or addressing.first_free_address(PROBE_PREFIX, taken) or ""
        taken.append(local)
        remote = span.probe_remote_ip or addressing.first_free_address(PROBE_PREFIX, taken) or ""
        taken.append(remote)
        done.append(
            replace(
                span,
                virtual_border_router=span.virtual_border_router or (vbr if span.kind == "circuit" else ""),
                ipsec_connections=span.ipsec_connections
                or (tuple(site.ipsec_connections) if span.kind == "vpn" else ()),
                probe_local_ip=local,
                probe_remote_ip=remote,
            )
        )
    site = replace(site, spans=tuple(done))
    circuit = next((span for span in site.spans if span.kind == "circuit"), None)
    router = site.virtual_border_routers.get(circuit.virtual_border_router) if circuit is not None else None
    return fill_part(site, "gateway", router_id=router.peer_gateway_ip) if router is not None else site


def _default_spans(site: Site) -> Site:
    """The two spans, where the file lists none."""
    if site.spans:
        return site
    pair = (
        SpanSpec(name="circuit", kind="circuit", role="active"),
        SpanSpec(name="vpn", kind="vpn", role="standby"),
    )
    return replace(site, spans=pair, made=site.made | {"spans"})
