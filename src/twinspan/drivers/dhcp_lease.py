"""A DHCP lease as Twinspan keeps it, and its two translations from and to pyroute2's.

In: pyroute2's lease, whose acknowledgement comes from the network. Out: a `Lease` with checked addresses. Next:
`drivers.dhcp_client`.
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

    @property
    def prefix(self) -> str:
        return f"{self.address}/{ipaddress.ip_network(f'0.0.0.0/{self.netmask}').prefixlen}"

    def expired(self, now_s: float) -> bool:
        """Whether its time is over; an infinite lease is -1 (RFC 2131 3.3)."""
        return self.lease_s >= 0 and now_s >= self.obtained_s + self.lease_s


def from_pyroute2(lease: Any) -> Lease:
    """pyroute2's lease as ours. Raises ValueError for a grant that holds no usable addresses."""
    options = lease.ack["options"]
    return Lease(
        link=lease.interface,
        address=str(ipaddress.IPv4Address(lease.ip)),
        netmask=str(ipaddress.IPv4Address(options.get("subnet_mask", "255.255.255.255"))),
        routers=_addresses(options.get("router")),
        dns_servers=_addresses(options.get("name_server")),
        lease_s=int(options["lease_time"]),
        server=str(options.get("server_id", "")),
        server_mac=str(lease.server_mac),
        obtained_s=float(lease.obtained),
    )


def to_pyroute2(lease: Lease) -> dict[str, Any]:
    """The arguments of pyroute2's lease, as far as asking for it again needs them."""
    options = {"subnet_mask": lease.netmask, "lease_time": lease.lease_s, "server_id": lease.server}
    return {
        "ack": {"yiaddr": lease.address, "options": options},
        "interface": lease.link,
        "server_mac": lease.server_mac,
        "obtained": lease.obtained_s,
    }


def _addresses(values: Any) -> tuple[str, ...]:
    return tuple(str(ipaddress.IPv4Address(value)) for value in values or ())
