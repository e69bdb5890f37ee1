"""Accounts, and the tokens that people and programs show instead of passwords.

In: names, tokens. Out: a `Principal`, or None. A token is 256 random bits, shown once when it is made; the file has its
SHA-256 alone, which needs no salt since nobody can guess 256 bits. Next: `registry.py`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

import msgspec

from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret
from twinspan.server.store import DeviceStore

PREFIX = "twinspan_"
"""So that people and secret scanners know a token when they see one."""
ADMINISTRATOR = "administrator"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
NAME_RULE = "1 to 63 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. Without an account it is an administrator, who may do everything."""

    label: str
    account: str | None

    @property
    def administrator(self) -> bool:
        return self.account is None

    def may_see(self, owner: str | None) -> bool:
        """Whether a device of `owner` is theirs to see and change."""
        return self.account is None or self.account == owner


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An owner of devices."""

    name: str
    note: str
    created_at_ns: int
    devices: int


class Accounts:
    def __init__(self, store: DeviceStore) -> None:
        self._store = store

    def authenticate(self, token: str) -> Principal | None:
        """Who shows that token. The look-up goes by its hash, so its time tells nothing about the tokens there are."""
        digest = _digest(token)
        row = self._store.hot.execute("SELECT hash, label, account FROM token WHERE hash = ?", (digest,)).fetchone()
        if row is None or not hmac.compare_digest(row[0], digest):
            return None
        return Principal(label=row[1], account=row[2])

    def renew_administrator(self, now_ns: int) -> Secret:
        """A new administrator's token; the one before is worth nothing from now on."""
        return self._renew(ADMINISTRATOR, None, now_ns)

    def add(self, name: str, note: str, now_ns: int) -> Secret:
        """A new account; its token. Raises Rejected for a name that is taken or cannot be one."""
        if not _NAME.fullmatch(name) or name == ADMINISTRATOR:
            raise Rejected(f"{name!r} cannot be the name of an account", remedy=f"give {NAME_RULE}")
        with self._store.change() as connection:
            if connection.execute("SELECT 1 FROM account WHERE name = ?", (name,)).fetchone():
                raise Rejected(f"the account {name} exists already", remedy="choose another name")
            connection.execute("INSERT INTO account (name, created_at_ns, note) VALUES (?, ?, ?)", (name, now_ns, note))
            token = _new_token()
            connection.execute(_INSERT_TOKEN, (_digest(token.reveal()), name, name, now_ns))
        return token

    def renew(self, name: str, now_ns: int) -> Secret:
        """A new token of an account; the one before is worth nothing from now on."""
        if name not in self.names():
            raise Rejected(f"there is no account {name}", remedy="list them: twinspan server account list")
        return self._renew(name, name, now_ns)

    def remove(self, name: str) -> None:
        """Raises Rejected while it owns devices, or if there is none of that name."""
        with self._store.change() as connection:
            (devices,) = connection.execute("SELECT COUNT(*) FROM device WHERE owner = ?", (name,)).fetchone()
            if devices:
                raise Rejected(f"the account {name} owns {devices} devices", remedy="remove the devices first")
            if not connection.execute("DELETE FROM account WHERE name = ?", (name,)).rowcount:
                raise Rejected(f"there is no account {name}", remedy="list them: twinspan server account list")

    def names(self) -> frozenset[str]:
        return frozenset(name for (name,) in self._store.hot.execute("SELECT name FROM account"))

    def list(self) -> tuple[Account, ...]:
        """All accounts by name, with how many devices each has."""
        rows = self._store.hot.execute(
            "SELECT name, note, created_at_ns, (SELECT COUNT(*) FROM device WHERE owner = name) "
            "FROM account ORDER BY name"
        )
        return tuple(Account(name=row[0], note=row[1], created_at_ns=row[2], devices=row[3]) for row in rows)

    def _renew(self, label: str, account: str | None, now_ns: int) -> Secret:
        token = _new_token()
        with self._store.change() as connection:
            connection.execute("DELETE FROM token WHERE label = ?", (label,))
            connection.execute(_INSERT_TOKEN, (_digest(token.reveal()), label, account, now_ns))
        return token


_INSERT_TOKEN = "INSERT INTO token (hash, label, account, created_at_ns) VALUES (?, ?, ?, ?)"


def _new_token() -> Secret:
    return Secret(PREFIX + secrets.token_urlsafe(32))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
