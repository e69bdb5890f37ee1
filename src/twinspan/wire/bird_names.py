"""Names of the things in BIRD's configuration, and who belongs to which span and address family.

In: a `Bgp` or a `DeviceConfig`. Out: names of protocols and tables, above all those to disable while a span is held.
Next: `wire.bird` and `wire.bird_session`, which write the configuration with these names.
"""

from __future__ import annotations

import re
from ipaddress import ip_network

from twinspan.model.device_config import Bgp, BgpPeer, DeviceConfig, Family, Originate

FAMILIES: tuple[Family, ...] = ("ipv4", "ipv6")


def symbol(name: str) -> str:
    """`name` as BIRD's grammar and commands want it: in apostrophes if it is more than letters, digits, underscore."""
    return name if re.fullmatch(r"\w+", name, re.ASCII) else f"'{name}'"


def safe(span: str) -> str:
    """A span's name with what BIRD allows in no symbol at all replaced by its code."""
    return re.sub(r"[^A-Za-z0-9_.:-]", lambda m: f":{ord(m[0]):x}:", span)


def session_name(peer: str) -> str:
    """BIRD's name of the BGP session with `peer`."""
    return f"peer_{peer}"


def peer_name(protocol: str) -> str | None:
    """The inverse of `session_name`; None if `protocol` is not a session."""
    return protocol.removeprefix("peer_") if protocol.startswith("peer_") else None


def table_name(peer: BgpPeer) -> str:
    """The routing table in which the routes of `peer` arrive."""
    return f"t_{safe(peer.span)}{digit_of(peer.family)}" if peer.span else f"master{digit_of(peer.family)}"


def import_switches(config: DeviceConfig, span: str) -> list[str]:
    """Protocols to disable while the import of `span` is held; pinned prefixes keep coming in."""
    return [f"in_{safe(span)}{digit_of(family)}" for family in families_of(config.bgp, span)]


def export_switches(config: DeviceConfig, span: str) -> list[str]:
    """Protocols to disable while the export over `span` is held; pinned prefixes stay announced."""
    names = []
    for family in families_of(config.bgp, span):
        if originated(config.bgp, span, family, pinned=False):
            names.append(f"origin_{safe(span)}{digit_of(family)}")
        names.append(f"out_{safe(span)}{digit_of(family)}")
    return names


def digit_of(family: Family) -> str:
    """The digit with which names of this address family end."""
    return "4" if family == "ipv4" else "6"


def families_of(bgp: Bgp | None, span: str | None = None) -> list[Family]:
    """Address families in which there are peers, all or those of one span."""
    peers = bgp.peers if bgp else ()
    return [f for f in FAMILIES if any(p.family == f and (span is None or p.span == span) for p in peers)]


def spans_of(bgp: Bgp, family: Family) -> list[str]:
    """Spans that have peers of this family."""
    return sorted({p.span for p in bgp.peers if p.span is not None and p.family == family})


def span_peers(bgp: Bgp, span: str, family: Family) -> list[BgpPeer]:
    """One span's peers of this family."""
    return [p for p in bgp.peers if p.span == span and p.family == family]


def originated(bgp: Bgp | None, span: str | None, family: Family, *, pinned: bool | None) -> list[Originate]:
    """Originations of this family for `span`, or with None for all sessions; `pinned` None means both kinds."""
    version = int(digit_of(family))
    return [
        o
        for o in (bgp.originate if bgp else ())
        if o.span == span and ip_network(o.prefix).version == version and pinned in (None, o.pinned)
    ]
