"""wire.bird_text: what BIRD says, recorded from BIRD 2.0.12."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from twinspan.model.device_report import BfdStatus, Event
from twinspan.wire.bird_text import (
    LogReader,
    Reply,
    ReplyReader,
    TableRoute,
    parse_bfd_sessions,
    parse_protocols,
    parse_route_count,
    parse_routes,
)

RECORDED = Path(__file__).parents[2] / "golden" / "bird" / "recorded"


def reply(name: str) -> Reply:
    (only,) = ReplyReader().feed((RECORDED / f"{name}.txt").read_bytes())
    return only


@pytest.mark.parametrize("size", [1, 7, 100000])
def test_replies_are_the_same_however_the_bytes_arrive(size: int) -> None:
    data = b"".join((RECORDED / f"{name}.txt").read_bytes() for name in ("show_route", "syntax_error", "route_count"))
    reader = ReplyReader()
    replies = [r for start in range(0, len(data), size) for r in reader.feed(data[start : start + size])]
    assert replies == [reply("show_route"), reply("syntax_error"), reply("route_count")]


def test_a_refused_command_is_told_from_one_that_changed_nothing() -> None:
    assert reply("syntax_error").failed
    assert reply("syntax_error").text.startswith("syntax error")
    assert not reply("disable_again").failed
    assert reply("disable_again").text == "out_circuit-14: already disabled"


def test_protocols_are_read_with_their_sessions_and_counts() -> None:
    protocols = parse_protocols(reply("show_protocols_all"))
    session = protocols["peer_vbr"]
    assert (session.state, session.bgp_state, session.imported, session.exported) == ("up", "Established", 3, 1)
    assert session.over_limit
    assert (session.received, session.sent) == (8, 3), "updates and withdrawals of the peer"
    assert session.since.startswith("2026-11-22T")
    assert protocols["out_circuit-14"].disabled
    assert not protocols["in_circuit-14"].disabled
    assert protocols["kernel4"].bgp_state == ""


def test_a_session_that_is_down_tells_its_last_error_in_the_words_of_the_rfc() -> None:
    lines = (
        "Name       Proto      Table      State  Since         Info",
        "peer_vbr   BGP        ---        start  2026-11-22T04:10:02.814226  Idle          Socket: Connection closed",
        "  BGP state:          Passive",
        "    Last error:       Socket: Connection closed",
        "    Import limit:   3",
        "",
    )
    session = parse_protocols(Reply(code=0, lines=lines))["peer_vbr"]
    assert (session.bgp_state, session.last_error) == ("Active", "Socket: Connection closed")
    assert not session.over_limit
    assert not session.disabled


def test_bfd_sessions_are_in_milliseconds() -> None:
    assert parse_bfd_sessions(reply("show_bfd_sessions")) == [
        BfdStatus(peer_address="10.0.0.1", state="Up", interval_ms=50.0, detect_ms=150.0)
    ]


def test_without_a_bfd_protocol_there_are_no_sessions() -> None:
    (said,) = ReplyReader().feed(b"9001 There is no running BFD protocol\n")
    assert parse_bfd_sessions(said) == []


def test_counted_are_the_routes_that_pass_not_all_there_are() -> None:
    assert parse_route_count(reply("route_count")) == 4
    assert parse_route_count(reply("syntax_error")) == 0


def test_routes_are_read_with_their_table_and_next_hop() -> None:
    routes = parse_routes(reply("show_route"))
    assert (
        TableRoute(table="master4", prefix="172.16.3.0/24", protocol="peer_vbr", best=True, via="10.0.0.1", device="c0")
        in routes
    )
    assert TableRoute(table="master6", prefix="fd00::/64", protocol="connected", best=True, device="c0") in routes
    assert TableRoute(table="t_circuit-14", prefix="192.168.1.254/32", protocol="pin_circuit-14", best=True) in routes
    assert len(routes) == 9


def test_a_second_route_to_a_prefix_belongs_to_that_prefix() -> None:
    lines = (
        "Table master4:",
        "10.2.0.0/16          unicast [peer_a 04:28:06.379] * (100) [AS1i]",
        "\tvia 10.0.0.1 on c0",
        "                     unicast [peer_b 04:28:06.379] (100) [AS2i]",
        "\tvia 10.0.1.1 on c1",
    )
    first, second = parse_routes(Reply(code=0, lines=lines))
    assert (first.prefix, first.best, first.device) == ("10.2.0.0/16", True, "c0")
    assert (second.prefix, second.best, second.device) == ("10.2.0.0/16", False, "c1")


@pytest.mark.parametrize("size", [1, 64, 100000])
def test_the_log_gives_sessions_going_up_and_down_with_the_reason(size: int) -> None:
    data = (RECORDED / "bird.log").read_bytes()
    reader = LogReader("gw")
    events = [e for start in range(0, len(data), size) for e in reader.feed(data[start : start + size])]
    assert [(e.what, e.detail) for e in events] == [
        ("BFD up", "10.0.0.1"),
        ("BGP established", "vbr"),
        ("BGP quota reached", "vbr: 3 routes"),
        ("BFD down", "10.0.0.1"),
        ("BGP down", "vbr: BFD session down"),
        ("BFD up", "10.0.0.1"),
        ("BFD down", "10.0.0.1"),
        ("BFD up", "10.0.0.1"),
        ("BGP established", "vbr"),
        ("BGP quota reached", "vbr: 3 routes"),
        ("BGP down", "vbr: Received: Administrative shutdown"),
    ]


def test_an_event_has_the_time_that_bird_wrote_to_the_microsecond() -> None:
    line = b"2026-11-22 04:09:50.491588 <TRACE> bfd1: Session to fe80::1 changed state from Up to Down\n"
    moment = datetime(2026, 11, 22, 4, 9, 50, tzinfo=UTC)
    (event,) = LogReader("gw").feed(line)
    assert event == Event(
        at_ns=int(moment.timestamp()) * 10**9 + 491588000, node="gw", source="bfd", what="BFD down", detail="fe80::1"
    )


@pytest.mark.parametrize(
    "line",
    [
        b"2026-11-22 04:09:50.956043 <TRACE> bfd1: Session to 10.0.0.1 changed state from Down to Init\n",
        b"2026-13-99 99:09:50.956043 <TRACE> bfd1: Session to 10.0.0.1 changed state from Up to Down\n",
        b"2026-11-22 04:09:50.956043 <INFO> Started\n",
        b"\xff\xfe nonsense\n",
        b"\n",
    ],
)
def test_other_lines_are_no_events(line: bytes) -> None:
    assert LogReader("gw").feed(line) == []


def test_half_a_line_of_an_old_log_does_not_spoil_the_new_one() -> None:
    reader = LogReader("gw")
    assert reader.feed(b"2026-11-22 04:09:50.4915") == []
    reader.reset()
    line = b"2026-11-22 04:09:50.491588 <TRACE> peer_vbr: BGP session established\n"
    assert [e.what for e in reader.feed(line)] == ["BGP established"]
