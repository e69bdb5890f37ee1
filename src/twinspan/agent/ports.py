"""The drivers of one node, made once and handed to the loops.

In: the node's directory and where events go. Out: `Drivers`. Next: `agent.converge`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from twinspan.drivers.bird import BirdDriver
from twinspan.drivers.dhcp_client import DhcpClientDriver
from twinspan.drivers.dnsmasq import DnsmasqDriver
from twinspan.drivers.icmp import ProbeResult, ProbeRunner
from twinspan.drivers.netlink import NetlinkDriver
from twinspan.drivers.nftables import NftablesDriver
from twinspan.drivers.strongswan import StrongswanDriver
from twinspan.drivers.vlan import VlanDriver
from twinspan.model.device_config import Probe
from twinspan.model.device_report import Event
from twinspan.wire.dhcp_options import CloudOptions


@dataclass(frozen=True, kw_only=True)
class Drivers:
    netlink: NetlinkDriver
    vlan: VlanDriver
    nftables: NftablesDriver
    bird: BirdDriver
    strongswan: StrongswanDriver
    dnsmasq: DnsmasqDriver
    dhcp_client: DhcpClientDriver
    probes: ProbeRunner


def make_drivers(
    node_dir: Path,
    node: str,
    on_event: Callable[[Event], None],
    device_of: Callable[[Probe], str | None],
    on_result: Callable[[ProbeResult], None],
    on_cloud_options: Callable[[CloudOptions], None],
) -> Drivers:
    """Drivers acting on the calling process's network namespace, with their files under `node_dir`."""
    return Drivers(
        netlink=NetlinkDriver(),
        vlan=VlanDriver(),
        nftables=NftablesDriver(),
        bird=BirdDriver(node_dir / "bird", on_event, node),
        strongswan=StrongswanDriver(node_dir / "ike", on_event, node),
        dnsmasq=DnsmasqDriver(node_dir / "dns", on_event, node),
        dhcp_client=DhcpClientDriver(node_dir / "dhcp", on_event, node, on_cloud_options),
        probes=ProbeRunner((), device_of, on_result),
    )
