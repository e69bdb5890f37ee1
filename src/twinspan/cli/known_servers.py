"""The cloud servers that this person's command line knows: their authorities and, if wished, a token.

In and out: `servers.json` in the user's configuration directory, 0600, written whole. What is in it was pinned by
`twinspan device login`. Next: `admin_client.py`.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret, decode_hook, encode_hook


class KnownServer(msgspec.Struct, frozen=True, kw_only=True):
    """One server as it was at the last login."""

    authorities: tuple[str, ...]
    """PEM; its certificate must come from one of them."""
    fingerprint: str
    """Of the authority that was compared, for people."""
    token: Secret | None = None


def servers_file() -> Path:
    """Where the user keeps it (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "twinspan" / "servers.json"


def load_servers() -> dict[str, KnownServer]:
    """All known servers by NAME:PORT; none if there is no file. Raises Rejected if it cannot be used."""
    path = servers_file()
    try:
        data = path.read_bytes()
        open_to_others = path.stat().st_mode & 0o077
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Rejected(f"cannot read {path}: {error.strerror}", remedy="check who owns it") from error
    if open_to_others:
        raise Rejected(f"{path} can be read by others, and may hold a token", remedy=f"chmod 600 {path}")
    try:
        return msgspec.json.decode(data, type=dict[str, KnownServer], dec_hook=decode_hook)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(f"{path} is damaged", remedy="remove it and log in again: twinspan device login") from error


def save_server(name: str, server: KnownServer | None) -> None:
    """Remembers one server, or forgets it."""
    servers = load_servers()
    if server is None:
        servers.pop(name, None)
    else:
        servers[name] = server
    path = servers_file()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, msgspec.json.encode(servers, enc_hook=encode_hook))
    except OSError as error:
        raise Rejected(f"cannot write {path}: {error.strerror}", remedy="check who owns its directory") from error


def write_private(path: Path, data: bytes) -> None:
    """A file that only its owner may read, the whole of it or the one from before. Raises OSError."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise
