"""The BGP speaker that the lines of the `bgp` view, its families and the prefix lists make.

In: a document whose interfaces are in the notes. Out: `Bgp`, or None. A peer is part of it once it has an AS number, an
own address and an address family that enables it. Next: `commands_failover.py`.
"""

from __future__ import annotations

import re
from ipaddress import ip_interface, ip_network

from msgspec import structs

from twinspan.model.device_config import Bfd, Bgp, BgpPeer, Family, Originate, PrefixFilter
from twinspan.wire.comware.commands_route import STANDBY_PREFERENCE
from twinspan.wire.comware.document import Line
from twinspan.wire.comware.reading import Notes

_NAME = re.compile(r"[a-z0-9_]{1,63}")
_MULTI_HOP = 64
"""`ebgp-max-hop` without a number (RFC-independent, Comware's default)."""
_LOCAL_PREF = 100
_KEEPALIVE_S, _HOLD_S = 3, 9
"""The model's timers; Comware's own 60 and 180 would leave a dead circuit unseen for minutes where BFD is off."""


def read_bgp(document: Line, notes: Notes) -> Bgp | None:
    """What the lines say; None without a `bgp` line."""
    _check_lists(document, notes)
    views = list(document.every("bgp"))
    if len(views) > 1:
        notes.refuse(f"BGP runs as AS {views[0].args['asn']} already; undo bgp first.")
    if not views:
        return None
    view, asn = views[0], int(views[0].args["asn"])
    peers = tuple(p for line in view.every("peer") if (p := _Peer(document, view, line, asn, notes).read()))
    if len({peer.name for peer in peers}) < len(peers):
        notes.refuse("Two peers have the same description, which is their name here.")
    _check_preference(view, notes)
    router_id = view.get("router-id", "address")
    if not router_id:
        notes.wait("bgp: it needs router-id")
        return None
    return Bgp(router_id=router_id, asn=asn, peers=peers, originate=_originated(view))


def _check_lists(document: Line, notes: Notes) -> None:
    for line in document.every("prefix-list"):
        if " deny " in line.text or "ge" in line.args:
            notes.refuse(f"prefix-list {line.args['name']}: entries permit, with less-equal; all else is denied.")


def _check_preference(view: Line, notes: Notes) -> None:
    """BGP comes before the standby here whatever the numbers; a text that wants it otherwise is refused."""
    for line in (line for family in view.every("af4", "af6") for line in family.every("preference")):
        external = int(line.args["external"])
        if external >= STANDBY_PREFERENCE:
            notes.refuse(f"preference {external}: external routes stay below {STANDBY_PREFERENCE}, the standby's.")


def _originated(view: Line) -> tuple[Originate, ...]:
    plain = [
        Originate(prefix=str(ip_network(f"{line.args['prefix']}/{_length(line)}", strict=False)))
        for family in view.every("af4", "af6")
        for line in family.every("network")
    ]
    own = [
        Originate(
            prefix=line.args["prefix"],
            span=line.args.get("span"),
            pinned="pinned" in line.text.split(),
            local_pref=int(line.args.get("pref", 100)),
        )
        for line in view.every("originate")
    ]
    return (*plain, *own)


def _length(line: Line) -> int:
    """Of `network 10.0.0.0` without a mask: the class of old times, as in Comware."""
    if "length" in line.args:
        return int(line.args["length"])
    first = int(line.args["prefix"].partition(".")[0])
    return 8 if first < 128 else 16 if first < 192 else 24


class _Peer:
    """Gathers what is said of one peer in all places."""

    def __init__(self, document: Line, view: Line, line: Line, asn: int, notes: Notes) -> None:
        self._document, self._view, self._notes, self._asn = document, view, notes, asn
        self._address, self._line = line.args["peer"], line

    def read(self) -> BgpPeer | None:
        family, enabled = self._family()
        interface = self._said("peer link", "interface") or None
        way = self._notes.way(interface, f"peer {self._address}") if interface else None
        local = self._said("peer source", "address") or self._local_address(interface)
        if enabled is None or (interface and way is None) or not local:
            lacking = "enable in an address family" if enabled is None else "source-address or connect-interface"
            self._notes.wait(f"peer {self._address}: it needs {lacking}")
            return None
        name = self._said("peer name", "text") or "peer_" + re.sub(r"[^0-9a-z]", "_", self._address)
        if not _NAME.fullmatch(name):
            self._notes.refuse(f"description {name}: the name of a peer has lower case letters, digits and _ only.")
        hops = self._hops()
        return BgpPeer(
            name=name,
            family=family,
            local_address=local,
            peer_address=self._address,
            local_asn=int(self._said("peer local-as", "asn") or self._asn),
            peer_asn=int(self._line.args["asn"]),
            link=way.link if way else None,
            tunnel=way.tunnel if way else None,
            span=self._said("peer span", "span") or None,
            auth_key=self._notes.secret(self._about("peer key")),
            bfd=self._bfd(interface, hops),
            ebgp_multihop=hops,
            hold_time_s=int(self._said("peer timer", "hold") or _HOLD_S),
            keepalive_interval_s=int(self._said("peer timer", "keepalive") or _KEEPALIVE_S),
            import_filters=self._filters(enabled, "peer import"),
            export_filters=self._filters(enabled, "peer export"),
            import_limit=self._limit(enabled),
            local_pref=self._local_pref(enabled),
            kernel=self._about("peer kernel") is None,
            reflect=self._about("peer reflect", enabled) is not None,
        )

    def _about(self, id_: str, view: Line | None = None) -> Line | None:
        return next((x for x in (view or self._view).every(id_) if x.args["peer"] == self._address), None)

    def _said(self, id_: str, name: str, view: Line | None = None) -> str:
        line = self._about(id_, view)
        return line.args.get(name, "") if line else ""

    def _family(self) -> tuple[Family, Line | None]:
        for view in self._view.every("af4", "af6"):
            if self._about("peer enable", view):
                return ("ipv4" if view.id == "af4" else "ipv6"), view
        return "ipv4", None

    def _local_address(self, interface: str | None) -> str:
        link = self._notes.links.get(interface or "") or self._notes.link_towards(self._address)
        version = 6 if ":" in self._address else 4
        own = [ip_interface(address).ip for address in link.addresses] if link else []
        return next((str(address) for address in own if address.version == version), "")

    def _hops(self) -> int:
        line = self._about("peer hops")
        return 1 if line is None else int(line.args.get("hops", _MULTI_HOP))

    def _local_pref(self, family: Line) -> int:
        """`preferred-value` chooses on this device only, and so does a higher local preference of its own."""
        own = int(self._said("peer local-pref", "pref") or _LOCAL_PREF)
        return own + int(self._said("peer preferred-value", "value", family) or 0)

    def _limit(self, family: Line) -> int | None:
        routes = self._said("peer limit", "routes", family)
        return int(routes) if routes else None

    def _bfd(self, interface: str | None, hops: int) -> Bfd | None:
        line, own = self._about("peer bfd"), self._about("peer bfd timers")
        if line is None:
            return None
        if own is not None:
            return Bfd(
                min_tx_interval_ms=int(own.args["tx"]),
                min_rx_interval_ms=int(own.args["rx"]),
                detect_multiplier=int(own.args["times"]),
                hop_count=int(own.args["hops"]),
            )
        default = Bfd(min_tx_interval_ms=400, min_rx_interval_ms=400, detect_multiplier=5)
        if line.text.endswith("multi-hop"):
            return structs.replace(multi_hop_bfd(self._document), hop_count=max(hops, 2))
        return self._notes.bfd.get(interface or "", default)

    def _filters(self, family: Line, id_: str) -> tuple[PrefixFilter, ...]:
        name = self._said(id_, "name", family)
        entries = [line for line in self._document.every("prefix-list") if line.args["name"] == name]
        pinned = {line.args["whole"] for line in self._document.every("pinned") if line.args["name"] == name}
        found = []
        for line in sorted(entries, key=lambda line: int(line.args.get("index", 65536))):
            prefix = str(ip_network(f"{line.args['prefix']}/{line.args['length']}", strict=False))
            longest = int(line.args["le"]) if "le" in line.args else None
            found.append(PrefixFilter(prefix=prefix, max_length=longest, pinned=prefix in pinned))
        return tuple(found)


def multi_hop_bfd(document: Line) -> Bfd:
    """The timers of `bfd multi-hop`, Comware's defaults where nothing is said."""
    return Bfd(
        min_tx_interval_ms=int(document.get("multi-hop tx", "ms", "400")),
        min_rx_interval_ms=int(document.get("multi-hop rx", "ms", "400")),
        detect_multiplier=int(document.get("multi-hop multiplier", "times", "5")),
    )
