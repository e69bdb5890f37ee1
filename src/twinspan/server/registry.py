"""The registry: which serials people have added, for whom, and with which proof.

In: devices as somebody wants them. Out: rows in the store, or every fault at once and nothing done. A device has
exactly one owner: one that belongs to somebody else is not taken over here but unbound first (`unbinding.py`). Next:
`device_csv.py` (many at once), `admin.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from twinspan.engine.unbinding import CodeState
from twinspan.model.device_view import AddedDevice
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret
from twinspan.server.accounts import Principal
from twinspan.server.credentials import PASSWORD_RULE, MadeCredential, make_credential, password_is_fit
from twinspan.server.database.connection import Connection
from twinspan.server.events import Event, write_event
from twinspan.server.store import Credential, DeviceStore

SERIAL_RULE = "1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'"
_SERIAL = re.compile(r"[A-Za-z0-9._-]{1,64}")
TAG_RULE = "up to 16 words of 1 to 32 of A-Z, a-z, 0-9, '.', '_', ':', '=', '-'"
_TAG = re.compile(r"[A-Za-z0-9._:=-]{1,32}")
MAX_TAGS = 16
MAX_TEXT = 128


class NewDevice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device to be added, as somebody wrote it down: nothing of it is checked yet."""

    serial: str
    platform: str = ""
    """Hardware platform, e.g. M9000-AI-E8; empty: whatever the device says."""
    module_type: str = ""
    owner: str = ""
    """Account; empty: the one that adds it."""
    credential: Credential = "password"
    password: Secret | None = None
    """Password or one-time token; None: one is made and shown once."""
    tags: tuple[str, ...] = ()
    line: int | None = None
    """In the file that it comes from."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong with one device. Never shows a secret."""

    field: str
    problem: str
    remedy: str
    serial: str = ""
    line: int | None = None
    rule: str = ""
    """Id of the rule that it breaks, where it has one."""
    value: str = ""
    """What stands there, as text."""


class Refused(Rejected):
    """Nothing was done: these are the faults."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        first = faults[0]
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        super().__init__(f"{first.field}: {first.problem}{more}", remedy=first.remedy)
        self.faults = tuple(faults)


def find_faults(devices: Sequence[NewDevice], accounts: frozenset[str], by: Principal) -> list[Fault]:
    """All that is wrong with them, whatever is in the registry already."""
    faults: list[Fault] = []
    seen: dict[str, int | None] = {}
    for device in devices:
        faults += _faults_of(device, accounts, by)
        if device.serial in seen:
            first = seen[device.serial]
            where = f"it stands in line {first} already" if first else "it is given twice"
            faults.append(_fault(device, "serial", f"{device.serial}: {where}", "leave one of them out"))
        seen.setdefault(device.serial, device.line)
    return faults


def _faults_of(device: NewDevice, accounts: frozenset[str], by: Principal) -> Iterator[Fault]:
    if not _SERIAL.fullmatch(device.serial):
        yield _fault(device, "serial", f"{_short(device.serial)} is no serial number", f"give {SERIAL_RULE}")
    for field, text in (("platform", device.platform), ("module_type", device.module_type)):
        if len(text) > MAX_TEXT or not text.isprintable():
            yield _fault(device, field, f"{_short(text)} cannot be one", f"give up to {MAX_TEXT} printable characters")
    if len(device.tags) > MAX_TAGS or not all(_TAG.fullmatch(tag) for tag in device.tags):
        yield _fault(device, "tags", f"{_short(' '.join(device.tags))} are no tags", f"give {TAG_RULE}")
    if device.password is not None and device.credential == "certificate":
        yield _fault(device, "password", "a device with a certificate has no password", "leave the password out")
    elif device.password is not None and not password_is_fit(device.password.reveal()):
        yield _fault(device, "password", "it breaks the rule", f"give {PASSWORD_RULE}, or none to have one made")
    yield from _owner_faults(device, accounts, by)


def _owner_faults(device: NewDevice, accounts: frozenset[str], by: Principal) -> Iterator[Fault]:
    owner = device.owner or by.account
    if not owner:
        yield _fault(device, "owner", "an administrator owns no devices", "name the account that it belongs to")
    elif not by.administrator and owner != by.account:
        yield _fault(device, "owner", f"{_short(owner)} is not your account", "leave the owner out")
    elif owner not in accounts:
        remedy = f"make it first: twinspan server account add {owner}"
        yield _fault(device, "owner", f"there is no account {_short(owner)}", remedy)


def make_credentials(devices: Sequence[NewDevice], now_ns: int) -> list[MadeCredential]:
    """One each. Some milliseconds of processor per device, in threads: not for the event loop."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda d: make_credential(d.credential, d.password, now_ns), devices))


class Registry:
    def __init__(self, store: DeviceStore) -> None:
        self._store = store

    def add(
        self, devices: Sequence[NewDevice], made: Sequence[MadeCredential], by: Principal, now_ns: int
    ) -> tuple[AddedDevice, ...]:
        """Adds all of them or none; `made` are their credentials. Raises Refused with every fault.

        A serial that was unbound, and belongs to nobody, is taken: with a new credential, so that what its old owner
        knows is worth nothing.
        """
        with self._store.change() as connection:
            faults = _conflicts(connection, devices, by)
            if faults:
                raise Refused(faults)
            for device, credential in zip(devices, made, strict=True):
                self._insert(connection, device, credential, by, now_ns)
        return tuple(
            AddedDevice(serial=d.serial, owner=_owner(d, by), credential=m.kind, secret=m.shown)
            for d, m in zip(devices, made, strict=True)
        )

    def conflicts(self, devices: Sequence[NewDevice], by: Principal) -> list[Fault]:
        """Those that are somebody's already, so that they can be named together with all other faults."""
        return _conflicts(self._store.hot, devices, by)

    def remove(self, serial: str, by: Principal, now_ns: int) -> None:
        """Takes the serial out: it is refused from now on, its commands are destroyed; its history stays.

        Raises Rejected if there is no such device of theirs.
        """
        with self._store.change() as connection:
            self._require(connection, serial, by)
            connection.execute(
                "INSERT INTO former_device (serial, epoch) SELECT serial, epoch FROM device WHERE serial = ? "
                "ON CONFLICT (serial) DO UPDATE SET epoch = excluded.epoch",
                (serial,),
            )
            connection.execute("DELETE FROM device WHERE serial = ?", (serial,))
            connection.execute("DELETE FROM unbinding WHERE serial = ?", (serial,))
            connection.execute("DELETE FROM command WHERE serial = ?", (serial,))
            _note(connection, serial, "removed", f"by {by.label}", by, now_ns)

    def set_credential(self, serial: str, made: MadeCredential, by: Principal, now_ns: int) -> None:
        """Another password, token or certificate; the old one, and every resume ticket, is worth nothing from now."""
        with self._store.change() as connection:
            self._require(connection, serial, by)
            connection.execute(
                f"UPDATE device SET resume_id = NULL, token_used_at_ns = NULL, {_CREDENTIAL_SET} WHERE serial = ?",
                (*_credential_values(made), serial),
            )
            _note(connection, serial, "credential", f"a new {made.kind}, by {by.label}", by, now_ns)

    def set_tags(self, serial: str, tags: tuple[str, ...], by: Principal) -> None:
        """Other tags. Raises Refused if they cannot be some."""
        if len(tags) > MAX_TAGS or not all(_TAG.fullmatch(tag) for tag in tags):
            raise Refused(
                [Fault(field="tags", problem=f"{_short(' '.join(tags))} are no tags", remedy=f"give {TAG_RULE}")]
            )
        with self._store.change() as connection:
            self._require(connection, serial, by)
            connection.execute("UPDATE device SET tags = ? WHERE serial = ?", (",".join(tags), serial))

    def lift_quarantine(self, serial: str, by: Principal, now_ns: int) -> bool:
        """Lets it in again. False if it is not in quarantine."""
        with self._store.change() as connection:
            self._require(connection, serial, by)
            statement = """
            UPDATE device SET quarantined_at_ns = NULL, swaps = '' WHERE serial = ? AND quarantined_at_ns IS NOT NULL
            """
            lifted = connection.execute(statement, (serial,)).rowcount > 0
            if lifted:
                _note(connection, serial, "quarantine-lifted", f"by {by.label}", by, now_ns)
            return lifted

    def _insert(
        self, connection: Connection, device: NewDevice, made: MadeCredential, by: Principal, now_ns: int
    ) -> None:
        former = connection.execute("SELECT epoch FROM former_device WHERE serial = ?", (device.serial,)).fetchone()
        connection.execute(
            "INSERT INTO device (serial, added_at_ns, credential, credential_id, epoch) VALUES (?, ?, ?, '', ?) "
            "ON CONFLICT (serial) DO UPDATE SET added_at_ns = excluded.added_at_ns",
            (device.serial, now_ns, made.kind, former[0] if former else 0),
        )
        connection.execute(
            f"UPDATE device SET owner = ?, platform = ?, module_type = ?, tags = ?, resume_id = NULL, "
            f"token_used_at_ns = NULL, quarantined_at_ns = NULL, swaps = '', {_CREDENTIAL_SET} WHERE serial = ?",
            (
                _owner(device, by), device.platform, device.module_type, ",".join(device.tags),
                *_credential_values(made), device.serial,
            ),
        )  # fmt: skip
        connection.execute("DELETE FROM unbinding WHERE serial = ?", (device.serial,))
        _note(connection, device.serial, "added", f"for {_owner(device, by)}, by {by.label}", by, now_ns)

    def _require(self, connection: Connection, serial: str, by: Principal) -> None:
        row = connection.execute(_OWNER, (serial,)).fetchone()
        if row is None or not by.may_see(row[1]):
            raise NoSuchDevice(serial)


class NoSuchDevice(Rejected):
    """Also said of a device that belongs to somebody else."""

    def __init__(self, serial: str) -> None:
        super().__init__(
            f"you have no device with the serial {_short(serial)}", remedy="list them: twinspan device list"
        )


_OWNER = "SELECT serial, owner FROM device WHERE serial = ?"
_CREDENTIAL_SET = (
    "credential = ?, credential_id = ?, salt = ?, iterations = ?, stored_key = ?, server_key = ?, "
    "token_expires_at_ns = ?"
)


def _credential_values(made: MadeCredential) -> tuple[object, ...]:
    v = made.verifier
    keys = (v.salt, v.iterations, v.stored_key, v.server_key) if v else (None, None, None, None)
    return (made.kind, made.credential_id, *keys, made.token_expires_at_ns)


def _note(connection: Connection, serial: str, kind: str, detail: str, by: Principal, now_ns: int) -> None:
    event = {"serial": serial, "at_ns": now_ns, "kind": kind, "detail": detail, "account": by.account}
    write_event(connection, msgspec.convert(event, Event))


def _owner(device: NewDevice, by: Principal) -> str:
    return device.owner or by.account or ""


def _conflicts(connection: Connection, devices: Sequence[NewDevice], by: Principal) -> list[Fault]:
    faults = []
    for device in devices:
        row = connection.execute(_OWNER, (device.serial,)).fetchone()
        if row is not None and row[1] is not None:
            faults.append(_taken(device, row[1], by))
        elif row is not None and (fault := _reserved(connection, device, by)) is not None:
            faults.append(fault)
    return faults


def _taken(device: NewDevice, owner: str, by: Principal) -> Fault:
    if by.may_see(owner):
        whose, remedy = f"of {owner}", f"nothing to do, or: twinspan device set-password {device.serial}"
    else:
        whose, remedy = "of another account", f"unbind it first: twinspan device unbind-code {device.serial}"
    return _fault(device, "serial", f"{device.serial} is a device {whose} already", remedy)


def _reserved(connection: Connection, device: NewDevice, by: Principal) -> Fault | None:
    """A device that was unbound is for whoever has asked for its code, and proved to have it at hand."""
    kept = connection.execute("SELECT state FROM unbinding WHERE serial = ?", (device.serial,)).fetchone()
    state = msgspec.json.decode(kept[0], type=CodeState) if kept else None
    if state is None or not state.used or by.administrator or state.requester == by.label:
        return None
    remedy = f"unbind it yourself: twinspan device unbind-code {device.serial}"
    return _fault(device, "serial", f"{device.serial} was unbound for another account", remedy)


def _fault(device: NewDevice, field: str, problem: str, remedy: str) -> Fault:
    return Fault(field=field, problem=problem, remedy=remedy, serial=device.serial[:64], line=device.line)


def _short(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:40] + "...")
