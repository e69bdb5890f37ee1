"""A DHCP lease as Twinspan keeps it, and its two translations from and to pyroute2's.

In: pyroute2's lease, whose acknowledgement comes from the network. Out: a `Lease` with checked addresses; the cloud
server's name and password are no part of it, so none of them is ever saved. Next: `drivers.dhcp_link`.
"""

from __future__ import annotations

import ipaddress
from typing import Any

import msgspec


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """What a server granted, as it is saved."""

    link: str
    address: str
    netmask: str
    routers: tuple[str, ...] = ()
    dns_servers: tuple[str, ...] = ()
    lease_s: int
    server: str = ""
    server_mac: str = ""
    obtained_s: float
    """Seconds since 1970; a saved lease must be comparable after a restart."""
    routed: bool = True
    """Whether its router and resolvers were taken, not its address alone."""

    @property
    def prefix(self) -> str:
        """Address with prefix length. Raises ValueError for a netmask that is none."""
        return f"{self.address}/{_length(self.netmask)}"

    def describe(self) -> str:
        """In words."""
        granted = f"{self.link} {self.prefix} from {self.server or 'an unnamed server'}"
        if not self.routed:
            return f"{granted}, the address alone, lease {self.lease_s} s"
        routers, servers = ", ".join(self.routers) or "none", ", ".join(self.dns_servers) or "none"
        return f"{granted}, router {routers}, DNS {servers}, lease {self.lease_s} s"

    def expired(self, now_s: float) -> bool:
        """Whether its time is over; an infinite lease is -1 (RFC 2131 3.3)."""
        return self.lease_s >= 0 and now_s >= self.obtained_s + self.lease_s


def from_pyroute2(lease: Any) -> Lease:
    """pyroute2's lease as ours. Raises ValueError for a grant that holds no usable addresses."""
    options = lease.ack["options"]
    address = ipaddress.IPv4Address(lease.ip)
    if address.is_unspecified or address.is_loopback or address.is_multicast or address.is_reserved:
        raise ValueError(f"{address} is no address for a host")
    found = Lease(
        link=lease.interface,
        address=str(address),
        netmask=str(ipaddress.IPv4Address(options.get("subnet_mask", "255.255.255.255"))),
        routers=_addresses(options.get("router")),
        dns_servers=_addresses(options.get("name_server")),
        lease_s=int(options["lease_time"]),
        server=str(options.get("server_id", "")),
        server_mac=str(lease.server_mac),
        obtained_s=float(lease.obtained),
    )
    _length(found.netmask)
    return found


def to_pyroute2(lease: Lease) -> dict[str, Any]:
    """The arguments of pyroute2's lease, as far as asking for it again needs them."""
    options = {"subnet_mask": lease.netmask, "lease_time": lease.lease_s, "server_id": lease.server}
    return {
        "ack": {"yiaddr": lease.address, "options": options},
        "interface": lease.link,
        "server_mac": lease.server_mac,
        "obtained": lease.obtained_s,
    }


def _length(netmask: str) -> int:
    """Of the prefix. Raises ValueError for a mask with holes."""
    return ipaddress.ip_network(f"0.0.0.0/{netmask}").prefixlen


def _addresses(values: Any) -> tuple[str, ...]:
    return tuple(str(ipaddress.IPv4Address(value)) for value in values or ())
