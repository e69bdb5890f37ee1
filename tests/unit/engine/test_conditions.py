"""Conditions of one node: a quota that fills, a tunnel that died, a config that cannot be reached."""

from __future__ import annotations

import pytest

from twinspan.engine.conditions import node_conditions
from twinspan.engine.failover import Condition
from twinspan.model.device_config import Bgp, BgpPeer, DeviceConfig, NextHop, StaticRoute
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


def session(imported: int, dropped: int = 0, peer: str = "vbr") -> BgpStatus:
    return BgpStatus(peer=peer, peer_address="10.0.0.1", state="Established", imported=imported, dropped=dropped)


def test_a_healthy_node_has_none() -> None:
    assert node_conditions(CONFIG, [session(7)], {"vpn:one": True, "vpn:two": None}, "") == ()


@pytest.mark.parametrize(
    ("imported", "dropped", "detail"),
    [(8, 0, "8 of 10 routes"), (10, 0, "10 of 10 routes"), (10, 3, "10 of 10 routes, 3 dropped")],
)
def test_a_quota_that_is_four_fifths_full_is_told(imported: int, dropped: int, detail: str) -> None:
    found = node_conditions(CONFIG, [session(imported, dropped)], {}, "")
    assert found == (Condition(name="quota_high", subject="vbr", detail=detail),)


def test_a_peer_without_a_quota_or_unknown_to_the_config_has_none_to_fill() -> None:
    assert node_conditions(CONFIG, [session(1000, peer="stranger")], {}, "") == ()


def dead(name: str, detail: str) -> Condition:
    return Condition(name="tunnel_dead", subject=name, detail=f"its probe is lost; {detail}")


def test_a_dead_tunnel_is_told_with_what_is_left() -> None:
    found = node_conditions(CONFIG, [], {"vpn:one": False, "vpn:two": True}, "")
    assert found == (dead("vpn:one", "another tunnel carries"),)


def test_nobody_is_told_of_another_tunnel_when_all_are_dead() -> None:
    found = node_conditions(CONFIG, [], {"vpn:one": False, "vpn:two": False}, "")
    assert found == (dead("vpn:one", "no other tunnel is left"), dead("vpn:two", "no other tunnel is left"))


def test_what_keeps_a_node_from_its_config_is_told_with_the_node() -> None:
    found = node_conditions(CONFIG, [], {}, "BIRD refused")
    assert found == (Condition(name="cannot_converge", subject="gateway", detail="BIRD refused"),)
