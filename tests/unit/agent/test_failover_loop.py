"""How decisions reach routes and BIRD: health checks from what is known, never from an event that may be missed."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from twinspan.agent import failover_loop
from twinspan.drivers.netlink import NetlinkFailed
from twinspan.engine.health import ProbeState
from twinspan.model.device_config import (
    Failover,
    FailoverSpan,
    HealthCheck,
    NextHop,
    Probe,
    RouteTable,
    SpanProbe,
    StaticRoute,
)
from twinspan.model.kernel import KernelLink, KernelRoute, KernelState

PROBE = Probe(name="hc", source="10.0.0.2", destination="10.0.0.1", link="eth0")
SWITCHES = {"circuit": ("in_circuit4",)}


def checked(config, *, change_route: bool = True):
    check = HealthCheck(name="vbr", probe="hc", span="circuit", change_route=change_route)
    return replace(config, probes=(PROBE,), health_checks=(check,))


async def step(desk, config, *, health: str | None = None, held: frozenset[str] = frozenset()):
    if health is not None:
        desk.world.probes["hc"] = ProbeState(health=health)
    desk.failover.configure(config, {}, SWITCHES, held=(frozenset(), held))
    await desk.failover._step()
    return desk.drivers.bird.held.get("in_circuit4", False)


def test_a_failed_health_check_holds_the_import_and_a_healthy_one_releases_it(desk, config):
    assert asyncio.run(step(desk, checked(config), health="down"))
    assert not asyncio.run(step(desk, checked(config), health="up"))


def test_a_health_check_with_change_route_off_never_holds(desk, config):
    watching = checked(config, change_route=False)
    assert not asyncio.run(step(desk, watching, health="down", held=frozenset({"circuit"})))
    assert desk.failover.import_held == frozenset()


def test_a_hold_of_an_earlier_agent_stays_until_the_probe_says_something(desk, config):
    assert asyncio.run(step(desk, checked(config), held=frozenset({"circuit"})))
    assert asyncio.run(step(desk, checked(config), health="unknown"))
    assert not asyncio.run(step(desk, checked(config), health="up"))


def test_change_route_switched_on_while_the_probe_is_dead_holds_at_once(desk, config):
    assert not asyncio.run(step(desk, checked(config, change_route=False), health="down"))
    assert asyncio.run(step(desk, checked(config)))


def test_a_hold_ends_with_the_health_check_that_wanted_it(desk, config):
    assert asyncio.run(step(desk, checked(config), health="down"))
    assert not asyncio.run(step(desk, replace(checked(config), health_checks=())))


def test_a_dead_tracked_probe_moves_a_static_route_without_any_failover_policy(desk, config):
    hops = (NextHop(link="eth0", track="hc"), NextHop(link="eth1"))
    tracked = replace(config, probes=(PROBE,), routes=(StaticRoute(prefix="10.9.0.0/16", next_hops=hops),))

    async def scenario():
        links = {n: KernelLink(name=n, admin_up=True, carrier=True, mtu=1500) for n in ("eth0", "eth1")}
        desk.world.set_kernel(KernelState(links=links), frozenset())
        await step(desk, tracked, health="up")
        before = desk.world.kernel.routes
        await step(desk, tracked, health="down")
        return before

    assert asyncio.run(scenario()) == {KernelRoute(prefix="10.9.0.0/16", device="eth0")}
    assert desk.world.kernel.routes == {KernelRoute(prefix="10.9.0.0/16", device="eth1")}


def test_the_fast_path_waits_for_a_change_in_progress_and_plans_after_it(desk, config):
    async def scenario():
        links = {"eth0": KernelLink(name="eth0", admin_up=True, carrier=True, mtu=1500)}
        desk.world.set_kernel(KernelState(links=links), frozenset())
        desk.failover.configure(config, {}, {}, held=(frozenset(), frozenset()))
        async with desk.world.changing:
            running = asyncio.create_task(desk.failover.sync_routes())
            await asyncio.sleep(0.01)
            assert desk.kernel.applied == []
            route = KernelRoute(prefix="10.9.0.0/16", device="eth0", via="10.0.0.1")
            desk.world.kernel = replace(desk.world.kernel, routes=frozenset({route}))
        await running

    asyncio.run(scenario())
    assert desk.kernel.applied == []


def test_a_refusing_kernel_is_said_and_looked_at_again(desk, config, eventually):
    asked = []

    async def scenario():
        links = {"eth0": KernelLink(name="eth0", admin_up=True, carrier=True, mtu=1500)}
        desk.world.set_kernel(KernelState(links=links), frozenset())
        desk.kernel.refusal = "RTNETLINK answers: No such process"
        desk.failover.on_trouble = lambda: asked.append(1)
        desk.failover.configure(config, {}, {}, held=(frozenset(), frozenset()))
        running = asyncio.create_task(desk.failover.run())
        await eventually(lambda: bool(asked))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(scenario())
    assert ("could not carry out", "RTNETLINK answers: No such process") in desk.told("failover")


def test_a_refused_route_does_not_keep_the_far_end_from_moving(desk, config):
    spans = (
        FailoverSpan(name="circuit", role="active", probes=(SpanProbe(probe="hc", target="far"),)),
        FailoverSpan(name="vpn", role="standby", next_hops=(NextHop(link="eth1"),)),
    )
    policy = Failover(spans=spans, prefixes=("172.16.0.0/12",))
    config = replace(config, tables=(RouteTable(name="override", table_id=1000),), failover=policy)

    async def scenario():
        links = {n: KernelLink(name=n, admin_up=True, carrier=True, mtu=1500) for n in ("eth0", "eth1")}
        desk.world.set_kernel(KernelState(links=links), frozenset())
        desk.world.probes["hc"] = ProbeState(health="down")
        desk.failover.configure(config, {"circuit": ("out_circuit4",)}, {}, held=(frozenset(), frozenset()))
        desk.kernel.refusal = "a route of protocol 99 has that place"
        with pytest.raises(NetlinkFailed, match="protocol 99"):
            await desk.failover._step()

    asyncio.run(scenario())
    assert desk.failover.decision.override_onto == "vpn"
    assert desk.drivers.bird.held == {"out_circuit4": True}


async def troubled(desk, config, until) -> list[int]:
    """The loop beside a kernel that refuses; how often somebody was asked to look."""
    asked: list[int] = []
    links = {"eth0": KernelLink(name="eth0", admin_up=True, carrier=True, mtu=1500)}
    desk.world.set_kernel(KernelState(links=links), frozenset())
    desk.kernel.refusal = "File exists"
    desk.failover.on_trouble = lambda: asked.append(1)
    desk.failover.configure(config, {}, {}, held=(frozenset(), frozenset()))
    running = asyncio.create_task(desk.failover.run())
    await until(asked)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    return asked


def test_what_stays_refused_is_tried_again_and_said_once(desk, config, eventually, monkeypatch):
    monkeypatch.setattr(failover_loop, "RETRY_S", 0.01)
    monkeypatch.setattr(failover_loop, "RETRY_MAX_S", 0.02)

    async def until(asked):
        await eventually(lambda: len(asked) >= 3)
        desk.kernel.refusal = ""
        await eventually(lambda: bool(desk.kernel.applied))
        desk.kernel.refusal, desk.world.kernel = "File exists", replace(desk.world.kernel, routes=frozenset())
        desk.failover.wake()
        await eventually(lambda: len(desk.told("failover")) >= 2)

    asyncio.run(troubled(desk, config, until))
    assert desk.told("failover") == [("could not carry out", "File exists")] * 2


def test_a_refusal_neither_spins_nor_keeps_the_loop_from_hearing(desk, config, eventually, monkeypatch):
    monkeypatch.setattr(failover_loop, "RETRY_S", 60.0)
    tries = []
    carry_out = desk.kernel.apply

    async def counted(steps):
        tries.append(1)
        await carry_out(steps)

    desk.kernel.apply = counted

    async def until(asked):
        for number in range(1, 6):
            desk.failover.wake()
            await eventually(lambda wanted=number: len(tries) >= wanted, 1.0)

    assert asyncio.run(troubled(desk, config, until)) == [1]
