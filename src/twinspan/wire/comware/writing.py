"""What the writers of lines share: the cipher, the names of interfaces, and the list of what cannot be said.

In: a config and a cipher. Out: `Export`. Next: `reading.py`, the way back.
"""

from __future__ import annotations

from twinspan.model.secret import Secret
from twinspan.wire.comware.cipher import Cipher
from twinspan.wire.comware.words import can_be_typed, quoted


class Export:
    """Collects while a config is written."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher
        self.not_expressed: list[str] = []

    def word(self, text: str) -> str:
        """A word of the user as it is typed; one with control characters cannot be."""
        if not can_be_typed(text):
            self.skip(f"a name with control characters: {text!r}")
            return quoted("".join(c if c.isprintable() else "." for c in text))
        return quoted(text)

    def secret(self, secret: Secret) -> str:
        """Its cipher text."""
        return self._cipher.encrypt(secret.reveal())

    def number(self, value: float) -> str:
        """A decimal without an empty fraction."""
        return f"{float(value)!r}".removesuffix(".0")

    def skip(self, what: str) -> None:
        """Something the text does not carry."""
        self.not_expressed.append(what)
