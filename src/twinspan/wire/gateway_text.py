"""Reads an existing gateway's configuration: facts with their lines, and lines that no device takes as they are meant.

In: a text and a vendor, or "auto". Out: `GatewayText`. Never raises on bad text: what is not understood says nothing.
Next: `engine.lint`.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from msgspec.structs import replace

from twinspan.model.gateway_text import GatewayText, SyntaxProblem, TextPeer, TextPrefix, TextRoute
from twinspan.wire.gateway_dialects import DIALECTS, PATTERNS, ROUTES
from twinspan.wire.vendors.vendor import VENDORS
from twinspan.wire.vendors.writing import MASK

_COMMENT = re.compile(r"^(?:#|!|//).*|\s+#.*$")
_COMPLETE = re.compile(r"(?P<first>no switchport|no shutdown|exit|undo shutdown|port link-mode route) (?P<rest>\S.*)")
"""Commands that take nothing more, with something more."""
_BROKEN = re.compile(r"(?P<first>router bgp \d+) (?P<rest>bgp|neighbor|address-family)$")
_SECRET = re.compile(r"(?P<word>password|key|secret|psk) .*")
_FOREIGN = {
    "cisco": (re.compile(r"(?P<kept>ip route .*) preference (?P<number>\d+)$"), r"\g<kept> \g<number>"),
    "h3c": (re.compile(r"(?:ip route (?=[\d<])|router bgp|neighbor )(?P<kept>.*)$"), r"another word for: \g<kept>"),
}
"""Words of another vendor, and the line without them."""


def vendor_of(text: str) -> str:
    """The vendor whose own words begin the most lines; Cisco where nobody's do."""
    rows = [_bare(row) for row in text.splitlines()]
    counts = {name: sum(bool(table["own_words"].match(row)) for row in rows) for name, table in PATTERNS.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else "cisco"


def read_gateway_text(text: str, vendor: str = "auto") -> GatewayText:
    """The facts of `text`. Raises KeyError for an unknown vendor."""
    name = vendor_of(text) if vendor == "auto" else vendor
    reader = _Reader(name)
    rows = [_bare(row) for row in text.splitlines()]
    for number, row in enumerate(rows, 1):
        if row:
            reader.read(number, row)
            reader.check(number, row, next((r for r in rows[number:] if r), ""))
    return reader.result()


def _bare(row: str) -> str:
    """Without comment, with single blanks."""
    return re.sub(r"\s+", " ", _COMMENT.sub("", row.strip())).strip()


class _Reader:
    """Collects facts line by line."""

    def __init__(self, vendor: str) -> None:
        self._vendor, self._patterns = vendor, PATTERNS[vendor]
        self._peers: dict[str, TextPeer] = {}
        self._peer, self._interface = "", ""
        self._static: int | None = None
        self._exports: set[str] = set()
        self._networks: list[tuple[str, TextPrefix]] = []
        numbers = VENDORS[vendor].preferences
        self._text = GatewayText(
            vendor=vendor,
            bgp_preference=DIALECTS[vendor].default_bgp,
            default_static=numbers.default_static,
            never=numbers.never,
            higher_wins=numbers.higher_wins,
        )

    def result(self) -> GatewayText:
        networks = tuple(one for policy, one in self._networks if not policy or policy in self._exports)
        return replace(self._text, peers=tuple(self._peers.values()), networks=networks)

    def read(self, number: int, row: str) -> None:
        """One line's facts."""
        found = {name: match for name, p in self._patterns.items() if name != "own_words" and (match := p.match(row))}
        text = self._text
        if "interface" in found:
            self._interface = found["interface"]["interface"]
        if "connected" in found and (one := self._prefix(number, found["connected"])):
            text = replace(text, connected=(*text.connected, one))
        if "network" in found and (one := self._prefix(number, found["network"])):
            self._networks.append((found["network"].groupdict().get("policy") or "", one))
        if "export" in found:
            self._exports.add(found["export"]["policy"])
        if "end" in found:
            end = TextPrefix(line=number, written=found["end"]["end"], length=32)
            text = replace(text, tunnel_ends=(*text.tunnel_ends, end))
        if "bgp_preference" in found:
            text = replace(text, bgp_preference=int(found["bgp_preference"]["pref"]))
        if "static_preference" in found:
            self._static = int(found["static_preference"]["pref"])
        route = self._route(number, row)
        self._text = replace(
            text,
            routes=(*text.routes, route) if route else text.routes,
            has_ipsec=text.has_ipsec or "ipsec" in found,
            has_mss_clamp=text.has_mss_clamp or "mss" in found,
        )
        self._about_peer(number, found)

    def _about_peer(self, number: int, found: dict[str, re.Match[str]]) -> None:
        if "peer" in found:
            self._peer = found["peer"]["peer"]
            self._peers.setdefault(self._peer, TextPeer(line=number, address=self._peer))
        for fact in ("bfd", "timers", "key"):
            if fact in found:
                address = found[fact].groupdict().get("peer") or self._peer
                if address in self._peers:
                    self._peers[address] = replace(self._peers[address], **{fact: True})

    def _route(self, number: int, row: str) -> TextRoute | None:
        match = next((m for pattern in ROUTES[self._vendor] if (m := pattern.match(row))), None)
        target = self._prefix(number, match) if match else None
        if match is None or target is None:
            return None
        own = match.groupdict().get("pref")
        return TextRoute(target=target, hop=match["hop"], preference=int(own) if own else self._static)

    def _prefix(self, number: int, match: re.Match[str]) -> TextPrefix | None:
        groups = match.groupdict()
        written, mask = groups["prefix"], groups["mask"]
        interface = groups.get("interface") or self._interface
        try:
            length = int(mask) if mask.isdigit() else ip_network(f"0.0.0.0/{mask}").prefixlen
            if written.startswith("<"):
                return TextPrefix(line=number, written="", length=length, interface=interface)
            ip_network(f"{ip_address(written)}/{length}", strict=False)
        except ValueError:
            return None
        return TextPrefix(line=number, written=written, length=length, interface=interface)

    def check(self, number: int, row: str, after: str) -> None:
        """What is wrong with the line as such. `after`: the next line that says something."""
        problem = _syntax(self._vendor, row, after)
        seen = {one.kind for one in self._text.syntax}
        if problem and problem[0] not in seen:
            kind, correction = problem
            one = SyntaxProblem(line=number, kind=kind, text=_masked(row), correction=_masked(correction))
            self._text = replace(self._text, syntax=(*self._text.syntax, one))


def _masked(text: str) -> str:
    """Without what may be a key."""
    return _SECRET.sub(rf"\g<word> {MASK}", text)


def _syntax(vendor: str, row: str, after: str) -> tuple[str, str] | None:
    if both := _COMPLETE.fullmatch(row):
        return "two-commands", f"{both['first']}\n{both['rest']}"
    if broken := _BROKEN.fullmatch(row):
        return "broken-line", f"{broken['first']}\n {broken['rest']} {after}"
    if vendor in _FOREIGN and (foreign := _FOREIGN[vendor][0].match(row)):
        return "foreign-words", foreign.expand(_FOREIGN[vendor][1])
    return None
