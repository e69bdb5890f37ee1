"""`Deployment`: a whole site compiled: one `DeviceConfig` per node, how the nodes are cabled, and what to expect.

In: nothing. Made by `engine.compile`; `lab` builds namespaces from it, `twinspan plan` prints it, the drill takes its
endpoints and limits from it. Next: `model.device_config`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from twinspan.model.device_config import DeviceConfig
from twinspan.model.fields import Profile


class Port(msgspec.Struct, frozen=True, kw_only=True):
    node: str
    link: str
    """Kernel interface name of the *physical* link, at most 15 characters."""


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """A cable between two nodes, with nothing in between."""

    a: Port
    b: Port


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch that belongs to somebody else (the circuit's carrier, the ISP) or to management: faults happen here."""

    name: str
    """E.g. "circuit", "isp", "management"."""
    kind: Literal["circuit", "isp", "management"]
    ports: tuple[Port, ...]
    mtu: int = 1500


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A host whose traffic a drill measures."""

    node: str
    address: str
    ipv6_address: str | None = None


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    nodes: tuple[str, ...]
    wires: tuple[Wire, ...]
    segments: tuple[Segment, ...]


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds a drill measures against, from the site's own timers."""

    bfd_interval_ms: int | None
    bfd_multiplier: int | None
    probe_interval_ms: int
    probe_lost_threshold: int
    hold_time_s: int
    hold_down_s: float
    health_check_interval_s: int | None
    health_check_packets: int | None
    max_outage_ms: int


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    site: str
    profile: Profile
    region: str
    topology: Topology
    configs: dict[str, DeviceConfig]
    """By node name: gateway, vbr, vpn-gateway, transit-router, office-vpc, user-vpc, services, pc, office-host; and
    vbr-NAME for each VBR of another account on the circuit."""
    site_endpoint: Endpoint
    cloud_endpoint: Endpoint
    expectation: Expectation
    dns_name: str
    """A name of the services network that must resolve from the data centre over either span."""
    site_prefixes: tuple[str, ...]
    cloud_prefixes: tuple[str, ...]
