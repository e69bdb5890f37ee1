"""The offline queue: commands for devices, each carried out at most once, its result recorded once.

In: commands of people, results of devices. Out: what is to be sent now. A command waits until its device is connected
or its time is over; one that was sent and not answered is sent again under the same id, which the device's journal
knows. Next: the hub sends them, `admin.py` shows them.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from twinspan.model.errors import Rejected
from twinspan.server.store import DeviceStore
from twinspan.wire.cloud_connection.services import Outcome

State = Literal["queued", "sent", "finished", "cancelled", "expired"]
"""`expired`: its time was over. If it had been sent, a late result still counts and makes it `finished`."""

MAX_OPEN = 100
"""Per device: what is more is not a queue but a mistake."""
MAX_OUTPUT = 256 << 10
"""Characters of a result that are kept."""
KEEP_NS = 30 * 24 * 3600 * 1_000_000_000


class QueuedCommand(msgspec.Struct, frozen=True, kw_only=True):
    """One command and how far it is. Times are nanoseconds of the wall clock."""

    id: str
    serial: str
    name: str
    arguments: dict[str, str] = {}
    account: str | None = None
    """Who asked; None: an administrator."""
    queued_at_ns: int
    expires_at_ns: int
    state: State = "queued"
    epoch: int | None = None
    """Of the connection it was sent on last."""
    outcome: Outcome | None = None
    output: str | None = None
    finished_at_ns: int | None = None


_COLUMNS = (
    "id, serial, name, arguments, account, queued_at_ns, expires_at_ns, state, epoch, outcome, output, finished_at_ns"
)
_RESULT = """
UPDATE command SET state = 'finished', outcome = ?, output = ?, finished_at_ns = ?
WHERE id = ? AND serial = ? AND outcome IS NULL AND state <> 'cancelled'
"""


class CommandQueue:
    """All devices' commands; every change is on disk when the call returns."""

    def __init__(self, store: DeviceStore) -> None:
        self._store = store

    def queue(self, command: QueuedCommand) -> None:
        """Takes it. Raises Rejected if the id was used before, the device is unknown, or too many wait already."""
        with self._store.change() as connection:
            if connection.execute("SELECT 1 FROM device WHERE serial = ?", (command.serial,)).fetchone() is None:
                raise Rejected(f"no device has the serial {command.serial}", remedy="list them: twinspan device list")
            if connection.execute("SELECT 1 FROM command WHERE id = ?", (command.id,)).fetchone():
                raise Rejected(f"a command {command.id} exists already", remedy="give every command an id of its own")
            (waiting,) = connection.execute(
                "SELECT COUNT(*) FROM command WHERE serial = ? AND state IN ('queued', 'sent') AND expires_at_ns > ?",
                (command.serial, command.queued_at_ns),
            ).fetchone()
            if waiting >= MAX_OPEN:
                raise Rejected(
                    f"{waiting} commands wait for {command.serial} already",
                    remedy="cancel some, or wait until the device has answered",
                )
            arguments = msgspec.json.encode(command.arguments).decode()
            connection.execute(
                "INSERT INTO command (id, serial, name, arguments, account, queued_at_ns, expires_at_ns) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (command.id, command.serial, command.name, arguments, command.account, command.queued_at_ns,
                 command.expires_at_ns),
            )  # fmt: skip

    def pending(self, serial: str, now_ns: int) -> tuple[QueuedCommand, ...]:
        """What the device shall get now, oldest first: not answered, not cancelled, not too late."""
        rows = self._store.hot.execute(
            f"SELECT {_COLUMNS} FROM command WHERE serial = ? AND state IN ('queued', 'sent') AND expires_at_ns > ? "
            "ORDER BY queued_at_ns, id",
            (serial, now_ns),
        )
        return tuple(_command(row) for row in rows)

    def sent(self, id_: str, epoch: int) -> bool:
        """It goes out now, on the connection of that epoch. False if it was cancelled or answered meanwhile."""
        statement = "UPDATE command SET state = 'sent', epoch = ? WHERE id = ? AND state IN ('queued', 'sent')"
        return self._store.durable.execute(statement, (epoch, id_)).rowcount > 0

    def result(self, serial: str, id_: str, outcome: Outcome, output: str, at_ns: int) -> bool:
        """The device's answer. False, and nothing changes, if there is one already or no such command of it."""
        kept = output if len(output) <= MAX_OUTPUT else output[:MAX_OUTPUT] + f"\n[{len(output) - MAX_OUTPUT} more]"
        return self._store.durable.execute(_RESULT, (outcome, kept, at_ns, id_, serial)).rowcount > 0

    def cancel(self, serial: str, id_: str, at_ns: int) -> bool:
        """Takes it back. False if it was sent already: nobody can tell then whether the device has begun."""
        statement = """
        UPDATE command SET state = 'cancelled', finished_at_ns = ? WHERE id = ? AND serial = ? AND state = 'queued'
        """
        return self._store.durable.execute(statement, (at_ns, id_, serial)).rowcount > 0

    def find(self, serial: str, id_: str) -> QueuedCommand | None:
        """One command of one device."""
        statement = f"SELECT {_COLUMNS} FROM command WHERE id = ? AND serial = ?"
        row = self._store.hot.execute(statement, (id_, serial)).fetchone()
        return None if row is None else _command(row)

    def expire(self, now_ns: int) -> int:
        """Ends those whose time is over, and forgets those that ended long ago. How many ended now."""
        with self._store.batch() as connection:
            connection.execute("DELETE FROM command WHERE finished_at_ns < ?", (now_ns - KEEP_NS,))
            return connection.execute(
                "UPDATE command SET state = 'expired', finished_at_ns = ? "
                "WHERE state IN ('queued', 'sent') AND expires_at_ns <= ?",
                (now_ns, now_ns),
            ).rowcount


def _command(row: tuple[Any, ...]) -> QueuedCommand:
    return QueuedCommand(
        id=row[0], serial=row[1], name=row[2], arguments=msgspec.json.decode(row[3], type=dict[str, str]),
        account=row[4], queued_at_ns=row[5], expires_at_ns=row[6], state=row[7], epoch=row[8], outcome=row[9],
        output=row[10], finished_at_ns=row[11],
    )  # fmt: skip
