"""What the agent must still know after it was killed: its config, what it owns, and the orders in force.

In and out: small JSON files in the node's directory, 0600, written whole and moved into place with fsync, so that a
kill at any moment leaves the old or the new one. Secrets in them are in cipher form, under the device's key; a file
that somebody else wrote may have them in clear, and is sealed when it is read first. Next: `agent.node`.
"""

from __future__ import annotations

import contextlib
import errno
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from twinspan.model.device_config import DeviceConfig
from twinspan.model.secret import Secret, decode_hook, encode_hook

if TYPE_CHECKING:
    from twinspan.agent.cipher import DeviceCipher

T = TypeVar("T")
DEVICE_FORM = "$t1$"
"""A secret in cipher form begins so (`agent.cipher`)."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


class CannotSave(OSError):
    """A file of the journal cannot be written; the one before it is still there."""

    def __str__(self) -> str:
        way_out = "free some space there" if self.errno in _FULL else "make its directory writable"
        return f"{self.filename} cannot be written: {self.strerror}. Nothing is changed; {way_out} and do it again"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An injected fault on this node with its end: a link held administratively down."""

    link: str
    expires_at_ns: int
    """Wall clock."""
    healer_pid: int
    """A shell timer in its own session that ends the fault even if no agent lives."""


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses the agent has set itself, as (link, address): the kernel cannot carry a mark on them."""

    addresses: tuple[tuple[str, str], ...] = ()


class Journal:
    def __init__(self, node_dir: Path) -> None:
        self._dir = node_dir
        self._config = node_dir / "config.json"
        self._owned = node_dir / "owned.json"
        self._orders = node_dir / "orders.json"
        self._cloud_memory = node_dir / "cloud.json"
        self.certificate_file = node_dir / "device.pem"
        self._owner = node_dir / "owner.json"
        self._startup = node_dir / "startup.json"
        self._draft = node_dir / "draft.json"
        self._commands = node_dir / "commands.json"
        self._trial = node_dir / "trial.json"
        self.override_file = node_dir / "override.table"
        self.set_aside: list[str] = []
        """Damaged files found while loading, renamed to `.broken`: a sentence each, for the event log."""

    @cached_property
    def cipher(self) -> DeviceCipher:
        """Of this device; its key is made at the first secret."""
        from twinspan.agent.cipher import load_cipher  # noqa: PLC0415  a supervisor has no secrets

        return load_cipher(self._dir)

    def load_config(self) -> DeviceConfig | None:
        """The saved config; None if there is none, or if it cannot be read (it is then set aside)."""
        return self._load(self._config, DeviceConfig)

    def save_config(self, config: DeviceConfig) -> None:
        self._write_sealed(self._config, config)

    def refuse_config(self, why: str) -> None:
        """Set a saved config aside that can be read but not be carried out."""
        self._put_aside(self._config, why)

    def note_override(self, config: DeviceConfig) -> None:
        """Write down which table the supervisor has to empty when the agent dies, apart from the config, which may
        be damaged by then."""
        tables = {t.name: t.table_id for t in config.tables}
        table = tables.get(config.failover.override_table) if config.failover else None
        known = self.override_table()
        if table is not None and table != known:
            _write(self.override_file, f"{table}\n".encode())

    def override_table(self) -> int | None:
        """Number of the table with the override routes; None if this node never had one."""
        try:
            return int(self.override_file.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None

    def load_owned(self) -> frozenset[tuple[str, str]]:
        owned = self._load(self._owned, Owned)
        return frozenset(owned.addresses) if owned else frozenset()

    def save_owned(self, addresses: frozenset[tuple[str, str]]) -> None:
        _write(self._owned, msgspec.json.encode(Owned(addresses=tuple(sorted(addresses)))))

    def load_orders(self) -> tuple[Order, ...]:
        return self._load(self._orders, tuple[Order, ...]) or ()

    def save_orders(self, orders: tuple[Order, ...]) -> None:
        _write(self._orders, msgspec.json.encode(orders))

    def load_owner(self, kind: type[T]) -> T | None:
        """Whose the running config is."""
        return self._load(self._owner, kind)

    def save_owner(self, owner: msgspec.Struct) -> None:
        _write(self._owner, msgspec.json.encode(owner))

    def load_startup(self) -> DeviceConfig | None:
        """The config that the next start of the machine begins with."""
        return self._load(self._startup, DeviceConfig)

    def save_startup(self, config: DeviceConfig) -> None:
        self._write_sealed(self._startup, config)

    def seal_startup(self) -> None:
        """Have no secret in clear in the startup config, whoever wrote it."""
        self._load(self._startup, DeviceConfig)

    def load_draft(self) -> str:
        """Lines of the command line that made no whole thing when they were saved."""
        return self._load(self._draft, str) or ""

    def save_draft(self, text: str) -> None:
        _write(self._draft, msgspec.json.encode(text))

    def load_cloud_memory(self, kind: type[T]) -> T | None:
        """What the cloud connection remembers."""
        return self._load(self._cloud_memory, kind)

    def save_cloud_memory(self, memory: msgspec.Struct) -> None:
        self._write_sealed(self._cloud_memory, memory)

    def load_commands(self, kind: type[T]) -> T | None:
        """Commands of the cloud server that were begun or finished."""
        return self._load(self._commands, kind)

    def save_commands(self, commands: object) -> None:
        _write(self._commands, msgspec.json.encode(commands))

    def load_trial(self, kind: type[T]) -> T | None:
        """The config on trial, or the outcome of the last one."""
        return self._load(self._trial, kind)

    def save_trial(self, trial: msgspec.Struct) -> None:
        """On disk, its name too, before it returns: what follows may cut off the way to this machine."""
        self._write_sealed(self._trial, trial)
        self._sync_names()

    def forget_trial(self) -> None:
        """There is no trial any more."""
        self._trial.unlink(missing_ok=True)
        self._sync_names()

    def _sync_names(self) -> None:
        descriptor = os.open(self._dir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _load(self, path: Path, kind: type[T]) -> T | None:
        """A damaged file (a disk that was full, a hand that slipped) must not keep the agent from starting."""
        opened = _Opened(self)
        try:
            found = msgspec.json.decode(path.read_bytes(), type=kind, dec_hook=opened.decode_hook)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.set_aside.append(f"{path.name} cannot be read: {error.strerror or error}")
            return None
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            self._put_aside(path, str(error))
            return None
        if opened.in_clear:
            self._seal(path, found)
        return found

    def _seal(self, path: Path, found: object) -> None:
        try:
            self._write_sealed(path, found)
        except OSError as error:
            self.set_aside.append(f"the secrets in {path.name} are still in clear: {error}")

    def _write_sealed(self, path: Path, value: object) -> None:
        try:
            data = msgspec.json.encode(value, enc_hook=self._encode_hook)
        except OSError as error:  # of the key's file
            raise CannotSave(error.errno, error.strerror, str(path)) from error
        _write(path, data)

    def _encode_hook(self, value: Any) -> Any:
        return self.cipher.encrypt(value.reveal()) if isinstance(value, Secret) else encode_hook(value)

    def _put_aside(self, path: Path, why: str) -> None:
        broken = path.with_name(path.name + ".broken")
        path.replace(broken)
        self.set_aside.append(f"{path.name} cannot be used and is now {broken.name}: {why}")


class _Opened:
    """One file being read."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.in_clear = False

    def decode_hook(self, expected: type, value: Any) -> Any:
        """msgspec `dec_hook`."""
        if expected is not Secret or not isinstance(value, str):
            return decode_hook(expected, value)
        if not value.startswith(DEVICE_FORM):
            self.in_clear = True
            return Secret(value)
        plain = self._journal.cipher.decrypt(value)
        if plain is None:
            raise ValueError("it is sealed with another key than the one in cipher.key")
        return Secret(plain)


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)  # all of it or an error: a full disk must not leave half a file in place of a whole one
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise CannotSave(error.errno, error.strerror, str(path)) from error
