"""The device store: what the hub asks and writes at every login, one prepared statement each, microseconds.

In: serials, claims, times. Out: `DeviceRow`, epochs. It runs inline on the event loop: a look-up costs less than the
thread that would do it. Two connections to the same file: `hot` for who is connected, `durable` for what people have
said. Next: `events.py` (the batched log), `commands.py` (the offline queue), `registry.py` (what people do).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from twinspan.engine.epoch import QUARANTINE_S, Swap
from twinspan.model.errors import TwinspanError
from twinspan.server.database import place as places
from twinspan.server.database.connection import Connection, open_connection
from twinspan.server.resources.seal import SealKey
from twinspan.wire.cloud_connection.messages import Verifier

FILE_NAME = places.FILE_NAME
"""In the state directory."""
Credential = Literal["password", "token", "certificate"]


class DeviceRow(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one device. Times are nanoseconds of the wall clock; None: it never happened."""

    serial: str
    owner: str | None
    """The one account it belongs to; None after an unbinding, until somebody adds it."""
    platform: str
    """As registered by people; what the device itself says is `reported_platform`."""
    module_type: str
    tags: tuple[str, ...]
    added_at_ns: int
    credential: Credential
    credential_id: str
    """Changes with every new secret: what rests on the old one is worth nothing."""
    verifier: Verifier | None
    """Of the password or the one-time token; None with a certificate."""
    token_expires_at_ns: int | None
    token_used_at_ns: int | None
    epoch: int
    """Of the newest connection; 0: it was never connected."""
    resume_id: str | None
    """The one resume ticket that may still be presented."""
    boot_id: str | None
    worker: str | None
    """Which worker process holds its tunnel; None: it is not connected."""
    address: str | None
    reported_platform: str
    reported_module_type: str
    software: str
    note: str
    """For people, from the last registration: for example that the hardware is not in the compatibility table."""
    connected_at_ns: int | None
    last_heard_ns: int | None
    last_down_reason: str | None
    last_down_at_ns: int | None
    swaps: tuple[Swap, ...]
    """The last takeovers by another boot-id: too many in a short time are a quarantine."""
    quarantined_at_ns: int | None
    """Since when it is kept out; None: it is not."""

    def token_is_good(self, now_ns: int) -> bool:
        """Whether the one-time token may still enrol: not used, not expired."""
        return self.token_used_at_ns is None and (self.token_expires_at_ns is None or now_ns < self.token_expires_at_ns)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A device wants to be this worker's: the owner of its tunnel, under a new epoch."""

    serial: str
    expected_epoch: int
    """As `find` gave it: if it is another by now, somebody else was first."""
    boot_id: str
    worker: str
    at_ns: int
    resume_id: str | None = None
    """Id of the resume ticket that is given out with this registration; every other one is worth nothing from now."""
    address: str | None = None
    platform: str = ""
    module_type: str = ""
    software: str = ""
    note: str = ""
    swaps: tuple[Swap, ...] = ()


_COLUMNS = (
    "serial, owner, platform, module_type, tags, added_at_ns, credential, credential_id, salt, iterations, stored_key, "
    "server_key, token_expires_at_ns, token_used_at_ns, epoch, resume_id, boot_id, worker, address, reported_platform, "
    "reported_module_type, software, note, connected_at_ns, last_heard_ns, last_down_reason, last_down_at_ns, swaps, "
    "quarantined_at_ns"
)
_SWAPS = msgspec.json.Encoder()
_swaps: msgspec.json.Decoder[tuple[Swap, ...]] = msgspec.json.Decoder(tuple[Swap, ...])
_FIND = f"SELECT {_COLUMNS} FROM device WHERE serial = ?"
_CLAIM = """
UPDATE device SET epoch = epoch + 1, boot_id = ?, worker = ?, resume_id = ?, address = ?, reported_platform = ?,
  reported_module_type = ?, software = ?, note = ?, connected_at_ns = ?, last_heard_ns = ?, swaps = ?,
  quarantined_at_ns = NULL
WHERE serial = ? AND epoch = ? AND (quarantined_at_ns IS NULL OR quarantined_at_ns < ?)
"""
_RELEASE = """
UPDATE device SET worker = NULL, last_down_reason = ?, last_down_at_ns = ?
WHERE serial = ? AND epoch = ? AND worker IS NOT NULL
"""
_HEARD = "UPDATE device SET last_heard_ns = ? WHERE serial = ? AND epoch = ?"
_ENROL = """
UPDATE device SET credential = 'password', credential_id = ?, salt = ?, iterations = ?, stored_key = ?, server_key = ?,
  token_used_at_ns = ?
WHERE serial = ? AND credential_id = ? AND credential = 'token' AND token_used_at_ns IS NULL
  AND (token_expires_at_ns IS NULL OR token_expires_at_ns > ?)
"""


class DeviceStore:
    """One per process; not shared between threads."""

    def __init__(self, place: Path | str, seal: SealKey | None = None) -> None:
        """`place` is the database's file or URL; it is made if it is not there. `seal`: for what is secret in it.

        Raises Unavailable or Rejected.
        """
        self.place, self.seal = place, seal
        self.changes = 0
        """What people have changed through this very store."""
        self.hot = open_connection(place, "NORMAL")
        self.durable = open_connection(place, "FULL")

    def close(self) -> None:
        self.hot.close()
        self.durable.close()

    # ---------------------------------------------------------------------------------------------- hot path

    def find(self, serial: str) -> DeviceRow | None:
        """The device as it is now, or None if nobody has added that serial."""
        row = self.hot.execute(_FIND, (serial,)).fetchone()
        return None if row is None else device_row(row)

    def claim(self, claim: Claim) -> int | None:
        """The new epoch; None if the device has another epoch by now, is quarantined or was removed."""
        values = (
            claim.boot_id, claim.worker, claim.resume_id, claim.address, claim.platform, claim.module_type,
            claim.software, claim.note, claim.at_ns, claim.at_ns,
            _SWAPS.encode(claim.swaps).decode() if claim.swaps else "",
            claim.serial, claim.expected_epoch, claim.at_ns - QUARANTINE_S * 1_000_000_000,
        )  # fmt: skip
        changed = self.hot.execute(_CLAIM, values).rowcount
        return claim.expected_epoch + 1 if changed else None

    def claim_all(self, claims: Sequence[Claim]) -> list[int | None]:
        """`claim` for each, in one transaction: it costs little more than one of them does alone."""
        if len(claims) == 1:
            return [self.claim(claims[0])]
        with self.batch():
            return [self.claim(claim) for claim in claims]

    def release(self, serial: str, epoch: int, reason: str, at_ns: int) -> bool:
        """The connection of that epoch is over. False, and nothing changes, if it is not the current one."""
        return self.hot.execute(_RELEASE, (reason, at_ns, serial, epoch)).rowcount > 0

    def heard(self, signs: Iterable[tuple[str, int, int]]) -> None:
        """Signs of life as (serial, epoch, last_heard_ns), many in one transaction; those of an old epoch are void."""
        with self.batch():
            self.hot.executemany(_HEARD, ((at_ns, serial, epoch) for serial, epoch, at_ns in signs))

    def enrol(self, row: DeviceRow, verifier: Verifier, credential_id: str, at_ns: int) -> bool:
        """Swaps the one-time token that `row` was proved with for the device's own secret; False if it is used up.

        On disk before it returns: the device throws the token away.
        """
        values = (
            credential_id, verifier.salt, verifier.iterations, verifier.stored_key, verifier.server_key, at_ns,
            row.serial, row.credential_id, at_ns,
        )  # fmt: skip
        return self.durable.execute(_ENROL, values).rowcount > 0

    def quarantine(self, serial: str, reason: str, at_ns: int) -> bool:
        """Keeps the serial out, whoever presents it, until its time is over or a person lifts it.

        False if it already is, or is unknown.
        """
        statement = """
        UPDATE device SET quarantined_at_ns = ?, worker = NULL, resume_id = NULL, last_down_reason = ?,
          last_down_at_ns = ?
        WHERE serial = ? AND (quarantined_at_ns IS NULL OR quarantined_at_ns < ?)
        """
        over_ns = at_ns - QUARANTINE_S * 1_000_000_000
        return self.durable.execute(statement, (at_ns, reason, at_ns, serial, over_ns)).rowcount > 0

    # ------------------------------------------------------------------------------------------------ presence

    def presence(self) -> dict[str, tuple[str, int]]:
        """Every connected device: serial to (worker, epoch)."""
        rows = self.hot.execute("SELECT serial, worker, epoch FROM device WHERE worker IS NOT NULL")
        return {serial: (worker, epoch) for serial, worker, epoch in rows}

    def workers(self) -> tuple[str, ...]:
        """Every worker that some device is said to be connected to; one that does not run any more has died."""
        rows = self.hot.execute("SELECT DISTINCT worker FROM device WHERE worker IS NOT NULL ORDER BY worker")
        return tuple(worker for (worker,) in rows)

    def release_worker(self, worker: str, reason: str, at_ns: int) -> int:
        """That worker has died: all its devices are down, each with an event. How many there were."""
        with self.batch():
            self.hot.execute(
                "INSERT INTO event (serial, at_ns, kind, detail, epoch) "
                "SELECT serial, ?, 'down', ?, epoch FROM device WHERE worker = ?",
                (at_ns, reason, worker),
            )
            return self.hot.execute(
                "UPDATE device SET worker = NULL, last_down_reason = ?, last_down_at_ns = ? WHERE worker = ?",
                (reason, at_ns, worker),
            ).rowcount

    # ------------------------------------------------------------------------------------------------- the rest

    def devices(self, owner: str | None = None, after: str = "") -> Iterator[DeviceRow]:
        """All devices, or those of one account, by serial, from the one behind `after`."""
        where, values = ("AND owner = ?", (owner,)) if owner is not None else ("", ())
        statement = f"SELECT {_COLUMNS} FROM device WHERE serial > ? {where} ORDER BY serial"
        for row in self.hot.execute(statement, (after, *values)):
            yield device_row(row)

    @contextmanager
    def batch(self) -> Iterator[Connection]:
        """One transaction of the hot connection."""
        with transaction(self.hot) as connection:
            yield connection

    @contextmanager
    def change(self) -> Iterator[Connection]:
        """One transaction of the durable connection: it is on disk when the block ends, or nothing of it happened."""
        with transaction(self.durable) as connection:
            yield connection
        self.changes += 1


@contextmanager
def transaction(connection: Connection) -> Iterator[Connection]:
    """Takes the write lock at the start, so that what is read in it is still true when it is written."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        with suppress(TwinspanError):  # a full disk, or a database that went away, has ended it already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def device_row(row: tuple[Any, ...]) -> DeviceRow:
    """A row of `_COLUMNS`, typed."""
    verifier = None
    if row[8] is not None:
        verifier = Verifier(salt=row[8], iterations=row[9], stored_key=row[10], server_key=row[11])
    return DeviceRow(
        serial=row[0], owner=row[1], platform=row[2], module_type=row[3],
        tags=tuple(row[4].split(",")) if row[4] else (), added_at_ns=row[5], credential=row[6], credential_id=row[7],
        verifier=verifier, token_expires_at_ns=row[12], token_used_at_ns=row[13], epoch=row[14], resume_id=row[15],
        boot_id=row[16], worker=row[17], address=row[18], reported_platform=row[19], reported_module_type=row[20],
        software=row[21], note=row[22], connected_at_ns=row[23], last_heard_ns=row[24], last_down_reason=row[25],
        last_down_at_ns=row[26], swaps=_swaps.decode(row[27]) if row[27] else (),
        quarantined_at_ns=row[28],
    )  # fmt: skip
