"""What a document's readers share: the cipher, the names met so far, and what they have to say.

In: lines. Out: `Notes`. A thing that cannot be is *refused*, one that only lacks lines yet is *pending*: it waits in
the document and is no part of the config. Next: `commands_cloud.py` and its neighbours, one noun each.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

from twinspan.model.device_config import Bfd, Link, NextHop
from twinspan.model.secret import Secret
from twinspan.wire.comware.cipher import Cipher, opened
from twinspan.wire.comware.document import Line


class Notes:
    """Collects while a document is read."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher
        self.refused: list[str] = []
        self.pending: list[str] = []
        self.links: dict[str, Link] = {}
        """Interface to link."""
        self.tunnels: dict[str, str] = {}
        """Tunnel interface to tunnel."""
        self.tracks: dict[str, str] = {}
        """Number of a track entry to probe."""
        self.bfd: dict[str, Bfd] = {}
        """BFD timers of an interface."""
        self.dhcp_link: str | None = None
        """Link behind VLAN interface 1, if that is a DHCP client."""

    def refuse(self, why: str) -> None:
        """Something cannot be; the edit that brings it is not made."""
        self.refused.append(why)

    def wait(self, what: str) -> None:
        """Something is not whole yet."""
        self.pending.append(what)

    def secret(self, line: Line | None) -> Secret | None:
        """The secret of a line; one that cannot be read is refused."""
        if line is None:
            return None
        secret = opened(line, self._cipher)
        if secret is None:
            self.refuse("The cipher text cannot be read here: it was made with another passphrase, or is damaged.")
        return secret

    def way(self, interface: str | None, what: str) -> NextHop | None:
        """The interface as a way out; None: it stands for nothing yet."""
        if interface in self.links:
            return NextHop(link=self.links[interface].name)
        if interface in self.tunnels:
            return NextHop(tunnel=self.tunnels[interface])
        self.wait(f"{what}: {interface} stands for no port and no whole tunnel")
        return None

    def link_towards(self, neighbour: str) -> Link | None:
        """The link on whose network the neighbour is."""
        wanted = ip_address(neighbour)
        for link in self.links.values():
            if any(wanted in ip_interface(address).network for address in link.addresses):
                return link
        return None

    def next_hop(self, line: Line, what: str) -> NextHop | None:
        """Interface, neighbour and track of a line; None: it is not whole."""
        interface, via, track = (line.args.get(name) for name in ("interface", "via", "track"))
        if interface is None and via is not None:
            link = self.link_towards(via)
            if link is None:
                self.wait(f"{what}: no interface has an address in the network of {via}; name the interface")
                return None
            hop: NextHop | None = NextHop(link=link.name)
        else:
            hop = self.way(interface, what)
        if hop is None or (track is not None and track not in self.tracks):
            if hop is not None:
                self.wait(f"{what}: track {track} is not defined")
            return None
        return NextHop(link=hop.link, tunnel=hop.tunnel, via=via, track=self.tracks[track] if track else None)
