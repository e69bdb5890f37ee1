"""`Secret`: a value that never shows itself in a repr, a log or an error text.

In: the plain text. Out: `reveal()`, called only where a driver hands the secret to its daemon, and JSON through
`encode_hook`/`decode_hook` (for a wire that is encrypted, or a file for root alone). Next: `model.device_config`.
"""

from __future__ import annotations

import hmac
from typing import Any

MASK = "***"
"""What stands for a secret wherever it is shown."""


class Secret:
    """A pre-shared key, BGP key or password. `str()` and `repr()` give a mask."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The plain text; keep it out of arguments, logs and messages."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._value))


def encode_hook(value: Any) -> Any:
    """msgspec `enc_hook`: secrets in clear. Where it goes must be encrypted or for root alone; an agent's own files
    have them sealed (`agent.journal`)."""
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"cannot encode {type(value).__name__}")


def decode_hook(expected: type, value: Any) -> Any:
    """msgspec `dec_hook`, the inverse of `encode_hook`."""
    if expected is Secret:
        if not isinstance(value, str):
            raise ValueError("Expected `str`")  # never the value: it may be half a secret
        return Secret(value)
    raise TypeError(f"cannot decode {expected.__name__}")
