"""Routes of a table in the compatible API: what people add, what VPN routes publish, what is there by itself.

An entry has no resource of its own: it is a line in its table, or comes from a VPN route that is published to the VPC.
Its id is made of table, destination and next hop. In: the kinds RouteTable, DestinationRoute, PolicyRoute. Out:
`Entry`, `entries_of`. Next: `route_entry_change.py`, `route_entry_list.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from msgspec import Struct

from twinspan.model.resource import READY, Resource
from twinspan.wire.alibaba.route_table import owner_of
from twinspan.wire.alibaba.view import View

_SERVICES = "100.64.0.0/10"
"""Every VPC reaches the cloud's own services there (seed 004, Step 4)."""
HOPS = {
    "circuit": ("RouterInterface", "PhysicalConnection"),
    "vpc": ("RouterInterface", "Vpc"),
    "vpn_gateway": ("VpnGateway", "VpnGateway"),
    "attachment": ("Attachment", "Attachment"),
    "blackhole": ("BlackHole", ""),
}
"""Next hop to the cloud's word for it, and the kind that it names."""


class Entry(Struct, frozen=True, kw_only=True):
    """One route of a table as answers show it."""

    table: str
    destination: str
    next_hop_type: str
    next_hop: str
    type: str
    """Custom or System."""
    status: str
    at_ns: int
    published: bool = False
    """Whether the CEN instance knows it."""
    source: tuple[str, str] = ("", "")
    """Kind and id of the VPN route that it comes from."""

    @property
    def id(self) -> str:
        return entry_id(self.table, self.destination, self.next_hop)


def entry_id(table: str, destination: str, next_hop: str) -> str:
    """Id of a route: the same as long as the route is the same."""
    digest = hashlib.sha256(f"{table} {destination} {next_hop}".encode()).hexdigest()
    return f"rte-{digest[:20]}"


def entries_of(table: Resource, view: View) -> Iterator[Entry]:
    """Every route of the table that follows from what was declared, custom ones first."""
    status = "Available" if table.phase == READY else "Pending"
    for entry in getattr(table.spec, "entries", ()):
        yield Entry(
            table=table.id,
            destination=entry.destination,
            next_hop_type=HOPS[entry.next_hop_kind][0],
            next_hop=entry.next_hop,
            type="Custom",
            status=status,
            at_ns=table.updated_ns,
            published=entry.advertise,
        )
    kind, owner = owner_of(table)
    if kind == "Vpc" and getattr(table.spec, "system", False):
        yield from _published(table, owner, view)
        yield from _born(table, owner, view)
    yield from _learned(table)


def _published(table: Resource, vpc: str, view: View) -> Iterator[Entry]:
    """VPN routes that are published to the VPC, one per destination."""
    seen: set[tuple[str, str]] = set()
    for gateway in view.users("VpnGateway", vpc):
        for connection in view.users("IpsecConnection", gateway.id):
            for kind in ("DestinationRoute", "PolicyRoute"):
                for route in view.users(kind, connection.id):
                    destination = str(getattr(route.spec, "destination", ""))
                    if not getattr(route.spec, "advertise_to_vpc", False) or (gateway.id, destination) in seen:
                        continue
                    seen.add((gateway.id, destination))
                    yield Entry(
                        table=table.id,
                        destination=destination,
                        next_hop_type="VpnGateway",
                        next_hop=gateway.id,
                        type="Custom",
                        status="Available",
                        at_ns=route.updated_ns,
                        published=bool(getattr(route.spec, "advertise_to_cen", False)),
                        source=(kind, route.id),
                    )


def _born(table: Resource, vpc: str, view: View) -> Iterator[Entry]:
    """One route per vSwitch, and the cloud's services."""
    blocks = [str(getattr(vswitch.spec, "cidr_block", "")) for vswitch in view.users("Vswitch", vpc)]
    for block in (*blocks, _SERVICES):
        yield Entry(
            table=table.id,
            destination=block,
            next_hop_type="service" if block == _SERVICES else "local",
            next_hop="",
            type="System",
            status="Available",
            at_ns=table.created_ns,
        )


def _learned(table: Resource) -> Iterator[Entry]:
    """What the nodes report beside: routes that came by BGP, or from the CEN instance."""
    for route in table.status.get("routes", ()):
        if isinstance(route, Mapping) and route.get("origin") == "bgp":
            hop_kind = str(route.get("next_hop_kind", ""))
            yield Entry(
                table=table.id,
                destination=str(route.get("destination", "")),
                next_hop_type=HOPS.get(hop_kind, (hop_kind, ""))[0],
                next_hop=str(route.get("next_hop", "")),
                type="CEN" if hop_kind == "attachment" else "BGP",
                status="Available" if route.get("status") == "Active" else str(route.get("status", "")),
                at_ns=table.updated_ns,
            )
