"""Percent-encoding (RFC 3986) as both signatures want it: everything but letters, digits, `-`, `_`, `.`, `~`.

In: text. Out: text. Next: `parameters.py`, `signature.py`.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
_KEPT = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
_ENCODED = tuple(chr(byte) if byte in _KEPT else f"%{byte:02X}" for byte in range(256))
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


def encoded(text: str) -> str:
    """A value as it stands in a canonical request."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join([_ENCODED[byte] for byte in text.encode("utf-8", "surrogatepass")])


def decoded(text: str) -> str | None:
    """A part of a query or form: `+` is a space. None: it is not UTF-8, or an escape is cut off."""
    if _PLAIN.fullmatch(text):
        return text
    try:
        raw = text.replace("+", " ").encode("latin-1")
    except UnicodeEncodeError:
        return None
    if raw.count(b"%") != len(_ESCAPE.findall(raw)):
        return None
    try:
        return _ESCAPE.sub(lambda found: bytes([int(found.group(1), 16)]), raw).decode("utf-8")
    except UnicodeDecodeError:
        return None
