"""What each `display` shows: its topic, the function that writes it, and what that needs to know.

In: a topic with its arguments, a `Node`. Out: text. One table; a new display is a line in it. Next: `wire.comware`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from twinspan.agent.clock import wall_ns
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import DeviceReport
from twinspan.wire.comware.display_arp import display_arp
from twinspan.wire.comware.display_bfd import display_bfd_session
from twinspan.wire.comware.display_bgp import display_bgp_peer
from twinspan.wire.comware.display_clock import display_clock
from twinspan.wire.comware.display_cloud_management import (
    display_cloud_management_servers,
    display_cloud_management_state,
)
from twinspan.wire.comware.display_device import display_device_manuinfo
from twinspan.wire.comware.display_ike import display_ike_sa
from twinspan.wire.comware.display_interface import display_interface, display_interface_brief
from twinspan.wire.comware.display_ip_interface import display_ip_interface, display_ip_interface_brief
from twinspan.wire.comware.display_ipsec import display_ipsec_sa
from twinspan.wire.comware.display_routing_table import display_ip_routing_table, display_ipv6_routing_table
from twinspan.wire.comware.display_version import display_version
from twinspan.wire.comware.names import Names, display_names

if TYPE_CHECKING:
    from twinspan.agent.node import Node


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a display is written from."""

    report: DeviceReport
    config: DeviceConfig
    names: Mapping[str, str]
    link: str | None
    """Linux name of the interface that was asked for; None: all."""
    now_ns: int


AT_ONCE: dict[str, Callable[[Node, Mapping[str, str], int], str]] = {
    "clock": lambda _node, _names, now_ns: display_clock(now_ns),
    "cloud-management state": lambda node, names, now_ns: display_cloud_management_state(
        node.cloud.status(), names, now_ns
    ),
    "cloud-management servers": lambda node, _names, _now_ns: display_cloud_management_servers(node.cloud.status()),
    "version": lambda node, _names, now_ns: display_version(node.cloud.identity, wall_ns(node.started_ns), now_ns),
}
"""Displays of what the agent knows by itself."""

OF_REPORT: dict[str, Callable[[Node, Seen], str]] = {
    "arp": lambda _, seen: display_arp(seen.report, seen.config, seen.names, link=seen.link),
    "bfd session": lambda _, seen: display_bfd_session(seen.report, seen.config, seen.names),
    "bgp peer ipv4": lambda _, seen: display_bgp_peer(seen.report, seen.config, seen.now_ns),
    "bgp peer ipv6": lambda _, seen: display_bgp_peer(seen.report, seen.config, seen.now_ns, family="ipv6"),
    "device manuinfo": lambda node, seen: display_device_manuinfo(node.cloud.identity, seen.report),
    "ike sa": lambda _, seen: display_ike_sa(seen.report, seen.config),
    "ikev2 sa": lambda _, seen: display_ike_sa(seen.report, seen.config),
    "interface": lambda _, seen: display_interface(seen.report, seen.config, seen.names, link=seen.link),
    "interface brief": lambda _, seen: display_interface_brief(seen.report, seen.names, link=seen.link),
    "ip interface": lambda _, seen: display_ip_interface(seen.report, seen.config, seen.names, link=seen.link),
    "ip interface brief": lambda _, seen: display_ip_interface_brief(seen.report, seen.names, link=seen.link),
    "ip routing-table": lambda _, seen: display_ip_routing_table(seen.report, seen.config, seen.names),
    "ipsec sa": lambda _, seen: display_ipsec_sa(seen.report, seen.config, seen.names),
    "ipv6 routing-table": lambda _, seen: display_ipv6_routing_table(seen.report, seen.config, seen.names),
}
"""Displays that the drivers are asked for."""

_OPTIONAL = {"bgp peer ipv4 unicast": "bgp peer ipv4", "bgp peer ipv6 unicast": "bgp peer ipv6"}
"""Topics with a word that changes nothing."""


async def show(node: Node, config: DeviceConfig, topic: str, args: Mapping[str, str]) -> str:
    """The text of a display, with its last line ended."""
    topic = _OPTIONAL.get(topic, topic)
    if topic in AT_ONCE:
        return _ended(AT_ONCE[topic](node, display_names(config), time.time_ns()))
    report = await node.report()
    interface = args.get("interface")
    link = link_of(interface, config, node.world.devices) if interface else None
    if interface and link is None:
        return f" % {interface}: this device has no such interface.\n"
    names = display_names(config, report)
    seen = Seen(report=report, config=config, names=names, link=link, now_ns=time.time_ns())
    return _ended(OF_REPORT[topic](node, seen))


def link_of(interface: str, config: DeviceConfig, devices: Mapping[str, str]) -> str | None:
    """Linux link of an interface; `devices` are those of running tunnels, by tunnel. None: there is none now."""
    names = Names(config)
    tunnel = names.tunnel(interface)
    return devices.get(tunnel) if tunnel is not None else names.link(interface)


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
