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
    before, _, after = line.text.rpartition(f"simple {quoted(plain)}")
    return structs.replace(line, args=args, text=f"{before}cipher {quoted(secret)}{after}")


def masked(line: Line) -> str:
    """The line for logs: no secret, not even encrypted."""
    secret = line.args.get("cipher")
    if secret is None:
        return line.text
    before, _, after = line.text.rpartition(f"cipher {quoted(secret)}")
    return f"{before}cipher {MASK}{after}"


def opened(line: Line | None, cipher: Cipher) -> Secret | None:
    """The secret of a kept line; None: there is none, or it cannot be read here."""
    text = line.args.get("cipher") if line is not None else None
    plain = cipher.decrypt(text) if text else None
    return None if plain is None else Secret(plain)
