"""A node is what its config says: applied live, once, repaired when somebody changes it, and foreign things stay.

One lab of the first example serves all tests of this module; every test leaves it as it was.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from twinspan.cli.site import load_site
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.lab.clock import wait_until
from twinspan.lab.down import take_down
from twinspan.lab.lab import Lab
from twinspan.lab.places import daemons
from twinspan.lab.up import bring_up
from twinspan.model.device_config import BgpPeer, DeviceConfig, Link, NextHop, PolicyRule, StaticRoute
from twinspan.model.device_report import DeviceReport, Event
from twinspan.model.secret import Secret

SITE = Path(__file__).parents[2] / "examples" / "01-two-spans" / "site.yaml"
REPAIR_S = 12.0
"""What sends no event is seen at the next look, five seconds later at most; the rest is a busy machine."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    site = load_site(SITE)
    keys = keys_from({name: Secret("a-key-of-this-test-only") for name in wanted_keys(site)})
    name = f"t-{os.getpid()}-ad"
    try:
        yield bring_up(compile_site(site, keys), name)
    finally:
        take_down(name)


def report(lab: Lab, node: str = "gateway") -> DeviceReport:
    with lab.agent(node, deadline_s=5) as agent:
        return agent.report()


def events(lab: Lab, since_ns: int, node: str = "gateway") -> list[Event]:
    with lab.agent(node, deadline_s=5) as agent:
        return list(agent.events(since_ns))


def apply(lab: Lab, node: str, config: DeviceConfig) -> None:
    """Hand the config over and wait until the node is that."""
    with lab.agent(node, deadline_s=5) as agent:
        agent.apply(config)
    assert wait_until(lambda: report(lab, node).converged, 15), report(lab, node).alarms


def config_of(lab: Lab, node: str = "gateway") -> DeviceConfig:
    return lab.deployment.configs[node]


def inside(lab: Lab, node: str, command: str) -> str:
    argv = ["ip", "netns", "exec", lab.netns(node), *command.split()]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def shape(lab: Lab, node: str) -> tuple[str, ...]:
    """What of the kernel the agent answers for; learned routes and counters left out."""
    return tuple(
        "\n".join(sorted(re.sub(r" (dead|linkdown)\b", "", inside(lab, node, f"ip {what}")).splitlines()))
        for what in ("route show table all proto 84", "-6 route show table all proto 84", "rule", "-br -4 addr")
    )


def whole(lab: Lab) -> bool:
    """Every session, tunnel and probe of the gateway is up."""
    now = report(lab)
    return (
        now.converged
        and all(s.state == "Established" for s in now.bgp)
        and all(t.child_state == "INSTALLED" for t in now.tunnels)
        and all(p.state == "up" for p in now.probes)
        and all(d.pid for d in now.daemons)
    )


def kill(lab: Lab, node: str, name: str) -> None:
    for found in daemons(lab, node, name):
        os.kill(found.pid, 9)


TOLD = (
    "ip route del 172.16.0.0/12 proto 84",
    "ip route flush table 8412 proto 84",
    "ip link set lan down",
)
UNTOLD = (
    "ip route replace 172.16.0.0/12 dev lo proto 84 metric 4278190080",
    "ip rule del priority 841",
    "ip addr del 192.168.1.1/24 dev lan",
    "ip link set lan mtu 1300",
    "ip route add 203.0.113.0/24 dev lan proto 84",
)


@pytest.mark.parametrize("commands", [TOLD, UNTOLD], ids=["with events", "without"])
def test_what_somebody_changed_in_the_kernel_is_put_back_and_reported(lab, commands):
    assert wait_until(lambda: whole(lab), 30)
    before, repairs, start = shape(lab, "gateway"), report(lab).repairs, time.time_ns()
    for command in commands:
        inside(lab, "gateway", command.replace(" lan", f" {lan_link(lab)}"))
    assert shape(lab, "gateway") != before
    assert wait_until(lambda: shape(lab, "gateway") == before and report(lab).repairs > repairs, REPAIR_S), shape(
        lab, "gateway"
    )
    assert any(e.source == "drift" for e in events(lab, start))


def lan_link(lab: Lab) -> str:
    return next(link.name for link in config_of(lab).links if "192.168.1.1/24" in link.addresses)


@pytest.mark.parametrize(("node", "name"), [("gateway", "bird"), ("gateway", "charon"), ("services", "dnsmasq")])
def test_a_killed_daemon_comes_back_and_is_reported(lab, node, name):
    assert wait_until(lambda: whole(lab), 30)
    before, start = report(lab, node), time.time_ns()
    kill(lab, node, name)
    assert wait_until(lambda: any(e.source == "drift" for e in events(lab, start, node)), REPAIR_S)
    assert wait_until(lambda: whole(lab) and report(lab, node).converged, 30)
    after = report(lab, node)
    assert {d.name for d in after.daemons} == {d.name for d in before.daemons}
    assert after.repairs > before.repairs


def test_a_session_disabled_by_hand_is_enabled_again(lab):
    assert wait_until(lambda: whole(lab), 30)
    start = time.time_ns()
    control = lab.paths.node("gateway") / "bird" / "bird.ctl"
    inside(lab, "gateway", f"birdc -s {control} disable peer_vbr")
    assert wait_until(lambda: any("enabled" in e.detail for e in events(lab, start) if e.source == "drift"), REPAIR_S)
    assert wait_until(lambda: whole(lab), 30)


def test_what_is_foreign_stays_untouched(lab):
    lan = lan_link(lab)
    things = {
        f"ip route add 203.0.113.0/24 dev {lan} proto static": "ip route show 203.0.113.0/24",
        f"ip route add 203.0.113.0/24 dev {lan} proto 99 table 8411": "ip route show table 8411 proto 99",
        f"ip route add 172.16.0.0/12 dev {lan} proto 99 metric 500 table 8412": "ip route show table 8412 proto 99",
        "ip rule add priority 9000 from 203.0.113.1 lookup main": "ip rule show priority 9000",
        f"ip addr add 203.0.113.1/32 dev {lan}": f"ip addr show dev {lan} to 203.0.113.1",
        "nft add table inet somebodys": "nft list table inet somebodys",
    }
    for command in things:
        inside(lab, "gateway", command)
    before = {show: inside(lab, "gateway", show) for show in things.values()}
    assert all(before.values())
    apply(lab, "gateway", replace(config_of(lab), generation=2, routes=config_of(lab).routes[:-1]))
    apply(lab, "gateway", config_of(lab))
    assert {show: inside(lab, "gateway", show) for show in things.values()} == before
    for command in things:
        inside(lab, "gateway", command.replace(" add ", " del ", 1).replace("del table", "delete table"))


def test_a_foreign_route_in_the_place_of_ours_stays_and_is_an_alarm_until_it_goes(lab):
    assert wait_until(lambda: whole(lab), 30)
    lan, before = lan_link(lab), shape(lab, "gateway")
    taken = "172.16.0.0/12 metric 4278190080"
    inside(lab, "gateway", f"ip route replace {taken} dev {lan} proto 99")
    inside(lab, "gateway", f"ip link set {lan} mtu 1300")
    told = "route 172.16.0.0/12 table 254 metric 4278190080 cannot be set: a route of protocol 99 has that place"

    def alarms() -> list[str]:
        return [a.detail for a in report(lab).alarms if a.name == "cannot_converge"]

    assert wait_until(lambda: any(told in text for text in alarms()), REPAIR_S), alarms()
    assert "172.16.0.0/12" in inside(lab, "gateway", "ip route show proto 99")
    assert wait_until(lambda: "mtu 1500" in inside(lab, "gateway", f"ip link show {lan}"), REPAIR_S)
    inside(lab, "gateway", f"ip route del {taken} proto 99")
    assert wait_until(lambda: alarms() == [] and shape(lab, "gateway") == before, REPAIR_S), alarms()


def test_a_session_that_stays_down_and_a_missing_link_are_alarms_until_they_are_there(lab):
    base = config_of(lab)
    assert base.bgp is not None
    nobody = BgpPeer(
        name="nobody",
        family="ipv6",
        local_address="fd00:9::1",
        peer_address="fd00:9::2",
        local_asn=base.bgp.asn,
        peer_asn=65099,
        link=lan_link(lab),
        hold_time_s=3,
    )
    lan = next(link for link in base.links if link.name == lan_link(lab))
    links = (replace(lan, addresses=(*lan.addresses, "fd00:9::1/64")), Link(name="nowhere0"))
    wanted = replace(
        base,
        generation=2,
        bgp=replace(base.bgp, peers=(*base.bgp.peers, nobody)),
        links=(*(link for link in base.links if link != lan), *links),
    )

    def alarms() -> set[tuple[str, str]]:
        return {(a.name, a.subject) for a in report(lab).alarms}

    apply(lab, "gateway", wanted)
    assert wait_until(lambda: alarms() == {("bgp_down", "nobody"), ("link_missing", "nowhere0")}, 15), alarms()
    inside(lab, "gateway", "ip link add nowhere0 type bridge")
    inside(lab, "gateway", "ip link set nowhere0 up")
    assert wait_until(lambda: alarms() == {("bgp_down", "nobody")}, REPAIR_S), alarms()
    apply(lab, "gateway", base)
    inside(lab, "gateway", "ip link del nowhere0")
    assert wait_until(lambda: alarms() == set(), REPAIR_S), alarms()


def test_the_same_config_again_disturbs_nothing(lab):
    assert wait_until(lambda: whole(lab), 30)
    before, start = report(lab), time.time_ns()
    with lab.agent("gateway") as agent:
        agent.apply(config_of(lab))
    assert not wait_until(lambda: bool(events(lab, start)), 2), events(lab, start)
    after = report(lab)
    assert (after.repairs, after.observed_generation, after.digest) == (before.repairs, 1, before.digest)
    assert after.daemons == before.daemons


def test_added_and_removed_routes_rules_addresses_and_probes_leave_sessions_alone(lab):
    assert wait_until(lambda: whole(lab), 30)
    base, before, start = config_of(lab), report(lab), time.time_ns()
    lan = lan_link(lab)
    links = tuple(
        replace(link, addresses=(*link.addresses, "203.0.113.9/32")) if link.name == lan else link
        for link in base.links
    )
    more = replace(
        base,
        generation=2,
        links=links,
        routes=(*base.routes, StaticRoute(prefix="198.51.100.0/24", next_hops=(NextHop(link=lan),))),
        rules=(*base.rules, PolicyRule(priority=899, table="override", source="203.0.113.9")),
        probes=(*base.probes, replace(base.probes[0], name="another")),
    )
    apply(lab, "gateway", more)
    changed = shape(lab, "gateway")
    assert all(any(text in part for part in changed) for text in ("198.51.100.0/24", "899:", "203.0.113.9/32"))
    assert "another" in {p.name for p in report(lab).probes}
    apply(lab, "gateway", replace(base, generation=3))
    after = report(lab)
    assert not any("198.51.100" in part or "203.0.113.9" in part for part in shape(lab, "gateway"))
    assert not [e for e in events(lab, start) if e.source in ("bgp", "bfd", "ike", "drift", "daemon")]
    assert after.daemons == before.daemons
    assert after.observed_generation == 3
    assert [p.state for p in after.probes] == ["up"] * len(base.probes)


def test_new_keys_and_timers_are_taken_up_by_both_ends(lab):
    assert wait_until(lambda: whole(lab), 30)
    far = {"gateway": ("vbr", "vpn-gateway"), "vbr": ("gateway",), "vpn-gateway": ("gateway",)}
    start = time.time_ns()
    for node in far:
        apply(lab, node, rekeyed(config_of(lab, node)))
    assert any(e.source == "bgp" for e in events(lab, start)), "a new key needs a new session"
    assert wait_until(lambda: whole(lab), 40), report(lab)
    assert {b.interval_ms for b in report(lab).bfd} == {150.0}
    for node in far:
        apply(lab, node, replace(config_of(lab, node), generation=5))
    assert wait_until(lambda: whole(lab), 40)


def rekeyed(config: DeviceConfig) -> DeviceConfig:
    """Another BGP key, PSK and BFD interval."""
    bgp = config.bgp
    if bgp is not None:
        peers = tuple(
            replace(
                p,
                auth_key=p.auth_key and Secret("the-second-key"),
                bfd=p.bfd and replace(p.bfd, min_tx_interval_ms=150, min_rx_interval_ms=150),
            )
            for p in bgp.peers
        )
        bgp = replace(bgp, peers=peers)
    tunnels = tuple(replace(t, psk=Secret("the-second-psk-of-this-test")) for t in config.tunnels)
    return replace(config, generation=4, bgp=bgp, tunnels=tunnels)


def test_what_the_config_no_longer_names_is_ended_and_what_it_names_again_begins(lab):
    assert wait_until(lambda: whole(lab), 30)
    base = config_of(lab, "vpn-gateway")
    left = tuple(r for r in base.routes if not any(h.tunnel for h in r.next_hops))
    bare = replace(base, generation=6, tunnels=(), probes=(), health_checks=(), bgp=None, routes=left)
    apply(lab, "vpn-gateway", bare)
    assert daemons(lab, "vpn-gateway", "charon") == ()
    assert daemons(lab, "vpn-gateway", "bird") == ()
    assert inside(lab, "vpn-gateway", "ip route show proto bird") == ""
    assert not any(d.pid for d in report(lab, "vpn-gateway").daemons)
    apply(lab, "vpn-gateway", replace(base, generation=7))
    assert wait_until(lambda: whole(lab), 40)
