"""A site as a picture in text: both spans between the data centre and the cloud.

In: a `Deployment`, and which span carries the traffic, if known. Out: lines, with usual values of at most 100 columns.
Next: `cli.plan`, `cli.demo`.
"""

from __future__ import annotations

from twinspan.model.deployment import Deployment


def picture(deployment: Deployment, carrying: str | None = None) -> list[str]:
    """Two spans from left to right; the one that carries is drawn double."""
    gateway, vbr = deployment.configs["gateway"], deployment.configs["vbr"]
    circuit_carries = carrying in (None, "circuit")
    up, down = ("=", "-") if circuit_carries else ("-", "=")
    session = next(p for p in (gateway.bgp.peers if gateway.bgp else ()) if p.span and not p.tunnel)
    timers = f"BFD {session.bfd.min_tx_interval_ms} ms x {session.bfd.detect_multiplier}" if session.bfd else "no BFD"
    tunnel = gateway.tunnels[0]
    count = f"{len(gateway.tunnels)} x " if len(gateway.tunnels) > 1 else ""
    top = f" circuit: BGP AS{session.local_asn} - AS{session.peer_asn}, {timers} "
    low = f" vpn: {count}{tunnel.ike_version} {tunnel.ike_proposal} "
    width = max(len(top), len(low)) + 6
    site = deployment.site_prefixes[0]
    cloud = ", ".join(p for p in deployment.cloud_prefixes if ":" not in p)
    pad = " " * 13
    return [
        f"{pad} .{top.center(width, up)}. vbr {vbr.bgp.router_id if vbr.bgp else ''}",
        f"pc -- gateway{' ' * (width + 4)}transit-router -- cloud",
        f"{pad} '{low.center(width, down)}' vpn-gateway {tunnel.remote_address}",
        f"  data centre {site}  <-->  cloud {cloud}",
    ]
