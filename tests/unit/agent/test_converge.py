"""What a pass of the converger does, repairs, reports and survives; the drivers are in memory."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from twinspan.agent import converge
from twinspan.agent.converge import RETRY_S
from twinspan.drivers.daemon import DaemonFailed
from twinspan.model.device_config import Bgp, BgpPeer, Failover, FailoverSpan, Link, NextHop, StaticRoute
from twinspan.model.device_report import BgpStatus
from twinspan.model.kernel import KernelRoute
from twinspan.wire.rtnetlink import LinkChanged

OVER_ETH0 = (NextHop(link="eth0", via="10.0.0.1"),)


def test_the_first_passes_apply_a_config_and_are_no_drift(desk):
    asyncio.run(desk.settle())
    assert [r.prefix for r in desk.kernel.state.routes] == ["10.9.0.0/16"]
    assert (desk.converger.converged, desk.converger.repairs) == (True, 0)
    assert desk.told("config") == [("generation 1 applied", "")]
    assert desk.told("drift") == []


def test_the_same_config_again_changes_nothing_and_says_nothing(desk, config):
    async def twice():
        await desk.settle()
        before = (desk.events.since(0), list(desk.kernel.applied))
        await desk.settle(replace(config))
        return before

    assert asyncio.run(twice()) == (desk.events.since(0), desk.kernel.applied)
    assert desk.converger.converged_generation == 1


def test_a_route_that_somebody_removed_is_put_back_and_reported_once(desk):
    async def scenario():
        await desk.settle()
        desk.kernel.state = replace(desk.kernel.state, routes=frozenset())
        await desk.settle()

    asyncio.run(scenario())
    assert [r.prefix for r in desk.kernel.state.routes] == ["10.9.0.0/16"]
    assert desk.converger.repairs == 1
    assert desk.told("drift") == [("repaired", "route_replace 10.9.0.0/16 table 254 dev eth0")]


def test_what_a_driver_repaired_is_drift_too(desk):
    async def scenario():
        await desk.settle()
        desk.drivers.bird.says = ["bird restarted"]
        await desk.settle()

    asyncio.run(scenario())
    assert desk.told("drift") == [("repaired", "bird restarted")]


def test_a_route_lost_with_its_link_and_set_again_with_it_is_no_drift(desk):
    async def scenario():
        await desk.settle()
        desk.world.link_changed(link_event(up=False))
        desk.kernel.state = replace(desk.kernel.state, routes=frozenset())
        desk.world.link_changed(link_event(up=True))
        await desk.settle()

    asyncio.run(scenario())
    assert [r.prefix for r in desk.kernel.state.routes] == ["10.9.0.0/16"]
    assert desk.told("drift") == []


def test_an_address_that_the_config_no_longer_has_goes_and_is_forgotten(desk, config):
    async def scenario():
        await desk.settle()
        await desk.settle(replace(config, generation=2, links=(Link(name="eth0"),)))

    asyncio.run(scenario())
    assert desk.kernel.state.links["eth0"].addresses == frozenset()
    assert desk.journal.load_owned() == frozenset()


def test_a_foreign_address_stays_even_if_the_agent_once_had_the_same(desk, config):
    async def scenario():
        await desk.settle()
        without = replace(config, generation=2, links=(Link(name="eth0"),))
        await desk.settle(without)
        eth0 = desk.kernel.state.links["eth0"]
        given = replace(eth0, addresses=frozenset({"10.0.0.2/30"}))
        desk.kernel.state = replace(desk.kernel.state, links={"eth0": given})
        await desk.settle(without)

    asyncio.run(scenario())
    assert desk.kernel.state.links["eth0"].addresses == {"10.0.0.2/30"}


def test_a_tunnel_that_cannot_come_up_keeps_nothing_else_from_its_work(desk):
    desk.drivers.strongswan.fails = DaemonFailed("charon did not come up", delay_s=1.0)
    asyncio.run(desk.settle())
    assert all(getattr(desk.drivers, part).asked for part in ("nftables", "bird", "dnsmasq", "probes"))
    assert not desk.converger.converged
    assert [(a.name, a.detail) for a in desk.alarms.alarms()] == [("cannot_converge", "charon did not come up")]
    assert desk.told("config") == [("cannot converge", "charon did not come up")]


def test_a_problem_that_is_gone_clears_its_alarm(desk):
    async def scenario():
        desk.drivers.bird.fails = DaemonFailed("bird refused", delay_s=1.0)
        await desk.settle()
        desk.drivers.bird.fails = None
        await desk.settle()

    asyncio.run(scenario())
    assert desk.alarms.alarms() == ()
    assert desk.converger.converged
    assert [what for what, _ in desk.told("config")] == ["cannot converge", "problem gone", "generation 1 applied"]


def test_a_failure_is_tried_again_less_and_less_often_until_something_happens(desk):
    async def patience():
        desk.drivers.bird.fails = DaemonFailed("bird refused", delay_s=1.0)
        waits = []
        for _ in range(6):
            await desk.settle(passes=1)
            waits.append(desk.converger._patience_s)
        return waits

    waits = asyncio.run(patience())
    assert waits[0] == RETRY_S
    assert waits == sorted(waits)
    assert waits[-1] == 5.0


def test_a_pass_over_an_old_config_says_nothing_about_the_new_one(desk, config):
    newer = replace(config, generation=2)

    async def overtake():
        desk.converger.set_config(newer)

    async def scenario():
        await desk.settle()
        desk.drivers.bird.during, desk.drivers.bird.says = overtake, ["bird reconfigured"]
        await desk.converger.look_over(config)

    asyncio.run(scenario())
    assert (desk.converger.converged, desk.converger.converged_generation) == (False, None)
    assert desk.told("drift") == []


def test_an_event_that_comes_during_a_look_is_not_lost_to_the_older_look(desk):
    events = [link_event(up=False)]

    def during():
        if events:
            desk.world.link_changed(events.pop())
            eth0 = replace(desk.kernel.state.links["eth0"], carrier=False)
            desk.kernel.state = replace(desk.kernel.state, links={"eth0": eth0})

    async def scenario():
        await desk.settle()
        desk.kernel.during_look = during
        await desk.converger._look()

    asyncio.run(scenario())
    assert not desk.world.link_is_up("eth0")


def test_a_kernel_that_never_stands_still_is_looked_at_later_and_not_for_ever(desk):
    def during():
        desk.world.revision += 1

    async def scenario():
        await desk.settle()
        desk.kernel.during_look = during
        desk.converger._wake.clear()
        await asyncio.wait_for(desk.converger._look(), 1)

    asyncio.run(scenario())
    assert desk.converger._wake.is_set()


def test_a_foreign_route_is_neither_seen_nor_touched_when_ours_go(desk, config):
    """The driver shows only routes with our protocol id, so a plan can name no other."""

    async def scenario():
        more = replace(config, routes=(*config.routes, StaticRoute(prefix="10.8.0.0/16", next_hops=OVER_ETH0)))
        await desk.settle(more)
        await desk.settle(replace(config, generation=2))

    asyncio.run(scenario())
    deleted = [s.route for s in desk.kernel.applied if s.verb == "route_del"]
    assert deleted == [KernelRoute(prefix="10.8.0.0/16", device="eth0", via="10.0.0.1")]


def test_a_step_that_the_kernel_refuses_does_not_make_the_node_blind(desk):
    async def scenario():
        await desk.settle()
        desk.world.kernel = replace(desk.world.kernel, routes=frozenset())
        eth0 = desk.kernel.state.links["eth0"]
        desk.kernel.state = replace(
            desk.kernel.state, links={"eth0": replace(eth0, addresses=frozenset({"10.7.0.1/24"}))}
        )
        desk.kernel.refusal = "a route of protocol 99 has that place"
        await desk.settle(passes=1)

    asyncio.run(scenario())
    assert desk.world.kernel.links["eth0"].addresses == {"10.7.0.1/24"}
    assert [a.name for a in desk.alarms.alarms()] == ["cannot_converge"]


def test_a_session_that_stays_down_is_an_alarm_until_it_is_back(desk, config, monkeypatch):
    """The node has no failover policy, as at the far end: nothing else would say so."""
    now_s = [100]
    monkeypatch.setattr(converge, "steady_ns", lambda: now_s[0] * 1_000_000_000)
    peer = BgpPeer(name="p", local_address="10.0.0.2", peer_address="10.0.0.1", local_asn=1, peer_asn=2, hold_time_s=9)
    config = replace(config, bgp=Bgp(router_id="10.0.0.2", asn=1, peers=(peer,)))
    told = []

    async def scenario():
        for at_s, state in ((100, "Active"), (109, "Connect"), (110, "Active"), (111, "Established"), (130, "Active")):
            now_s[0] = at_s
            desk.drivers.bird.sessions = [BgpStatus(peer="p", peer_address="10.0.0.1", state=state)]
            await desk.settle(config)
            told.append([(a.name, a.subject) for a in desk.alarms.alarms()])

    asyncio.run(scenario())
    assert told == [[], [], [("bgp_down", "p")], [], []]
    assert desk.told("failover") == [
        ("alarm raised: bgp_down", "no session with 10.0.0.1: Active"),
        ("alarm cleared: bgp_down", "p"),
    ]


def test_a_session_over_a_span_that_is_called_dead_is_no_alarm_of_its_own(desk, config, monkeypatch):
    now_s = [100]
    monkeypatch.setattr(converge, "steady_ns", lambda: now_s[0] * 1_000_000_000)
    peer = BgpPeer(name="p", local_address="10.0.0.2", peer_address="10.0.0.1", local_asn=1, peer_asn=2, span="c")
    spans = (FailoverSpan(name="c", role="active", peers=("p",)), FailoverSpan(name="v", role="standby"))
    config = replace(
        config, bgp=Bgp(router_id="10.0.0.2", asn=1, peers=(peer,)), failover=Failover(spans=spans, prefixes=())
    )
    desk.drivers.bird.sessions = [BgpStatus(peer="p", peer_address="10.0.0.1", state="Active", span="c")]

    async def scenario():
        await desk.settle(config)
        await desk.failover._step()
        now_s[0] += 60
        await desk.settle(config)

    asyncio.run(scenario())
    assert [a.name for a in desk.alarms.alarms()] == ["active_dead"]


def test_a_link_that_is_missing_is_an_alarm_until_it_is_there(desk, config):
    config = replace(config, links=(*config.links, Link(name="eth1")))

    async def scenario():
        await desk.settle(config)
        missing = [(a.name, a.subject) for a in desk.alarms.alarms()]
        links = desk.kernel.state.links
        desk.kernel.state = replace(desk.kernel.state, links={**links, "eth1": replace(links["eth0"], name="eth1")})
        await desk.settle(config)
        return missing

    assert asyncio.run(scenario()) == [("link_missing", "eth1")]
    assert desk.alarms.alarms() == ()
    assert desk.told("failover")[-1] == ("alarm cleared: link_missing", "eth1")


def link_event(*, up: bool) -> LinkChanged:
    return LinkChanged(name="eth0", ifindex=1, exists=True, admin_up=True, carrier=up)


def test_who_waits_for_addresses_goes_on_when_the_kernel_has_them_whatever_a_daemon_says(desk, config):
    async def scenario():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await desk.converger.addressed(60)
        desk.drivers.bird.fails = DaemonFailed("bird is not there", delay_s=1)
        await desk.settle()
        await asyncio.wait_for(desk.converger.addressed(60), 1)
        desk.converger.set_config(replace(config, generation=2))
        started = asyncio.get_running_loop().time()
        await desk.converger.addressed(0.05)
        return asyncio.get_running_loop().time() - started

    assert 0.05 <= asyncio.run(scenario()) < 5
