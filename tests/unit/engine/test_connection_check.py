"""What was measured becomes a verdict, and every line that fails says what to do about it."""

from __future__ import annotations

from typing import get_args

import pytest

from twinspan.engine.connection_check import all_well, judge, moved_line, not_looked_at, port_line, remedy_for
from twinspan.model.connection_check import (
    CheckPlace,
    CheckTopic,
    Echoes,
    Lookup,
    PathMtu,
    RouteSeen,
    SpanKind,
    TcpConnection,
    Trace,
)

PLACE = {topic: CheckPlace(topic=topic, origin="gateway", subject="x") for topic in get_args(CheckTopic)}

PASSES = [
    ("ping", Echoes(sent=3, received=3, rtt_ms=0.4), 0.4, "ms"),
    ("traceroute", Trace(hops=("10.0.0.1", "*", "172.16.0.10"), reached=True), 3, "hops"),
    ("path mtu", PathMtu(bytes=1500, wanted=1500), 1500, "bytes"),
    ("path mtu", PathMtu(bytes=1400, wanted=None), 1400, "bytes"),
    ("dns", Lookup(addresses=("100.100.64.10",), took_ms=2.5), 2.5, "ms"),
    ("tcp", TcpConnection(connected=True, took_ms=1.5), 1.5, "ms"),
    ("tcp", TcpConnection(refused=True, took_ms=1.5), 1.5, "ms"),
    ("route", RouteSeen(device="ipsec0"), None, ""),
]
FAILS = [
    ("ping", Echoes(sent=3, received=0), "0 of 3 answered"),
    ("ping", Echoes(sent=3, received=2, rtt_ms=1.0), "2 of 3 answered"),
    ("ping", Echoes(problem="no route to host"), "no route to host"),
    ("traceroute", Trace(hops=("10.0.0.1", "*", "*", "*")), "it ends after 10.0.0.1"),
    ("traceroute", Trace(hops=("*", "*", "*")), "no hop answers"),
    ("path mtu", PathMtu(wanted=1500), "nothing was answered, however small"),
    ("path mtu", PathMtu(bytes=1492, wanted=1500), "larger packets are lost; 1500 bytes should pass"),
    ("path mtu", PathMtu(bytes=1400, silent=True), "larger packets are lost, and no router says so"),
    ("path mtu", PathMtu(bytes=1279), "larger packets are lost; 1280 bytes should pass"),
    ("dns", Lookup(), "no address"),
    ("dns", Lookup(addresses=("100.100.64.10", "47.1.2.3")), "100.100.64.10, 47.1.2.3 is public"),
    ("dns", Lookup(addresses=("100.128.0.1",)), "100.128.0.1 is public"),
    ("tcp", TcpConnection(), "no answer"),
    ("route", RouteSeen(), "there is no route"),
]


@pytest.mark.parametrize(("topic", "found", "value", "unit"), PASSES)
def test_what_is_as_it_should_be_passes_with_its_number_and_without_a_remedy(topic, found, value, unit):
    line = judge(PLACE[topic], found)
    assert (line.passed, line.value, line.unit, line.remedy) == (True, value, unit, "")


@pytest.mark.parametrize(("topic", "found", "said"), FAILS)
def test_what_is_not_fails_in_these_words_and_with_a_way_out(topic, found, said):
    line = judge(PLACE[topic], found)
    assert (line.passed, line.result) == (False, said)
    assert line.remedy


def test_a_circuit_and_a_vpn_have_ways_out_of_their_own():
    measured = ("ping", "round trip", "traceroute", "path mtu", "route", "dns", "tcp")
    remedies = [
        remedy_for(CheckPlace(topic=topic, origin="gateway", subject="x", span="s", kind=kind))
        for topic in measured
        for kind in get_args(SpanKind)
    ]
    assert all(remedies)
    assert len(set(remedies)) == len(remedies)


def test_a_name_that_does_not_resolve_is_told_to_be_set_up_and_a_server_that_is_silent_to_be_reached():
    own = judge(CheckPlace(topic="dns", origin="pc", subject="name"), Lookup(problem="no such name"))
    assert "DHCP" in own.remedy
    assert "aliyuncs.com" in own.remedy
    server = judge(CheckPlace(topic="dns", origin="pc", subject="name @100.100.2.136"), Lookup(problem="no answer"))
    assert "port 53" in server.remedy


def test_what_was_not_looked_at_is_no_failure():
    left_out = not_looked_at(PLACE["ping"], "closed")
    assert left_out.passed is None
    assert all_well([left_out, judge(PLACE["route"], RouteSeen(device="circuit"))])
    assert not all_well([left_out, judge(PLACE["route"], RouteSeen())])


def test_a_port_that_stays_closed_and_a_standby_that_does_not_carry_are_failures():
    place = PLACE["port"]
    assert port_line(place, opened=True, seconds=5.04).value == 5.0
    assert "mend port-shutdown" in port_line(place, opened=False, seconds=35).remedy
    assert moved_line(place, moved=True, seconds=0.5).passed
    assert "standby" in moved_line(place, moved=False, seconds=10).remedy
