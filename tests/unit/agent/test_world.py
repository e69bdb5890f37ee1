"""What the agent remembers between two looks at the kernel."""

from __future__ import annotations

from msgspec.structs import replace

from twinspan.engine.reconcile import Step
from twinspan.model.device_config import Bgp, BgpPeer, Failover, FailoverSpan, Probe
from twinspan.model.kernel import BIRD_PROTOCOL, KernelLink, KernelRoute, KernelState
from twinspan.wire.rtnetlink import LinkChanged, RouteChanged

ROUTE = KernelRoute(prefix="10.9.0.0/16", device="eth0")
BY_BGP = KernelRoute(prefix="172.16.0.0/12", device="eth0")


def link(name: str = "eth0") -> KernelLink:
    return KernelLink(name=name, admin_up=True, carrier=True, mtu=1500)


def change(name: str = "eth0", *, exists: bool = True, carrier: bool = True) -> LinkChanged:
    return LinkChanged(name=name, ifindex=1, exists=exists, admin_up=exists, carrier=carrier and exists)


def route(prefix: str = "172.16.0.0/12", *, ifindex: int = 1, added: bool = True) -> RouteChanged:
    return RouteChanged(prefix=prefix, table_id=254, protocol=BIRD_PROTOCOL, ifindex=ifindex, added=added)


def seen(desk):
    desk.world.set_kernel(
        KernelState(links={"eth0": link(), "eth1": link("eth1"), "ipsec0": link("ipsec0")}, routes=frozenset({ROUTE})),
        frozenset({BY_BGP}),
    )
    return desk.world


def with_span(config):
    peer = BgpPeer(
        name="p", local_address="10.0.0.2", peer_address="10.0.0.1", local_asn=1, peer_asn=2, link="eth0", span="c"
    )
    span = FailoverSpan(name="c", role="active", peers=("p",), expected_prefixes=("172.16.0.0/12",), links=("eth0",))
    bgp = Bgp(router_id="10.0.0.2", asn=1, peers=(peer,))
    return replace(config, bgp=bgp, failover=Failover(spans=(span,), prefixes=()))


def test_a_lost_carrier_takes_the_links_routes_with_it(desk):
    world = seen(desk)
    assert world.link_changed(change(carrier=False))
    assert world.view().links_down == {"eth0"}
    assert world.kernel.routes == frozenset()


def test_the_same_state_again_is_no_change(desk):
    world = seen(desk)
    revision = world.revision
    assert not world.link_changed(change())
    assert world.revision == revision


def test_a_link_that_vanished_is_no_longer_among_the_links_of_the_kernel(desk):
    world = seen(desk)
    assert world.link_changed(change(exists=False))
    assert "eth0" not in world.kernel.links


def test_a_tunnel_device_that_died_is_no_way_any_more_before_the_driver_was_asked_again(desk):
    world = seen(desk)
    world.devices = {"t1": "ipsec0"}
    assert world.view().devices == {"t1": "ipsec0"}
    world.link_changed(change("ipsec0", exists=False))
    assert world.view().devices == {}
    probe = Probe(name="p", source="10.0.0.2", destination="10.0.0.1", tunnel="t1")
    assert world.device_of(probe) is None


def test_a_bgp_route_moved_to_another_link_no_longer_counts_for_the_span(desk, config):
    world = seen(desk)
    assert world.observe_spans(with_span(config))["c"].missing_prefixes == ()
    assert world.route_changed(route(ifindex=2))
    assert world.observe_spans(with_span(config))["c"].missing_prefixes == ("172.16.0.0/12",)


def test_a_renewed_bgp_route_counts_although_no_link_event_ever_named_its_interface(desk, config):
    world = seen(desk)
    world.route_changed(route(added=False))
    world.route_changed(route(ifindex=1))
    assert world.observe_spans(with_span(config))["c"].missing_prefixes == ()


def test_a_route_of_another_protocol_or_table_changes_nothing(desk):
    world = seen(desk)
    assert not world.route_changed(replace(route(added=False), protocol=4))
    assert not world.route_changed(replace(route(added=False), table_id=100))


def test_routes_just_changed_are_known_at_once(desk):
    world = seen(desk)
    new = KernelRoute(prefix="10.7.0.0/16", device="eth1")
    revision = world.revision
    world.routes_done([Step(verb="route_replace", route=new), Step(verb="route_del", route=ROUTE)])
    assert world.kernel.routes == {new}
    assert world.revision != revision
