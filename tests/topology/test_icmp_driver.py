"""Probes on real cables: what counts as answered, what as lost, and that a late loop calls nothing lost that is not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from twinspan.drivers.icmp import ProbeResult, ProbeRunner
from twinspan.model.device_config import Probe
from twinspan.wire.icmp import encode_request

pytestmark = pytest.mark.topology

PROBE = Probe(name="p4", source="10.1.0.1", destination="10.1.0.2", link="c0", interval_ms=50)
PROBE6 = replace(PROBE, name="p6", source="fd01::1", destination="fd01::2")


class Seen:
    """Everything the runner reported, by probe."""

    def __init__(self) -> None:
        self.results: list[ProbeResult] = []

    def of(self, name: str) -> list[ProbeResult]:
        return [r for r in self.results if r.name == name]

    def last(self, name: str, count: int) -> list[bool]:
        return [r.answered for r in self.of(name)][-count:]


@pytest.fixture
def cable(bench: Any) -> Any:
    for namespace, last in ((bench.a, 1), (bench.b, 2)):
        bench.ip("-n", namespace, "addr", "add", f"10.1.0.{last}/24", "dev", "c0")
        bench.ip("-n", namespace, "addr", "add", f"fd01::{last}/64", "dev", "c0", "nodad")
    settle(bench)
    return bench


def settle(bench: Any) -> None:
    """Both families answer: no neighbour is still unknown when a test begins to count."""
    for destination in ("10.1.0.2", "fd01::2"):
        argv = ["ip", "netns", "exec", bench.a, "ping", "-c1", "-W1", destination]
        end = time.monotonic() + 5
        while subprocess.run(argv, capture_output=True, check=False).returncode:
            assert time.monotonic() < end


def hold_the_loop(seconds: float) -> None:
    """What a busy machine does to the event loop."""
    time.sleep(seconds)


def link_of(probe: Probe) -> str | None:
    return probe.link


def run(
    bench: Any,
    probes: tuple[Probe, ...],
    scenario: Callable[[ProbeRunner, Seen], Awaitable[None]],
    devices: Callable[[Probe], str | None] = link_of,
) -> Seen:
    """Run probes in namespace a around a scenario."""
    seen = Seen()

    async def whole() -> None:
        runner = ProbeRunner(probes, devices, seen.results.append)
        try:
            await scenario(runner, seen)
        finally:
            runner.close()

    with bench.inside(bench.a):
        asyncio.run(whole())
    return seen


def nft(bench: Any, namespace: str, *commands: str) -> str:
    argv = ["ip", "netns", "exec", namespace, "nft", "; ".join(commands)]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("probe", [PROBE, PROBE6, replace(PROBE, link=None), replace(PROBE, packet_size=1500)])
def test_answers_are_counted_with_their_round_trip(cable: Any, probe: Probe) -> None:
    async def scenario(_: ProbeRunner, seen: Seen) -> None:
        await cable.eventually(lambda: len(seen.results) >= 4)

    seen = run(cable, (probe,), scenario)
    assert [(r.seq, r.answered) for r in seen.results[:4]] == [(1, True), (2, True), (3, True), (4, True)]
    assert all(r.rtt_ms is not None and 0 <= r.rtt_ms < 50 for r in seen.results)


def test_packets_have_the_size_that_was_asked_for_and_must_not_be_fragmented(cable: Any) -> None:
    nft(cable, cable.b, "add table inet seen", "add chain inet seen in { type filter hook input priority 0 ; }")
    for match in ("ip length 777 ip frag-off & 0x4000 == 0x4000", "ip6 length 737"):  # IPv6: without its own header
        nft(cable, cable.b, f"add rule inet seen in {match} counter")

    async def scenario(_: ProbeRunner, seen: Seen) -> None:
        await cable.eventually(lambda: all(len(seen.of(n)) >= 3 for n in ("p4", "p6")))

    run(cable, tuple(replace(p, packet_size=777) for p in (PROBE, PROBE6)), scenario)
    rules = nft(cable, cable.b, "list ruleset").splitlines()
    assert min(int(rule.split("packets ")[1].split()[0]) for rule in rules if "packets" in rule) >= 3, rules


@pytest.mark.parametrize("probe", [PROBE, PROBE6, replace(PROBE6, name="capitals", destination="FD01:0::2")])
def test_what_is_dropped_is_lost_and_what_passes_again_is_answered(cable: Any, probe: Probe) -> None:
    async def scenario(_: ProbeRunner, seen: Seen) -> None:
        await cable.eventually(lambda: seen.last(probe.name, 2) == [True, True])
        nft(cable, cable.b, "add table inet cut", "add chain inet cut in { type filter hook input priority 0 ; }")
        nft(cable, cable.b, "add rule inet cut in meta l4proto { icmp, ipv6-icmp } drop")
        await cable.eventually(lambda: seen.last(probe.name, 3) == [False] * 3)
        nft(cable, cable.b, "delete table inet cut")
        await cable.eventually(lambda: seen.last(probe.name, 2) == [True, True])

    seen = run(cable, (probe,), scenario)
    assert {r.rtt_ms for r in seen.results if not r.answered} == {None}


def test_an_answer_over_another_device_is_lost(cable: Any) -> None:
    cable.ip("-n", cable.a, "link", "add", "c1", "type", "veth", "peer", "name", "c1", "netns", cable.b)
    for namespace, last in ((cable.a, 1), (cable.b, 2)):
        cable.ip("-n", namespace, "addr", "add", f"10.2.0.{last}/24", "dev", "c1")
        cable.ip("-n", namespace, "link", "set", "c1", "up")
    cable.ip("-n", cable.b, "addr", "add", "10.9.9.9/32", "dev", "lo")
    cable.ip("-n", cable.a, "route", "add", "10.9.9.9", "via", "10.1.0.2")
    pinned = replace(PROBE, destination="10.9.9.9")
    free = replace(pinned, name="free", link=None)

    async def scenario(_: ProbeRunner, seen: Seen) -> None:
        await cable.eventually(lambda: seen.last("p4", 2) == seen.last("free", 2) == [True, True])
        cable.ip("-n", cable.b, "route", "add", "10.1.0.1/32", "via", "10.2.0.1", "dev", "c1")
        await cable.eventually(lambda: seen.last("p4", 4) == [False] * 4)
        # The answers do come, by the wrong way: a socket bound to no device hears them.
        await cable.eventually(lambda: seen.last("free", 4) == [True] * 4 and seen.last("p4", 4) == [False] * 4)

    run(cable, (pinned, free), scenario)


def test_a_device_that_vanishes_is_loss_until_another_has_its_name(cable: Any) -> None:
    """With and without an agent that knows of it."""

    def device_of(probe: Probe) -> str | None:
        return "c0" if probe.name == "untold" or "c0:" in Path("/proc/self/net/dev").read_text() else None

    async def scenario(_: ProbeRunner, seen: Seen) -> None:
        def both(expected: list[bool]) -> bool:
            return all(seen.last(name, len(expected)) == expected for name in ("untold", "told"))

        await cable.eventually(lambda: both([True] * 2))
        cable.ip("-n", cable.a, "link", "del", "c0")
        await cable.eventually(lambda: both([False] * 3))
        cable.ip("-n", cable.a, "link", "add", "c0", "type", "veth", "peer", "name", "c0", "netns", cable.b)
        for namespace, last in ((cable.a, 1), (cable.b, 2)):
            cable.ip("-n", namespace, "addr", "add", f"10.1.0.{last}/24", "dev", "c0")
            cable.ip("-n", namespace, "link", "set", "c0", "up")
        await cable.eventually(lambda: both([True] * 2))

    run(cable, (replace(PROBE, name="untold"), replace(PROBE, name="told")), scenario, device_of)


def test_an_update_leaves_unchanged_probes_alone_and_begins_changed_ones_anew(cable: Any) -> None:
    changed, gone = replace(PROBE, name="changed"), replace(PROBE6, name="gone")
    later: list[ProbeResult] = []

    async def scenario(runner: ProbeRunner, seen: Seen) -> None:
        await cable.eventually(lambda: all(len(seen.of(n)) >= 2 for n in ("p4", "changed", "gone")))
        for _ in range(30):
            runner.update((PROBE, replace(changed, packet_size=100)))
            await asyncio.sleep(0)
        before = len(seen.results)
        await cable.eventually(lambda: len(seen.results) >= before + 8)
        later.extend(seen.results[before:])

    seen = run(cable, (PROBE, changed, gone), scenario)
    assert [r.seq for r in seen.of("p4")] == list(range(1, len(seen.of("p4")) + 1))
    assert next(r.seq for r in later if r.name == "changed") == 1
    assert {r.name for r in later} == {"p4", "changed"}
    assert all(r.answered for r in seen.results)


@pytest.mark.parametrize(("where", "probe"), [(w, p) for w in "ab" for p in (PROBE, PROBE6)])
def test_only_the_full_size_probe_dies_when_large_packets_do_not_pass(cable: Any, where: str, probe: Probe) -> None:
    """At a the device refuses them, at b they vanish on the way."""
    large = replace(probe, name="large", packet_size=1500)

    async def scenario(_: ProbeRunner, seen: Seen) -> None:
        await cable.eventually(lambda: seen.last("large", 2) == [True, True])
        cable.ip("-n", getattr(cable, where), "link", "set", "c0", "mtu", "1400")
        await cable.eventually(lambda: seen.last("large", 4) == [False] * 4)
        assert len(seen.of(probe.name)) >= 4
        cable.ip("-n", getattr(cable, where), "link", "set", "c0", "mtu", "1500")
        await cable.eventually(lambda: seen.last("large", 2) == [True, True])

    seen = run(cable, (probe, large), scenario)
    assert [r for r in seen.of(probe.name) if not r.answered] == []


def test_a_request_that_cannot_leave_takes_no_answer_from_its_neighbour(cable: Any) -> None:
    cable.ip("-n", cable.a, "link", "set", "c0", "mtu", "1400")
    large = replace(PROBE, name="large", packet_size=1500)

    async def scenario(_: ProbeRunner, seen: Seen) -> None:
        hold_the_loop(PROBE.interval_ms * 0.8 / 1000)  # both are due now: the answer to one waits while the other fails
        await cable.eventually(lambda: len(seen.of("p4")) >= 2)

    seen = run(cable, (PROBE, large), scenario)
    assert seen.of("p4")[0].answered


@pytest.mark.parametrize("probe", [PROBE, PROBE6])
def test_a_source_address_that_vanishes_is_loss_until_it_returns(cable: Any, probe: Probe) -> None:
    address = f"{probe.source}/{64 if ':' in probe.source else 24}"
    other = "fd01::11/64" if ":" in probe.source else "10.1.0.11/24"

    async def scenario(_: ProbeRunner, seen: Seen) -> None:
        await cable.eventually(lambda: seen.last(probe.name, 2) == [True, True])
        cable.ip("-n", cable.a, "addr", "add", other, "dev", "c0", *(["nodad"] if ":" in other else []))
        cable.ip("-n", cable.a, "addr", "del", address, "dev", "c0")
        await cable.eventually(lambda: seen.last(probe.name, 3) == [False] * 3)
        cable.ip("-n", cable.a, "addr", "add", address, "dev", "c0", *(["nodad"] if ":" in address else []))
        await cable.eventually(lambda: seen.last(probe.name, 2) == [True, True])

    run(cable, (probe,), scenario)


def test_closing_ends_everything_even_from_within_a_result(cable: Any) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def whole() -> None:
        results: list[ProbeResult] = []
        runner = ProbeRunner((PROBE, PROBE6, replace(PROBE, name="other")), link_of, results.append)
        await cable.eventually(lambda: len(results) >= 6)
        runner.close()
        seen = len(results)
        assert descriptors() == before
        quiet = time.monotonic() + 0.15
        await cable.eventually(lambda: time.monotonic() > quiet)
        assert len(results) == seen

        stopped: list[ProbeResult] = []

        def stop(result: ProbeResult) -> None:
            stopped.append(result)
            if len(stopped) == 3:
                closing.close()

        closing = ProbeRunner((PROBE, PROBE6), link_of, stop)
        await cable.eventually(lambda: len(stopped) == 3)
        quiet = time.monotonic() + 0.15
        await cable.eventually(lambda: time.monotonic() > quiet)
        assert len(stopped) == 3
        assert descriptors() == before

    with cable.inside(cable.a):
        loop = asyncio.new_event_loop()
        try:
            before = descriptors()
            loop.run_until_complete(whole())
        finally:
            loop.close()


@contextlib.contextmanager
def slow_answers(bench: Any, delay_s: float) -> Iterator[None]:
    """Namespace b answers every request, but only after `delay_s`."""
    subprocess.run(["ip", "netns", "exec", bench.b, "sysctl", "-qw", "net.ipv4.icmp_echo_ignore_all=1"], check=True)
    with bench.inside(bench.b):
        opened = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    opened.settimeout(0.05)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                data, sender = opened.recvfrom(4096)
                if data[20] == 8 and not stop.wait(delay_s):
                    opened.sendto(forged_reply(data[24:]), sender)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        opened.close()


def forged_reply(body: bytes) -> bytes:
    """An echo reply with this identifier, sequence and payload."""
    identifier, sequence = struct.unpack_from("!HH", body)
    request = encode_request(4, identifier, sequence, body[4:])
    total = int.from_bytes(request[2:4], "big") + 0x0800  # the type goes from 8 to 0: the checksum grows by as much
    return b"\0" + request[1:2] + struct.pack("!H", (total & 0xFFFF) + (total >> 16)) + request[4:]


def test_a_request_that_left_late_gets_its_time_to_be_answered(cable: Any) -> None:
    probe = replace(PROBE, interval_ms=200)

    async def scenario(_: ProbeRunner, seen: Seen) -> None:
        hold_the_loop(0.17)  # the first request leaves 30 ms before the second one's slot
        await cable.eventually(lambda: len(seen.results) >= 2)

    with slow_answers(cable, 0.06):
        seen = run(cable, (probe,), scenario)
    assert [r.answered for r in seen.results] == [True, True]
    assert all(r.rtt_ms is not None and r.rtt_ms >= 60 for r in seen.results)


def test_slots_slept_through_are_neither_sent_in_a_burst_nor_counted(cable: Any) -> None:
    async def scenario(_: ProbeRunner, seen: Seen) -> None:
        await cable.eventually(lambda: len(seen.results) >= 2)
        hold_the_loop(0.5)
        await cable.eventually(lambda: len(seen.results) >= 6)

    seen = run(cable, (PROBE,), scenario)
    assert all(r.answered for r in seen.results)
    assert [r.seq for r in seen.results] == list(range(1, len(seen.results) + 1))
    steps = [later.at_ns - earlier.at_ns for earlier, later in zip(seen.results[3:], seen.results[4:], strict=False)]
    assert min(steps) > 20e6


def test_an_answer_behind_strangers_in_the_buffer_is_no_loss_for_a_late_loop(cable: Any) -> None:
    with cable.inside(cable.b):
        stranger = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    floods = 0

    def flooded(probe: Probe) -> str | None:
        """Before each request many foreign replies arrive, and after it the loop is busy for longer than a slot."""
        nonlocal floods
        floods += 1
        if floods in (2, 4):
            for number in range(200):
                stranger.sendto(forged_reply(struct.pack("!HH", 1, number)), ("10.1.0.1", 0))
            asyncio.get_running_loop().call_soon(hold_the_loop, 0.08)
        return probe.link

    async def scenario(_: ProbeRunner, seen: Seen) -> None:
        await cable.eventually(lambda: len(seen.results) >= 6)

    with stranger:
        seen = run(cable, (PROBE,), scenario, flooded)
    assert all(r.answered for r in seen.results)


def test_several_agents_on_one_machine_do_not_take_each_others_answers(cable: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("secrets.randbits", lambda _: 7)  # both runners begin with the same identifier
    nft(cable, cable.b, "add table inet cut", "add chain inet cut in { type filter hook input priority 0 ; }")
    nft(cable, cable.b, "add rule inet cut in ip length 100 drop")
    first, second = Seen(), Seen()

    async def whole() -> None:
        ours = ProbeRunner((PROBE,), link_of, first.results.append)
        theirs = ProbeRunner((replace(PROBE, packet_size=100),), link_of, second.results.append)
        await cable.eventually(lambda: min(len(first.results), len(second.results)) >= 5)
        ours.close()
        theirs.close()

    with cable.inside(cable.a):
        asyncio.run(whole())
    assert all(r.answered for r in first.results)
    assert not any(r.answered for r in second.results)
