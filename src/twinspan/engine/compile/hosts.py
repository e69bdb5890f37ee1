"""Hosts at both ends: the PC of the data centre, a host of the office network, and the services network.

In: `Facts`. Out: their `DeviceConfig`s and the endpoints that a drill measures between. Next: `__init__.py`.
"""

from __future__ import annotations

import ipaddress

from twinspan.engine.compile.cloud import SERVICES_LINK, office_router, office_subnet
from twinspan.engine.compile.facts import OFFICE_HOST, PC, SERVICES, Facts, last_host
from twinspan.model.deployment import Endpoint
from twinspan.model.device_config import DeviceConfig, DnsServer, Link, NextHop, StaticRoute
from twinspan.model.dns_service import CLOUD_DNS_SERVERS, CLOUD_SERVICES_PREFIX

SERVICE_ADDRESS = "100.100.64.10"
"""Where the lab's stand-in for the desktop service's endpoint lives, inside 100.64.0.0/10."""


def dns_name(facts: Facts) -> str:
    """The name the seed tests with (Step 6), for the site's region."""
    return f"ecd-vpc.{facts.site.region}.aliyuncs.com"


def pc_endpoint(facts: Facts) -> Endpoint:
    """The data centre's end of a measurement; by DHCP it gets the pool's first address."""
    host = facts.site.data_center.hosts[0]
    dhcp = next(iter(facts.site.dhcp_services.values()), None)
    address = host.address or (dhcp.pool_start if dhcp else last_host(facts.site.data_center.prefixes[0]))
    return Endpoint(node=PC, address=address, ipv6_address=host.ipv6_address or None)


def office_endpoint(facts: Facts) -> Endpoint:
    """The cloud's end of a measurement: where a cloud computer would be."""
    network = ipaddress.ip_network(office_subnet(facts))
    v6 = facts.site.vpcs[facts.office_vpc].ipv6_cidr_block
    return Endpoint(
        node=OFFICE_HOST, address=str(network[10]), ipv6_address=str(ipaddress.ip_network(v6)[10]) if v6 else None
    )


def compile_pc(facts: Facts) -> DeviceConfig:
    """A PC of the data centre."""
    site, endpoint = facts.site, pc_endpoint(facts)
    asks_dhcp = not site.data_center.hosts[0].address
    length = site.data_center.prefixes[0].split("/")[1]
    addresses: tuple[str, ...] = () if asks_dhcp else (f"{endpoint.address}/{length}",)
    hops = (
        []
        if asks_dhcp
        else [StaticRoute(prefix="0.0.0.0/0", next_hops=(_via("eth0", site.data_center.gateway_address),))]
    )
    if endpoint.ipv6_address:
        addresses += (f"{endpoint.ipv6_address}/{site.data_center.ipv6_prefixes[0].split('/')[1]}",)
        hops.append(StaticRoute(prefix="::/0", next_hops=(_via("eth0", site.data_center.gateway_ipv6_address),)))
    return DeviceConfig(
        node=PC,
        role="pc",
        site=site.site,
        profile=site.profile,
        links=(Link(name="eth0", addresses=addresses), facts.management(PC)),
        routes=tuple(hops),
        dhcp_client="eth0" if asks_dhcp else None,
        resolvers=() if asks_dhcp else next((d.dns_servers for d in site.dhcp_services.values()), CLOUD_DNS_SERVERS),
    )


def compile_office_host(facts: Facts) -> DeviceConfig:
    """A host of the office network."""
    endpoint, routers = office_endpoint(facts), office_router(facts)
    length = office_subnet(facts).split("/")[1]
    addresses = [f"{endpoint.address}/{length}"]
    routes = [StaticRoute(prefix="0.0.0.0/0", next_hops=(_via("eth0", routers[0].split("/")[0]),))]
    if endpoint.ipv6_address:
        addresses.append(f"{endpoint.ipv6_address}/64")
        routes.append(StaticRoute(prefix="::/0", next_hops=(_via("eth0", routers[1].split("/")[0]),)))
    return DeviceConfig(
        node=OFFICE_HOST,
        role="office_host",
        site=facts.site.site,
        profile=facts.site.profile,
        links=(Link(name="eth0", addresses=tuple(addresses)), facts.management(OFFICE_HOST)),
        routes=tuple(routes),
    )


def compile_services(facts: Facts) -> DeviceConfig:
    """The cloud services network: resolvers, the service's address, and the answering address of its prefix."""
    own = (*CLOUD_DNS_SERVERS, SERVICE_ADDRESS, last_host(CLOUD_SERVICES_PREFIX))
    return DeviceConfig(
        node=SERVICES,
        role="services",
        site=facts.site.site,
        profile=facts.site.profile,
        links=(
            Link(name="lo", kind="loopback", addresses=tuple(f"{a}/32" for a in own)),
            Link(name="svc0", addresses=(SERVICES_LINK[1],)),
            facts.management(SERVICES),
        ),
        routes=(StaticRoute(prefix="0.0.0.0/0", next_hops=(_via("svc0", SERVICES_LINK[0].split("/")[0]),)),),
        dns=DnsServer(
            listen_addresses=CLOUD_DNS_SERVERS,
            records=((dns_name(facts), SERVICE_ADDRESS),),
            local_suffixes=("aliyuncs.com",),
        ),
    )


def _via(link: str, address: str) -> NextHop:
    return NextHop(link=link, via=address)
