"""Secrets in the text of a configuration: AES-256-GCM under a key of this device, or under a passphrase.

In: a secret. Out: one word without blanks or quotes, with the version of its form before it; and the way back. The
device's key lies in its directory, 0600, and never leaves it; a passphrase makes text that another device can read.
Satisfies `wire.comware.cipher.Cipher`. Next: `agent.shell`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twinspan.agent.journal import DEVICE_FORM

KEY_FILE = "cipher.key"
KEY_BYTES = 32
_NONCE_BYTES, SALT_BYTES = 12, 16
_DEVICE_FORM, _PASSPHRASE_FORM = DEVICE_FORM, "$p1$"
_SALT = re.compile(r"\$p1\$([A-Za-z0-9_-]{22})\$")
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 1 << 15, 8, 1
_SCRYPT_MEMORY = 64 << 20


class DeviceCipher:
    """For this device alone."""

    def __init__(self, key: bytes) -> None:
        self._key = AESGCM(key)

    def encrypt(self, plain: str) -> str:
        """Different at each call: equal secrets cannot be told from their text."""
        return _DEVICE_FORM + _sealed(self._key, plain, _DEVICE_FORM.encode())

    def decrypt(self, text: str) -> str | None:
        """None: it is of another device or of another form, or damaged."""
        if not text.startswith(_DEVICE_FORM):
            return None
        return _opened(self._key, text.removeprefix(_DEVICE_FORM), _DEVICE_FORM.encode())


class ExportCipher:
    """For text that leaves the device, or comes from another one: under keys that were made from passphrases."""

    def __init__(self, device: DeviceCipher, keys: Mapping[bytes, bytes]) -> None:
        """`keys` by their salt; what is written is written with the first of them."""
        self._device = device
        self._keys = {salt: AESGCM(key) for salt, key in keys.items()}
        self._salt = next(iter(keys))

    def encrypt(self, plain: str) -> str:
        """The salt stands in the text."""
        form = f"{_PASSPHRASE_FORM}{_text(self._salt)}$"
        return form + _sealed(self._keys[self._salt], plain, form.encode())

    def decrypt(self, text: str) -> str | None:
        """None: of another passphrase or another device."""
        match = _SALT.match(text)
        if match is None:
            return self._device.decrypt(text)
        key = self._keys.get(_bytes(match[1]) or b"")
        return _opened(key, text[match.end() :], match[0].encode()) if key is not None else None


def derive(passphrase: str, salt: bytes) -> bytes:
    """The key of a passphrase. It takes a tenth of a second and 32 MiB on purpose: never in the agent."""
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P, maxmem=_SCRYPT_MEMORY, dklen=KEY_BYTES
    )


def new_salt() -> bytes:
    """For one export."""
    return secrets.token_bytes(SALT_BYTES)


def salts_in(text: str) -> tuple[bytes, ...]:
    """Those of all secrets in an exported text, each once."""
    found = (_bytes(match[1]) for match in _SALT.finditer(text))
    return tuple(dict.fromkeys(salt for salt in found if salt is not None))


def load_cipher(node_dir: Path) -> DeviceCipher:
    """With the device's key, made at its first use. A damaged key file is set aside: it opened nothing any more."""
    path = node_dir / KEY_FILE
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return DeviceCipher(_new_key(path))
    if len(key) != KEY_BYTES:
        path.replace(path.with_name(KEY_FILE + ".broken"))
        return DeviceCipher(_new_key(path))
    return DeviceCipher(key)


def _new_key(path: Path) -> bytes:
    key = secrets.token_bytes(KEY_BYTES)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return key


def _sealed(key: AESGCM, plain: str, form: bytes) -> str:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _text(nonce + key.encrypt(nonce, plain.encode(), form))


def _opened(key: AESGCM, text: str, form: bytes) -> str | None:
    sealed = _bytes(text)
    if sealed is None:
        return None
    try:
        return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], form).decode()
    except (InvalidTag, ValueError):
        return None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
