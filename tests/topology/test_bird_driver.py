"""BirdDriver against real BIRDs: a gateway and its VBR, in two network namespaces joined by one cable."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from twinspan.drivers.bird import BirdDriver
from twinspan.drivers.daemon import DaemonFailed
from twinspan.model.device_config import Bfd, Bgp, BgpPeer, DeviceConfig, Originate, PrefixFilter
from twinspan.model.device_report import BgpStatus, Event
from twinspan.model.secret import Secret
from twinspan.wire.bird import export_switches, import_switches

pytestmark = pytest.mark.topology
_libc = ctypes.CDLL(None, use_errno=True)
KEY = Secret("Vbr-Secret-1")
BFD = Bfd(min_tx_interval_ms=50, min_rx_interval_ms=50, detect_multiplier=3)


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """The process's main thread, and what it starts, in the namespace."""
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/var/run/netns/{namespace}", os.O_RDONLY)
    try:
        assert _libc.setns(there, 0) == 0
        yield
    finally:
        assert _libc.setns(before, 0) == 0
        os.close(before)
        os.close(there)


def ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


async def eventually(what: Callable[[], Awaitable[bool]], deadline_s: float = 10.0) -> None:
    end = time.monotonic() + deadline_s
    while not await what():
        assert time.monotonic() < end, f"not within {deadline_s} s"
        await asyncio.sleep(0.03)


class Node:
    """One namespace with a BirdDriver; `driver` may be replaced as a new agent would."""

    def __init__(self, namespace: str, run_dir: Path, config: DeviceConfig) -> None:
        self.namespace, self.run_dir, self.config = namespace, run_dir, config
        self.events: list[Event] = []
        self.driver = self.new_driver()

    def new_driver(self) -> BirdDriver:
        return BirdDriver(self.run_dir, self.events.append, self.config.node)

    async def ensure(self, config: DeviceConfig | None = None) -> list[str]:
        self.config = config or self.config
        with inside(self.namespace):
            return await self.driver.ensure(self.config, {})

    async def session(self) -> BgpStatus:
        return (await self.driver.observe(self.config))[0][0]

    async def established(self) -> bool:
        return (await self.session()).state == "Established"

    def kernel(self, family: str = "-4") -> set[str]:
        lines = ip("-n", self.namespace, family, "route", "show", "proto", "bird").splitlines()
        return {line.split()[0] for line in lines}

    def saw(self, what: str) -> list[Event]:
        return [e for e in self.events if e.what == what]


class Pair:
    def __init__(self, gateway: Node, vbr: Node) -> None:
        self.gateway, self.vbr = gateway, vbr

    async def up(self) -> None:
        await self.vbr.ensure()
        await self.gateway.ensure()
        await eventually(self.gateway.established)
        await eventually(self.vbr.established)

    async def down(self) -> None:
        for node in (self.gateway, self.vbr):
            await node.driver.stop()
            await node.driver.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    a, b = (f"tst-{os.getpid()}-{x}" for x in "ab")
    run = Path(tempfile.mkdtemp(prefix="tst-", dir="/tmp"))
    try:
        for namespace in (a, b):
            ip("netns", "add", namespace)
            ip("-n", namespace, "link", "set", "lo", "up")
        ip("-n", a, "link", "add", "c0", "type", "veth", "peer", "name", "c0", "netns", b)
        for namespace, v4, v6 in ((a, "10.0.0.2/30", "fd00::2/64"), (b, "10.0.0.1/30", "fd00::1/64")):
            ip("-n", namespace, "addr", "add", v4, "dev", "c0")
            ip("-n", namespace, "addr", "add", v6, "dev", "c0", "nodad")
            ip("-n", namespace, "link", "set", "c0", "up")
        yield Pair(Node(a, run / "gw", gateway()), Node(b, run / "vbr", vbr()))
    finally:
        for namespace in (a, b):
            for pid in subprocess.run(
                ["ip", "netns", "pids", namespace], capture_output=True, text=True
            ).stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True)
        shutil.rmtree(run, ignore_errors=True)


def gateway(quota: int | None = 3, bfd: Bfd | None = BFD) -> DeviceConfig:
    peer = BgpPeer(
        name="vbr",
        local_address="10.0.0.2",
        peer_address="10.0.0.1",
        local_asn=65001,
        peer_asn=45104,
        link="c0",
        span="circuit-1",
        auth_key=KEY,
        bfd=bfd,
        import_filters=(
            PrefixFilter(prefix="172.16.0.0/12", max_length=24),
            PrefixFilter(prefix="10.255.0.1/32", pinned=True),
        ),
        import_limit=quota,
    )
    originate = (
        Originate(prefix="192.168.1.0/24", span="circuit-1"),
        Originate(prefix="192.168.1.254/32", span="circuit-1", pinned=True),
    )
    bgp = Bgp(router_id="1.1.1.1", asn=65001, peers=(peer,), originate=originate)
    return DeviceConfig(node="gw", role="gateway", site="s", bgp=bgp)


def vbr(networks: int = 2, bfd: Bfd | None = BFD) -> DeviceConfig:
    peer = BgpPeer(
        name="gw",
        local_address="10.0.0.1",
        peer_address="10.0.0.2",
        local_asn=45104,
        peer_asn=65001,
        link="c0",
        span="circuit-1",
        auth_key=KEY,
        bfd=bfd,
        import_filters=(PrefixFilter(prefix="192.168.0.0/16", max_length=32),),
    )
    originate = tuple(Originate(prefix=f"172.16.{i}.0/24", span="circuit-1") for i in range(networks)) + (
        Originate(prefix="10.255.0.1/32"),
        Originate(prefix="10.66.0.0/16"),
    )
    bgp = Bgp(router_id="2.2.2.2", asn=45104, peers=(peer,), originate=originate)
    return DeviceConfig(node="vbr", role="vbr", site="s", bgp=bgp)


def test_a_session_with_key_and_bfd_comes_up_and_filters_what_it_takes(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up()
        _, bfd = await pair.gateway.driver.observe(pair.gateway.config)
        assert [(b.peer_address, b.state, b.interval_ms, b.detect_ms) for b in bfd] == [("10.0.0.1", "Up", 50, 150)]
        await eventually(lambda: _is(pair.gateway.kernel, {"172.16.0.0/24", "172.16.1.0/24", "10.255.0.1"}))
        assert pair.vbr.kernel() == {"192.168.1.0/24", "192.168.1.254"}
        assert await pair.gateway.ensure() == []
        await eventually(lambda: _true(lambda: bool(pair.gateway.saw("BGP established"))))
        assert pair.gateway.saw("BFD up")[0].detail == "10.0.0.1"
        assert 0 <= time.time_ns() - pair.gateway.saw("BGP established")[0].at_ns < 20e9
        await pair.down()
        assert pair.gateway.kernel() == set()

    asyncio.run(scenario())


async def _is(look: Callable[[], set[str]], expected: set[str]) -> bool:
    return look() == expected


async def _true(look: Callable[[], bool]) -> bool:
    return look()


def test_a_held_export_leaves_only_what_is_pinned_at_the_far_end(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up()
        await eventually(lambda: _is(pair.vbr.kernel, {"192.168.1.0/24", "192.168.1.254"}))
        switches = export_switches(pair.gateway.config, "circuit-1")
        assert await pair.gateway.driver.set_held(dict.fromkeys(switches, True))
        assert await pair.gateway.driver.set_held(dict.fromkeys(switches, True)) == []
        await eventually(lambda: _is(pair.vbr.kernel, {"192.168.1.254"}), 1.0)
        status = await pair.gateway.session()
        assert (status.state, status.export_held, status.import_held) == ("Established", True, False)
        # Another configuration does not let go of the hold.
        assert await pair.gateway.ensure(gateway(quota=4)) == ["bird reconfigured"]
        assert pair.vbr.kernel() == {"192.168.1.254"}
        await pair.gateway.driver.set_held(dict.fromkeys(switches, False))
        await eventually(lambda: _is(pair.vbr.kernel, {"192.168.1.0/24", "192.168.1.254"}), 1.0)
        await pair.down()

    asyncio.run(scenario())


def test_a_held_import_takes_the_routes_but_not_the_probe_address(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up()
        await eventually(lambda: _is(pair.gateway.kernel, {"172.16.0.0/24", "172.16.1.0/24", "10.255.0.1"}))
        await pair.gateway.driver.set_held(dict.fromkeys(import_switches(pair.gateway.config, "circuit-1"), True))
        await eventually(lambda: _is(pair.gateway.kernel, {"10.255.0.1"}), 1.0)
        assert (await pair.gateway.session()).import_held
        await pair.down()

    asyncio.run(scenario())


def test_routes_over_the_quota_are_dropped_and_taken_when_there_is_room(pair: Pair) -> None:
    async def scenario() -> None:
        pair.vbr.config = vbr(networks=6)
        await pair.up()

        async def counted() -> tuple[int, int]:
            status = await pair.gateway.session()
            assert status.state == "Established"
            return status.imported, status.dropped

        async def full() -> bool:
            return await counted() == (3, 4)

        async def room() -> bool:
            await pair.gateway.ensure()
            return await counted() == (3, 0)

        await eventually(full)
        await pair.vbr.ensure(vbr(networks=2))
        await eventually(room)
        await pair.down()

    asyncio.run(scenario())


def test_a_killed_bird_loses_its_kernel_routes_at_once_and_comes_back_held(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up()
        await eventually(lambda: _is(pair.gateway.kernel, {"172.16.0.0/24", "172.16.1.0/24", "10.255.0.1"}))
        switches = export_switches(pair.gateway.config, "circuit-1")
        await pair.gateway.driver.set_held(dict.fromkeys(switches, True))
        await eventually(lambda: _is(pair.vbr.kernel, {"192.168.1.254"}), 1.0)
        pid = pair.gateway.driver.pid
        assert pid is not None
        with inside(pair.gateway.namespace):
            os.kill(pid, signal.SIGKILL)
            await eventually(lambda: _true(lambda: bool(pair.gateway.saw("bird died"))), 1.0)
        assert pair.gateway.kernel() == set()
        assert not pair.gateway.driver.alive
        assert (await pair.gateway.session()).last_error == "bird is not running"
        assert await pair.gateway.ensure() == ["bird restarted"]
        assert pair.gateway.driver.pid not in (pid, None)
        await eventually(pair.gateway.established)
        await eventually(lambda: _is(pair.gateway.kernel, {"172.16.0.0/24", "172.16.1.0/24", "10.255.0.1"}))
        assert pair.vbr.kernel() == {"192.168.1.254"}
        assert pair.gateway.driver.daemons()[0].restarts == 1
        await pair.down()

    asyncio.run(scenario())


def test_the_next_agent_adopts_the_running_bird_and_changes_nothing(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up()
        pid = pair.gateway.driver.pid
        await pair.gateway.driver.close()
        (pair.gateway.run_dir / "bird.pid").unlink()  # killed before it wrote that
        pair.gateway.driver = pair.gateway.new_driver()
        assert await pair.gateway.ensure() == []
        assert pair.gateway.driver.pid == pid
        assert await pair.gateway.established()
        await pair.down()
        assert not Path(f"/proc/{pid}/cwd").exists()

    asyncio.run(scenario())


def test_a_configuration_that_bird_cannot_read_replaces_nothing(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up()
        good = pair.gateway.config
        assert good.bgp is not None
        broken = Bgp(router_id="not an address", asn=65001, peers=good.bgp.peers)
        with pytest.raises(DaemonFailed, match="cannot read its new configuration") as failed:
            await pair.gateway.ensure(DeviceConfig(node="gw", role="gateway", site="s", bgp=broken))
        assert KEY.reveal() not in str(failed.value)
        assert await pair.gateway.ensure(good) == []
        assert await pair.gateway.established()
        await pair.down()

    asyncio.run(scenario())


def test_a_silent_peer_is_reported_down_by_bfd_first_and_then_by_bgp_with_the_reason(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up()
        pid = pair.vbr.driver.pid
        assert pid is not None
        stopped_ns = time.time_ns()
        os.kill(pid, signal.SIGSTOP)
        await eventually(lambda: _true(lambda: bool(pair.gateway.saw("BGP down"))), 2.0)
        os.kill(pid, signal.SIGCONT)
        bfd, bgp = pair.gateway.saw("BFD down")[0], pair.gateway.saw("BGP down")[0]
        assert bgp.detail == "vbr: BFD session down"
        assert 50e6 < bfd.at_ns - stopped_ns < 400e6
        assert bfd.at_ns <= bgp.at_ns
        await pair.down()

    asyncio.run(scenario())


def test_events_are_seen_across_the_rotation_of_the_log(pair: Pair) -> None:
    async def scenario() -> None:
        log = pair.gateway.run_dir / "bird.log"
        log.parent.mkdir()
        log.write_bytes(b"x" * 999_000 + b"\n")  # BIRD renames it when it has said a thousand bytes more
        await pair.up()
        await pair.gateway.driver.restart_session("vbr")
        await eventually(lambda: _true(lambda: len(pair.gateway.saw("BGP established")) == 2))
        assert log.with_name("bird.log.old").exists()
        assert log.stat().st_size < 100_000
        await pair.down()

    asyncio.run(scenario())
