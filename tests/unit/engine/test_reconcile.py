"""Which routes are wanted in which view of the world."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from twinspan.engine.reconcile import STANDBY_METRIC, Step, View, plan, wanted
from twinspan.model.device_config import (
    DeviceConfig,
    Failover,
    FailoverSpan,
    IpsecTunnel,
    Link,
    NextHop,
    PolicyRule,
    RouteTable,
    StaticRoute,
)
from twinspan.model.kernel import KernelLink, KernelRoute, KernelRule, KernelState
from twinspan.model.secret import Secret

TWO = (NextHop(tunnel="t1", track="one"), NextHop(tunnel="t2", track="two"))
DEVICES = {"t1": "ipsec0", "t2": "ipsec1"}


def tunnel(name: str) -> IpsecTunnel:
    return IpsecTunnel(
        name=name, local_address="198.18.0.1", remote_address="198.18.0.2", local_id="a", remote_id="b", psk=Secret("k")
    )


CONFIG = DeviceConfig(
    node="gateway",
    role="gateway",
    site="s",
    tables=(RouteTable(name="override", table_id=8401), RouteTable(name="pin", table_id=8411, guarded=True)),
    routes=(StaticRoute(prefix="172.16.0.0/12", role="standby", next_hops=TWO),),
    tunnels=(tunnel("t1"), tunnel("t2")),
    failover=Failover(
        spans=(
            FailoverSpan(name="circuit", role="active", next_hops=(NextHop(link="circuit", via="10.0.0.1"),)),
            FailoverSpan(name="vpn", role="standby", next_hops=TWO),
        ),
        prefixes=("172.16.0.0/12",),
    ),
)
LINKS = {n: KernelLink(name=n, admin_up=True, carrier=True, mtu=1400) for n in ("ipsec0", "ipsec1")}


def main_routes(view: View) -> dict[str, str | None]:
    return {r.prefix: r.device for r in wanted(CONFIG, view, LINKS).routes if r.metric == STANDBY_METRIC}


def test_the_first_usable_tunnel_is_taken():
    view = View(devices=DEVICES, probes_up={"one": True, "two": True})
    assert main_routes(view) == {"172.16.0.0/12": "ipsec0"}


def test_a_dead_tunnel_hands_over_to_the_second():
    view = View(devices=DEVICES, probes_up={"one": False, "two": True})
    assert main_routes(view) == {"172.16.0.0/12": "ipsec1"}


def test_with_both_tunnels_dead_the_route_stays_where_it_was():
    installed = KernelRoute(prefix="172.16.0.0/12", metric=STANDBY_METRIC, device="ipsec1")
    view = View(devices=DEVICES, probes_up={"one": False, "two": False}, installed={installed.key(): installed})
    assert main_routes(view) == {"172.16.0.0/12": "ipsec1"}


def test_a_tunnel_without_its_device_has_no_route():
    assert main_routes(View(devices={})) == {}


def test_no_route_is_asked_for_over_a_link_that_is_down():
    """The kernel refuses a gateway on a link without its connected route."""
    way = NextHop(link="circuit", via="10.0.0.1")
    config = DeviceConfig(
        node="gateway", role="gateway", site="s", routes=(StaticRoute(prefix="0.0.0.0/0", next_hops=(way,)),)
    )
    down = wanted(config, View(devices={}, links_down=frozenset({"circuit"})), {})
    assert down.routes == frozenset()
    assert len(wanted(config, View(devices={}), {}).routes) == 1


def test_a_guarded_table_ends_unreachable():
    guards = [r for r in wanted(CONFIG, View(devices=DEVICES), LINKS).routes if r.table_id == 8411]
    assert {(r.prefix, r.device) for r in guards} == {("0.0.0.0/0", None), ("::/0", None)}


def test_an_override_stands_in_its_own_table_and_uses_a_living_tunnel():
    view = View(devices=DEVICES, probes_up={"one": False, "two": True}, override_onto="vpn")
    overrides = [r for r in wanted(CONFIG, view, LINKS).routes if r.table_id == 8401]
    assert [(r.prefix, r.device) for r in overrides] == [("172.16.0.0/12", "ipsec1")]


def test_without_a_living_path_there_is_no_override():
    view = View(devices=DEVICES, probes_up={"one": False, "two": False}, override_onto="vpn")
    assert [r for r in wanted(CONFIG, view, LINKS).routes if r.table_id == 8401] == []


def test_what_has_no_standby_is_refused_while_an_override_is_in_force_and_only_then():
    assert CONFIG.failover is not None
    config = replace(CONFIG, failover=replace(CONFIG.failover, refused=("fd00:2::/56",)))
    living = View(devices=DEVICES, probes_up={"two": True}, override_onto="vpn")
    refused = [r for r in wanted(config, living, LINKS).routes if r.prefix == "fd00:2::/56"]
    assert [(r.table_id, r.device) for r in refused] == [(8401, None)]
    dead = View(devices=DEVICES, probes_up={"one": False, "two": False}, override_onto="vpn")
    idle = View(devices=DEVICES)
    for view in (dead, idle):
        assert not [r for r in wanted(config, view, LINKS).routes if r.prefix == "fd00:2::/56"]


def test_a_route_without_any_next_hop_refuses():
    config = replace(CONFIG, routes=(StaticRoute(prefix="10.61.0.0/16", next_hops=()),))
    routes = [r for r in wanted(config, View(devices={}), LINKS).routes if r.prefix == "10.61.0.0/16"]
    assert [r.device for r in routes] == [None]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("10.0.0.1/32", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.9/24", "10.0.0.0/24"),
        ("FD00::1/128", "fd00::1"),
        ("fd00:0::/32", "fd00::/32"),
    ],
)
def test_a_rules_source_is_spelled_as_the_kernel_spells_it(source: str, shown: str) -> None:
    """Otherwise the rule would be missing for ever, and added for ever."""
    config = replace(CONFIG, rules=(PolicyRule(priority=1, table="pin", source=source),))
    family = "ipv6" if ":" in source else "ipv4"
    (rule,) = wanted(config, View(devices=DEVICES), LINKS).rules
    assert rule == KernelRule(priority=1, table_id=8411, source=shown, family=family)


def test_a_rule_without_a_source_holds_for_both_families() -> None:
    config = replace(CONFIG, rules=(PolicyRule(priority=1, table="pin"),))
    found = wanted(config, View(devices=DEVICES), LINKS).rules
    assert {(r.family, r.source) for r in found} == {("ipv4", None), ("ipv6", None)}


SHUT = DeviceConfig(node="gateway", role="gateway", site="s", links=(Link(name="eth0"),), shutdown=("eth0",))


def link_steps(config: DeviceConfig, *, up: bool, shut: frozenset[str] = frozenset()) -> list[Step]:
    seen = {"eth0": KernelLink(name="eth0", admin_up=up, carrier=True, mtu=1500)}
    view = View(devices={}, shut_links=shut)
    return list(plan(wanted(config, view, seen), KernelState(links=seen), frozenset()))


def test_a_link_that_is_shut_by_hand_is_taken_down_and_stays_down():
    assert link_steps(SHUT, up=True) == [Step(verb="link_down", link="eth0")]
    assert link_steps(SHUT, up=False) == []


def test_a_link_that_is_shut_no_more_comes_up():
    assert link_steps(replace(SHUT, shutdown=()), up=False) == [Step(verb="link_up", link="eth0")]


def test_a_link_under_an_order_is_left_to_whoever_ends_the_order():
    for up in (True, False):
        assert link_steps(replace(SHUT, shutdown=()), up=up, shut=frozenset({"eth0"})) == []
