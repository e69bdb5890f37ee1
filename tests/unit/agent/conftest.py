"""A node's agent with nothing real below it: a kernel and daemons in memory, and a config small enough to read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from twinspan.agent.alarms import AlarmBook
from twinspan.agent.converge import Converger
from twinspan.agent.events import EventLog
from twinspan.agent.failover_loop import FailoverLoop
from twinspan.agent.journal import Journal
from twinspan.agent.world import World
from twinspan.drivers.netlink import NetlinkFailed
from twinspan.engine.reconcile import Step
from twinspan.model.device_config import DeviceConfig, Link, NextHop, StaticRoute
from twinspan.model.device_report import BgpStatus
from twinspan.model.kernel import KernelLink, KernelRoute, KernelState

CONFIG = DeviceConfig(
    node="n1",
    role="gateway",
    site="s",
    links=(Link(name="eth0", addresses=("10.0.0.2/30",)),),
    routes=(StaticRoute(prefix="10.9.0.0/16", next_hops=(NextHop(link="eth0", via="10.0.0.1"),)),),
)


class FakeKernel:
    """Carries steps out in memory. `during_look` runs while a look is being taken."""

    def __init__(self) -> None:
        link = KernelLink(name="eth0", admin_up=True, carrier=True, mtu=1500)
        self.state = KernelState(links={"eth0": link})
        self.bgp: frozenset[KernelRoute] = frozenset()
        self.applied: list[Step] = []
        self.refusal = ""
        self.during_look: Callable[[], None] = lambda: None

    async def observe(self) -> tuple[KernelState, frozenset[KernelRoute]]:
        state = self.state
        await asyncio.sleep(0)
        self.during_look()
        return state, self.bgp

    async def set_link(self, name: str, *, up: bool) -> None:
        if self.refusal:
            raise NetlinkFailed(self.refusal)
        links = {**self.state.links, name: replace(self.state.links[name], admin_up=up)}
        self.state = replace(self.state, links=links)

    async def apply(self, steps: Iterable[Step]) -> None:
        await asyncio.sleep(0)
        if self.refusal:
            raise NetlinkFailed(self.refusal)
        for step in steps:
            self.applied.append(step)
            self._carry_out(step)

    def _carry_out(self, step: Step) -> None:
        routes = {r.key(): r for r in self.state.routes}
        links = dict(self.state.links)
        if step.verb == "route_replace" and step.route:
            routes[step.route.key()] = step.route
        elif step.verb == "route_del" and step.route:
            del routes[step.route.key()]
        elif step.link and step.value and step.verb.startswith("address"):
            addresses = links[step.link].addresses
            changed = addresses | {step.value} if step.verb == "address_add" else addresses - {step.value}
            links[step.link] = replace(links[step.link], addresses=changed)
        elif step.verb in {"link_up", "link_down"} and step.link:
            links[step.link] = replace(links[step.link], admin_up=step.verb == "link_up")
        self.state = replace(self.state, routes=frozenset(routes.values()), links=links)


class FakePart:
    """Any other driver: says what it was told to say, counts, fails on demand."""

    def __init__(self) -> None:
        self.says: list[str] = []
        self.fails: Exception | None = None
        self.asked = 0
        self.found: dict[str, str] = {}
        self.sessions: list[BgpStatus] = []
        self.held: dict[str, bool] = {}
        self.during: Callable[[], Awaitable[None]] | None = None

    async def ensure(self, *_: object) -> list[str]:
        self.asked += 1
        if self.during is not None:
            await self.during()
        if self.fails is not None:
            raise self.fails
        said, self.says = self.says, []
        return said

    def devices(self) -> dict[str, str]:
        return self.found

    async def observe(self, _: DeviceConfig) -> tuple[list[BgpStatus], list[object]]:
        return self.sessions, []

    async def set_held(self, protocols: Mapping[str, bool]) -> list[str]:
        changed = [name for name, held in protocols.items() if self.held.get(name, False) != held]
        self.held.update(protocols)
        return changed

    def update(self, probes: object) -> None:
        self.asked += 1


class Desk:
    """Everything of one agent, wired as `agent.node` does it."""

    def __init__(self, directory: Path) -> None:
        self.kernel = FakeKernel()
        parts = ("vlan", "nftables", "bird", "strongswan", "dnsmasq", "dhcp_client", "probes")
        self.drivers = SimpleNamespace(netlink=self.kernel, **{name: FakePart() for name in parts})
        self.events = EventLog("n1")
        self.alarms = AlarmBook(self.events)
        self.world = World({1: "eth0", 2: "eth1", 7: "ipsec0"}.get)
        self.journal = Journal(directory)
        self.failover = FailoverLoop(self.world, self.kernel, self.drivers.bird, self.events, self.alarms)
        self.converger = Converger(self.world, self.drivers, self.failover, self.journal, (self.events, self.alarms))

    async def settle(self, config: DeviceConfig = CONFIG, passes: int = 4) -> None:
        self.converger.set_config(config)
        for _ in range(passes):
            await self.converger.look_over(config)

    def told(self, source: str) -> list[tuple[str, str]]:
        return [(e.what, e.detail) for e in self.events.since(0) if e.source == source]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def config() -> DeviceConfig:
    return CONFIG


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    return _eventually


async def _eventually(what: Callable[[], bool], deadline_s: float = 3.0) -> None:
    """Wait until `what()` is true."""
    end = time.monotonic() + deadline_s
    while not what():
        assert time.monotonic() < end, "not in time"
        await asyncio.sleep(0.005)
