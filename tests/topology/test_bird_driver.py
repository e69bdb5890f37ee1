"""BirdDriver against real BIRDs: a gateway and its VBR, in two network namespaces joined by one cable."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from twinspan.drivers.bird import BirdDriver
from twinspan.drivers.daemon import DaemonFailed
from twinspan.model.device_config import Bfd, Bgp, BgpPeer, DeviceConfig, NextHop, Originate, PrefixFilter, StaticRoute
from twinspan.model.device_report import BgpStatus, Event
from twinspan.model.kernel import BIRD_PROTOCOL
from twinspan.model.secret import Secret
from twinspan.wire.bird import export_switches, import_switches
from twinspan.wire.rtnetlink import RTMGRP_IPV4_ROUTE, RouteChanged, decode

pytestmark = pytest.mark.topology
KEY, OTHER_KEY = Secret("Vbr-Secret-1"), Secret("Vbr-Secret-2")
GOLDEN = Path(__file__).parents[1] / "golden" / "bird"
BFD = Bfd(min_tx_interval_ms=50, min_rx_interval_ms=50, detect_multiplier=3)


class Node:
    """One namespace with a BirdDriver; `driver` may be replaced as a new agent would."""

    def __init__(self, bench: Any, namespace: str, run_dir: Path, config: DeviceConfig) -> None:
        self.bench, self.namespace, self.run_dir, self.config = bench, namespace, run_dir, config
        self.events: list[Event] = []
        self.driver = self.new_driver()

    def new_driver(self) -> BirdDriver:
        return BirdDriver(self.run_dir, self.events.append, self.config.node)

    async def ensure(self, config: DeviceConfig | None = None) -> list[str]:
        self.config = config or self.config
        with self.bench.inside(self.namespace):
            return await self.driver.ensure(self.config, {})

    async def session(self) -> BgpStatus:
        return (await self.driver.observe(self.config))[0][0]

    async def established(self) -> bool:
        return (await self.session()).state == "Established"

    def kernel(self, family: str = "-4") -> set[str]:
        lines = self.bench.ip("-n", self.namespace, family, "route", "show", "proto", "bird").splitlines()
        return {line.split()[0] for line in lines}

    def saw(self, what: str) -> list[Event]:
        return [e for e in self.events if e.what == what]


def runs(pid: int) -> bool:
    """Whether the process has a program; one that has ended and is not yet reaped has none."""
    return Path(f"/proc/{pid}/exe").exists()


class Pair:
    def __init__(self, bench: Any, gateway: Node, vbr: Node) -> None:
        self.bench, self.gateway, self.vbr = bench, gateway, vbr

    async def up(self) -> None:
        await self.vbr.ensure()
        await self.gateway.ensure()
        await self.bench.eventually(self.gateway.established)
        await self.bench.eventually(self.vbr.established)

    @contextlib.contextmanager
    def watched(self, node: Node) -> Iterator[Callable[[], list[tuple[str, bool]]]]:
        """A function that gives every change of BIRD's routes in `node`'s kernel since: (prefix, added)."""
        with self.bench.inside(node.namespace):
            events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        seen: list[tuple[str, bool]] = []

        def changes() -> list[tuple[str, bool]]:
            with contextlib.suppress(BlockingIOError):
                while True:
                    found = decode(events.recv(65536, socket.MSG_DONTWAIT))
                    routes = [e for e in found if isinstance(e, RouteChanged) and e.protocol == BIRD_PROTOCOL]
                    seen.extend((route.prefix, route.added) for route in routes)
            return seen

        with events:
            events.bind((0, RTMGRP_IPV4_ROUTE))
            yield changes

    async def down(self) -> None:
        for node in (self.gateway, self.vbr):
            await node.driver.stop()
            await node.driver.close()


@pytest.fixture
def pair(bench: Any) -> Pair:
    for namespace, v4, v6 in ((bench.a, "10.0.0.2/30", "fd00::2/64"), (bench.b, "10.0.0.1/30", "fd00::1/64")):
        bench.ip("-n", namespace, "addr", "add", v4, "dev", "c0")
        bench.ip("-n", namespace, "addr", "add", v6, "dev", "c0", "nodad")
    run = bench.directory
    return Pair(bench, Node(bench, bench.a, run / "gw", gateway()), Node(bench, bench.b, run / "vbr", vbr()))


def with_peers(config: DeviceConfig, *peers: BgpPeer) -> DeviceConfig:
    return msgspec.structs.replace(config, bgp=msgspec.structs.replace(config.bgp, peers=peers))


def gateway(quota: int = 3, bfd: Bfd | None = BFD, pins: tuple[str, ...] = ("192.168.1.254/32",)) -> DeviceConfig:
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
        *(Originate(prefix=prefix, span="circuit-1", pinned=True) for prefix in pins),
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
    originate = (
        *(Originate(prefix=f"172.16.{i}.0/24", span="circuit-1") for i in range(networks)),
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
        await pair.bench.eventually(lambda: pair.gateway.kernel() == {"172.16.0.0/24", "172.16.1.0/24", "10.255.0.1"})
        assert pair.vbr.kernel() == {"192.168.1.0/24", "192.168.1.254"}
        assert await pair.gateway.ensure() == []
        await pair.bench.eventually(lambda: bool(pair.gateway.saw("BGP established")))
        assert pair.gateway.saw("BFD up")[0].detail == "10.0.0.1"
        assert 0 <= time.time_ns() - pair.gateway.saw("BGP established")[0].at_ns < 20e9
        await pair.down()
        assert pair.gateway.kernel() == set()

    asyncio.run(scenario())


def test_a_held_export_leaves_only_what_is_pinned_at_the_far_end(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up()
        await pair.bench.eventually(lambda: pair.vbr.kernel() == {"192.168.1.0/24", "192.168.1.254"})
        switches = export_switches(pair.gateway.config, "circuit-1")
        assert await pair.gateway.driver.set_held(dict.fromkeys(switches, True))
        assert await pair.gateway.driver.set_held(dict.fromkeys(switches, True)) == []
        await pair.bench.eventually(lambda: pair.vbr.kernel() == {"192.168.1.254"}, 1.0)
        status = await pair.gateway.session()
        assert (status.state, status.export_held, status.import_held) == ("Established", True, False)
        # Another configuration does not let go of the hold, not even for a moment or by the next agent.
        with pair.watched(pair.vbr) as changes:
            assert await pair.gateway.ensure(gateway(quota=4)) == ["bird reconfigured"]
            await pair.gateway.driver.close()
            pair.gateway.driver = pair.gateway.new_driver()
            config = gateway(quota=5, pins=("192.168.1.254/32", "192.168.1.253/32"))
            assert await pair.gateway.ensure(config) == ["bird reconfigured"]
            assert (await pair.gateway.session()).export_held
            # BGP keeps the order, so that whatever was announced before is here when this is.
            await pair.bench.eventually(lambda: "192.168.1.253" in pair.vbr.kernel(), 1.0)
            assert changes() == [("192.168.1.253/32", True)]
        await pair.gateway.ensure(gateway())
        await pair.gateway.driver.set_held(dict.fromkeys(switches, False))
        await pair.bench.eventually(lambda: pair.vbr.kernel() == {"192.168.1.0/24", "192.168.1.254"}, 1.0)
        await pair.down()

    asyncio.run(scenario())


def test_a_held_import_takes_the_routes_but_not_the_probe_address(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up()
        await pair.bench.eventually(lambda: pair.gateway.kernel() == {"172.16.0.0/24", "172.16.1.0/24", "10.255.0.1"})
        await pair.gateway.driver.set_held(dict.fromkeys(import_switches(pair.gateway.config, "circuit-1"), True))
        await pair.bench.eventually(lambda: pair.gateway.kernel() == {"10.255.0.1"}, 1.0)
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

        await pair.bench.eventually(full)
        await pair.vbr.ensure(vbr(networks=2))
        await pair.bench.eventually(room)
        await pair.down()

    asyncio.run(scenario())


def test_a_killed_bird_loses_its_kernel_routes_at_once_and_comes_back_held(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up()
        await pair.bench.eventually(lambda: pair.gateway.kernel() == {"172.16.0.0/24", "172.16.1.0/24", "10.255.0.1"})
        switches = export_switches(pair.gateway.config, "circuit-1")
        await pair.gateway.driver.set_held(dict.fromkeys(switches, True))
        await pair.bench.eventually(lambda: pair.vbr.kernel() == {"192.168.1.254"}, 1.0)
        pid = pair.gateway.driver.pid
        assert pid is not None
        with pair.bench.inside(pair.gateway.namespace):
            os.kill(pid, signal.SIGKILL)
            await pair.bench.eventually(lambda: bool(pair.gateway.saw("bird died")), 1.0)
        assert pair.gateway.kernel() == set()
        assert not pair.gateway.driver.alive
        assert (await pair.gateway.session()).last_error == "bird is not running"
        assert await pair.gateway.ensure() == ["bird restarted"]
        assert pair.gateway.driver.pid not in (pid, None)
        await pair.bench.eventually(pair.gateway.established)
        await pair.bench.eventually(lambda: pair.gateway.kernel() == {"172.16.0.0/24", "172.16.1.0/24", "10.255.0.1"})
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
        assert pid is not None
        await pair.down()
        assert not runs(pid)

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
        await pair.bench.eventually(lambda: bool(pair.gateway.saw("BGP down")), 2.0)
        os.kill(pid, signal.SIGCONT)
        bfd, bgp = pair.gateway.saw("BFD down")[0], pair.gateway.saw("BGP down")[0]
        assert bgp.detail == "vbr: BFD session down"
        assert 50e6 < bfd.at_ns - stopped_ns < 400e6
        assert bfd.at_ns <= bgp.at_ns
        await pair.down()

    asyncio.run(scenario())


def test_a_peer_that_says_nothing_is_given_up_after_the_hold_time_without_bfd(pair: Pair) -> None:
    async def scenario() -> None:
        slow = msgspec.structs.replace(gateway(bfd=None).bgp.peers[0], hold_time_s=3, keepalive_interval_s=1)
        pair.gateway.config = with_peers(gateway(), slow)
        pair.vbr.config = vbr(bfd=None)
        await pair.up()
        assert (await pair.gateway.driver.observe(pair.gateway.config))[1] == []
        pid = pair.vbr.driver.pid
        os.kill(pid, signal.SIGSTOP)
        await pair.bench.eventually(lambda: bool(pair.gateway.saw("BGP down")), 5.0)
        os.kill(pid, signal.SIGCONT)
        assert "old timer expired" in pair.gateway.saw("BGP down")[0].detail
        await pair.down()

    asyncio.run(scenario())


def test_a_wrong_key_keeps_the_session_down(pair: Pair) -> None:
    async def scenario() -> None:
        pair.gateway.config = with_peers(gateway(), msgspec.structs.replace(gateway().bgp.peers[0], auth_key=OTHER_KEY))
        await pair.vbr.ensure()
        await pair.gateway.ensure()
        with pytest.raises(AssertionError):
            await pair.bench.eventually(pair.gateway.established, 2.0)
        await pair.gateway.ensure(gateway())
        await pair.bench.eventually(pair.gateway.established)
        await pair.down()

    asyncio.run(scenario())


def test_of_two_spans_the_one_with_the_higher_local_preference_carries_and_the_other_takes_over(pair: Pair) -> None:
    async def scenario() -> None:
        for node, end in ((pair.gateway, 2), (pair.vbr, 1)):
            pair.bench.ip("-n", node.namespace, "addr", "add", f"10.0.1.{end}/30", "dev", "c0")
            second = msgspec.structs.replace(
                node.config.bgp.peers[0],
                name="vpn",
                span="vpn",
                local_pref=50,
                local_address=f"10.0.1.{end}",
                peer_address=f"10.0.1.{3 - end}",
            )
            node.config = with_peers(node.config, *node.config.bgp.peers, second)
        networks = (Originate(prefix="172.16.0.0/24"), Originate(prefix="10.255.0.1/32"))
        bgp = msgspec.structs.replace(pair.vbr.config.bgp, originate=networks)
        pair.vbr.config = msgspec.structs.replace(pair.vbr.config, bgp=bgp)
        await pair.up()

        def via() -> dict[str, str]:
            lines = pair.bench.ip("-n", pair.gateway.namespace, "route", "show", "proto", "bird").splitlines()
            return {line.split()[0]: line.split()[2] for line in lines}

        async def both() -> bool:
            sessions, _ = await pair.gateway.driver.observe(pair.gateway.config)
            return [s.state for s in sessions] == ["Established"] * 2 and sessions[1].imported == 2

        await pair.bench.eventually(both)
        await pair.bench.eventually(lambda: via() == {"172.16.0.0/24": "10.0.0.1", "10.255.0.1": "10.0.0.1"})
        await pair.gateway.driver.set_held(dict.fromkeys(import_switches(pair.gateway.config, "circuit-1"), True))
        await pair.bench.eventually(lambda: via() == {"172.16.0.0/24": "10.0.1.1", "10.255.0.1": "10.0.0.1"}, 1.0)
        sessions, _ = await pair.gateway.driver.observe(pair.gateway.config)
        assert [(s.span, s.import_held) for s in sessions] == [("circuit-1", True), ("vpn", False)]
        await pair.down()

    asyncio.run(scenario())


def test_ipv6_over_several_hops_comes_up_with_bfd_and_can_be_held(pair: Pair) -> None:
    async def scenario() -> None:
        for node, own, far in ((pair.gateway, 2, 1), (pair.vbr, 1, 2)):
            pair.bench.ip("-n", node.namespace, "addr", "add", f"fd01::{own}/128", "dev", "lo")
            pair.bench.ip("-n", node.namespace, "route", "add", f"fd01::{far}/128", "via", f"fd00::{far}")
            session = msgspec.structs.replace(
                node.config.bgp.peers[0],
                family="ipv6",
                local_address=f"fd01::{own}",
                peer_address=f"fd01::{far}",
                ebgp_multihop=2,
                bfd=msgspec.structs.replace(BFD, hop_count=2),
                import_filters=(PrefixFilter(prefix="2001:db8::/32", max_length=128),),
            )
            route = StaticRoute(prefix=f"fd01::{far}/128", next_hops=(NextHop(link="c0", via=f"fd00::{far}"),))
            node.config = msgspec.structs.replace(with_peers(node.config, session), routes=(route,))
        bgp = msgspec.structs.replace(
            pair.gateway.config.bgp,
            originate=(
                Originate(prefix="2001:db8:1::/48", span="circuit-1"),
                Originate(prefix="2001:db8:1::1/128", span="circuit-1", pinned=True),
            ),
        )
        pair.gateway.config = msgspec.structs.replace(pair.gateway.config, bgp=bgp)
        await pair.up()

        async def bfd_up() -> bool:
            _, bfd = await pair.gateway.driver.observe(pair.gateway.config)
            return [(b.peer_address, b.state) for b in bfd] == [("fd01::1", "Up")]

        await pair.bench.eventually(bfd_up)
        await pair.bench.eventually(lambda: pair.vbr.kernel("-6") == {"2001:db8:1::/48", "2001:db8:1::1"})
        await pair.gateway.driver.set_held(dict.fromkeys(export_switches(pair.gateway.config, "circuit-1"), True))
        await pair.bench.eventually(lambda: pair.vbr.kernel("-6") == {"2001:db8:1::1"}, 1.0)
        await pair.down()

    asyncio.run(scenario())


def test_a_bird_that_hangs_delays_nobody_and_its_holds_are_made_up_for(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up()
        pid = pair.gateway.driver.pid
        assert pid is not None
        switches = dict.fromkeys(export_switches(pair.gateway.config, "circuit-1"), True)
        os.kill(pid, signal.SIGSTOP)
        asked = time.monotonic()
        assert await pair.gateway.driver.set_held(switches) == []
        assert time.monotonic() - asked < 2.0
        assert pair.gateway.saw("bird does not answer")
        assert "does not answer" in (await pair.gateway.session()).last_error
        os.kill(pid, signal.SIGCONT)
        await pair.bench.eventually(pair.gateway.established)
        assert len(await pair.gateway.driver.set_held(switches)) == 2
        await pair.bench.eventually(lambda: pair.vbr.kernel() == {"192.168.1.254"})
        await pair.down()

    asyncio.run(scenario())


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*/bird.conf")), ids=lambda path: path.parent.name)
def test_bird_reads_every_golden_configuration(path: Path) -> None:
    done = subprocess.run(["bird", "-p", "-c", str(path)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_events_are_seen_across_the_rotation_of_the_log(pair: Pair) -> None:
    async def scenario() -> None:
        log = pair.gateway.run_dir / "bird.log"
        log.parent.mkdir()
        log.write_bytes(b"x" * 999_000 + b"\n")  # BIRD renames it when it has said a thousand bytes more
        await pair.up()
        await pair.gateway.driver.restart_session("vbr")
        await pair.bench.eventually(lambda: len(pair.gateway.saw("BGP established")) == 2)
        assert log.with_name("bird.log.old").exists()
        assert log.stat().st_size < 100_000
        await pair.down()

    asyncio.run(scenario())
