"""dnsmasq's configuration files: one per process, from a node's DNS and DHCP services.

In: a `DeviceConfig`. Out: file texts by instance name. The cloud's resolvers are a process each, so that one can die
without the other, as the two addresses of the seed's Step 6 are two servers; DHCP is a process of its own. A value that
could smuggle in a second setting is refused. Next: `drivers.dnsmasq`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from twinspan.model.device_config import DeviceConfig, DhcpServer, DnsServer
from twinspan.model.errors import Rejected
from twinspan.wire.dhcp_options import render_cloud_options
from twinspan.wire.dns_name import is_dns_name

LOCAL_TTL_S = 5
"""Clients keep an answer so long: short, so that a changed record is seen within a test's patience."""
DHCP_INSTANCE = "dhcp"
GROUP = "nogroup"
"""What dnsmasq becomes once it has its sockets; a file that it shall read later must be readable for it."""
_COMMON = (
    "keep-in-foreground",
    "log-facility=-",
    "user=nobody",
    f"group={GROUP}",
    "bind-dynamic",
    "no-resolv",
    "no-hosts",
)


def render_dnsmasq(config: DeviceConfig) -> dict[str, str]:
    """Text of every dnsmasq the node shall run, by instance name ("dns-100.100.2.136", "dhcp").

    What `render_dhcp_options` gives belongs to the last. Paths are relative to the process's working directory. Raises
    `Rejected` for a value that is no name or address.
    """
    found: dict[str, str] = {}
    if config.dns is not None:
        for address in config.dns.listen_addresses:
            found[f"dns-{address.replace(':', '_')}"] = _text(_dns(config.dns, address))
    if config.dhcp is not None:
        render_dhcp_options(config)
        found[DHCP_INSTANCE] = _text(_dhcp(config.dhcp))
    return found


def render_dhcp_options(config: DeviceConfig) -> str:
    """Text of the DHCP service's file of options that change while it runs, a secret among them; empty: none.

    Raises `Rejected` for a value that a client would refuse.
    """
    return render_cloud_options(config.dhcp.cloud_domain, config.dhcp.cloud_password) if config.dhcp else ""


def _dns(dns: DnsServer, listen: str) -> Iterator[str]:
    listen = _address("dns.listen_addresses", listen)
    yield f"listen-address={listen}"
    yield f"local-ttl={LOCAL_TTL_S}"
    for suffix in dns.local_suffixes:
        # Without it an unknown name under the suffix would be refused, not denied (NXDOMAIN).
        yield f"local=/{_name('dns.local_suffixes', suffix)}/"
    for name, address in dns.records:
        yield f"host-record={_name('dns.records', name)},{_address('dns.records', address)}"
    if dns.forward_suffixes:
        # One of several forwarders may be dead: asking all of them is dnsmasq's only immediate fail-over.
        yield "all-servers"
        # A failure of the span must not be remembered longer than it lasts.
        yield "no-negcache"
    for suffix in dns.forward_suffixes:
        for forwarder in dns.forwarders:
            yield _forward(f"/{_name('dns.forward_suffixes', suffix)}/", _address("dns.forwarders", forwarder), listen)
    for server in dns.upstream_servers:
        yield f"server={_address('dns.upstream_servers', server)}"


def _forward(names: str, forwarder: str, listen: str) -> str:
    """From the address it listens on: the far side knows the site's prefixes, not those between the routers."""
    source = f"@{listen}" if (":" in listen) == (":" in forwarder) else ""
    return f"server={names}{forwarder}{source}"


def _dhcp(dhcp: DhcpServer) -> Iterator[str]:
    start, end = _address("dhcp.range_start", dhcp.range_start), _address("dhcp.range_end", dhcp.range_end)
    yield "port=0"
    yield f"interface={_link(dhcp.link)}"
    yield "except-interface=lo"
    yield f"dhcp-range={start},{end},{_address('dhcp.netmask', dhcp.netmask)},{dhcp.lease_s}"
    yield f"dhcp-option=option:router,{_address('dhcp.router', dhcp.router)}"
    if dhcp.dns_servers:
        servers = ",".join(_address("dhcp.dns_servers", server) for server in dhcp.dns_servers)
        yield f"dhcp-option=option:dns-server,{servers}"
    # The one server of its network: it answers a client that comes with a lease it does not know (RFC 2131 4.3.2).
    yield "dhcp-authoritative"
    yield "dhcp-sequential-ip"
    yield "no-ping"
    yield "quiet-dhcp"
    yield "dhcp-leasefile=leases"


def _text(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in (*_COMMON, *lines))


def _address(field: str, value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError as error:
        raise Rejected(f"{field}: {value!r} is no IP address", remedy="give one address, without a length") from error


def _name(field: str, value: str) -> str:
    name = value.rstrip(".")
    if not is_dns_name(name):
        raise Rejected(
            f"{field}: {value!r} is no DNS name", remedy="use labels of letters, digits and hyphens between points"
        )
    return name


def _link(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,14}", value):
        raise Rejected(f"dhcp.link: {value!r} cannot be a kernel device", remedy="name one of the node's links")
    return value
