"""What the writers of lines share: the cipher, the names of interfaces, and the list of what cannot be said.

In: a config and a cipher. Out: `Export`. Next: `reading.py`, the way back.
"""

from __future__ import annotations

from twinspan.model.device_config import DeviceConfig, NextHop
from twinspan.model.secret import Secret
from twinspan.wire.comware.cipher import Cipher
from twinspan.wire.comware.names import Names
from twinspan.wire.comware.words import can_be_typed, quoted


class Export:
    """Collects while a config is written."""

    def __init__(self, config: DeviceConfig, cipher: Cipher) -> None:
        self._cipher = cipher
        self.names = Names(config)
        self.not_expressed: list[str] = []

    def word(self, text: str) -> str:
        """A word of the user as it is typed; one with control characters cannot be."""
        if not can_be_typed(text):
            self.skip(f"a name with control characters: {text!r}")
            return quoted("".join(c if c.isprintable() else "." for c in text))
        return quoted(text)

    def secret(self, secret: Secret) -> str:
        """Its cipher text, as a word."""
        return quoted(self._cipher.encrypt(secret.reveal()))

    def number(self, value: float) -> str:
        """A decimal without an empty fraction."""
        return f"{float(value)!r}".removesuffix(".0")

    def interface(self, link: str | None, tunnel: str | None, what: str) -> str | None:
        """Name of the interface; None, and reported: the config has no such link or tunnel."""
        name = self.names.interface_of_link.get(link or "") or self.names.interface_of_tunnel.get(tunnel or "")
        if name is None:
            self.skip(f"{what}: it leaves by {link or tunnel}, which is no link or tunnel of this config")
        return name

    def next_hop(self, hop: NextHop, what: str) -> str | None:
        """Interface, neighbour and track of one way; None: it cannot be said."""
        interface = self.interface(hop.link, hop.tunnel, what)
        if interface is None:
            return None
        words = [interface, *([hop.via] if hop.via else [])]
        if hop.track is not None:
            track = self.names.track_of_probe.get(hop.track)
            if track is None:
                self.skip(f"{what}: its track {hop.track!r} is no probe of this config")
                return None
            words.append(track)
        return " ".join(words)

    def skip(self, what: str) -> None:
        """Something the text does not carry."""
        self.not_expressed.append(what)
