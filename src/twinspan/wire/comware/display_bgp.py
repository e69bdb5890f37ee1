"""`display bgp peer ipv4` and `display bgp peer ipv6`.

In: a `DeviceReport`, the `DeviceConfig` it runs, and the time. Out: text. `MsgRcvd` and `MsgSent` count route changes:
BIRD does not count messages. Next: whoever typed the command.
"""

from __future__ import annotations

from datetime import UTC, datetime

from twinspan.model.device_config import DeviceConfig, Family
from twinspan.model.device_report import BgpStatus, DeviceReport
from twinspan.wire.comware.display_layout import S_NS, table, up_down

_COLUMNS = (
    ("AS", 11),
    ("MsgRcvd", 8),
    ("MsgSent", 8),
    ("OutQ", 5),
    ("PrefRcv", 8),
    ("Up/Down", 9),
    ("State", 5),
)


def display_bgp_peer(report: DeviceReport, config: DeviceConfig, now_ns: int, *, family: Family = "ipv4") -> str:
    """One line for each peer of one address family."""
    if config.bgp is None:
        return "BGP is not configured."
    asn = {peer.name: peer.peer_asn for peer in config.bgp.peers if peer.family == family}
    peers = [peer for peer in report.bgp if peer.peer in asn]
    established = sum(peer.state == "Established" for peer in peers)
    width = 24 if family == "ipv4" else 40
    columns = (("  Peer", width), *_COLUMNS)
    head, *rows = table(columns, (_peer(peer, asn[peer.peer], now_ns) for peer in peers))
    return "\n".join(
        [
            "",
            f" BGP local router ID: {config.bgp.router_id}",
            f" Local AS number: {config.bgp.asn}",
            f" {f'Total number of peers: {len(peers)}':<41} Peers in established state: {established}",
            "",
            "  * - Dynamically created peer",
            head,
            "",
            *rows,
        ]
    )


def _peer(peer: BgpStatus, asn: int, now_ns: int) -> tuple[object, ...]:
    messages = (peer.updates_received, peer.updates_sent)
    lasted = up_down(_lasted_s(peer.since, now_ns))
    return (f"  {peer.peer_address}", asn, *messages, 0, peer.imported + peer.dropped, lasted, peer.state)


def _lasted_s(since: str, now_ns: int) -> float:
    """Seconds in this state; 0 where BIRD has not said since when."""
    try:
        began = datetime.fromisoformat(since).replace(tzinfo=UTC)
    except ValueError:
        return 0.0
    return now_ns / S_NS - began.timestamp()
