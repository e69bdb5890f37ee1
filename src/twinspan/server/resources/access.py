"""Access keys: what programs sign requests of the compatible API with.

A signature needs the secret itself, so it is kept sealed, not hashed; it is shown once, when the key is made.
In: accounts, key ids. Out: keys. Next: `server.alibaba.authenticate` looks them up.
"""

from __future__ import annotations

import secrets

import msgspec

from twinspan.model.errors import Rejected
from twinspan.model.resource import Role
from twinspan.model.secret import Secret
from twinspan.server.accounts import NAME_RULE, Accounts
from twinspan.server.alibaba.authenticate import AccessKey
from twinspan.server.brief import Brief
from twinspan.server.resources.seal import SealKey
from twinspan.server.store import DeviceStore

ID_PREFIX = "TSAK"
_ID_BYTES, _SECRET_BYTES = 10, 30


class AccessKeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of a key."""

    id: str
    account: str
    label: str
    role: Role
    created_at_ns: int
    expires_at_ns: int | None


class NewAccessKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to be made."""

    account: str
    label: str = ""
    """For people."""
    role: Role = "operator"
    """administrator: also what the cloud's provider does, such as enabling a circuit."""
    expires_at_ns: int | None = None


class AccessKeyTable:
    """One per process, beside its DeviceStore."""

    def __init__(self, store: DeviceStore, seal: SealKey) -> None:
        self._store, self._seal = store, seal
        self._known: Brief[tuple[AccessKey, int | None]] = Brief(store)
        """By id: a key with its secret, and when it expires."""

    def find_access_key(self, access_key_id: str, now_ns: int) -> AccessKey | None:
        """None: there is none, or it has expired."""
        name = access_key_id.encode("utf-8", "surrogatepass")
        found = self._known.get(name)
        if found is None:
            row = self._store.hot.execute(_FIND, (access_key_id,)).fetchone()
            if row is None:
                return None
            secret = self._seal.unseal(bytes(row[2]).decode(), place_of(access_key_id))
            found = AccessKey(id=access_key_id, secret=secret, account=row[0], role=row[1]), row[3]
            self._known.put(name, found)
        key, expires_at_ns = found
        return None if expires_at_ns is not None and expires_at_ns <= now_ns else key

    def add(self, wish: NewAccessKey, now_ns: int) -> tuple[str, Secret]:
        """Id and secret of a new key. Raises Rejected."""
        if wish.account not in Accounts(self._store).names():
            raise Rejected(f"there is no account {wish.account}", remedy=f"make it first: {NAME_RULE}")
        if wish.expires_at_ns is not None and wish.expires_at_ns <= now_ns:
            raise Rejected("the key would have expired already", remedy="give a time that is to come")
        key_id, secret = ID_PREFIX + secrets.token_hex(_ID_BYTES), Secret(secrets.token_urlsafe(_SECRET_BYTES))
        with self._store.change() as connection:  # within it no other process changes the seal key
            sealed = self._seal.seal(secret, place_of(key_id)).encode()
            values = (key_id, wish.account, wish.label[:64], wish.role, sealed, now_ns, wish.expires_at_ns)
            connection.execute(_INSERT, values)
        return key_id, secret

    def list(self) -> tuple[AccessKeyRow, ...]:
        """All keys, without their secrets."""
        rows = self._store.hot.execute(
            "SELECT id, account, label, role, created_at_ns, expires_at_ns FROM access_key ORDER BY account, id"
        )
        return tuple(
            AccessKeyRow(id=row[0], account=row[1], label=row[2], role=row[3], created_at_ns=row[4],
                         expires_at_ns=row[5])
            for row in rows
        )  # fmt: skip

    def remove(self, access_key_id: str) -> None:
        """It signs nothing from now on. Raises Rejected if there is none."""
        with self._store.change() as connection:
            if not connection.execute("DELETE FROM access_key WHERE id = ?", (access_key_id,)).rowcount:
                remedy = "list them: twinspan server access-key list"
                raise Rejected(f"there is no access key {access_key_id}", remedy=remedy)


_FIND = "SELECT account, role, sealed, expires_at_ns FROM access_key WHERE id = ?"
_INSERT = (
    "INSERT INTO access_key (id, account, label, role, sealed, created_at_ns, expires_at_ns) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)


def place_of(access_key_id: str) -> str:
    """Where its secret is sealed for."""
    return f"access-key {access_key_id}"
