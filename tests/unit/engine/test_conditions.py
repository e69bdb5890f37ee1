"""Conditions of one node: a quota that fills, a tunnel, session or link that is gone, a config out of reach."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from twinspan.engine.conditions import NodeView, node_conditions
from twinspan.engine.failover import Condition
from twinspan.model.device_config import Bgp, BgpPeer, DeviceConfig, Link, NextHop, StaticRoute
from twinspan.model.device_report import BgpStatus

PEER = BgpPeer(
    name="vbr",
    local_address="10.0.0.2",
    peer_address="10.0.0.1",
    local_asn=65001,
    peer_asn=45104,
    import_limit=10,
)
TUNNELS = StaticRoute(
    prefix="172.16.0.0/12",
    role="standby",
    next_hops=(NextHop(tunnel="t1", track="vpn:one"), NextHop(tunnel="t2", track="vpn:two")),
)
CONFIG = DeviceConfig(
    node="gateway", role="gateway", site="s", bgp=Bgp(asn=65001, router_id="10.0.0.2", peers=(PEER,)), routes=(TUNNELS,)
)


def found(config: DeviceConfig = CONFIG, **seen: Any) -> tuple[Condition, ...]:
    return node_conditions(config, NodeView(**seen))


def session(imported: int, dropped: int = 0, peer: str = "vbr") -> BgpStatus:
    return BgpStatus(peer=peer, peer_address="10.0.0.1", state="Established", imported=imported, dropped=dropped)


def test_a_healthy_node_has_none() -> None:
    assert found(sessions=[session(7)], probes_up={"vpn:one": True, "vpn:two": None}) == ()


@pytest.mark.parametrize(
    ("imported", "dropped", "detail"),
    [(8, 0, "8 of 10 routes"), (10, 0, "10 of 10 routes"), (10, 3, "10 of 10 routes, 3 dropped")],
)
def test_a_quota_that_is_four_fifths_full_is_told(imported: int, dropped: int, detail: str) -> None:
    assert found(sessions=[session(imported, dropped)]) == (Condition(name="quota_high", subject="vbr", detail=detail),)


def test_a_peer_without_a_quota_or_unknown_to_the_config_has_none_to_fill() -> None:
    assert found(sessions=[session(1000, peer="stranger")]) == ()


def dead(name: str, detail: str) -> Condition:
    return Condition(name="tunnel_dead", subject=name, detail=f"its probe is lost; {detail}")


def test_a_dead_tunnel_is_told_with_what_is_left() -> None:
    assert found(probes_up={"vpn:one": False, "vpn:two": True}) == (dead("vpn:one", "another tunnel carries"),)


def test_nobody_is_told_of_another_tunnel_when_all_are_dead() -> None:
    assert found(probes_up={"vpn:one": False, "vpn:two": False}) == (
        dead("vpn:one", "no other tunnel is left"),
        dead("vpn:two", "no other tunnel is left"),
    )


def test_what_keeps_a_node_from_its_config_is_told_with_the_node() -> None:
    assert found(problem="BIRD refused") == (
        Condition(name="cannot_converge", subject="gateway", detail="BIRD refused"),
    )


S = 1_000_000_000
IPV6 = BgpPeer(
    name="vbr6",
    family="ipv6",
    local_address="fd00::2",
    peer_address="fd00::1",
    local_asn=65001,
    peer_asn=45104,
    link="eth0",
    span="circuit",
    hold_time_s=30,
)
OVER_T1 = replace(PEER, name="vpn_t1", tunnel="t1", span="vpn")
SESSIONS = replace(
    CONFIG, links=(Link(name="eth0"),), bgp=Bgp(asn=65001, router_id="10.0.0.2", peers=(PEER, IPV6, OVER_T1))
)


def down(peer: str, error: str = "") -> BgpStatus:
    return BgpStatus(peer=peer, peer_address="fd00::1", state="Active", last_error=error)


def test_a_session_that_is_down_for_longer_than_its_hold_time_is_told() -> None:
    assert found(SESSIONS, sessions=[down("vbr6")], down_for_ns={"vbr6": 30 * S}) == ()
    assert found(SESSIONS, sessions=[down("vbr6", "Hold timer expired")], down_for_ns={"vbr6": 31 * S}) == (
        Condition(name="bgp_down", subject="vbr6", detail="no session with fd00::1: Active, Hold timer expired"),
    )
    assert found(SESSIONS, sessions=[session(0, peer="vbr6")], down_for_ns={"vbr6": 31 * S}) == ()


@pytest.mark.parametrize(
    ("peer", "seen"),
    [
        ("vbr6", {"dead_spans": frozenset({"circuit"})}),
        ("vpn_t1", {"probes_up": {"vpn:one": False}}),
        ("vbr6", {"links": frozenset({"lo"})}),
        ("stranger", {}),
    ],
    ids=["its span is dead", "its tunnel is dead", "its link is missing", "nobody wants it"],
)
def test_a_dead_session_is_not_told_where_something_else_says_so(peer: str, seen: dict[str, Any]) -> None:
    told = {c.name for c in found(SESSIONS, sessions=[down(peer)], down_for_ns={peer: 99 * S}, **seen)}
    assert "bgp_down" not in told


def test_a_dead_span_or_tunnel_does_not_hide_the_sessions_of_others() -> None:
    seen: dict[str, Any] = {"dead_spans": frozenset({"vpn"}), "probes_up": {"vpn:one": False}}
    by_link = StaticRoute(prefix="10.0.0.0/8", next_hops=(NextHop(link="eth0", track="vpn:one"),))
    config = replace(SESSIONS, routes=(TUNNELS, by_link))
    told = found(config, sessions=[down("vbr"), down("vbr6")], down_for_ns={"vbr": 99 * S, "vbr6": 99 * S}, **seen)
    assert [c.subject for c in told if c.name == "bgp_down"] == ["vbr", "vbr6"]


def test_a_physical_link_that_the_machine_does_not_have_is_told() -> None:
    links = (Link(name="lo", kind="loopback"), Link(name="eth0"), Link(name="eth1"))
    config = replace(CONFIG, links=(*links, Link(name="eth0.7", kind="vlan", parent="eth0", vlan_id=7)))
    assert found(config, links=frozenset({"lo", "eth0"})) == (
        Condition(name="link_missing", subject="eth1", detail="this machine has no link eth1"),
    )
    assert found(config, links=frozenset()) == (), "nobody has looked yet"
