"""What the renderers share: names of ports, masked secrets, the list of what cannot be said, the comments around.

In: a `PeerConfiguration` and a vendor. Out: `Page`. Next: `cisco.py`, the plainest of the renderers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address, ip_interface, ip_network

from twinspan.model.device_config import BgpPeer, Link, PrefixFilter
from twinspan.model.peer_configuration import NotExpressed, PeerConfiguration, PeerTunnel
from twinspan.model.secret import Secret
from twinspan.wire.vendors.vendor import Vendor

MASK = "******"
GROUPS = {
    "modp768": 1,
    "modp1024": 2,
    "modp1536": 5,
    "modp2048": 14,
    "modp3072": 15,
    "modp4096": 16,
    "ecp256": 19,
    "ecp384": 20,
    "modp2048s256": 24,
}
"""Diffie-Hellman groups by strongSwan's names; the numbers are IANA's."""
LIMIT_WARNING_PERCENT = 80
"""Of the route quota: from here on the device warns."""
_ANY = ("0.0.0.0/0",)


class Page:
    """Collects while one configuration is written."""

    def __init__(
        self, peer: PeerConfiguration, vendor: Vendor, ports: Mapping[str, str], secret: Callable[[Secret], str]
    ) -> None:
        self.peer, self.vendor = peer, vendor
        self.secret = secret
        """A secret as it is shown."""
        self._ports = dict(zip(("lan", "circuit", "isp"), vendor.ports, strict=True)) | dict(ports)
        self.not_expressed: list[NotExpressed] = list(peer.not_expressed)

    def skip(self, field: str, reason: str) -> None:
        """A part that this vendor's text does not carry; once per field."""
        if all(one.field != field for one in self.not_expressed):
            self.not_expressed.append(NotExpressed(field=field, reason=reason))

    def port(self, role: str) -> str:
        """Name of the port `lan`, `circuit` or `isp`."""
        return self._ports[role]

    @property
    def circuit(self) -> str:
        """The circuit's interface, with its VLAN where it has one."""
        link = self.peer.circuit
        tagged = f".{link.vlan_id}" if link and link.kind == "vlan" else ""
        return self.port("circuit") + tagged

    def links(self) -> Iterable[tuple[str, Link]]:
        """The ports with addresses and their names, the circuit's VLAN among them."""
        peer = self.peer
        named = ((self.port("lan"), peer.lan), (self.circuit, peer.circuit), (self.port("isp"), peer.isp))
        return [(name, link) for name, link in named if link is not None]

    def standby(self, tunnel: PeerTunnel) -> int:
        """Number of the static routes through a tunnel."""
        return self.vendor.preferences.of_standby(tunnel.number)

    def sessions(self) -> list[tuple[BgpPeer, PeerTunnel | None]]:
        """All BGP sessions: those of the circuit, then those in tunnels."""
        inside = [(t.session, t) for t in self.peer.tunnels if t.session is not None]
        return [*((s, None) for s in self.peer.sessions), *inside]

    def exports(self, session: BgpPeer) -> list[str]:
        """Prefixes that a session announces: of its filter, those that this device originates."""
        return [f.prefix for f in session.export_filters if f.prefix in self.peer.networks]

    def floors(self) -> list[str]:
        """Announced prefixes on no port of this text: BGP announces only what the routing table has, so they get a
        route to nowhere that anything better beats."""
        lan = self.peer.lan.addresses if self.peer.lan else ()
        own = {str(ip_interface(a).network) for a in (*lan, *self.peer.pins)}
        return [p for p in self.peer.networks if p not in own]

    def guarded(self) -> list[PeerTunnel]:
        """Tunnels with a probe. One without is listed."""
        for one in self.peer.tunnels:
            if one.guard is None:
                self.skip(f"tunnels[{one.tunnel.name}].guard", "no address is known that answers through the VPN only")
        return [one for one in self.peer.tunnels if one.guard is not None]

    def slower(self, field: str, wanted: float, shortest: float, unit: str) -> None:
        """Lists a value that is shorter than the device can do."""
        if wanted < shortest:
            self.skip(field, f"{wanted:g} {unit} is shorter than this device can do; the text has {shortest:g} {unit}")

    def only_any(self, tunnel: PeerTunnel) -> None:
        """Lists selectors, for a routed tunnel of this vendor has none but "everything"."""
        if (tunnel.tunnel.local_ts, tunnel.tunnel.remote_ts) != (_ANY, _ANY):
            self.skip(
                f"tunnels[{tunnel.tunnel.name}].local_ts",
                "a routed tunnel proposes 0.0.0.0/0 on both sides; set the cloud's connection to the same",
            )

    def quota(self, session: BgpPeer) -> None:
        """Says that a limit only warns here: one that closes the session would cut the site off."""
        if session.import_limit is not None:
            self.skip(
                f"bgp.peers[{session.name}].import_limit",
                f"above {session.import_limit} routes this device warns and takes them; ours drops those above",
            )

    def head(self, *more: str) -> list[str]:
        """The comments before the configuration."""
        vendor, mark = self.vendor, self.vendor.comment
        lines = [f"{vendor.title}: gateway of the site {self.peer.site}, circuit and VPN", *more]
        lines += _listed("Order of entry", vendor.order)
        lines += _listed("Check", vendor.verify)
        lines += _listed("Way back", vendor.rollback)
        lines += _listed("Not in this text", [f"{one.field}: {one.reason}" for one in self.not_expressed])
        lines += _listed("Words", [vendor.manual])
        return [f"{mark} {line}" for line in lines]


def _listed(title: str, lines: Iterable[str]) -> list[str]:
    found = [f"  {line}" for line in lines]
    return [f"{title}:", *found] if found else []


def masked(_secret: Secret) -> str:
    """For a text that is shown: how long a secret is stays hidden too."""
    return MASK


def revealed(secret: Secret) -> str:
    """For a text that shall be loaded."""
    return secret.reveal()


def is_v6(prefix: str) -> bool:
    """Whether an address or prefix is IPv6."""
    return ":" in prefix


def spaced_mask(prefix: str) -> str:
    """ "10.0.0.2/30" as "10.0.0.2 255.255.255.252"."""
    one = ip_interface(prefix)
    return f"{one.ip} {one.netmask}"


def spaced_length(prefix: str) -> str:
    """ "10.0.0.2/30" as "10.0.0.2 30"."""
    return prefix.replace("/", " ")


def needs_route(tunnel: PeerTunnel) -> bool:
    """Whether the probe's target lies outside the tunnel's own network, so that BGP could draw it to the circuit."""
    if tunnel.guard is None:
        return False
    target = ip_address(tunnel.guard.destination)
    return not any(target in ip_interface(a).network for a in tunnel.tunnel.inner_addresses)


def parts(proposal: str) -> tuple[str, str, int | None]:
    """Cipher, hash and group number of a strongSwan proposal; no group: no perfect forward secrecy."""
    cipher, hash_, group, *_ = [*proposal.split("-"), "", ""]
    return cipher, hash_, GROUPS.get(group)


def longest(one: PrefixFilter) -> int:
    """The longest prefix that a filter admits."""
    return one.max_length if one.max_length is not None else ip_network(one.prefix).prefixlen


def seconds(milliseconds: float) -> int:
    """Whole seconds, at least one."""
    return max(1, -(-int(milliseconds) // 1000))
