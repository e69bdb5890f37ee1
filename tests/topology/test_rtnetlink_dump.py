"""drivers.rtnetlink_dump and drivers.ethtool: what the kernel really answers."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from twinspan.drivers.ethtool import link_speed
from twinspan.drivers.rtnetlink_dump import observe_facts
from twinspan.model.device_report import NeighborStatus, RouteStatus
from twinspan.wire.rtnetlink_dump import KernelFacts

pytestmark = pytest.mark.topology


def look(bench: Any) -> KernelFacts:
    with bench.inside(bench.a):
        return observe_facts()


@pytest.fixture
def joined(bench: Any) -> Any:
    for namespace, address in ((bench.a, "10.9.0.1/30"), (bench.b, "10.9.0.2/30")):
        bench.ip("-n", namespace, "addr", "add", address, "dev", "c0")
    return bench


def ping(bench: Any, count: int) -> None:
    command = ["ip", "netns", "exec", bench.a, "ping", f"-c{count}", "-i0.01", "-W2", "10.9.0.2"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def test_links_tell_their_kind_address_and_counters(joined: Any) -> None:
    before = look(joined).links["c0"].counters
    ping(joined, 20)
    facts = look(joined)
    after = facts.links["c0"].counters
    assert before is not None
    assert after is not None
    assert after.rx_packets - before.rx_packets >= 20
    assert after.tx_bytes - before.tx_bytes >= 20 * 84
    assert (facts.links["lo"].kind, facts.links["lo"].mac) == ("loopback", None)
    assert facts.links["c0"].kind == "ethernet"
    assert facts.links["c0"].mac in joined.ip("-n", joined.a, "link", "show", "c0")


def test_a_link_that_is_shut_says_so(joined: Any) -> None:
    assert look(joined).links["c0"].admin_up
    joined.ip("-n", joined.a, "link", "set", "c0", "down")
    assert not look(joined).links["c0"].admin_up


def test_neighbors_are_known_once_they_have_answered(joined: Any) -> None:
    assert [n for n in look(joined).neighbors if n.address == "10.9.0.2"] == []
    ping(joined, 1)
    (neighbor,) = [n for n in look(joined).neighbors if n.address == "10.9.0.2"]
    assert neighbor.mac in joined.ip("-n", joined.b, "link", "show", "c0")
    assert (neighbor.device, neighbor.permanent) == ("c0", False)
    assert neighbor.age_s < 60
    joined.ip("-n", joined.a, "neigh", "replace", "10.9.0.3", "lladdr", "02:00:00:00:00:09", "dev", "c0")
    (fixed,) = [n for n in look(joined).neighbors if n.permanent and ":" not in n.address]
    assert fixed == NeighborStatus(
        address="10.9.0.3", mac="02:00:00:00:00:09", device="c0", permanent=True, age_s=fixed.age_s
    )


def test_routes_of_others_are_seen_and_the_nodes_own_are_not(joined: Any) -> None:
    def add(*route: str) -> None:
        joined.ip("-n", joined.a, "route", "add", *route)

    add("default", "via", "10.9.0.2", "proto", "dhcp", "metric", "7")
    add("unreachable", "10.66.0.0/16", "proto", "static")
    add("10.77.0.0/16", "via", "10.9.0.2", "proto", "84")
    add("10.78.0.0/16", "via", "10.9.0.2", "proto", "bird")
    add("10.79.0.0/16", "via", "10.9.0.2", "table", "99")
    assert {r for r in look(joined).foreign_routes if ":" not in r.prefix} == {
        RouteStatus(prefix="0.0.0.0/0", table="254", via="10.9.0.2", device="c0", protocol="dhcp", metric=7),
        RouteStatus(prefix="10.66.0.0/16", table="254", via=None, device=None, protocol="static"),
    }


def test_a_dump_of_many_pieces_is_read_whole(joined: Any) -> None:
    routes = "".join(f"route add 10.{64 + i // 250}.{i % 250}.0/24 via 10.9.0.2 proto static\n" for i in range(2000))
    subprocess.run(["ip", "-n", joined.a, "-batch", "-"], input=routes, text=True, check=True)
    assert len([r for r in look(joined).foreign_routes if r.protocol == "static"]) == 2000


def test_a_link_tells_its_speed_and_one_without_says_nothing(joined: Any) -> None:
    with joined.inside(joined.a):
        assert link_speed("c0") == (10000, True), "what the veth driver claims"
        assert link_speed("lo") == (None, None)
        assert link_speed("not-there") == (None, None)
