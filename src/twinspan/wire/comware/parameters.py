"""Kinds of parameters: what a word must be, how it is spelled in a saved line, what `?` says of it.

In: a kind as patterns write it ("int:1-65535", "ipv4", "str:1-253"). Out: `Kind`, whose `read` gives the canonical
spelling or None. Next: `grammar.py`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

import msgspec

INTERFACE_TYPES = (
    "GigabitEthernet",
    "Ten-GigabitEthernet",
    "M-GigabitEthernet",
    "LoopBack",
    "Tunnel",
    "Vlan-interface",
    "NULL",
)
_SHORT_TYPES = {"ge": "GigabitEthernet", "xge": "Ten-GigabitEthernet", "mge": "M-GigabitEthernet"}
_INTERFACE = re.compile(r"([A-Za-z-]+) ?(\d{1,5}(?:[/.]\d{1,5}){0,4})")

Reader = Callable[[str, float, float], str | None]


INTERFACE_KINDS = {"interface", "port", "tunnel"}
"""Kinds whose word may be two: `GigabitEthernet 1/0/1`."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What a parameter may be."""

    name: str
    low: float = 0
    high: float = 0

    @property
    def hint(self) -> str:
        """How `?` shows it."""
        return _HINTS[self.name].format(low=f"{self.low:g}", high=f"{self.high:g}")

    @property
    def rank(self) -> int:
        """Of several kinds that read a word, the smallest rank is meant."""
        return 1 if self.name in {"str", "text", "secret"} else 0

    def read(self, text: str) -> str | None:
        """Canonical spelling; None: the word is none of this kind."""
        return _READERS[self.name](text, self.low, self.high)


def kind_of(spec: str) -> Kind:
    """From a pattern's spelling, e.g. "int:1-65535"."""
    name, _, limits = spec.partition(":")
    low, _, high = limits.partition("-")
    if name not in _READERS:
        raise ValueError(f"unknown kind of parameter: {spec}")
    return Kind(name=name, low=float(low or 0), high=float(high or low or 0))


def _integer(text: str, low: float, high: float) -> str | None:
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        return None
    return str(int(text)) if low <= int(text) <= high else None


def _decimal(text: str, low: float, high: float) -> str | None:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        return None
    return f"{float(text)!r}".removesuffix(".0") if low <= float(text) <= high else None


def _ipv4(text: str, _low: float, _high: float) -> str | None:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        return None


def _ipv6(text: str, _low: float, _high: float) -> str | None:
    try:
        return str(ipaddress.IPv6Address(text)) if "%" not in text else None
    except ValueError:
        return None


def _address(text: str, low: float, high: float) -> str | None:
    return _ipv4(text, low, high) or _ipv6(text, low, high)


def _prefix(text: str, _low: float, _high: float) -> str | None:
    if "/" not in text or "%" in text:
        return None
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        return None


def _address6_with_length(text: str, _low: float, _high: float) -> str | None:
    if "/" not in text or "%" in text:
        return None
    try:
        return str(ipaddress.IPv6Interface(text))
    except ValueError:
        return None


def length_of_mask(text: str) -> int | None:
    """Bits of a mask written as a length or dotted; None: it is neither."""
    if text.isascii() and text.isdigit() and len(text) <= 2:
        return int(text) if int(text) <= 32 else None
    bits = _ipv4(text, 0, 0)
    if bits is None:
        return None
    inverted = int(ipaddress.IPv4Address(bits)) ^ 0xFFFFFFFF
    return 32 - inverted.bit_length() if inverted & (inverted + 1) == 0 else None


def dotted_mask(length: int) -> str:
    """24 as 255.255.255.0."""
    return str(ipaddress.IPv4Address(0xFFFFFFFF << (32 - length) & 0xFFFFFFFF))


def _mask(text: str, _low: float, _high: float) -> str | None:
    length = length_of_mask(text)
    return None if length is None else dotted_mask(length)


def _mask_length(text: str, _low: float, _high: float) -> str | None:
    length = length_of_mask(text)
    return None if length is None else str(length)


def _string(text: str, low: float, high: float) -> str | None:
    return text if low <= len(text) <= high and text.isprintable() else None


def _hexadecimal(text: str, low: float, high: float) -> str | None:
    return text.lower() if low <= len(text) <= high and re.fullmatch(r"[0-9A-Fa-f]*", text) else None


def interface_name(text: str) -> str | None:
    """Full name of an interface, e.g. "gi1/0/1" as GigabitEthernet1/0/1; None: no interface is called so."""
    found = _INTERFACE.fullmatch(text)
    if found is None:
        return None
    kind = interface_type(found[1])
    return None if kind is None else f"{kind}{found[2]}"


def _interface_but(text: str, *, tunnel: bool) -> str | None:
    name = interface_name(text)
    return name if name and name.startswith("Tunnel") == tunnel else None


def interface_type(text: str) -> str | None:
    """Full type from an unambiguous beginning."""
    wanted = text.lower()
    if wanted in _SHORT_TYPES:
        return _SHORT_TYPES[wanted]
    found = [name for name in INTERFACE_TYPES if name.lower().startswith(wanted)]
    return found[0] if len(found) == 1 else None


_READERS: dict[str, Reader] = {
    "int": _integer,
    "decimal": _decimal,
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "ip": _address,
    "prefix": _prefix,
    "ipv6-length": _address6_with_length,
    "mask": _mask,
    "masklen": _mask_length,
    "str": _string,
    "text": _string,
    "secret": _string,
    "hex": _hexadecimal,
    "interface": lambda text, _low, _high: interface_name(text),
    "port": lambda text, _low, _high: _interface_but(text, tunnel=False),
    "tunnel": lambda text, _low, _high: _interface_but(text, tunnel=True),
}
_HINTS = {
    "int": "INTEGER<{low}-{high}>",
    "decimal": "DECIMAL<{low}-{high}>",
    "ipv4": "X.X.X.X",
    "ipv6": "X:X::X:X",
    "ip": "X.X.X.X, X:X::X:X",
    "prefix": "X.X.X.X/M, X:X::X:X/M",
    "ipv6-length": "X:X::X:X/M",
    "mask": "INTEGER<0-32>, X.X.X.X",
    "masklen": "INTEGER<0-32>, X.X.X.X",
    "str": "STRING<{low}-{high}>",
    "text": "TEXT<{low}-{high}>",
    "secret": "STRING<{low}-{high}>",
    "hex": "HEX<{low}-{high}>",
    "interface": "INTERFACE",
    "port": "INTERFACE",
    "tunnel": "INTERFACE",
}
