"""BGP sessions and BFD in BIRD's language, and the conditions that say which routes may pass.

In: a `Bgp` and one `BgpPeer`. Out: lines of `bird.conf`, and conditions, which the pipes of `wire.bird` need too.
Next: `wire.bird` puts the whole together.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from twinspan.model.device_config import Bgp, BgpPeer, PrefixFilter
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret
from twinspan.wire.bird_names import digit_of, originated, safe, session_name, span_peers, symbol, table_name

DEBUG = "debug { states, events };"
"""Makes BIRD log every change of a session; only here, for the kernel protocol would log each of its scans."""
_DEFAULT_LOCAL_PREF = 100


def session(bgp: Bgp, peer: BgpPeer) -> list[str]:
    """The BGP protocol of one peer, with its BFD session if it has one."""
    hops = _hops(peer)
    reach = f"multihop {hops};" if hops > 1 else "direct;"
    if hops == 1 and peer.link:
        reach += f' interface "{peer.link}";'
    lines = [
        f"protocol bgp {session_name(peer.name)} {{",
        f"  {DEBUG}",
        f"  local {peer.local_address} as {peer.local_asn};",
        f"  neighbor {peer.peer_address} as {peer.peer_asn};",
        f"  {reach}",
        f"  hold time {peer.hold_time_s}; keepalive time {peer.keepalive_interval_s};",
        "  connect delay time 1; connect retry time 1; error wait time 1, 1;",
        "  graceful restart off;",
    ]
    if peer.auth_key:
        lines.append(f'  password "{_key(peer, peer.auth_key)}";')
    if peer.bfd:
        tx, rx = peer.bfd.min_tx_interval_ms, peer.bfd.min_rx_interval_ms
        lines.append(
            f"  bfd {{ min tx interval {tx} ms; min rx interval {rx} ms; multiplier {peer.bfd.detect_multiplier}; }};"
        )
    if peer.reflect:
        lines.append("  rr client;")
    return [*lines, f"  {peer.family} {{", *(f"    {line}" for line in _channel(bgp, peer)), "  };", "}"]


def bfd_protocol(bgp: Bgp) -> list[str]:
    """The protocol that runs all BFD sessions, taking only the families and reaches that some peer asks for."""
    peers = [peer for peer in bgp.peers if peer.bfd]
    if not peers:
        return []
    families = {peer.family for peer in peers}
    reaches = {"multihop" if is_multihop(peer) else "direct" for peer in peers}
    # One statement only: BIRD starts each `accept` from "everything", so a second would undo the first.
    kinds = [next(iter(words)) for words in (families, reaches) if len(words) == 1]
    return [f"protocol bfd bfd1 {{ {DEBUG} {' '.join(['accept', *kinds])}; }}"]


def _channel(bgp: Bgp, peer: BgpPeer) -> list[str]:
    digit, internal = digit_of(peer.family), peer.local_asn == peer.peer_asn
    lines = []
    if peer.span:
        # A peer that is not on a connected link is reached by routes of the master table.
        lines.append(f"table {symbol(table_name(peer))}; igp table master{digit};")
    # An internal session carries LOCAL_PREF itself (RFC 4271 5.1.5); only a chosen value replaces what came.
    set_pref = "" if internal and peer.local_pref == _DEFAULT_LOCAL_PREF else f"bgp_local_pref = {peer.local_pref}; "
    lines.append(f"import filter {{ if {admitted(peer)} then {{ {set_pref}accept; }} reject; }};")
    lines.append(f"export where {_exported(bgp, peer)};")
    if peer.import_limit is not None:
        # Kept, so that how many are over the quota can be counted.
        lines.append(f"import keep filtered on; import limit {peer.import_limit} action block;")
    if internal:
        lines.append(f"next hop self; add paths {'on' if peer.reflect else 'rx'};")
    return lines


def _exported(bgp: Bgp, peer: BgpPeer) -> str:
    """Own originations always; of what BGP brought, what the filters name. Without span and filters, all of it."""
    digit = digit_of(peer.family)
    own = [f"originated{digit}"] if originated(bgp, None, peer.family, pinned=None) else []
    learned = "source = RTS_BGP"
    if peer.span:
        own += [
            f"{kind}_{safe(peer.span)}{digit}"
            for kind, pinned in (("origin", False), ("pin", True))
            if originated(bgp, peer.span, peer.family, pinned=pinned)
        ]
        learned += f" && !{brought_by(session_name(p.name) for p in span_peers(bgp, peer.span, peer.family))}"
    if peer.span or peer.export_filters:
        learned += f" && {matches(peer.export_filters)}"
    return f"{brought_by(own)} || ({learned})" if own else learned


def _key(peer: BgpPeer, secret: Secret) -> str:
    key = secret.reveal()
    if not key or any(c in key for c in '"\r\n'):
        raise Rejected(
            f"bgp.peers[{peer.name}].auth_key is empty or has a quotation mark or a line break in it",
            remedy="choose a key of letters, digits and other printable characters",
        )
    return key


def _hops(peer: BgpPeer) -> int:
    return max(peer.ebgp_multihop, peer.bfd.hop_count if peer.bfd else 1)


def is_multihop(peer: BgpPeer) -> bool:
    """Whether routers stand between us and the peer, for BGP or for its BFD."""
    return _hops(peer) > 1


def admitted(peer: BgpPeer) -> str:
    """Condition for what `peer` may announce to us, also used to count what is over the quota."""
    return matches(peer.import_filters) if peer.span or peer.import_filters else "true"


def brought_by(protocols: Iterable[str]) -> str:
    """Condition: the route entered BIRD by one of these protocols; a pipe does not change that.

    Always in parentheses: in BIRD's grammar `&&` does not bind closer than `||`.
    """
    conditions = [f'proto = "{name}"' for name in protocols]
    return f"({' || '.join(conditions)})"


def matches(filters: Iterable[PrefixFilter]) -> str:
    """Condition: the prefix is admitted by one of these; `false` without any."""
    items = []
    for item in filters:
        length = ip_network(item.prefix).prefixlen
        longer = item.max_length is not None and item.max_length > length
        items.append(f"{item.prefix}{{{length},{item.max_length}}}" if longer else item.prefix)
    return f"net ~ [ {', '.join(dict.fromkeys(items))} ]" if items else "false"


def but_not(filters: list[PrefixFilter]) -> str:
    """The rest of a condition that leaves these out."""
    return f" && !({matches(filters)})" if filters else ""
