"""What must hold for every site: equal input gives equal output, and two ends of one thing agree.

The sites are the examples, and examples drawn at random with other timers, families, VLANs and VPCs.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from twinspan.cli.site_file import check
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.model.deployment import Deployment
from twinspan.model.device_config import BgpPeer, DeviceConfig, IpsecTunnel
from twinspan.model.secret import Secret
from twinspan.model.site import Site

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*/*.yaml"))
REFUSED_EVERYTHING = {"0.0.0.0/32", "::/128"}


@functools.cache
def plain(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text())
    assert isinstance(found, dict)
    return found


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """An example, changed where changing keeps it valid."""
    text = copy.deepcopy(plain(draw(st.sampled_from(EXAMPLES))))
    vbr = text.setdefault("virtual_border_routers", {}).setdefault("vbr", {})
    interval = draw(st.integers(300, 1000))
    vbr |= {
        "min_tx_interval_ms": interval,
        "min_rx_interval_ms": interval,
        "detect_multiplier": draw(st.integers(3, 10)),
    }
    if "physical_connections" not in text and draw(st.booleans()):
        vbr["vlan_id"] = draw(st.integers(1, 2999))
        text["gateway"]["trunk_ports"] = ["circuit"]
    if draw(st.booleans()):
        vbr["enable_ipv6"] = True
        for peer in text.get("bgp_peers", {}).values():
            peer["bgp_group"] = "vbr"
        text["data_center"]["ipv6_prefixes"] = ["fd00:1::/64"]
        text["vpcs"]["office"]["ipv6_cidr_block"] = "fd00:2::/56"
    if draw(st.booleans()):
        text["vpcs"] |= {f"production-{n}": {"cidr_block": f"10.7{n}.0.0/16"} for n in range(2)}
    result = check(yaml.safe_dump(text).encode(), "drawn.yaml")
    assert result.site is not None, result.findings
    return result.site


def compiled(site: Site) -> Deployment:
    return compile_site(site, keys_from({name: Secret(f"key-of-{name}") for name in wanted_keys(site)}))


def peers(deployment: Deployment) -> Iterator[tuple[str, BgpPeer]]:
    for node, config in deployment.configs.items():
        for peer in config.bgp.peers if config.bgp else ():
            yield node, peer


def mirrored(peer: BgpPeer) -> tuple[object, ...]:
    """What the other end must say for the two to meet, seen from there."""
    return (
        peer.family,
        peer.peer_address,
        peer.local_address,
        peer.peer_asn,
        peer.local_asn,
        peer.auth_key,
        peer.bfd,
        peer.ebgp_multihop,
        peer.hold_time_s,
        peer.keepalive_interval_s,
        peer.reflect,
        peer.span,
        peer.tunnel,
    )


def own(peer: BgpPeer) -> tuple[object, ...]:
    here = mirrored(peer)
    return (here[0], here[2], here[1], here[4], here[3], *here[5:])


@given(sites())
def test_equal_sites_compile_to_equal_configs(site: Site) -> None:
    assert compiled(site) == compiled(site)


@given(sites())
def test_every_bgp_session_has_its_mirror_image_on_exactly_one_other_node(site: Site) -> None:
    found = list(peers(compiled(site)))
    for node, peer in found:
        images = [n for n, other in found if own(other) == mirrored(peer)]
        holders = [n for n, other in found if n != node and other.local_address == peer.peer_address]
        assert images == holders, f"{node} {peer.name}"
        assert len(images) == 1, f"{node} {peer.name}"


@given(sites())
def test_what_one_end_of_a_session_over_a_span_announces_the_other_admits(site: Site) -> None:
    found = list(peers(compiled(site)))
    for node, peer in found:
        far = next(other for _, other in found if own(other) == mirrored(peer))
        announced = {f.prefix for f in peer.export_filters} - REFUSED_EVERYTHING
        admitted = {f.prefix for f in far.import_filters}
        if peer.span:
            assert announced <= admitted, f"{node} {peer.name}"


@given(sites())
def test_both_ends_of_a_tunnel_agree(site: Site) -> None:
    deployment = compiled(site)
    here, there = deployment.configs["gateway"].tunnels, deployment.configs["vpn-gateway"].tunnels
    assert [t.name for t in here] == [t.name for t in there]
    for a, b in zip(here, there, strict=True):
        assert _tunnel_here(a) == _tunnel_there(b)
        assert a.initiate != b.initiate, "one end starts"
    assert len({t.ike_port for t in here}) == len({t.nat_t_port for t in here}) == len(here)


def _tunnel_here(t: IpsecTunnel) -> tuple[object, ...]:
    return (t.local_address, t.remote_address, t.local_id, t.remote_id, t.local_ts, t.remote_ts, *_tunnel_both(t))


def _tunnel_there(t: IpsecTunnel) -> tuple[object, ...]:
    return (t.remote_address, t.local_address, t.remote_id, t.local_id, t.remote_ts, t.local_ts, *_tunnel_both(t))


def _tunnel_both(t: IpsecTunnel) -> tuple[object, ...]:
    return (
        t.psk.reveal(),
        t.ike_version,
        t.ike_mode,
        t.ike_proposal,
        t.esp_proposal,
        t.ike_port,
        t.nat_t_port,
        t.ike_lifetime_s,
        t.ipsec_lifetime_s,
        t.mtu,
        t.tcp_mss,
    )


@given(sites())
def test_every_port_of_a_cable_is_a_link_of_its_node_and_has_one_cable(site: Site) -> None:
    deployment = compiled(site)
    ports = [p for w in deployment.topology.wires for p in (w.a, w.b)]
    ports += [p for s in deployment.topology.segments for p in s.ports]
    for port in ports:
        kinds = [x.kind for x in deployment.configs[port.node].links if x.name == port.link]
        assert kinds == ["physical"], port
    assert len({(p.node, p.link) for p in ports}) == len(ports)
    cabled = {(p.node, p.link) for p in ports}
    for node, config in deployment.configs.items():
        assert {(node, x.name) for x in config.links if x.kind == "physical"} <= cabled


@given(sites())
def test_no_address_is_given_twice_and_no_name_is_too_long(site: Site) -> None:
    deployment = compiled(site)
    given_out = [
        address.partition("/")[0]
        for config in deployment.configs.values()
        for address in (
            *(a for x in config.links for a in x.addresses),
            *(a for t in config.tunnels for a in t.inner_addresses),
        )
    ]
    assert sorted(given_out) == sorted(set(given_out))
    assert all(len(x.name) <= 15 for config in deployment.configs.values() for x in config.links)


@given(sites())
def test_whatever_a_config_names_it_has(site: Site) -> None:
    for config in compiled(site).configs.values():
        _check_names(config)


def _check_names(config: DeviceConfig) -> None:
    links, tunnels = {x.name for x in config.links}, {t.name for t in config.tunnels}
    tables, probes = {t.name for t in config.tables} | {"main"}, {p.name for p in config.probes}
    sessions = {p.name for p in (config.bgp.peers if config.bgp else ())}
    spans = config.failover.spans if config.failover else ()
    hops = [h for r in config.routes for h in r.next_hops] + [h for s in spans for h in s.next_hops]
    assert {h.link for h in hops} - {None} <= links
    assert {h.tunnel for h in hops} - {None} <= tunnels
    assert {h.track for h in hops} - {None} <= probes
    assert {r.table for r in config.routes} | {r.table for r in config.rules} <= tables
    assert {p.link for p in config.probes} - {None} <= links
    assert {p.probe for s in spans for p in s.probes} <= probes
    assert {p for s in spans for p in s.peers} <= sessions
    assert {x for s in spans for x in s.links} <= links
    assert len({t.table_id for t in config.tables}) == len(config.tables)
    assert len({r.priority for r in config.rules}) == len(config.rules)
