"""Secrets in text: only ever as `cipher`, made and read by callables that the shell supplies.

In: a `Cipher`, a matched line. Out: the line with its `simple` secret encrypted. Next: `line_filter.py`.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import structs

from twinspan.model.secret import Secret
from twinspan.wire.comware.document import Line
from twinspan.wire.comware.words import quoted

MASK = "******"
_PLAIN, _SEALED = ("simple", "plaintext"), ("cipher", "ciphertext")
"""The words before a secret; IKEv2 has its own."""


class Cipher(Protocol):
    """Encryption for text that leaves the device, or stays on it. The text has neither blanks nor quotes."""

    def encrypt(self, plain: str) -> str:
        """The cipher text of a secret."""

    def decrypt(self, text: str) -> str | None:
        """The secret; None: this is no cipher text of ours."""


def sealed(line: Line, cipher: Cipher) -> Line:
    """A line that was typed with `simple`, as it is kept."""
    plain = line.args.get("simple")
    if plain is None:
        return line
    secret = cipher.encrypt(plain)
    args = {name: value for name, value in line.args.items() if name != "simple"} | {"cipher": secret}
    text = line.text
    for before, after in zip(_PLAIN, _SEALED, strict=True):
        text = _replaced(text, f" {before} {quoted(plain)}", f" {after} {quoted(secret)}")
    return structs.replace(line, args=args, text=text)


def masked(line: Line) -> str:
    """The line for logs: no secret, not even encrypted."""
    secret, text = line.args.get("cipher"), line.text
    if secret is not None:
        for word in _SEALED:
            text = _replaced(text, f" {word} {quoted(secret)}", f" {word} {MASK}")
    return text


def _replaced(text: str, old: str, new: str) -> str:
    """With the last `old` replaced: a secret stands near the end of its line."""
    before, found, after = text.rpartition(old)
    return f"{before}{new}{after}" if found else text


def opened(line: Line | None, cipher: Cipher) -> Secret | None:
    """The secret of a kept line; None: there is none, or it cannot be read here."""
    text = line.args.get("cipher") if line is not None else None
    plain = cipher.decrypt(text) if text else None
    return None if plain is None else Secret(plain)
