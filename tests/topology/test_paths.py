"""The watch on the two directions' paths, on real routing tables: bare nodes with bridges for links and no packets."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from twinspan.cli.site import load_site, plan_deployment
from twinspan.lab.clock import wait_until
from twinspan.lab.lab import Lab
from twinspan.lab.paths import POLL_S, PathWatcher
from twinspan.model.drill import Direction
from twinspan.model.drill import Path as Way

pytestmark = pytest.mark.topology

SITE = Path(__file__).parents[2] / "examples" / "01-two-spans" / "site.yaml"
LINKS = {
    "gateway": ("lan", "circuit", "circuit.7", "ipsec0"),
    "transit-router": ("vbr0", "vpc1", "vpc2"),
    "office-vpc": ("host0", "tr0"),
    "user-vpc": ("tr0", "vpn0"),
}
PC, HOST = "192.168.1.128", "172.16.0.10"
BOTH_BY_CIRCUIT = {
    "gateway": ((PC, "lan"), (HOST, "circuit")),
    "office-vpc": ((HOST, "host0"), (PC, "tr0")),
    "transit-router": ((HOST, "vpc1"), (PC, "vbr0")),
    "user-vpc": ((HOST, "tr0"), (PC, "vpn0")),
}


class Nodes:
    """The nodes that decide, as far as a route look-up needs them; in place of a lab."""

    def __init__(self) -> None:
        self.deployment = plan_deployment(load_site(SITE))
        self.state = SimpleNamespace(nodes={node: self.netns(node) for node in LINKS})

    def netns(self, node: str) -> str:
        return f"tst-{os.getpid()}-{node}"

    def ip(self, node: str, command: str) -> None:
        subprocess.run(["ip", "-n", self.netns(node), *command.split()], check=True, capture_output=True)

    def build(self) -> None:
        for node, links in LINKS.items():
            subprocess.run(["ip", "netns", "add", self.netns(node)], check=True)
            inside = ["ip", "netns", "exec", self.netns(node)]
            subprocess.run([*inside, "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
            for link in links:
                self.ip(node, f"link add {link} type bridge")
                self.ip(node, f"link set {link} up")
            for to, link in BOTH_BY_CIRCUIT[node]:
                self.ip(node, f"route add {to} dev {link}")

    def remove(self) -> None:
        for node in LINKS:
            subprocess.run(["ip", "netns", "del", self.netns(node)], check=False, capture_output=True)


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    made = Nodes()
    try:
        made.build()
        yield made
    finally:
        made.remove()


@pytest.fixture
def watcher(nodes: Nodes) -> Iterator[PathWatcher]:
    made = PathWatcher(cast("Lab", nodes))
    made.start()
    yield made
    made.stop()


def seen(watcher: PathWatcher, to_cloud: Way, to_site: Way) -> bool:
    wanted: dict[Direction, Way] = {"site_to_cloud": to_cloud, "cloud_to_site": to_site}
    return bool(wait_until(lambda: watcher.current() == wanted, 5))


def test_the_first_look_is_the_first_change_of_each_direction(watcher: PathWatcher) -> None:
    assert {(c.direction, c.path) for c in watcher.changes} == {
        ("site_to_cloud", "circuit"),
        ("cloud_to_site", "circuit"),
    }


def test_each_direction_is_followed_to_its_own_span_and_back(nodes: Nodes, watcher: PathWatcher) -> None:
    nodes.ip("gateway", f"route replace {HOST} dev ipsec0")
    assert seen(watcher, "vpn", "circuit")
    nodes.ip("transit-router", f"route replace {PC} dev vpc2")
    assert seen(watcher, "vpn", "vpn"), "by the VPC that the VPN ends in"
    nodes.ip("gateway", f"route replace {HOST} dev circuit.7")
    assert seen(watcher, "circuit", "vpn"), "a VLAN of the circuit's port is the circuit"
    told = watcher.stop()
    assert [(c.direction, c.path) for c in told[2:]] == [
        ("site_to_cloud", "vpn"),
        ("cloud_to_site", "vpn"),
        ("site_to_cloud", "circuit"),
    ]


def test_a_change_is_stamped_when_the_kernel_tells_of_it_and_not_at_the_next_poll(
    nodes: Nodes, watcher: PathWatcher
) -> None:
    late_ms = []
    for device in ("ipsec0", "circuit", "ipsec0", "circuit", "ipsec0"):
        known, begun = len(watcher.changes), time.time_ns()
        nodes.ip("gateway", f"route replace {HOST} dev {device}")
        assert wait_until(lambda count=known: len(watcher.changes) > count, 5)  # type: ignore[misc]
        late_ms.append((watcher.changes[-1].at_ns - begun) / 1e6)
    assert min(late_ms) > 0
    assert sorted(late_ms)[2] < POLL_S * 1000 / 2, late_ms


@pytest.mark.parametrize(
    "ruin",
    [
        lambda nodes: nodes.ip("gateway", f"route del {HOST}"),
        lambda nodes: nodes.ip("gateway", f"route add unreachable {HOST} table main metric 1") or lose(nodes),
        lambda nodes: nodes.ip("gateway", "link set circuit down"),
    ],
    ids=["no route", "an unreachable one", "the link is down"],
)
def test_no_way_is_told_as_none(nodes: Nodes, watcher: PathWatcher, ruin: Callable[[Any], None]) -> None:
    ruin(nodes)
    assert seen(watcher, "none", "circuit")


def lose(nodes: Nodes) -> None:
    nodes.ip("gateway", f"route del {HOST} dev circuit")


def test_a_loop_in_the_cloud_ends_the_search_and_is_no_way(nodes: Nodes, watcher: PathWatcher) -> None:
    nodes.ip("transit-router", f"route replace {PC} dev vpc2")
    nodes.ip("user-vpc", f"route replace {PC} dev tr0")
    assert seen(watcher, "circuit", "none")


def test_stop_leaves_neither_socket_nor_thread(nodes: Nodes) -> None:
    def held() -> list[int]:
        return [len(list(Path("/proc/self", what).iterdir())) for what in ("fd", "task")]

    before = held()
    watcher = PathWatcher(cast("Lab", nodes))
    watcher.start()
    watcher.stop()
    assert held() == before


def test_what_a_slow_look_saw_is_no_earlier_than_what_was_broken_during_it(
    nodes: Nodes, watcher: PathWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event starts a look, and while it asks the nodes one after the other something is broken."""
    look, broken = PathWatcher._inward, []

    def slow(self: PathWatcher) -> Way:
        if not broken:
            broken.append(time.time_ns())
            nodes.ip("transit-router", f"route replace {PC} dev vpc2")
        return look(self)

    monkeypatch.setattr(PathWatcher, "_inward", slow)
    nodes.ip("gateway", "route add 203.0.113.0/24 dev lan")
    assert wait_until(lambda: watcher.current().get("cloud_to_site") == "vpn", 5)
    watcher.stop()
    told = [c for c in watcher.changes_around(broken[0]) if c.path == "vpn"]
    assert [(c.direction, c.at_ns > broken[0]) for c in told] == [("cloud_to_site", True)]
    assert any(c.at_ns < broken[0] for c in watcher.changes if c.path == "vpn"), "the look began before"
