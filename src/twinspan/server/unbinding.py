"""Unbinding a device from its account by a verification code (seed 000, "Unbinding the device from the cloud server").

In: who asks for a code, codes that devices send. Out: the code, once; a device without owner, and notices to whoever
owned it. With the owner go the resume ticket and every queued command; the history stays out of the next owner's sight.
The judgement is `engine.unbinding`'s; here it is kept, in the same transaction as what follows from it. Next: the hub
passes codes on, `admin_devices.py` hands them out.
"""

from __future__ import annotations

import secrets

import msgspec

from twinspan.engine.unbinding import RANDOM_BYTES, CodeState, issue_code, judge_code, make_code
from twinspan.model.secret import Secret
from twinspan.server.accounts import Principal
from twinspan.server.database.connection import Connection
from twinspan.server.events import Event, EventKind, write_event
from twinspan.server.registry import NoSuchDevice
from twinspan.server.store import DeviceStore

NO_CODE = "no code was asked for: ask the server for one, with `twinspan device unbind-code`"


class Unbinding:
    """One per worker; `key` is the same for all workers, and survives restarts."""

    def __init__(self, store: DeviceStore, key: bytes) -> None:
        self._store, self._key = store, key

    def issue(self, serial: str, by: Principal, now_ns: int) -> tuple[Secret, int]:
        """A new code in place of any other of that serial, and when it ends. The owner gets a notice.

        Raises NoSuchDevice.
        """
        code = make_code(secrets.token_bytes(RANDOM_BYTES))
        state = issue_code(code, self._key, serial, by.label, now_ns)
        with self._store.change() as connection:
            row = connection.execute("SELECT owner FROM device WHERE serial = ?", (serial,)).fetchone()
            if row is None:
                raise NoSuchDevice(serial)
            _save(connection, state)
            _note(connection, state, "unbinding-code", f"{by.label} asked for a code", row[0], now_ns)
        return Secret(code), state.expires_ns

    def redeem(self, serial: str, code: str, now_ns: int) -> tuple[bool, str]:
        """A code that the device itself has sent: whether it is free now, and a sentence for the person there."""
        with self._store.change() as connection:
            kept = connection.execute("SELECT state FROM unbinding WHERE serial = ?", (serial,)).fetchone()
            row = connection.execute("SELECT owner FROM device WHERE serial = ?", (serial,)).fetchone()
            if kept is None or row is None:
                return False, NO_CODE
            judgement, state = judge_code(msgspec.json.decode(kept[0], type=CodeState), code, self._key, now_ns)
            _save(connection, state)
            if judgement.accepted:
                _unbind(connection, serial, now_ns)
                _note(connection, state, "unbound", f"{state.requester} may add it now", row[0], now_ns)
            else:
                _note(connection, state, "unbinding-failed", judgement.reason, row[0], now_ns)
        return judgement.accepted, judgement.reason


def _unbind(connection: Connection, serial: str, now_ns: int) -> None:
    """Nobody has added the serial any more, so nothing admits it: whoever adds it gives it a proof of its own."""
    connection.execute(
        "UPDATE device SET owner = NULL, resume_id = NULL, tags = '', added_at_ns = ?, credential = 'password', "
        "credential_id = '', salt = NULL, iterations = NULL, stored_key = NULL, server_key = NULL, "
        "token_expires_at_ns = NULL, token_used_at_ns = NULL WHERE serial = ?",
        (now_ns, serial),
    )
    connection.execute("DELETE FROM command WHERE serial = ?", (serial,))


def _save(connection: Connection, state: CodeState) -> None:
    kept = msgspec.json.encode(state).decode()
    connection.execute(
        "INSERT INTO unbinding (serial, state) VALUES (?, ?) ON CONFLICT (serial) DO UPDATE SET state = excluded.state",
        (state.serial, kept),
    )


def _note(
    connection: Connection, state: CodeState, kind: EventKind, detail: str, owner: str | None, now_ns: int
) -> None:
    event = Event(serial=state.serial, at_ns=now_ns, kind=kind, detail=detail, account=owner)
    write_event(connection, event)
