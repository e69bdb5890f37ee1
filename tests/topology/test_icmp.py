"""ProbeRunner over two cables: what counts as answered and what as lost, by path, size, device and set of probes.

`test_icmp_driver.py` has the late event loop, the failing neighbour and the strangers.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from twinspan.drivers.icmp import ProbeResult, ProbeRunner
from twinspan.model.device_config import Probe

pytestmark = pytest.mark.topology

HERE, THERE = "198.18.255.1", "198.18.255.2"
"""The probe's own addresses, on lo at both ends, so that routes decide which cable is used."""


class Watch:
    """Collects results; `device` is what the agent would know of the probe's device."""

    def __init__(self) -> None:
        self.results: list[ProbeResult] = []
        self.device: str | None = "c0"

    def device_of(self, probe: Probe) -> str | None:
        return self.device

    def last(self, name: str, count: int) -> list[bool]:
        return [r.answered for r in self.results if r.name == name][-count:]

    def since(self, mark: int, name: str) -> list[bool]:
        return [r.answered for r in self.results[mark:] if r.name == name]


Scenario = Callable[[Watch, ProbeRunner], Coroutine[Any, Any, None]]


def probe(name: str = "p", **other: Any) -> Probe:
    return Probe(**{"name": name, "source": HERE, "destination": THERE, "link": "c0", "interval_ms": 40} | other)


def route(bench: Any, cable: int = 0) -> None:
    """Both ends use this cable, with the addresses it needs."""
    for namespace, other, last in ((bench.a, THERE, 1), (bench.b, HERE, 2)):
        bench.ip("-n", namespace, "link", "set", f"c{cable}", "up")
        bench.ip("-n", namespace, "address", "replace", f"10.9.{cable}.{last}/30", "dev", f"c{cable}")
        bench.ip("-n", namespace, "route", "replace", other, "via", f"10.9.{cable}.{3 - last}")


@pytest.fixture
def paths(bench: Any) -> Any:
    """A second cable c1, and the probe's addresses routed over c0 both ways."""
    bench.ip("-n", bench.a, "link", "add", "c1", "type", "veth", "peer", "name", "c1", "netns", bench.b)
    bench.ip("-n", bench.a, "address", "add", f"{HERE}/32", "dev", "lo")
    bench.ip("-n", bench.b, "address", "add", f"{THERE}/32", "dev", "lo")
    route(bench, 1)
    route(bench, 0)
    return bench


def drop(bench: Any, match: str, family: str = "ip") -> None:
    """Drop at b what comes in and matches; "" takes it back."""
    rule = f"add rule {family} t in {match} drop\n" if match else ""
    fresh = f"add table {family} t\ndelete table {family} t\nadd table {family} t\n"
    text = f"{fresh}add chain {family} t in {{ type filter hook input priority 0; }}\n{rule}"
    subprocess.run(["ip", "netns", "exec", bench.b, "nft", "-f", "-"], input=text, text=True, check=True)


def run(bench: Any, probes: tuple[Probe, ...], scenario: Scenario) -> None:
    async def whole() -> None:
        watch = Watch()
        runner = ProbeRunner(probes, watch.device_of, watch.results.append)
        try:
            await scenario(watch, runner)
        finally:
            runner.close()

    with bench.inside(bench.a):
        asyncio.run(whole())


def test_an_answer_over_the_probes_path_counts_and_is_timed(paths: Any) -> None:
    async def scenario(watch: Watch, runner: ProbeRunner) -> None:
        await paths.eventually(lambda: watch.last("p", 3) == [True] * 3)
        assert [r.seq for r in watch.results] == list(range(1, len(watch.results) + 1))
        assert all(r.rtt_ms is not None and r.rtt_ms >= 0 for r in watch.results if r.answered)

    run(paths, (probe(),), scenario)


def test_requests_that_are_dropped_count_as_lost_until_they_pass_again(paths: Any) -> None:
    async def scenario(watch: Watch, runner: ProbeRunner) -> None:
        await paths.eventually(lambda: watch.last("p", 1) == [True])
        drop(paths, "icmp type echo-request")
        await paths.eventually(lambda: watch.last("p", 3) == [False] * 3)
        assert watch.results[-1].rtt_ms is None
        drop(paths, "")
        await paths.eventually(lambda: watch.last("p", 3) == [True] * 3)

    run(paths, (probe(),), scenario)


def test_a_reply_that_returns_over_another_cable_counts_as_lost(paths: Any) -> None:
    async def scenario(watch: Watch, runner: ProbeRunner) -> None:
        await paths.eventually(lambda: watch.last("p", 3) == [True] * 3)
        paths.ip("-n", paths.b, "route", "replace", HERE, "via", "10.9.1.1")
        await paths.eventually(lambda: watch.last("p", 3) == [False] * 3)
        # The host itself does get the replies: a socket bound to no device hears them.
        runner.update((probe(), probe("unpinned", link=None)))
        await paths.eventually(lambda: watch.last("unpinned", 3) == [True] * 3)
        assert watch.last("p", 3) == [False] * 3

    run(paths, (probe(),), scenario)


def test_a_path_too_narrow_for_large_packets_kills_the_large_probe_alone(paths: Any) -> None:
    async def scenario(watch: Watch, runner: ProbeRunner) -> None:
        await paths.eventually(lambda: all(watch.last(name, 3) == [True] * 3 for name in ("small", "large")))
        paths.ip("-n", paths.b, "link", "set", "c0", "mtu", "1000")
        await paths.eventually(lambda: watch.last("large", 3) == [False] * 3)
        mark = len(watch.results)
        await paths.eventually(lambda: watch.since(mark, "small").count(True) >= 3)
        assert True not in watch.since(mark, "large")
        paths.ip("-n", paths.b, "link", "set", "c0", "mtu", "1500")
        await paths.eventually(lambda: watch.last("large", 3) == [True] * 3)

    run(paths, (probe("small"), probe("large", packet_size=1400)), scenario)


def test_packets_have_the_size_asked_for_and_must_not_be_fragmented(paths: Any) -> None:
    async def scenario(watch: Watch, runner: ProbeRunner) -> None:
        drop(paths, "icmp type echo-request ip length != 1400")
        await paths.eventually(lambda: watch.last("p", 3) == [True] * 3)
        drop(paths, "icmp type echo-request ip frag-off & 0x4000 == 0x4000")
        await paths.eventually(lambda: watch.last("p", 3) == [False] * 3)

    run(paths, (probe(packet_size=1400),), scenario)


def test_a_device_that_vanishes_loses_and_one_that_returns_answers(paths: Any) -> None:
    async def scenario(watch: Watch, runner: ProbeRunner) -> None:
        await paths.eventually(lambda: watch.last("p", 1) == [True])
        paths.ip("-n", paths.a, "link", "delete", "c0")
        await paths.eventually(lambda: watch.last("p", 3) == [False] * 3)
        watch.device = None  # the agent has heard of it
        mark = len(watch.results)
        await paths.eventually(lambda: len(watch.since(mark, "p")) >= 3)
        assert set(watch.since(mark, "p")) == {False}
        paths.ip("-n", paths.a, "link", "add", "c0", "type", "veth", "peer", "name", "c0", "netns", paths.b)
        route(paths)
        watch.device = "c0"
        await paths.eventually(lambda: watch.last("p", 3) == [True] * 3)

    run(paths, (probe(link=None, tunnel="t1"),), scenario)


def test_ipv6_probes_answer_and_lose_too(paths: Any) -> None:
    for namespace, last in ((paths.a, 1), (paths.b, 2)):
        paths.ip("-n", namespace, "address", "add", f"fd00:9::{last}/64", "dev", "c0", "nodad")

    async def scenario(watch: Watch, runner: ProbeRunner) -> None:
        await paths.eventually(lambda: watch.last("p", 3) == [True] * 3)
        drop(paths, "icmpv6 type echo-request", "ip6")
        await paths.eventually(lambda: watch.last("p", 3) == [False] * 3)

    # The destination is written long: the kernel spells a sender in the short form.
    run(paths, (probe(source="fd00:9::1", destination="fd00:9:0::2", packet_size=1280),), scenario)


def test_an_update_leaves_unchanged_probes_alone_and_stops_the_others(paths: Any) -> None:
    async def scenario(watch: Watch, runner: ProbeRunner) -> None:
        await paths.eventually(lambda: bool(watch.last("kept", 1)) and bool(watch.last("gone", 1)))
        runner.update((probe("kept"), probe("new"), probe("changed", packet_size=200)))
        mark = len(watch.results)
        await paths.eventually(lambda: all(len(watch.since(mark, n)) >= 3 for n in ("kept", "new", "changed")))
        assert watch.since(mark, "gone") == []
        assert [r.seq for r in watch.results if r.name == "kept"] == list(range(1, len(watch.since(0, "kept")) + 1))
        assert next(r.seq for r in watch.results[mark:] if r.name == "changed") == 1

    run(paths, (probe("kept"), probe("gone"), probe("changed")), scenario)
