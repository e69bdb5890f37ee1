"""The packet filter's text."""

from __future__ import annotations

import pytest

from twinspan.model.device_config import DeviceConfig, IpsecTunnel, Link
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret
from twinspan.wire.nftables import render_nftables

MANAGEMENT = Link(name="mgmt0", management=True)
LAN = Link(name="lan")


def tunnel(name: str = "t1", tcp_mss: int = 1360) -> IpsecTunnel:
    return IpsecTunnel(
        name=name,
        local_address="198.18.0.1",
        remote_address="198.18.0.2",
        local_id="a",
        remote_id="b",
        psk=Secret("Psk-Not-To-Be-Seen"),
        tcp_mss=tcp_mss,
    )


def node(*links: Link, tunnels: tuple[IpsecTunnel, ...] = ()) -> DeviceConfig:
    return DeviceConfig(node="gateway", role="gateway", site="two-spans", links=links, tunnels=tunnels)


def test_a_node_without_management_and_tunnels_needs_no_table() -> None:
    assert render_nftables(node(LAN), {}) == ""


def test_nothing_is_forwarded_from_or_to_management_links_and_others_are_not_named() -> None:
    text = render_nftables(node(LAN, MANAGEMENT), {})
    assert [line.strip() for line in text.splitlines() if "drop" in line] == [
        'iifname "mgmt0" drop',
        'oifname "mgmt0" drop',
    ]
    assert '"lan"' not in text


def test_syn_is_clamped_in_both_directions_and_only_down() -> None:
    text = render_nftables(node(tunnels=(tunnel(),)), {"t1": "ipsec0"})
    rules = [line.strip() for line in text.splitlines() if "maxseg" in line]
    assert [rule.split()[0] for rule in rules] == ["iifname", "oifname"]
    assert all(
        rule.endswith('"ipsec0" tcp flags & syn == syn tcp option maxseg size > 1360 tcp option maxseg size set 1360')
        for rule in rules
    )


def test_a_tunnel_without_its_device_or_without_a_clamp_has_no_rule() -> None:
    config = node(tunnels=(tunnel("t1"), tunnel("t2", tcp_mss=0)))
    assert render_nftables(config, {"t2": "ipsec1"}) == ""


def test_the_old_table_goes_in_the_same_transaction() -> None:
    text = render_nftables(node(MANAGEMENT), {})
    assert text.startswith("add table inet twinspan\ndelete table inet twinspan\ntable inet twinspan {\n")


@pytest.mark.parametrize("name", ['x"; drop', "a b", "x\n", "", "sixteen-letters-", "-x"])
def test_a_name_that_is_no_device_is_refused(name: str) -> None:
    with pytest.raises(Rejected, match="cannot be a kernel device"):
        render_nftables(node(Link(name=name, management=True)), {})


def test_keys_never_reach_the_text() -> None:
    assert "Psk" not in render_nftables(node(MANAGEMENT, tunnels=(tunnel(),)), {"t1": "ipsec0"})
