"""What somebody else's gateway must be told for both spans, and what came of it as text.

In: nothing. `engine.peer_configuration` reads a `PeerConfiguration` off a gateway's `DeviceConfig`; a renderer of
`wire.vendors` makes `PeerText` of it. Next: `engine.peer_configuration`.
"""

from __future__ import annotations

import msgspec

from twinspan.model.device_config import BgpPeer, IpsecTunnel, Link, Probe


class NotExpressed(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the site that the text does not carry."""

    field: str
    """Field of the gateway's configuration, dotted."""
    reason: str
    """Why, and what there is instead."""


class PeerTunnel(msgspec.Struct, frozen=True, kw_only=True):
    """One tunnel and the probe that says whether routes may use it."""

    number: int
    """From 1, the most preferred first."""
    tunnel: IpsecTunnel
    guard: Probe | None
    """Its answer comes back by the VPN only; None: nothing that answers is known."""
    session: BgpPeer | None = None
    """BGP inside the tunnel."""


class PeerConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """Both spans of one site as its gateway sees them, without what only our own device can do."""

    site: str
    asn: int | None
    router_id: str
    lan: Link | None
    circuit: Link | None
    """A `vlan` link where the circuit is tagged; its parent is a port without addresses."""
    isp: Link | None
    isp_next_hop: str
    """The Internet provider's router."""
    pins: tuple[str, ...]
    """Sources of the probes through the VPN; on a loopback interface. The cloud knows them by the VPN only."""
    sessions: tuple[BgpPeer, ...] = ()
    """BGP over the circuit."""
    networks: tuple[str, ...] = ()
    """Prefixes of the data centre, announced to every session of their family."""
    tunnels: tuple[PeerTunnel, ...] = ()
    standby_prefixes: tuple[str, ...] = ()
    """Prefixes of the cloud that have a static route through the VPN."""
    not_expressed: tuple[NotExpressed, ...] = ()
    """What no foreign gateway can do."""


class PeerFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a rendered configuration."""

    path: str
    """Where it belongs on the device; empty: typed at the command line."""
    text: str


class PeerText(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration in a vendor's words."""

    vendor: str
    files: tuple[PeerFile, ...]
    not_expressed: tuple[NotExpressed, ...] = ()

    @property
    def text(self) -> str:
        """All of it; where there are several files, each under a line with its path."""
        if len(self.files) == 1 and not self.files[0].path:
            return self.files[0].text
        return "".join(f"# ===== file: {file.path}\n{file.text}" for file in self.files)
