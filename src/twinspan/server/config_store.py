"""Wanted configs of devices: saved whole, by serial; what the device said to them.

In: JSON of a `DeviceConfig`. Out: `WantedConfig`, and whose config is new. Next: `services.ConfigService`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from twinspan.model.secret import Secret
from twinspan.server.config_trial import Decision, TrialDecision
from twinspan.server.database.connection import Connection
from twinspan.server.resources.seal import is_sealed
from twinspan.server.services import WantedConfig
from twinspan.server.store import DeviceStore
from twinspan.wire.cloud_connection.services import ConfigTaken

_WANT = (
    "INSERT INTO wanted_config (serial, generation, digest, config, site, trial_s, revision) "
    "VALUES (?, ?, ?, ?, ?, ?, (SELECT COALESCE(MAX(revision), 0) + 1 FROM wanted_config)) "
    "ON CONFLICT (serial) DO UPDATE SET generation = excluded.generation, digest = excluded.digest, "
    "config = excluded.config, site = excluded.site, trial_s = excluded.trial_s, "
    "revision = excluded.revision, taken_digest = NULL, refusal = ''"
)
_WANTED = "serial, generation, digest, config, trial_s, refusal, taken_digest"
_DECIDE = (
    "INSERT INTO config_trial (serial, generation, digest, decision, reason, attempts, at_ns) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (serial) DO UPDATE SET generation = excluded.generation, "
    "digest = excluded.digest, decision = excluded.decision, reason = excluded.reason, "
    "attempts = excluded.attempts, at_ns = excluded.at_ns"
)
_REFUSE = (
    "UPDATE wanted_config SET refusal = ?, revision = (SELECT MAX(revision) + 1 FROM wanted_config) "
    "WHERE serial = ? AND refusal <> ?"
)
_MANY = 500
"""Serials in one statement."""


class ConfigState(msgspec.Struct, frozen=True, kw_only=True):
    """Which config is wanted of a device, and what the device said to it."""

    serial: str
    generation: int
    digest: str
    taken: bool
    refusal: str
    """Empty: the device has not refused it, and has not gone back from it."""
    trial_s: int = 0
    """So long it may prove itself before the device goes back by itself; 0: it is for good at once."""
    decision: Decision | None = None
    """What was decided after its trial; None: nothing yet."""
    decided_at_ns: int | None = None


class ConfigTable:
    """The newest wanted config of each device, sealed as a whole where the store has a key: there are secrets in it."""

    def __init__(self, store: DeviceStore) -> None:
        self._store = store

    def wanted(self, serial: str) -> WantedConfig | None:
        """The config of a device, if there is one."""
        row = self._store.hot.execute(f"SELECT {_WANTED} FROM wanted_config WHERE serial = ?", (serial,)).fetchone()
        return self._config(row) if row else None

    def want(self, serial: str, config: WantedConfig) -> None:
        """On disk before it returns."""
        with self._store.change() as connection:
            self._want(connection, serial, config)

    def _want(self, connection: Connection, serial: str, config: WantedConfig) -> None:
        connection.execute(_WANT, self._values(serial, config))
        connection.execute("DELETE FROM config_trial WHERE serial = ?", (serial,))

    def replace(self, serial: str, digest: str, config: WantedConfig) -> bool:
        """`want`, if the one that is wanted now is still the one of that digest. Whether it was."""
        with self._store.change() as connection:
            found = connection.execute("SELECT digest FROM wanted_config WHERE serial = ?", (serial,)).fetchone()
            same = found is not None and found[0] == digest
            if same:
                self._want(connection, serial, config)
        return same

    def of_site(self, owner: str, site: str, serials: Iterable[str] = ()) -> dict[str, WantedConfig]:
        """By serial: those of the owner's devices whose config says that it is of that site, and of these serials."""
        named = tuple(serials) or ("",)  # an empty list of alternatives is no SQL everywhere
        rows = self._store.hot.execute(
            f"SELECT {_WANTED} FROM wanted_config JOIN device USING (serial) "
            f"WHERE device.owner = ? AND (site = ? OR serial IN ({', '.join('?' * len(named))}))",
            (owner, site, *named),
        )
        return {row[0]: self._config(row) for row in rows}

    def sites_of(self, serials: Sequence[str]) -> frozenset[tuple[str, str]]:
        """Owner and site of these devices, as their configs say it."""
        found: set[tuple[str, str]] = set()
        for start in range(0, len(serials), _MANY):
            part = serials[start : start + _MANY]
            rows = self._store.hot.execute(
                "SELECT DISTINCT device.owner, site FROM wanted_config "
                f"JOIN device USING (serial) WHERE owner IS NOT NULL AND serial IN ({', '.join('?' * len(part))})",
                tuple(part),
            )
            found.update((owner, site) for owner, site in rows if site)
        return frozenset(found)

    def taken(self, serial: str, answer: ConfigTaken) -> None:
        """What the device said to it. A refusal is news: whoever made the config is told."""
        with self._store.batch() as connection:
            connection.execute(
                "UPDATE wanted_config SET taken_digest = ? WHERE serial = ? AND digest = ?",
                (answer.digest if answer.accepted else None, serial, answer.digest),
            )
            if self._digest(connection, serial) == answer.digest:
                self._refuse(connection, serial, answer.detail)

    def decided(self, serial: str) -> TrialDecision | None:
        """What was decided about the config that is wanted now; None: nothing yet."""
        row = self._store.hot.execute(
            "SELECT generation, digest, decision, reason, attempts, at_ns FROM config_trial WHERE serial = ?", (serial,)
        ).fetchone()
        names = ("generation", "digest", "decision", "reason", "attempts", "at_ns")
        return TrialDecision(**dict(zip(names, row, strict=True))) if row else None

    def decide(self, serial: str, made: TrialDecision) -> bool:
        """On disk before it returns. False, and nothing changes, if another config is wanted by now."""
        with self._store.change() as connection:
            if self._digest(connection, serial) != made.digest:
                return False
            values = (made.generation, made.digest, made.decision, made.reason, made.attempts, made.at_ns)
            connection.execute(_DECIDE, (serial, *values))
            if made.decision == "reverted":
                connection.execute("UPDATE wanted_config SET taken_digest = NULL WHERE serial = ?", (serial,))
                self._refuse(connection, serial, made.reason)
        return True

    def _digest(self, connection: Connection, serial: str) -> str | None:
        row = connection.execute("SELECT digest FROM wanted_config WHERE serial = ?", (serial,)).fetchone()
        return str(row[0]) if row else None

    def _refuse(self, connection: Connection, serial: str, why: str) -> None:
        """Empty: it is not refused."""
        connection.execute(_REFUSE, (why[:500], serial, why[:500]))

    def state(self, serial: str) -> ConfigState | None:
        """What came of it; None if nothing is wanted of this device."""
        row = self._store.hot.execute(
            "SELECT generation, digest, taken_digest, refusal, trial_s FROM wanted_config WHERE serial = ?", (serial,)
        ).fetchone()
        if row is None:
            return None
        generation, digest, taken, refusal, trial_s = row
        made = self.decided(serial)
        return ConfigState(
            serial=serial,
            generation=generation,
            digest=digest,
            taken=taken == digest,
            refusal=refusal,
            trial_s=trial_s,
            decision=made.decision if made else None,
            decided_at_ns=made.at_ns if made else None,
        )

    def changed_since(self, revision: int) -> tuple[int, tuple[str, ...]]:
        """The newest revision, and whose configs are newer than the one given."""
        rows = self._store.hot.execute(
            "SELECT revision, serial FROM wanted_config WHERE revision > ? ORDER BY revision", (revision,)
        ).fetchall()
        return (rows[-1][0] if rows else revision), tuple(serial for _, serial in rows)

    def _config(self, row: tuple[Any, ...]) -> WantedConfig:
        """Of the columns of `_WANTED`."""
        serial, generation, digest, kept, trial_s, refusal, taken = row
        if is_sealed(kept) and self._store.seal is not None:
            kept = self._store.seal.unseal(kept.decode(), place_of(serial)).reveal().encode()
        return WantedConfig(
            generation=generation, digest=digest, config=kept, trial_s=trial_s, refusal=refusal, taken=taken == digest
        )

    def _values(self, serial: str, config: WantedConfig) -> tuple[str | int | bytes, ...]:
        try:
            site = msgspec.json.decode(config.config, type=_OfSite).site
        except msgspec.DecodeError:
            site = ""
        kept = config.config
        if self._store.seal is not None:
            kept = self._store.seal.seal(Secret(kept.decode()), place_of(serial)).encode()
        return serial, config.generation, config.digest, kept, site, config.trial_s


class _OfSite(msgspec.Struct):
    site: str = ""


def place_of(serial: str) -> str:
    """Where a device's config is sealed for."""
    return f"wanted-config {serial}"
