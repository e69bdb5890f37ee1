"""DNS and DHCP of the data centre, which its gateway runs (seed 004 Step 6).

In: `Facts`. Out: parts of the gateway's config. Next: `vbr.py`, the circuit's other end.
"""

from __future__ import annotations

from twinspan.engine.compile.facts import Facts
from twinspan.model.device_config import DhcpServer, DnsServer


def forwarder(facts: Facts) -> DnsServer | None:
    """The resolver that forwards only the cloud's names; None where hosts ask the cloud's resolvers themselves."""
    service = next((s for s in facts.site.dns_services.values() if s.method == "forward"), None)
    if service is None:
        return None
    return DnsServer(
        listen_addresses=(facts.site.data_center.gateway_address,),
        forward_suffixes=service.suffixes,
        upstream_servers=service.upstream_servers,
        forwarders=service.servers,
    )


def dhcp_server(facts: Facts) -> DhcpServer | None:
    """The DHCP service; None in a site without one."""
    site = facts.site
    service = next(iter(site.dhcp_services.values()), None)
    if service is None:
        return None
    length = service.prefix.rpartition("/")[2]
    return DhcpServer(
        link=site.gateway.ports.lan,
        range_start=service.pool_start,
        range_end=service.pool_end,
        netmask=_netmask(int(length)),
        router=site.data_center.gateway_address,
        dns_servers=service.dns_servers,
        lease_s=service.lease_time_s,
    )


def _netmask(length: int) -> str:
    mask = (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF
    return ".".join(str(mask >> shift & 255) for shift in (24, 16, 8, 0))
