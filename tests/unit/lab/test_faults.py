"""Each fault is built from the names of the deployment, and a fault that a site cannot have is refused."""

import struct

import msgspec
import pytest

from twinspan.lab import netlink, places
from twinspan.lab.effect import Drop, LinksDown, name_keys
from twinspan.lab.faults import FAULTS, find_fault, without_prefix
from twinspan.lab.lab import Lab
from twinspan.lab.netlink import Moment, NftSet, span_of
from twinspan.lab.state import FaultOptions, LabPaths, LabState
from twinspan.model.deployment import Deployment, Endpoint, Expectation, Port, Segment, Topology
from twinspan.model.device_config import Bgp, BgpPeer, DeviceConfig, IpsecTunnel, Link, Originate, PrefixFilter
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret


def tunnel(name: str, port: int) -> IpsecTunnel:
    return IpsecTunnel(
        name=name, local_address="198.18.0.1", remote_address="198.18.0.2", local_id="a", remote_id="b",
        psk=Secret("k"), ike_port=port, nat_t_port=port + 4000,
    )  # fmt: skip


PEER = BgpPeer(
    name="gateway", local_address="10.0.0.1", peer_address="10.0.0.2", local_asn=45104, peer_asn=65001, span="circuit",
    export_filters=(PrefixFilter(prefix="172.16.0.0/12"), PrefixFilter(prefix="192.168.0.0/24")),
)  # fmt: skip
INSIDE = msgspec.structs.replace(PEER, name="tr", peer_address="198.18.128.2", span=None)
VBR = DeviceConfig(
    node="vbr", role="vbr", site="s",
    links=(Link(name="circ0"), Link(name="circ0.100", kind="vlan", parent="circ0", vlan_id=100), Link(name="tr0")),
    bgp=Bgp(
        router_id="2.2.2.2", asn=45104, peers=(PEER, INSIDE),
        originate=(Originate(prefix="172.16.0.0/12", span="circuit"), Originate(prefix="172.16.0.0/12")),
    ),
)  # fmt: skip
GATEWAY = DeviceConfig(
    node="gateway", role="gateway", site="s", links=(Link(name="wan9", addresses=("10.0.0.2/30",)),),
    tunnels=(tunnel("t1", 500), tunnel("t2", 1500)),
)  # fmt: skip
VPN = DeviceConfig(node="vpn-gateway", role="vpn_gateway", site="s")


def make_lab(tmp_path, **changes: object) -> Lab:
    def port(node: str, link: str) -> Port:
        return Port(node=node, link=link)

    deployment = Deployment(
        site="s", profile="edge", region="r",
        topology=Topology(
            nodes=("gateway", "vbr", "vpn-gateway"), wires=(),
            segments=(
                Segment(name="line", kind="circuit", ports=(port("gateway", "port7"), port("vbr", "circ0"))),
                Segment(name="inet", kind="isp", ports=(port("gateway", "wan9"), port("vpn-gateway", "wan0"))),
            ),
        ),
        configs={"gateway": GATEWAY, "vbr": VBR, "vpn-gateway": VPN},
        site_endpoint=Endpoint(node="gateway", address="192.168.1.10"),
        cloud_endpoint=Endpoint(node="vbr", address="172.16.0.10"),
        expectation=Expectation(
            bfd_interval_ms=None, bfd_multiplier=None, probe_interval_ms=1, probe_lost_threshold=1, hold_time_s=3,
            hold_down_s=1, health_check_interval_s=None, health_check_packets=None, max_outage_ms=1,
        ),
        dns_name="", site_prefixes=(), cloud_prefixes=("192.168.0.0/24", "172.16.0.0/12"),
    )  # fmt: skip
    state = LabState(
        name="one", lab_id="ab12", site="s", site_file="", created_ns=1, phase="up",
        nodes={node: f"n-{node}" for node in deployment.configs}, segments={"line": "n-line", "inet": "n-inet"},
    )  # fmt: skip
    return Lab(LabPaths("one", tmp_path), state, msgspec.structs.replace(deployment, **changes))


def effects(lab: Lab, name: str, **options: object):
    return find_fault(name).effects(lab, FaultOptions(**options))


def test_every_fault_is_there() -> None:
    assert set(FAULTS) == {
        "port-shutdown", "cable", "silent", "one-way", "dead-transit", "prefix-only", "large-only", "bgp-reset",
        "prefix-withdrawn", "daemon-kill", "agent-kill", "vpn-down", "vpn-blackhole", "vpn-active-down", "isp-down",
        "both", "flap", "server-kill", "server-down",
    }  # fmt: skip


def test_an_unknown_fault_is_answered_with_the_list() -> None:
    with pytest.raises(Rejected, match=r"there is no fault 'slient' \(faults: port-shutdown, cable, silent,"):
        find_fault("slient")


def test_one_way_blocks_the_port_of_the_sender(tmp_path) -> None:
    lab = make_lab(tmp_path)
    for direction, sender in (("to-cloud", "gateway"), ("to-site", "vbr")):
        (drop,) = effects(lab, "one-way", direction=direction)
        assert isinstance(drop, Drop)
        assert drop.netns == "n-line"
        assert drop.keys.values == name_keys([sender])


def test_dead_transit_covers_the_circuits_port_and_its_vlans(tmp_path) -> None:
    (drop,) = effects(make_lab(tmp_path), "dead-transit")
    assert drop.netns == "n-vbr"
    assert drop.keys.values == name_keys(["circ0", "circ0.100"])


def test_prefix_only_names_the_prefix_of_the_clouds_endpoint(tmp_path) -> None:
    (drop,) = effects(make_lab(tmp_path), "prefix-only")
    assert drop.rules == ("iifname @on ip daddr 172.16.0.0/12 drop", "oifname @on ip saddr 172.16.0.0/12 drop")


def test_cable_takes_both_ports_of_the_circuit(tmp_path) -> None:
    (down,) = effects(make_lab(tmp_path), "cable")
    assert isinstance(down, LinksDown)
    assert (down.netns, down.links) == ("n-line", ("gateway", "vbr"))


def test_vpn_active_down_leaves_the_second_tunnels_ports(tmp_path) -> None:
    (drop,) = effects(make_lab(tmp_path), "vpn-active-down")
    assert all("{ 500, 4500 }" in rule for rule in drop.rules)


def test_vpn_active_down_needs_two_tunnels(tmp_path) -> None:
    one = msgspec.structs.replace(GATEWAY, tunnels=GATEWAY.tunnels[:1])
    lab = make_lab(tmp_path, configs={"gateway": one, "vbr": VBR, "vpn-gateway": VPN})
    with pytest.raises(Rejected, match=r"lab one has only 1 tunnel \(use vpn-blackhole\)"):
        effects(lab, "vpn-active-down")


def test_a_site_without_vpn_has_no_vpn_faults(tmp_path) -> None:
    none = msgspec.structs.replace(GATEWAY, tunnels=())
    lab = make_lab(tmp_path, configs={"gateway": none, "vbr": VBR, "vpn-gateway": VPN})
    for fault in ("vpn-blackhole", "vpn-down", "both"):
        with pytest.raises(Rejected, match="lab one has no VPN"):
            effects(lab, fault)


def test_the_circuit_session_is_the_one_with_an_address_of_the_gateway(tmp_path) -> None:
    assert [peer.name for peer in places.circuit_peers(make_lab(tmp_path))] == ["gateway"]


def test_a_withdrawn_prefix_stays_announced_to_everybody_else() -> None:
    bgp = without_prefix(VBR, {"gateway"}, "172.16.0.0/12").bgp
    assert [item.prefix for item in bgp.peers[0].export_filters] == ["192.168.0.0/24"]
    assert bgp.peers[1] == INSIDE
    assert bgp.originate == (Originate(prefix="172.16.0.0/12"),)


def test_a_node_that_is_not_there_is_refused_with_the_list(tmp_path) -> None:
    with pytest.raises(Rejected, match=r"no node 'vrb' \(nodes: gateway, vbr, vpn-gateway\)"):
        make_lab(tmp_path).netns("vrb")


def test_set_elements_are_packed_as_the_kernel_reads_them() -> None:
    target = NftSet(family="bridge", table="t", name="on")
    packed = netlink._element_request(netlink.NFT_MSG_NEWSETELEM, target, name_keys(["gateway"]), 1.5)
    sizes = []
    rest = packed
    while rest:
        (size,) = struct.unpack_from("=I", rest)
        sizes.append(size)
        rest = rest[size:]
    assert len(sizes) == 3
    assert struct.pack(">Q", 1500) in packed
    assert b"gateway".ljust(16, b"\0") in packed


def test_the_moment_of_several_calls_reaches_from_the_first_to_the_last() -> None:
    moments = [Moment(before_ns=5, after_ns=9), Moment(before_ns=2, after_ns=4)]
    assert span_of(moments) == Moment(before_ns=2, after_ns=9)


@pytest.mark.parametrize("fault", ["server-kill", "server-down"])
def test_a_lab_without_a_cloud_server_has_no_faults_of_it(tmp_path, fault: str) -> None:
    with pytest.raises(Rejected, match="lab one has no cloud server"):
        effects(make_lab(tmp_path), fault)


def test_server_down_blocks_the_servers_port_and_no_other(tmp_path) -> None:
    lab = make_lab(tmp_path)
    more = {"parts": {"cloud-server": "n-cloud"}, "segments": lab.state.segments | {"management": "n-mgmt"}}
    lab.state = msgspec.structs.replace(lab.state, **more)
    (drop,) = effects(lab, "server-down")
    assert isinstance(drop, Drop)
    assert (drop.netns, drop.keys.values) == ("n-mgmt", name_keys(["cloud-server"]))
