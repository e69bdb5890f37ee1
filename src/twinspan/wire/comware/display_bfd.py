"""`display bfd session`.

In: a `DeviceReport` and the `DeviceConfig` it runs. Out: text. BIRD keeps discriminators to itself, hence the hyphens;
`Holdtime` is the detection time. Next: whoever typed the command.
"""

from __future__ import annotations

from collections.abc import Mapping

from twinspan.model.device_config import BgpPeer, DeviceConfig
from twinspan.model.device_report import BfdStatus, DeviceReport
from twinspan.wire.comware.display_layout import NONE, short_name, table

_COLUMNS = (
    ("LD/RD", 17),
    ("SourceAddr", 16),
    ("DestAddr", 16),
    ("State", 6),
    ("Holdtime", 12),
    ("Interface", 9),
)


def display_bfd_session(report: DeviceReport, config: DeviceConfig, names: Mapping[str, str]) -> str:
    """Every session, IPv4 in a table and IPv6 in blocks; sessions that are wanted and do not exist show as Down."""
    peers = {peer.peer_address: peer for peer in (config.bgp.peers if config.bgp else ()) if peer.bfd}
    seen = {session.peer_address: session for session in report.bfd}
    missing = [BfdStatus(peer_address=p, state="Down", interval_ms=0, detect_ms=0) for p in peers if p not in seen]
    sessions = [*report.bfd, *missing]
    up = sum(session.state == "Up" for session in sessions)
    lines = [f" Total sessions: {len(sessions)}     Up sessions: {up}     Init mode: Active"]
    if narrow := [session for session in sessions if ":" not in session.peer_address]:
        lines += ["", " IPv4 session working in control packet mode:", ""]
        rows = (_ipv4(session, peers.get(session.peer_address), names) for session in narrow)
        lines += [f" {line}" for line in table(_COLUMNS, rows)]
    if wide := [session for session in sessions if ":" in session.peer_address]:
        lines += ["", " IPv6 session working in control packet mode:"]
        for session in wide:
            lines += _ipv6(session, peers.get(session.peer_address), names)
    return "\n".join(lines)


def _ipv4(session: BfdStatus, peer: BgpPeer | None, names: Mapping[str, str]) -> tuple[str, ...]:
    interface = short_name(names, _link(peer))
    return ("-/-", _source(peer), session.peer_address, session.state, _hold_time(session), interface)


def _ipv6(session: BfdStatus, peer: BgpPeer | None, names: Mapping[str, str]) -> list[str]:
    return [
        "",
        f"    Source IP: {_source(peer)}",
        f"    Destination IP: {session.peer_address}",
        f"    Session state: {session.state}",
        f"    Interface: {short_name(names, _link(peer))}",
        f"    Hold time: {_hold_time(session)}",
    ]


def _source(peer: BgpPeer | None) -> str:
    return peer.local_address if peer else NONE


def _link(peer: BgpPeer | None) -> str | None:
    """A multi-hop session is bound to none."""
    return peer.link if peer and peer.bfd and peer.bfd.hop_count == 1 else None


def _hold_time(session: BfdStatus) -> str:
    return f"{session.detect_ms:.0f}ms" if session.state == "Up" else "0ms"
