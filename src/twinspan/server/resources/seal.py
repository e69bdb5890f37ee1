"""The seal: secrets of specs are encrypted in the database, with a key that stands in a file of its own.

AES-256-GCM; what is sealed is bound to its place (resource and field), so that a sealed text that is moved to another
place does not open. The file has the key that seals and, during a rotation, the one before; each sealed text says
which key it needs. A running server takes a changed file up by itself.

In: a path. Out: sealed texts, secrets. Next: `sealed_spec.py`, `seal_rotation.py`.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import threading
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twinspan.model.errors import Rejected, Unavailable
from twinspan.model.secret import Secret
from twinspan.server.key_file import create_private, read_private, write_private

FILE_NAME = "seal.key"
"""In the state directory."""
KEY_BYTES = 32
NONCE_BYTES = 12
"""NIST SP 800-38D 8.2.2: random, and no more than 2^32 texts per key."""
_MARK = "sealed"


class _Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file."""

    current: str
    """Id of the key that seals."""
    keys: dict[str, bytes]


class SealKey:
    """One per process; may be used by several threads."""

    def __init__(self, path: Path) -> None:
        """Raises Unavailable if the file is not there, Rejected if it is damaged or others may read it."""
        self.path = path
        self._lock = threading.Lock()
        self._known: dict[str, bytes] = {}
        self._current = ""
        self._stamp: tuple[int, ...] = ()
        self._load()

    @classmethod
    def load_or_create(cls, path: Path) -> SealKey:
        """The key of that file, made at the first call."""
        if not path.exists():
            create_private(path, _encoded(_new_keys({})))
        return cls(path)

    def seal(self, secret: Secret, place: str) -> str:
        """The secret as text for the database. `place` says where it stands, and must be said again to open it."""
        self._follow_file()
        name = self._current
        nonce = secrets.token_bytes(NONCE_BYTES)
        closed = AESGCM(self._known[name]).encrypt(nonce, secret.reveal().encode(), place.encode())
        return f"{_MARK}:{name}:{base64.b64encode(nonce + closed).decode()}"

    def unseal(self, text: str, place: str) -> Secret:
        """What was sealed there. Raises Unavailable if the key is missing, or it was not sealed for that place."""
        mark, _, rest = text.partition(":")
        name, _, packed = rest.partition(":")
        if mark != _MARK or not packed:
            raise Unavailable(f"a secret of {place} is not sealed", remedy="restore the last backup")
        key = self._key(name)
        if key is None:
            raise Unavailable(
                f"{self.path} does not have the key {name} that a secret of {place} needs",
                remedy="put the key file back that belongs to this database; each backup has it",
            )
        try:
            data = base64.b64decode(packed, validate=True)
            return Secret(AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], place.encode()).decode())
        except (InvalidTag, ValueError) as error:
            raise Unavailable(f"a secret of {place} was altered", remedy="restore the last backup") from error

    def is_current(self, text: str) -> bool:
        """Whether the text was sealed with the key that seals now."""
        return text.startswith(f"{_MARK}:{self._current}:")

    def knows(self, name: str) -> bool:
        """Whether it has the key of that id."""
        return self._key(name) is not None

    def mac(self, text: str) -> str:
        """A proof that somebody with this key has written the text."""
        self._follow_file()
        return f"{self._current}:{hmac.digest(self._known[self._current], text.encode(), 'sha256').hex()}"

    def is_ours(self, text: str, mac: str) -> bool:
        """Whether `mac` is that proof."""
        name, _, given = mac.partition(":")
        key = self._key(name)
        return key is not None and hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), given)

    def add_key(self) -> str:
        """A new key that seals from now on, in all processes; the ones before still open. Its id."""
        self._follow_file()
        made = _new_keys(self._known)
        write_private(self.path, _encoded(made))
        self._load()
        return made.current

    def forget_old_keys(self) -> None:
        """Only the key that seals stays in the file; whatever another one has sealed does not open any more."""
        self._follow_file()
        kept = {self._current: self._known[self._current]}
        write_private(self.path, _encoded(_Keys(current=self._current, keys=kept)))

    def _key(self, name: str) -> bytes | None:
        if name not in self._known:
            self._follow_file()
        return self._known.get(name)

    def _follow_file(self) -> None:
        if self._stamp != self._file_stamp():
            with self._lock:
                self._load()

    def _file_stamp(self) -> tuple[int, ...]:
        try:
            stat = self.path.stat()
        except OSError as error:
            raise Unavailable(
                f"cannot read {self.path}: {error.strerror}", remedy="put it back; each backup has it"
            ) from error
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _load(self) -> None:
        stamp = self._file_stamp()
        try:
            read = msgspec.json.decode(read_private(self.path), type=_Keys)
        except msgspec.DecodeError as error:
            raise Rejected(f"{self.path} is damaged", remedy="put it back; each backup has it") from error
        if read.current not in read.keys or any(len(key) != KEY_BYTES for key in read.keys.values()):
            raise Rejected(f"{self.path} is damaged", remedy="put it back; each backup has it")
        # A key that has left the file stays known here: an older snapshot of the database may need it for a moment.
        self._known = {**self._known, **read.keys}
        self._current, self._stamp = read.current, stamp


def is_sealed(text: bytes) -> bool:
    """Whether it looks like what `seal` makes."""
    return text.startswith(f"{_MARK}:".encode())


def _new_keys(known: dict[str, bytes]) -> _Keys:
    name = secrets.token_hex(4)
    return _Keys(current=name, keys={**known, name: secrets.token_bytes(KEY_BYTES)})


def _encoded(keys: _Keys) -> bytes:
    return msgspec.json.encode(keys) + b"\n"
