"""H3C Comware 7, in words that a real one and our own device both take.

In: a `Page`. Out: lines. The spans become a `DeviceConfig` without anything of our own, which `wire.comware.render`
writes; what is left of our own words goes, and what a real device needs besides is put in: preferences that keep BGP
before the static standby (255 would be a tie), a limit that only warns, secrets as typed. Next: `huawei.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import structs

from twinspan.model.device_config import (
    Bgp,
    BgpPeer,
    DeviceConfig,
    Link,
    NextHop,
    Originate,
    PrefixFilter,
    Probe,
    StaticRoute,
)
from twinspan.model.peer_configuration import PeerTunnel
from twinspan.model.secret import Secret
from twinspan.wire.comware.commands_route import STANDBY_PREFERENCE
from twinspan.wire.comware.render import render as render_comware
from twinspan.wire.vendors.writing import LIMIT_WARNING_PERCENT, Page, is_v6, needs_route

_TYPED = (("password cipher ", "password simple "), ("key cipher ", "key simple "), (" ciphertext ", " plaintext "))
_HARMLESS = re.compile(r"twinspan (node|binding|peer \S+ local-preference) ")
"""Words of our own that only name things, or are said otherwise here."""
INTERNAL, LOCAL = 255, 130
"""Comware's own preferences of internal and local BGP routes."""


def render(page: Page) -> list[str]:
    """All lines without the comments."""
    config = comware_config(page)
    written = render_comware(config, _Shown(page))
    for what in written.not_expressed:
        page.skip("configuration", what)
    lines = [line for text in written.text.splitlines() for line in _line(text, page)]
    return lines[1:] if lines[:1] == ["#"] else lines


class _Shown:
    """A cipher that shows secrets as the page wants them."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def encrypt(self, plain: str) -> str:
        return self._page.secret(Secret(plain))

    def decrypt(self, text: str) -> str | None:
        return text


def _line(line: str, page: Page) -> Iterator[str]:
    words = line.strip()
    if words.startswith("twinspan "):
        if not _HARMLESS.match(words):
            page.skip(" ".join(words.split()[:3]), "only our own device has words for it")
        return
    if words in {"return", "sysname gateway"}:
        return
    for ours, typed in _TYPED:
        line = line.replace(ours, typed)
    for one in page.peer.tunnels[1:]:
        # Equal preferences would share the load; the second tunnel is the standby's standby.
        if words.startswith("ip route-static ") and f" Tunnel{one.number} " in line:
            line = line.replace(f" preference {STANDBY_PREFERENCE}", f" preference {page.standby(one)}")
    if " route-limit " in line:
        line += f" alert-only {LIMIT_WARNING_PERCENT}"
    yield line
    if words.startswith("address-family "):
        indent = line[: len(line) - len(words)] + " "
        yield f"{indent}preference {page.vendor.preferences.primary} {INTERNAL} {LOCAL}"
    yield from _preferred_value(line, page)


def _preferred_value(line: str, page: Page) -> Iterator[str]:
    """Plain Comware prefers a session's routes by a value above 0, where the model gives the others a lower one."""
    sessions = [session for session, _ in page.sessions()]
    least = min((session.local_pref for session in sessions), default=0)
    for session in sessions:
        head = f"peer {session.peer_address} "
        if line.strip() == head + "enable" and session.local_pref > least:
            yield line.replace("enable", f"preferred-value {session.local_pref - least}")


def comware_config(page: Page) -> DeviceConfig:
    """The spans as a config that plain Comware can say."""
    peer = page.peer
    return DeviceConfig(
        node="gateway",
        role="gateway",
        site=peer.site,
        forwarding=True,
        links=tuple(_links(page)),
        routes=tuple(_routes(page)),
        bgp=_bgp(page),
        tunnels=tuple(structs.replace(t.tunnel, name=_name(t)) for t in peer.tunnels),
        probes=tuple(_probe(t, t.guard) for t in page.guarded() if t.guard),
        names=_names(page),
    )


def _name(one: PeerTunnel) -> str:
    """As our own device calls the tunnel of an interface that says no other name."""
    return f"tunnel{one.number}"


def _names(page: Page) -> tuple[tuple[str, str], ...]:
    peer = page.peer
    named = [(page.port("lan"), peer.lan), (page.circuit, peer.circuit), (page.port("isp"), peer.isp)]
    found = [(name, link.name) for name, link in named if link]
    if peer.circuit and peer.circuit.parent:
        found.append((page.port("circuit"), peer.circuit.parent))
    return tuple(found)


def _links(page: Page) -> Iterator[Link]:
    peer = page.peer
    if peer.pins:
        yield Link(name="lo", kind="loopback", addresses=peer.pins)
    if peer.circuit and peer.circuit.parent:
        yield Link(name=peer.circuit.parent)
    yield from (link for _, link in page.links())


def _probe(one: PeerTunnel, guard: Probe) -> Probe:
    return structs.replace(guard, name=f"guard{one.number}", tunnel=_name(one), link=None, recover_threshold=3)


def _routes(page: Page) -> Iterator[StaticRoute]:
    peer, guarded = page.peer, page.guarded()
    if peer.isp:
        hop = NextHop(link=peer.isp.name, via=peer.isp_next_hop)
        for end in dict.fromkeys(t.tunnel.remote_address for t in peer.tunnels):
            yield StaticRoute(prefix=f"{end}/32", next_hops=(hop,))
    for one in guarded:
        if one.guard and needs_route(one):
            yield StaticRoute(prefix=f"{one.guard.destination}/32", next_hops=(NextHop(tunnel=_name(one)),))
    hops = tuple(NextHop(tunnel=_name(t), track=f"guard{t.number}" if t in guarded else None) for t in peer.tunnels)
    for prefix in peer.standby_prefixes:
        yield StaticRoute(prefix=prefix, role="standby", next_hops=hops)
    for prefix in page.floors():
        yield StaticRoute(prefix=prefix, role="standby", next_hops=())


def _bgp(page: Page) -> Bgp | None:
    peer = page.peer
    if peer.asn is None:
        return None
    networks = sorted(peer.networks, key=is_v6)
    return Bgp(
        router_id=peer.router_id,
        asn=peer.asn,
        peers=tuple(_session(page, session, tunnel) for session, tunnel in page.sessions()),
        originate=tuple(Originate(prefix=p) for p in networks),
    )


def _session(page: Page, session: BgpPeer, tunnel: PeerTunnel | None) -> BgpPeer:
    if session.import_limit is not None:
        page.quota(session)
    return structs.replace(
        session,
        tunnel=_name(tunnel) if tunnel else None,
        span=None,
        import_filters=tuple(structs.replace(f, pinned=False) for f in session.import_filters),
        export_filters=tuple(PrefixFilter(prefix=p) for p in page.exports(session)),
    )
