"""wire.rtnetlink_dump: dumps of the kernel, whole and broken."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from twinspan.model.device_report import LinkCounters, NeighborStatus, RouteStatus
from twinspan.wire.rtnetlink import HEADER
from twinspan.wire.rtnetlink_dump import (
    GET_ROUTES,
    decode_foreign_routes,
    decode_links,
    decode_neighbors,
    encode_question,
    is_last,
)

NAMES = {2: "c0"}


def message(kind: int, body: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, 0, 0, 0) + body.ljust((len(body) + 3) & ~3, b"\0")


def attribute(kind: int, value: bytes) -> bytes:
    return (struct.pack("=HH", 4 + len(value), kind) + value).ljust((4 + len(value) + 3) & ~3, b"\0")


def link(hardware: int, *attributes: bytes) -> bytes:
    return message(16, struct.pack("=BBHiII", 0, 0, hardware, 2, 0x1, 0) + b"".join(attributes))


def neighbor(state: int, *attributes: bytes) -> bytes:
    return message(28, struct.pack("=BBHiHBB", 2, 0, 0, 2, state, 0, 1) + b"".join(attributes))


def route(protocol: int, *attributes: bytes, sort: int = 1, table: int = 254, flags: int = 0) -> bytes:
    return message(24, struct.pack("=8BI", 2, 24, 0, 0, table, protocol, 0, sort, flags) + b"".join(attributes))


MAC, ADDRESS, GATEWAY = (1, bytes([2, 0, 0, 0, 0, 9])), bytes([10, 0, 0, 0]), bytes([10, 9, 0, 2])


def test_counters_are_read_in_the_kernels_order() -> None:
    stats = struct.pack("=24Q", *range(1, 25))
    (found,) = decode_links(link(1, attribute(*MAC), attribute(3, b"c0\0"), attribute(23, stats)))
    assert (found.name, found.ifindex, found.kind, found.mac) == ("c0", 2, "ethernet", "02:00:00:00:00:09")
    assert found.counters == LinkCounters(
        rx_packets=1,
        tx_packets=2,
        rx_bytes=3,
        tx_bytes=4,
        rx_errors=5,
        tx_errors=6,
        rx_dropped=7,
        tx_dropped=8,
        rx_multicast=9,
    )


def test_a_link_without_hardware_has_no_address() -> None:
    (found,) = decode_links(link(65534, attribute(3, b"ipsec0\0"), attribute(1, bytes(6))))
    assert (found.kind, found.mac, found.counters) == ("other", None, None)


def test_a_neighbor_counts_once_its_address_is_known() -> None:
    known = (attribute(1, ADDRESS), attribute(2, MAC[1]), attribute(3, struct.pack("=4I", 1250, 0, 0, 0)))
    reachable = NeighborStatus(address="10.0.0.0", mac="02:00:00:00:00:09", device="c0", age_s=12)
    assert list(decode_neighbors(neighbor(0x02, *known), NAMES)) == [reachable]
    assert list(decode_neighbors(neighbor(0x20, *known), NAMES)) == [], "failed"
    assert list(decode_neighbors(neighbor(0x02, *known[:1]), NAMES)) == [], "no hardware address"
    assert list(decode_neighbors(neighbor(0x02, *known), {})) == [], "on a link that has gone"


def test_only_other_peoples_routes_of_the_main_table_count() -> None:
    way = (attribute(1, ADDRESS), attribute(4, struct.pack("=I", 2)), attribute(5, GATEWAY))
    assert list(decode_foreign_routes(route(16, *way), NAMES)) == [
        RouteStatus(prefix="10.0.0.0/24", table="254", via="10.9.0.2", device="c0", protocol="dhcp")
    ]
    for own in (2, 12, 84):
        assert list(decode_foreign_routes(route(own, *way), NAMES)) == []
    for other in (route(16, *way, table=99), route(16, *way, sort=2), route(16, *way, flags=0x200)):
        assert list(decode_foreign_routes(other, NAMES)) == []


def test_a_refused_prefix_leads_to_no_device() -> None:
    (found,) = decode_foreign_routes(route(4, attribute(1, ADDRESS), attribute(4, struct.pack("=I", 2)), sort=7), NAMES)
    assert (found.device, found.protocol) == (None, "static")


def test_a_dump_ends_with_the_message_that_says_so() -> None:
    assert not is_last(link(1))
    assert is_last(link(1) + message(3, bytes(4)))
    assert is_last(message(2, bytes(20)))


def test_a_question_asks_for_everything() -> None:
    length, kind, flags, _, _ = HEADER.unpack_from(encode_question(GET_ROUTES))
    assert (length, kind, flags) == (len(encode_question(GET_ROUTES)), 26, 0x301)


@given(st.binary(max_size=200), st.sampled_from([16, 24, 28]))
def test_broken_messages_are_passed_over(body: bytes, kind: int) -> None:
    for data in (body, message(kind, body)):
        list(decode_links(data))
        list(decode_neighbors(data, NAMES))
        list(decode_foreign_routes(data, NAMES))


@given(st.data())
def test_a_cut_dump_gives_what_was_whole(data: st.DataObject) -> None:
    dump = b"".join(neighbor(0x02, attribute(1, bytes([10, 0, 0, n])), attribute(2, MAC[1])) for n in range(5))
    cut = data.draw(st.integers(0, len(dump)))
    whole = [n.address for n in decode_neighbors(dump, NAMES)]
    found = [n.address for n in decode_neighbors(dump[:cut], NAMES)]
    assert found == whole[: cut * 5 // len(dump)]
