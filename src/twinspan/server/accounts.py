"""Accounts, and the tokens that people and programs show instead of passwords.

In: names, tokens. Out: a `Principal`, or None. A token is 256 random bits, shown once when it is made; the file has its
SHA-256 alone, which needs no salt since nobody can guess 256 bits. Next: `registry.py`.
"""

from __future__ import annotations

import difflib
import hashlib
import hmac
import re
import secrets

import msgspec

from twinspan.model.errors import Rejected
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.resource import Role
from twinspan.model.secret import Secret
from twinspan.server.brief import Brief
from twinspan.server.store import DeviceStore

PREFIX = "twinspan_"
"""So that people and secret scanners know a token when they see one."""
ADMINISTRATOR = "administrator"
AREAS = frozenset({
    *(kind.path for kind in STORED_KINDS.values()),
    "access-keys", "accounts", "apply", "changes", "devices", "events", "quotas", "tokens",
})  # fmt: skip
"""What a scope may be about: the first parts of the paths below /api/v1/, but for those that every token may read."""
_READ = ":read"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
NAME_RULE = "1 to 63 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. Without an account it is for the whole server."""

    label: str
    account: str | None
    role: Role = "operator"
    scopes: tuple[str, ...] = ()
    """What of the API it is for: first parts of paths, with `:read` for reading alone. Empty: all."""

    @property
    def administrator(self) -> bool:
        return self.account is None and self.role != "viewer"

    def may_use(self, area: str, *, change: bool) -> bool:
        """Whether role and scopes allow requests below /api/v1/`area`."""
        if change and self.role == "viewer":
            return False
        return not self.scopes or area in self.scopes or (not change and f"{area}:read" in self.scopes)

    def may_see(self, owner: str | None) -> bool:
        """Whether a device of `owner` is theirs to see and change."""
        return self.account is None or self.account == owner


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An owner of devices."""

    name: str
    note: str
    created_at_ns: int
    devices: int


class NewToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to be made."""

    account: str | None
    label: str
    """Beside those of the same account."""
    role: Role = "operator"
    scopes: tuple[str, ...] = ()
    expires_at_ns: int | None = None
    """None: never."""

    @property
    def full_label(self) -> str:
        """As the list shows it."""
        return f"{self.account or ADMINISTRATOR}/{self.label}"


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a token."""

    label: str
    account: str | None
    role: Role
    scopes: tuple[str, ...]
    created_at_ns: int
    expires_at_ns: int | None


class Accounts:
    def __init__(self, store: DeviceStore) -> None:
        self._store = store
        self._known: Brief[tuple[Principal, int | None]] = Brief(store)
        """By the hash of a token: whose it is, and when it expires."""

    def authenticate(self, token: str, now_ns: int = 0) -> Principal | None:
        """Who shows that token; None if there is none such, or it has expired.

        The look-up goes by its hash, so its time tells nothing about the tokens there are.
        """
        digest = _digest(token)
        found = self._known.get(digest)
        if found is None:
            row = self._store.hot.execute(_FIND_TOKEN, (digest,)).fetchone()
            if row is None or not hmac.compare_digest(row[0], digest):
                return None
            scopes = tuple(row[4].split()) if row[4] else ()
            found = Principal(label=row[1], account=row[2], role=row[3], scopes=scopes), row[5]
            self._known.put(digest, found)
        principal, expires_at_ns = found
        return None if expires_at_ns is not None and expires_at_ns <= now_ns else principal

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
            connection.execute(_INSERT_TOKEN, (_digest(token.reveal()), name, name, now_ns, "operator", "", None))
        return token

    def renew(self, name: str, now_ns: int) -> Secret:
        """A new token of an account; the one before is worth nothing from now on."""
        if name not in self.names():
            raise Rejected(f"there is no account {name}", remedy="list them: twinspan server account list")
        return self._renew(name, name, now_ns)

    def remove(self, name: str) -> None:
        """Raises Rejected while it owns devices or resources, or if there is none of that name."""
        with self._store.change() as connection:
            (devices,) = connection.execute("SELECT COUNT(*) FROM device WHERE owner = ?", (name,)).fetchone()
            if devices:
                raise Rejected(f"the account {name} owns {devices} devices", remedy="remove the devices first")
            (resources,) = connection.execute(_RESOURCES, (name,)).fetchone()
            if resources:
                remedy = "delete them first: twinspan destroy SITE, twinspan delete KIND ID"
                raise Rejected(f"the account {name} owns {resources} resources", remedy=remedy)
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

    def add_token(self, wish: NewToken, now_ns: int) -> Secret:
        """One more token of an account, or of the whole server. Raises Rejected."""
        if wish.account is not None and wish.account not in self.names():
            raise Rejected(f"there is no account {wish.account}", remedy="list them: twinspan server account list")
        if not _NAME.fullmatch(wish.label):
            raise Rejected(f"{wish.label!r} cannot be the label of a token", remedy=f"give {NAME_RULE}")
        if wish.role == ("operator" if wish.account is None else "administrator"):
            raise Rejected(
                f"a token of {wish.account or 'the whole server'} cannot be {wish.role}",
                remedy="an account's are operator or viewer, the whole server's administrator or viewer",
            )
        if wish.expires_at_ns is not None and wish.expires_at_ns <= now_ns:
            raise Rejected("the token would have expired already", remedy="give a time that is to come")
        wrong = next((scope for scope in wish.scopes if scope.removesuffix(_READ) not in AREAS), None)
        if wrong is not None:
            raise Rejected(f"{wrong!r} is no scope", remedy=_near_scope(wrong))
        token, label = _new_token(), wish.full_label
        values = (wish.account, now_ns, wish.role, " ".join(wish.scopes), wish.expires_at_ns)
        with self._store.change() as connection:
            if connection.execute("SELECT 1 FROM token WHERE label = ?", (label,)).fetchone():
                raise Rejected(f"there is a token {label} already", remedy="choose another label, or remove that one")
            connection.execute(_INSERT_TOKEN, (_digest(token.reveal()), label, *values))
        return token

    def tokens(self) -> tuple[TokenRow, ...]:
        """All tokens by label; of the tokens themselves nothing is known any more."""
        rows = self._store.hot.execute(
            "SELECT label, account, role, scopes, created_at_ns, expires_at_ns FROM token ORDER BY label"
        )
        return tuple(
            TokenRow(
                label=row[0],
                account=row[1],
                role=row[2],
                scopes=tuple(row[3].split()),
                created_at_ns=row[4],
                expires_at_ns=row[5],
            )
            for row in rows
        )

    def remove_token(self, label: str) -> None:
        """It is worth nothing from now on. Raises Rejected if there is none of that label."""
        with self._store.change() as connection:
            if not connection.execute("DELETE FROM token WHERE label = ?", (label,)).rowcount:
                raise Rejected(f"there is no token {label}", remedy="list them: twinspan server token list")

    def _renew(self, label: str, account: str | None, now_ns: int) -> Secret:
        token = _new_token()
        with self._store.change() as connection:
            connection.execute("DELETE FROM token WHERE label = ?", (label,))
            role = "operator" if account else "administrator"
            connection.execute(_INSERT_TOKEN, (_digest(token.reveal()), label, account, now_ns, role, "", None))
        return token


_RESOURCES = "SELECT COALESCE(SUM(count), 0) FROM resource_count WHERE account = ?"
_FIND_TOKEN = "SELECT hash, label, account, role, scopes, expires_at_ns FROM token WHERE hash = ?"
_INSERT_TOKEN = (
    "INSERT INTO token (hash, label, account, created_at_ns, role, scopes, expires_at_ns) VALUES (?, ?, ?, ?, ?, ?, ?)"
)


def _near_scope(wrong: str) -> str:
    """What may have been meant."""
    area, _, _ = wrong.partition(":")
    near = difflib.get_close_matches(area.replace("_", "-"), sorted(AREAS), n=1)
    if near:
        return f"did you mean {near[0]}{_READ if wrong.endswith(_READ) else ''}?"
    return f"the scopes are {', '.join(sorted(AREAS))}, each with {_READ} for reading alone"


def _new_token() -> Secret:
    return Secret(PREFIX + secrets.token_urlsafe(32))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
