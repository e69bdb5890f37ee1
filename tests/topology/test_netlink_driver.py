"""NetlinkDriver and NetlinkMonitor against a kernel: what is applied is what is seen again, and foreign things stay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from twinspan.drivers import netlink
from twinspan.drivers.command import Finished, run_command
from twinspan.drivers.netlink import NetlinkDriver, NetlinkFailed, NetlinkMonitor
from twinspan.engine.reconcile import Step, plan
from twinspan.model.kernel import KernelLink, KernelRoute, KernelRule, KernelState
from twinspan.wire.rtnetlink import LinkChanged, RouteChanged

pytestmark = pytest.mark.topology

LINK = KernelLink(
    name="c0", admin_up=True, carrier=True, mtu=1400, addresses=frozenset({"10.1.0.1/24", "fd01::1/64", "10.3.0.1/32"})
)
ROUTES = frozenset(
    {
        KernelRoute(prefix="10.9.0.0/16", device="c0", via="10.1.0.2"),
        KernelRoute(prefix="10.9.0.0/16", device="c0", via="10.1.0.3", metric=4_278_190_080),
        KernelRoute(prefix="10.9.9.9/32", device="c0", table_id=1000),
        KernelRoute(prefix="0.0.0.0/0", table_id=1000, metric=4_278_190_079),
        KernelRoute(prefix="0.0.0.0/0", device="c0", via="10.1.0.2", table_id=1000),
        KernelRoute(prefix="10.8.0.0/16", metric=50),
        KernelRoute(prefix="fd09::/32", device="c0", via="fd01::2", metric=1024),
        KernelRoute(prefix="fd09::9/128", device="c0", table_id=1000, metric=1024),
        KernelRoute(prefix="::/0", table_id=1000, metric=4_278_190_079),
        KernelRoute(prefix="fd08::/32", metric=50),
    }
)
RULES = frozenset(
    {
        KernelRule(priority=1000, table_id=1000),
        KernelRule(priority=1000, table_id=1000, family="ipv6"),
        KernelRule(priority=1001, table_id=1000, source="10.1.0.0/24"),
        KernelRule(priority=1002, table_id=1000, source="10.1.0.7"),
        KernelRule(priority=1003, table_id=1000, source="fd01::/64", family="ipv6"),
        KernelRule(priority=1004, table_id=1000, source="fd01::7", family="ipv6"),
        KernelRule(priority=1005, table_id=254, source="10.1.0.8"),
    }
)
WANTED = KernelState(links={"c0": LINK}, routes=ROUTES, rules=RULES, forwarding=True)


def inside(bench: Any, work: Callable[[NetlinkDriver], Awaitable[None]]) -> None:
    with bench.inside(bench.a):
        asyncio.run(_coroutine(work))


async def _coroutine(work: Callable[[NetlinkDriver], Awaitable[None]]) -> None:
    await work(NetlinkDriver())


async def until_applied(driver: NetlinkDriver, want: KernelState = WANTED) -> tuple[Step, ...]:
    """Apply what is missing; what is missing then."""
    have, _ = await driver.observe()
    await driver.apply(plan(want, have, frozenset({("c0", "10.3.0.1/32")})))
    have, _ = await driver.observe()
    return plan(want, have, frozenset({("c0", "10.3.0.1/32")}))


def test_what_is_applied_is_observed_again(bench: Any) -> None:
    async def work(driver: NetlinkDriver) -> None:
        await bench_settles(driver)
        assert await until_applied(driver) == ()
        have, bgp = await driver.observe()
        assert have.links["c0"] == LINK
        assert (have.routes, have.rules, have.forwarding, bgp) == (ROUTES, RULES, True, frozenset())

    async def bench_settles(driver: NetlinkDriver) -> None:
        async def carrier() -> bool:
            have, _ = await driver.observe()
            return have.links["c0"].carrier

        await bench.eventually(carrier)

    inside(bench, work)


def test_what_is_no_longer_wanted_is_taken_away_and_nothing_else(bench: Any) -> None:
    foreign = ["10.7.0.0/16 via 10.1.0.2 dev c0 metric 9", "unreachable 10.6.0.0/16"]

    def others() -> tuple[str, ...]:
        shown = [bench.ip("-n", bench.a, *f, "route", "show", "table", "all") for f in ([], ["-6"])]
        shown += [bench.ip("-n", bench.a, *f, "rule", "show") for f in ([], ["-6"])]
        return tuple(line for text in shown for line in text.splitlines() if "proto 84" not in line)

    async def work(driver: NetlinkDriver) -> None:
        bench.ip("-n", bench.a, "addr", "add", "10.1.0.1/24", "dev", "c0")
        bench.ip("-n", bench.a, "addr", "add", "fd01::1/64", "dev", "c0", "nodad")
        for route in foreign:
            bench.ip("-n", bench.a, "route", "add", *route.split())
        bench.ip("-n", bench.a, "-6", "route", "add", "fd07::/32", "via", "fd01::2", "proto", "12")
        bench.ip("-n", bench.a, "rule", "add", "priority", "1000", "from", "10.1.0.0/24", "lookup", "1000")
        bench.ip("-n", bench.a, "-6", "rule", "add", "priority", "1000", "lookup", "1000")
        before = others()
        assert await until_applied(driver) == ()
        bare = KernelState(
            links={"c0": KernelLink(name="c0", admin_up=True, carrier=True, mtu=1400, addresses=frozenset())}
        )
        assert await until_applied(driver, bare) == ()
        have, bgp = await driver.observe()
        assert (have.routes, have.rules, have.forwarding) == (frozenset(), frozenset(), False)
        assert have.links["c0"].addresses == {"10.1.0.1/24", "fd01::1/64"}
        assert bgp == {KernelRoute(prefix="fd07::/32", device="c0", via="fd01::2", metric=1024)}
        assert set(before) <= set(others())

    inside(bench, work)


@pytest.mark.parametrize(
    "way",
    [
        KernelRoute(prefix="10.9.0.0/16", device="c0", via="10.1.0.2", metric=7),
        KernelRoute(prefix="fd09::/32", device="c0", via="fd01::2", metric=1024),
    ],
)
def test_a_route_is_replaced_in_place_whatever_it_becomes(bench: Any, way: KernelRoute) -> None:
    other = KernelRoute(prefix=way.prefix, metric=way.metric, device="c0", via=(way.via or "")[:-1] + "3")
    unreachable = KernelRoute(prefix=way.prefix, metric=way.metric)

    async def work(driver: NetlinkDriver) -> None:
        for address in ("10.1.0.1/24", "fd01::1/64"):
            await driver.apply([Step(verb="address_add", link="c0", value=address)])
        for route in (way, other, unreachable, way):
            await driver.apply([Step(verb="route_replace", route=route)])
            have, _ = await driver.observe()
            assert have.routes == {route}
        await driver.apply([Step(verb="route_replace", route=unreachable), Step(verb="route_del", route=unreachable)])
        assert (await driver.observe())[0].routes == frozenset()

    inside(bench, work)


def test_an_own_route_is_replaced_and_never_taken_away_first(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    async def listening(*argv: str, text: str = "") -> Finished:
        told.extend(line for line in text.splitlines() if "show" not in line)
        return await run_command(*argv, text=text)

    monkeypatch.setattr(netlink, "run_command", listening)
    old, new = (KernelRoute(prefix="10.9.0.0/16", device="c0", via=f"10.1.0.{n}") for n in (2, 3))

    async def work(driver: NetlinkDriver) -> None:
        await driver.apply([Step(verb="address_add", link="c0", value="10.1.0.1/24")])
        await driver.apply([Step(verb="route_replace", route=old)])
        told.clear()
        await driver.apply([Step(verb="route_replace", route=new)])
        assert [line.split()[1] for line in told] == ["add", "replace"], "the add is refused, the old one carries on"
        assert (await driver.observe())[0].routes == {new}

    inside(bench, work)


@pytest.mark.parametrize(
    ("ours", "protocol"),
    [
        (KernelRoute(prefix="10.9.0.0/16"), "4 (static)"),
        (KernelRoute(prefix="10.9.0.0/16", table_id=1000, metric=7), "99"),
        (KernelRoute(prefix="0.0.0.0/0", table_id=1000), "3 (boot)"),
        (KernelRoute(prefix="fd09::/32", metric=1024), "4 (static)"),
        (KernelRoute(prefix="::/0", table_id=1000, metric=9), "99"),
    ],
    ids=lambda value: value.prefix if isinstance(value, KernelRoute) else value.split()[0],
)
def test_a_foreign_route_in_the_way_is_named_and_stays(bench: Any, ours: KernelRoute, protocol: str) -> None:
    family = "-6" if ":" in ours.prefix else "-4"
    gateway = "fd01::2" if ":" in ours.prefix else "10.1.0.2"
    foreign = (
        f"{ours.prefix} table {ours.table_id} proto {int(protocol.partition(' ')[0])} metric {ours.metric}".split()
    )
    good = KernelRoute(prefix="10.8.0.0/16", metric=50)

    def theirs() -> str:
        return str(
            bench.ip("-N", family, "-n", bench.a, "route", "show", "table", str(ours.table_id), "root", ours.prefix)
        )

    async def work(driver: NetlinkDriver) -> None:
        for address in ("10.1.0.1/24", "fd01::1/64"):
            await driver.apply([Step(verb="address_add", link="c0", value=address)])
        bench.ip(family, "-n", bench.a, "route", "add", *foreign, "via", gateway)
        before = theirs()
        with pytest.raises(NetlinkFailed) as caught:
            await driver.apply([Step(verb="route_replace", route=r) for r in (ours, good)])
        assert str(caught.value) == (
            f"route {ours.prefix} table {ours.table_id} metric {ours.metric} cannot be set: "
            f"a route of protocol {protocol} has that place and stays"
        )
        assert theirs() == before
        assert (await driver.observe())[0].routes == {good}
        bench.ip(family, "-n", bench.a, "route", "del", *foreign)
        await driver.apply([Step(verb="route_replace", route=ours)])
        assert (await driver.observe())[0].routes == {good, ours}

    inside(bench, work)


def test_a_route_over_a_link_without_carrier_is_not_told_as_bgps(bench: Any) -> None:
    async def work(driver: NetlinkDriver) -> None:
        bench.ip("-n", bench.a, "addr", "add", "10.1.0.1/24", "dev", "c0")
        bench.ip("-n", bench.a, "route", "add", "10.7.0.0/16", "via", "10.1.0.2", "proto", "12")
        assert (await driver.observe())[1] == {KernelRoute(prefix="10.7.0.0/16", device="c0", via="10.1.0.2")}
        bench.ip("-n", bench.b, "link", "set", "c0", "down")

        async def gone() -> bool:
            state, bgp = await driver.observe()
            return not bgp and not state.links["c0"].carrier

        await bench.eventually(gone)

    inside(bench, work)


def test_a_refused_step_is_named_and_the_others_are_done(bench: Any) -> None:
    bad = KernelRoute(prefix="10.9.0.0/16", device="c0", via="192.0.2.77")
    good = KernelRoute(prefix="10.8.0.0/16")
    missing = KernelRule(priority=77, table_id=1000, source="fd01::/64", family="ipv6")
    steps = [
        Step(verb="route_replace", route=bad),
        Step(verb="address_add", link="nowhere0", value="10.1.0.1/24"),
        Step(verb="rule_del", rule=missing),
        Step(verb="route_replace", route=good),
    ]

    async def work(driver: NetlinkDriver) -> None:
        with pytest.raises(NetlinkFailed) as caught:
            await driver.apply(steps)
        for named in ("10.9.0.0/16 via 192.0.2.77", "nowhere0", "rule del priority 77"):
            assert named in str(caught.value)
        assert "10.8.0.0/16" not in str(caught.value)
        assert (await driver.observe())[0].routes == {good}

    inside(bench, work)


def test_steps_of_both_families_are_done_in_their_order(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wanted is there before what is not is taken away."""
    told: list[str] = []

    async def listening(*argv: str, text: str = "") -> Finished:
        told.extend(text.splitlines())
        return await run_command(*argv, text=text)

    monkeypatch.setattr(netlink, "run_command", listening)
    new, old = (KernelRule(priority=n, table_id=1000, family="ipv6") for n in (5, 6))
    route = KernelRoute(prefix="fd08::/32", table_id=1000, metric=1024)

    async def work(driver: NetlinkDriver) -> None:
        await driver.apply([Step(verb="rule_add", rule=old)])
        told.clear()
        await driver.apply(
            [
                Step(verb="route_replace", route=route),
                Step(verb="rule_add", rule=new),
                Step(verb="rule_del", rule=old),
                Step(verb="route_del", route=route),
            ]
        )
        assert [line.split()[:2] for line in told] == [
            ["route", "add"],
            ["rule", "add"],
            ["rule", "del"],
            ["route", "del"],
        ]
        assert (await driver.observe())[0].rules == {new}

    inside(bench, work)


def test_several_applies_at_once_all_take_effect(bench: Any) -> None:
    routes = [KernelRoute(prefix=f"10.{n}.0.0/16", metric=n) for n in range(20, 32)]
    rules = [KernelRule(priority=n, table_id=1000, family="ipv6") for n in range(20, 24)]

    async def work(driver: NetlinkDriver) -> None:
        steps = [Step(verb="route_replace", route=r) for r in routes] + [Step(verb="rule_add", rule=r) for r in rules]
        await asyncio.gather(*(driver.apply([step]) for step in steps), *(driver.observe() for _ in range(3)))
        have, _ = await driver.observe()
        assert (have.routes, have.rules) == (frozenset(routes), frozenset(rules))

    inside(bench, work)


def test_a_link_is_set_down_and_up(bench: Any) -> None:
    async def work(driver: NetlinkDriver) -> None:
        for up in (False, True):
            await driver.set_link("c0", up=up)
            assert (await driver.observe())[0].links["c0"].admin_up is up
        with pytest.raises(NetlinkFailed, match="nowhere0"):
            await driver.set_link("nowhere0", up=True)

    inside(bench, work)


def test_the_monitor_hears_of_links_and_routes_of_both_families_until_it_is_closed(bench: Any) -> None:
    heard: list[LinkChanged | RouteChanged] = []

    def told(**fields: object) -> bool:
        return any(all(getattr(e, name, None) == value for name, value in fields.items()) for e in heard)

    async def work(driver: NetlinkDriver) -> None:
        monitor = NetlinkMonitor(heard.append, lambda: pytest.fail("nothing was lost"))
        monitor.start()
        bench.ip("-n", bench.b, "link", "set", "c0", "down")
        await bench.eventually(lambda: told(name="c0", carrier=False, admin_up=True))
        bench.ip("-n", bench.b, "link", "set", "c0", "up")
        await bench.eventually(lambda: told(name="c0", carrier=True))
        for prefix in ("10.8.0.0/16", "fd08::/32"):
            route = KernelRoute(prefix=prefix, metric=50, table_id=1000)
            await driver.apply([Step(verb="route_replace", route=route), Step(verb="route_del", route=route)])
            for added in (True, False):
                await bench.eventually(
                    lambda a=added, p=prefix: told(prefix=p, table_id=1000, protocol=84, added=a)  # type: ignore[misc]
                )
        monitor.close()
        count = len(heard)
        bench.ip("-n", bench.a, "link", "del", "c0")
        await driver.observe()
        assert len(heard) == count

    inside(bench, work)


def test_the_monitor_says_when_it_missed_something_and_goes_on(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netlink, "_RECEIVE_BUFFER", 4096)
    heard: list[LinkChanged | RouteChanged] = []
    overruns: list[float] = []

    async def work(driver: NetlinkDriver) -> None:
        monitor = NetlinkMonitor(heard.append, lambda: overruns.append(time.monotonic()))
        for number in range(100):  # nobody reads yet
            bench.ip("-n", bench.a, "route", "add", "unreachable", f"10.8.{number}.0/24")
        monitor.start()
        await bench.eventually(lambda: bool(overruns))
        await driver.apply([Step(verb="route_replace", route=KernelRoute(prefix="10.9.0.0/16"))])
        await bench.eventually(lambda: any(isinstance(e, RouteChanged) and e.prefix == "10.9.0.0/16" for e in heard))
        monitor.close()

    inside(bench, work)
