"""The kernel's answers to "show all links, neighbors, routes", decoded; pure.

In: the bytes of a dump from a NETLINK_ROUTE socket. Out: facts that a report adds to what the agent steers by:
counters, hardware addresses, neighbors, and the routes of others. Layouts are those of the kernel's linux/rtnetlink.h,
linux/if_link.h and linux/neighbour.h. Next: `drivers.rtnetlink_dump` owns the socket.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator, Mapping

import msgspec

from twinspan.model.device_report import LinkCounters, LinkKind, NeighborStatus, RouteStatus
from twinspan.model.kernel import BIRD_PROTOCOL, MAIN_TABLE, ROUTE_PROTOCOL
from twinspan.wire.rtnetlink import ADDRESS_SIZE, HEADER, attributes_of, messages, number_of

GET_LINKS, GET_ROUTES, GET_NEIGHBORS = 18, 26, 30
"""Questions: RTM_GETLINK, RTM_GETROUTE, RTM_GETNEIGH."""
_NEW_LINK, _NEW_ROUTE, _NEW_NEIGHBOR = 16, 24, 28
_ERROR, _DONE = 2, 3
_REQUEST_DUMP = 0x1 | 0x300
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_STATS64 = 1, 3, 23
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_TABLE = 1, 4, 5, 6, 15
_NDA_DST, _NDA_LLADDR, _NDA_CACHEINFO = 1, 2, 3
_IFF_UP = 0x1
_KINDS: dict[int, LinkKind] = {1: "ethernet", 772: "loopback"}
"""ARPHRD_ETHER and ARPHRD_LOOPBACK of linux/if_arp.h."""
_KNOWN, _PERMANENT = 0x02 | 0x04 | 0x08 | 0x10 | 0x80, 0x80
"""NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE and NUD_PERMANENT: states in which there is a hardware address."""
_TICKS_PER_S = 100
"""USER_HZ, in which the kernel tells ages."""
_STATS = struct.Struct("=9Q")
_CLONED = 0x200
_UNICAST, _REFUSALS = 1, (6, 7, 8)
"""RTN_UNICAST; RTN_BLACKHOLE, RTN_UNREACHABLE and RTN_PROHIBIT."""
_KERNEL = 2
_PROTOCOLS = {3: "boot", 4: "static", 9: "ra", 16: "dhcp"}


class LinkFacts(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    ifindex: int
    admin_up: bool
    kind: LinkKind
    mac: str | None
    counters: LinkCounters | None


class KernelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What one look brings."""

    links: Mapping[str, LinkFacts]
    neighbors: tuple[NeighborStatus, ...] = ()
    foreign_routes: tuple[RouteStatus, ...] = ()


def encode_question(kind: int) -> bytes:
    """A dump of everything of one kind, both address families."""
    body = bytes(16)
    return HEADER.pack(HEADER.size + len(body), kind, _REQUEST_DUMP, 1, 0) + body


def is_last(data: bytes) -> bool:
    """The dump ends in this piece, well or not."""
    return any(kind in (_DONE, _ERROR) for kind, _ in messages(data))


def decode_links(data: bytes) -> Iterator[LinkFacts]:
    """Links of a dump; what is truncated is passed over."""
    for kind, body in messages(data):
        if kind == _NEW_LINK and len(body) >= 16:
            _family, _pad, hardware, index, flags, _change = struct.unpack_from("=BBHiII", body)
            found = attributes_of(body, 16)
            sort = _KINDS.get(hardware, "other")
            yield LinkFacts(
                name=found.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode("ascii", "replace"),
                ifindex=index,
                admin_up=bool(flags & _IFF_UP),
                kind=sort,
                mac=_mac(found.get(_IFLA_ADDRESS, b"")) if sort == "ethernet" else None,
                counters=_counters(found.get(_IFLA_STATS64, b"")),
            )


def decode_neighbors(data: bytes, names: Mapping[int, str]) -> Iterator[NeighborStatus]:
    """Neighbors with a hardware address, on links of these names by ifindex."""
    for kind, body in messages(data):
        if kind == _NEW_NEIGHBOR and len(body) >= 12:
            family, _pad, _pad2, index, state, _flags, _type = struct.unpack_from("=BBHiHBB", body)
            found = attributes_of(body, 12)
            raw, mac = found.get(_NDA_DST, b""), _mac(found.get(_NDA_LLADDR, b""))
            if state & _KNOWN and len(raw) == ADDRESS_SIZE.get(family) and mac and index in names:
                confirmed = struct.unpack_from("=I", found.get(_NDA_CACHEINFO, bytes(4)).ljust(4, b"\0"))[0]
                yield NeighborStatus(
                    address=str(ipaddress.ip_address(raw)),
                    mac=mac,
                    device=names[index],
                    permanent=bool(state & _PERMANENT),
                    age_s=int(confirmed) // _TICKS_PER_S,
                )


def decode_foreign_routes(data: bytes, names: Mapping[int, str]) -> Iterator[RouteStatus]:
    """Routes of the main table that neither Twinspan, BIRD nor the kernel itself made."""
    for kind, body in messages(data):
        if kind == _NEW_ROUTE and len(body) >= 12:
            route = _foreign_route(body, names)
            if route is not None:
                yield route


def _foreign_route(body: bytes, names: Mapping[int, str]) -> RouteStatus | None:
    family, length, _src, _tos, table, protocol, _scope, sort, flags = struct.unpack_from("=8BI", body)
    size = ADDRESS_SIZE.get(family)
    if size is None or protocol in (_KERNEL, ROUTE_PROTOCOL, BIRD_PROTOCOL) or flags & _CLONED:
        return None
    found = attributes_of(body, 12)
    wide = number_of(found, _RTA_TABLE)
    raw, gateway = found.get(_RTA_DST, bytes(size)), found.get(_RTA_GATEWAY, b"")
    if (table if wide is None else wide) != MAIN_TABLE or len(raw) != size or sort not in (_UNICAST, *_REFUSALS):
        return None
    index = number_of(found, _RTA_OIF)
    return RouteStatus(
        prefix=f"{ipaddress.ip_address(raw)}/{length}",
        table=str(MAIN_TABLE),
        via=str(ipaddress.ip_address(gateway)) if len(gateway) == size else None,
        device=names.get(index) if index is not None and sort == _UNICAST else None,
        protocol=_PROTOCOLS.get(protocol, str(protocol)),
        metric=number_of(found, _RTA_PRIORITY) or 0,
    )


def _mac(raw: bytes) -> str | None:
    return raw.hex(":") if len(raw) == 6 else None


def _counters(raw: bytes) -> LinkCounters | None:
    """The first fields of rtnl_link_stats64."""
    if len(raw) < _STATS.size:
        return None
    rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped, multicast = (
        _STATS.unpack_from(raw)
    )
    return LinkCounters(
        rx_packets=rx_packets,
        rx_bytes=rx_bytes,
        rx_errors=rx_errors,
        rx_dropped=rx_dropped,
        rx_multicast=multicast,
        tx_packets=tx_packets,
        tx_bytes=tx_bytes,
        tx_errors=tx_errors,
        tx_dropped=tx_dropped,
    )
