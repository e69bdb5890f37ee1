"""Wanted configs of devices: saved whole, by serial; what the device said to them.

In: JSON of a `DeviceConfig`. Out: `WantedConfig`, and whose config is new. Next: `services.ConfigService`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from twinspan.model.secret import Secret
from twinspan.server.resources.seal import is_sealed
from twinspan.server.services import WantedConfig
from twinspan.server.store import DeviceStore
from twinspan.wire.cloud_connection.services import ConfigTaken

_WANT = (
    "INSERT INTO wanted_config (serial, generation, digest, config, site, revision) "
    "VALUES (?, ?, ?, ?, ?, (SELECT COALESCE(MAX(revision), 0) + 1 FROM wanted_config)) "
    "ON CONFLICT (serial) DO UPDATE SET generation = excluded.generation, digest = excluded.digest, "
    "config = excluded.config, site = excluded.site, revision = excluded.revision, taken_digest = NULL, refusal = ''"
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
    """Empty: the device has not refused it."""


class ConfigTable:
    """The newest wanted config of each device, sealed as a whole where the store has a key: there are secrets in it."""

    def __init__(self, store: DeviceStore) -> None:
        self._store = store

    def wanted(self, serial: str) -> WantedConfig | None:
        """The config of a device, if there is one."""
        row = self._store.hot.execute(
            "SELECT generation, digest, config FROM wanted_config WHERE serial = ?", (serial,)
        ).fetchone()
        return self._config(serial, *row) if row else None

    def want(self, serial: str, config: WantedConfig) -> None:
        """On disk before it returns."""
        with self._store.change() as connection:
            connection.execute(_WANT, self._values(serial, config))

    def replace(self, serial: str, digest: str, config: WantedConfig) -> bool:
        """`want`, if the one that is wanted now is still the one of that digest. Whether it was."""
        with self._store.change() as connection:
            found = connection.execute("SELECT digest FROM wanted_config WHERE serial = ?", (serial,)).fetchone()
            same = found is not None and found[0] == digest
            if same:
                connection.execute(_WANT, self._values(serial, config))
        return same

    def of_site(self, owner: str, site: str, serials: Iterable[str] = ()) -> dict[str, WantedConfig]:
        """By serial: those of the owner's devices whose config says that it is of that site, and of these serials."""
        named = tuple(serials) or ("",)  # an empty list of alternatives is no SQL everywhere
        rows = self._store.hot.execute(
            "SELECT serial, generation, digest, config FROM wanted_config JOIN device USING (serial) "
            f"WHERE device.owner = ? AND (site = ? OR serial IN ({', '.join('?' * len(named))}))",
            (owner, site, *named),
        )
        return {row[0]: self._config(*row) for row in rows}

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
        """What the device said to it."""
        self._store.hot.execute(
            "UPDATE wanted_config SET taken_digest = ?, refusal = ? WHERE serial = ? AND digest = ?",
            (answer.digest if answer.accepted else None, answer.detail[:500], serial, answer.digest),
        )

    def state(self, serial: str) -> ConfigState | None:
        """What came of it; None if nothing is wanted of this device."""
        row = self._store.hot.execute(
            "SELECT generation, digest, taken_digest, refusal FROM wanted_config WHERE serial = ?", (serial,)
        ).fetchone()
        if row is None:
            return None
        generation, digest, taken, refusal = row
        return ConfigState(serial=serial, generation=generation, digest=digest, taken=taken == digest, refusal=refusal)

    def changed_since(self, revision: int) -> tuple[int, tuple[str, ...]]:
        """The newest revision, and whose configs are newer than the one given."""
        rows = self._store.hot.execute(
            "SELECT revision, serial FROM wanted_config WHERE revision > ? ORDER BY revision", (revision,)
        ).fetchall()
        return (rows[-1][0] if rows else revision), tuple(serial for _, serial in rows)

    def _config(self, serial: str, generation: int, digest: str, kept: bytes) -> WantedConfig:
        if is_sealed(kept) and self._store.seal is not None:
            kept = self._store.seal.unseal(kept.decode(), place_of(serial)).reveal().encode()
        return WantedConfig(generation=generation, digest=digest, config=kept)

    def _values(self, serial: str, config: WantedConfig) -> tuple[str | int | bytes, ...]:
        try:
            site = msgspec.json.decode(config.config, type=_OfSite).site
        except msgspec.DecodeError:
            site = ""
        kept = config.config
        if self._store.seal is not None:
            kept = self._store.seal.seal(Secret(kept.decode()), place_of(serial)).encode()
        return serial, config.generation, config.digest, kept, site


class _OfSite(msgspec.Struct):
    site: str = ""


def place_of(serial: str) -> str:
    """Where a device's config is sealed for."""
    return f"wanted-config {serial}"
