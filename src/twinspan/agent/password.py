"""Passwords of local users: kept as a PBKDF2 verifier, compared in a thread, so that a login never holds failover.

In: a password. Out: `$v1$…`, a word that proves it without telling it; whether another one is the same. Next:
`agent.ssh_server`, `agent.shell`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets

from msgspec import structs

from twinspan.model.device_access import LocalUser
from twinspan.model.device_config import DeviceConfig
from twinspan.model.secret import Secret

_FORM = "$v1$"
_ITERATIONS = 600_000
"""OWASP Password Storage Cheat Sheet for PBKDF2-HMAC-SHA256: some 0.2 s of a core, and no memory. A memory-hard
function takes 16 MiB at a login, and the C library's arena of that thread then keeps them."""
_SALT_BYTES, _HASH_BYTES = 16, 32
_one_at_a_time = asyncio.Semaphore(1)
"""A storm of logins takes one core."""


def is_verifier(text: str) -> bool:
    """Whether it is one of ours, and no password."""
    return _parts(text) is not None


async def make_verifier(password: str) -> str:
    """Takes a while; the event loop goes on."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"{_FORM}{_text(salt)}${_text(await _stretched(password, salt))}"


async def matches(kept: Secret | None, given: str) -> bool:
    """Whether `given` is the password; it takes as long for a user who has none, so that nobody learns who exists. A
    file or a server may have given the password itself."""
    parts = _parts(kept.reveal()) if kept is not None else None
    salt, wanted = parts if parts is not None else (bytes(_SALT_BYTES), b"")
    found = await _stretched(given, salt)
    if parts is not None:
        return hmac.compare_digest(found, wanted)
    return kept is not None and kept == Secret(given)


def new_passwords(config: DeviceConfig, running: DeviceConfig) -> tuple[LocalUser, ...]:
    """Users of `config` whose password was typed just now."""
    known = {user.name: user.password for user in (running.access.users if running.access else ())}
    return tuple(
        user
        for user in (config.access.users if config.access else ())
        if user.password is not None
        and user.password != known.get(user.name)
        and not is_verifier(user.password.reveal())
    )


async def with_verifiers(config: DeviceConfig, typed: tuple[LocalUser, ...]) -> DeviceConfig:
    """The config with verifiers in the place of those users' passwords."""
    if config.access is None:
        return config
    made = {user.name: Secret(await make_verifier(user.password.reveal())) for user in typed if user.password}
    users = tuple(structs.replace(u, password=made.get(u.name, u.password)) for u in config.access.users)
    return structs.replace(config, access=structs.replace(config.access, users=users))


async def _stretched(password: str, salt: bytes) -> bytes:
    async with _one_at_a_time:
        return await asyncio.to_thread(_derived, password, salt)


def _derived(password: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS, _HASH_BYTES)


def _parts(text: str) -> tuple[bytes, bytes] | None:
    salt, found, wanted = text.removeprefix(_FORM).partition("$")
    if not text.startswith(_FORM) or not found:
        return None
    try:
        parts = base64.b64decode(salt, validate=True), base64.b64decode(wanted, validate=True)
    except (binascii.Error, ValueError):
        return None
    return parts if (len(parts[0]), len(parts[1])) == (_SALT_BYTES, _HASH_BYTES) else None


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
