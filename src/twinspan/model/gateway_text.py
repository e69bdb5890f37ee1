"""What an existing gateway's configuration says about the two spans, each fact with its line.

In: nothing. `wire.gateway_text` reads it from text, `engine.lint` judges it. Next: `wire.gateway_text`.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

import msgspec


class SyntaxProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A line that no device would take as it is meant."""

    line: int
    kind: str
    """`two-commands`, `broken-line` or `foreign-words`."""
    text: str
    correction: str


class TextPrefix(msgspec.Struct, frozen=True, kw_only=True):
    """An address with its length as written: host bits and all."""

    line: int
    written: str
    """Empty: a placeholder."""
    length: int
    interface: str = ""

    @property
    def network(self) -> IPv4Network | IPv6Network | None:
        """As a device masks it; None: a placeholder."""
        return ip_network(f"{self.written}/{self.length}", strict=False) if self.written else None

    @property
    def has_host_bits(self) -> bool:
        """Whether a device would mask something away, or refuse it."""
        return self.network is not None and str(self.network.network_address) != self.written


class TextRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A static route."""

    target: TextPrefix
    hop: str
    """Interface, address, or what stands there instead."""
    preference: int | None = None


class TextPeer(msgspec.Struct, frozen=True, kw_only=True):
    """A BGP neighbour and what is said of it anywhere."""

    line: int
    address: str
    bfd: bool = False
    timers: bool = False
    key: bool = False


class GatewayText(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one text."""

    vendor: str
    syntax: tuple[SyntaxProblem, ...] = ()
    connected: tuple[TextPrefix, ...] = ()
    networks: tuple[TextPrefix, ...] = ()
    """What BGP is told to announce."""
    routes: tuple[TextRoute, ...] = ()
    peers: tuple[TextPeer, ...] = ()
    tunnel_ends: tuple[TextPrefix, ...] = ()
    """Public addresses of VPN gateways."""
    has_ipsec: bool = False
    has_mss_clamp: bool = False
    bgp_preference: int = 20
    """Of routes from other autonomous systems, as the text sets it or the vendor has it."""
    default_static: int = 1
    never: int | None = None
    higher_wins: bool = False
