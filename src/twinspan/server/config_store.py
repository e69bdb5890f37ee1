"""Wanted configs of devices: saved whole, by serial; what the device said to them.

In: JSON of a `DeviceConfig`. Out: `WantedConfig`. The table is made here until the resource service owns it. Next:
`services.ConfigService`.
"""

from __future__ import annotations

from twinspan.server.services import WantedConfig
from twinspan.server.store import DeviceStore
from twinspan.wire.cloud_connection.services import ConfigTaken


class ConfigTable:
    """The newest wanted config of each device."""

    def __init__(self, store: DeviceStore) -> None:
        self._store = store

    def wanted(self, serial: str) -> WantedConfig | None:
        """The config of a device, if there is one."""
        row = self._store.hot.execute(
            "SELECT generation, digest, config FROM wanted_config WHERE serial = ?", (serial,)
        ).fetchone()
        return WantedConfig(generation=row[0], digest=row[1], config=row[2]) if row else None

    def want(self, serial: str, config: WantedConfig) -> None:
        """On disk before it returns."""
        with self._store.change() as connection:
            connection.execute(
                "INSERT INTO wanted_config (serial, generation, digest, config) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (serial) DO UPDATE SET generation = excluded.generation, digest = excluded.digest, "
                "config = excluded.config, taken_digest = NULL, refusal = ''",
                (serial, config.generation, config.digest, config.config),
            )

    def taken(self, serial: str, answer: ConfigTaken) -> None:
        """What the device said to it."""
        self._store.hot.execute(
            "UPDATE wanted_config SET taken_digest = ?, refusal = ? WHERE serial = ? AND digest = ?",
            (answer.digest if answer.accepted else None, answer.detail[:500], serial, answer.digest),
        )
