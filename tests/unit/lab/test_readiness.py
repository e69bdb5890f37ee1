"""A lab is up when nothing is missing; what is missing is named."""

import msgspec
import pytest

from twinspan.lab.client import AgentUnreachable
from twinspan.lab.readiness import missing, node_missing
from twinspan.model.deployment import Deployment, Endpoint, Expectation, Topology
from twinspan.model.device_config import Bfd, Bgp, BgpPeer, DeviceConfig, IpsecTunnel, Probe
from twinspan.model.device_report import (
    Alarm,
    BfdStatus,
    BgpStatus,
    DeviceReport,
    FailoverStatus,
    ProbeStatus,
    SpanStatus,
    TunnelStatus,
)
from twinspan.model.secret import Secret

PEER = BgpPeer(
    name="vbr", local_address="10.0.0.2", peer_address="10.0.0.1", local_asn=65001, peer_asn=45104,
    bfd=Bfd(min_tx_interval_ms=50, min_rx_interval_ms=50, detect_multiplier=3),
)  # fmt: skip
TUNNEL = IpsecTunnel(
    name="t1", local_address="198.18.0.1", remote_address="198.18.0.2", local_id="a", remote_id="b", psk=Secret("k")
)
CONFIG = DeviceConfig(
    node="gateway", role="gateway", site="s", generation=2, bgp=Bgp(router_id="1.1.1.1", asn=65001, peers=(PEER,)),
    tunnels=(TUNNEL,), probes=(Probe(name="p", source="10.0.0.2", destination="10.0.0.1"),),
)  # fmt: skip
GOOD = DeviceReport(
    node="gateway", role="gateway", site="s", profile="edge", observed_generation=2, digest="0", converged=True,
    at_ns=1, agent_pid=1, bgp=(BgpStatus(peer="vbr", peer_address="10.0.0.1", state="Established"),),
    bfd=(BfdStatus(peer_address="10.0.0.1", state="Up", interval_ms=50, detect_ms=150),),
    tunnels=(TunnelStatus(name="t1", device="ipsec0", ike_state="ESTABLISHED", child_state="INSTALLED"),),
    probes=(ProbeStatus(name="p", state="up"),),
    failover=FailoverStatus(
        carrying="circuit", reason="", override=False,
        spans=(
            SpanStatus(name="circuit", role="active", healthy=True),
            SpanStatus(name="vpn", role="standby", healthy=True),
        ),
    ),
)  # fmt: skip


def but(**changes: object) -> DeviceReport:
    return msgspec.structs.replace(GOOD, **changes)


def failover(**changes: object) -> FailoverStatus:
    return msgspec.structs.replace(GOOD.failover, **changes)


def test_a_node_that_is_as_asked_lacks_nothing() -> None:
    assert node_missing(CONFIG, GOOD) == ()


def test_a_node_that_asks_by_dhcp_lacks_its_lease_until_it_has_one() -> None:
    asks = msgspec.structs.replace(CONFIG, dhcp_client="eth0")
    assert node_missing(asks, GOOD) == ("no DHCP lease on eth0",)
    assert node_missing(asks, but(leases=("eth0 192.168.1.128/24",))) == ()


@pytest.mark.parametrize(
    ("report", "lack"),
    [
        (but(observed_generation=1), "config not applied"),
        (but(bgp=()), "BGP vbr absent"),
        (but(bgp=(BgpStatus(peer="vbr", peer_address="10.0.0.1", state="Connect"),)), "BGP vbr Connect"),
        (but(bfd=()), "BFD 10.0.0.1 absent"),
        (but(bfd=(BfdStatus(peer_address="10.0.0.1", state="Init", interval_ms=1, detect_ms=1),)), "BFD 10.0.0.1 Init"),
        (but(tunnels=()), "tunnel t1 has no IKE daemon"),
        (
            but(tunnels=(TunnelStatus(name="t1", device="ipsec0", ike_state="CONNECTING", child_state="down"),)),
            "tunnel t1 CONNECTING/down",
        ),
        (but(probes=(ProbeStatus(name="p", state="unknown"),)), "probe p unknown"),
        (but(probes=()), "probe p absent"),
        (but(converged=False), "not converged"),
        (but(failover=failover(carrying="vpn")), "traffic is on vpn, not on circuit"),
        (
            but(
                failover=failover(
                    spans=(SpanStatus(name="vpn", role="standby", healthy=False, reasons=("link down",)),)
                )
            ),
            "span vpn not healthy (link down)",
        ),
    ],
)
def test_each_lack_is_named(report: DeviceReport, lack: str) -> None:
    assert node_missing(CONFIG, report) == (lack,)


def test_a_node_that_does_not_answer_is_named_among_the_others() -> None:
    deployment = Deployment(
        site="s", profile="edge", region="r", topology=Topology(nodes=("gateway", "vbr"), wires=(), segments=()),
        configs={"gateway": CONFIG, "vbr": CONFIG}, site_endpoint=Endpoint(node="gateway", address="10.0.0.2"),
        cloud_endpoint=Endpoint(node="vbr", address="10.0.0.1"),
        expectation=Expectation(
            bfd_interval_ms=None, bfd_multiplier=None, probe_interval_ms=1, probe_lost_threshold=1, hold_time_s=3,
            hold_down_s=1, health_check_interval_s=None, health_check_packets=None, max_outage_ms=1,
        ),
        dns_name="", site_prefixes=(), cloud_prefixes=(),
    )  # fmt: skip
    answers = {"gateway": GOOD, "vbr": AgentUnreachable("vbr: no", delay_s=1)}
    assert missing(deployment, answers) == ("vbr: agent does not answer",)
    assert missing(deployment, {"gateway": GOOD}) == ("vbr: agent does not answer",)


def test_a_node_that_cannot_apply_its_config_says_why():
    taken = Alarm(name="cannot_converge", subject="gateway", since_ns=1, detail="bird: port 179 is taken")
    report = msgspec.structs.replace(GOOD, observed_generation=1, alarms=(taken,))
    assert node_missing(CONFIG, report) == ("config not applied: bird: port 179 is taken",)
