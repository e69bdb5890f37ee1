"""What a device proves itself with: passwords and one-time tokens, made or checked here, kept as verifiers only.

In: a password that somebody chose, or nothing. Out: a `MadeCredential`; a secret that was made here is in it once, to
be shown once. Next: `registry.py`.
"""

from __future__ import annotations

import secrets

import msgspec

from twinspan.model.secret import Secret
from twinspan.server.store import Credential
from twinspan.wire.cloud_connection.messages import Verifier
from twinspan.wire.cloud_connection.scram import make_verifier

SALT_BYTES = 16
MIN_PASSWORD, MAX_PASSWORD = 8, 63
"""The longest that a device's command line takes, and the shortest that is worth checking online."""
SYMBOLS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without those that look alike: people type these at a console."""
MADE_LENGTH = 28
"""Of 55 symbols: 161 bits, so that a stolen verifier gives nothing away."""
TOKEN_TTL_S = 7 * 24 * 3600
PASSWORD_RULE = f"{MIN_PASSWORD} to {MAX_PASSWORD} printable ASCII characters without spaces or '?'"
"""A question mark asks the device's command line for help."""


class MadeCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A device's new credential as the store takes it."""

    kind: Credential
    credential_id: str
    verifier: Verifier | None
    token_expires_at_ns: int | None
    shown: Secret | None
    """What was made here, to be told to whoever asked for it, and to nobody else ever."""


def password_is_fit(password: str) -> bool:
    """Whether a device can be given this password, by its command line or by DHCP."""
    fit = all("!" <= symbol <= "~" and symbol != "?" for symbol in password)
    return fit and MIN_PASSWORD <= len(password) <= MAX_PASSWORD


def make_credential(kind: Credential, chosen: Secret | None, now_ns: int, ttl_s: int = TOKEN_TTL_S) -> MadeCredential:
    """`chosen` None: a secret is made. Takes milliseconds of processor: not for the event loop in numbers."""
    if kind == "certificate":
        return MadeCredential(kind=kind, credential_id=new_id(), verifier=None, token_expires_at_ns=None, shown=None)
    secret = chosen or Secret("".join(secrets.choice(SYMBOLS) for _ in range(MADE_LENGTH)))
    return MadeCredential(
        kind=kind,
        credential_id=new_id(),
        verifier=make_verifier(secret.reveal(), secrets.token_bytes(SALT_BYTES)),
        token_expires_at_ns=now_ns + ttl_s * 1_000_000_000 if kind == "token" else None,
        shown=None if chosen else secret,
    )


def new_id() -> str:
    """For credentials and commands: 96 random bits as text."""
    return secrets.token_urlsafe(12)
