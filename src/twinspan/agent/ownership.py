"""Whose the running config is, and how far it is from the one that the cloud server pushed last.

In: configs with their source. Out: an `Owner`, kept in the journal. A file and the server mean their config for good; a
change by command is for now: it outlives the agent, and the machine's restart only if it was saved (`save`). Next:
`agent.node`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import structs

from twinspan.agent.journal import Journal
from twinspan.model.config_digest import config_digest
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import ConfigSource

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal says of the running config."""

    source: ConfigSource = "file"
    digest: str = ""
    """Of the config that this is about; another one in the file was put there by hand."""
    boot_id: str = ""
    """Of the machine's run in which it was made."""
    pushed_generation: int | None = None
    pushed_as: str = ""
    """Digest by which the server knows its config."""
    pushed_digest: str | None = None
    """The same config's digest by our own reckoning."""


class Ownership:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.owner = journal.load_owner(Owner) or Owner()

    def starting(self, found: DeviceConfig | None) -> DeviceConfig | None:
        """The config to begin with. `found` is the one that ran last; changes by command that were never saved end
        with the machine's run."""
        config, owner = self._beginning(found)
        try:
            if config is not None and config is not found:
                self._journal.save_config(config)
            self._keep(owner)
        except OSError as error:  # a full disk must not keep the agent from starting; the next change writes it again
            self.owner = owner
            why = error.strerror or str(error)
            self._journal.set_aside.append(f"owner.json cannot be written, free some space: {why}")
        return config

    def _beginning(self, found: DeviceConfig | None) -> tuple[DeviceConfig | None, Owner]:
        owner = self.owner
        if found is not None and config_digest(found) != owner.digest:
            return found, structs.replace(owner, source="file", digest=config_digest(found), boot_id=boot_id())
        if found is not None and owner.source == "cli" and owner.boot_id != boot_id():
            saved = self._journal.load_startup()
            if saved is not None and saved.node == found.node:
                return saved, structs.replace(owner, source="cli", digest=config_digest(saved), boot_id=boot_id())
        return found, owner

    def taken(self, config: DeviceConfig, source: ConfigSource) -> None:
        """It is the running config now."""
        digest = config_digest(config)
        if (source, digest) != (self.owner.source, self.owner.digest) or self.owner.boot_id != boot_id():
            self._keep(structs.replace(self.owner, source=source, digest=digest, boot_id=boot_id()))

    def pushed(self, config: DeviceConfig, generation: int, known_as: str) -> None:
        """It came from the server, who knows it by that digest."""
        own = config_digest(config)
        self._keep(structs.replace(self.owner, pushed_generation=generation, pushed_as=known_as, pushed_digest=own))

    def last_pushed(self) -> tuple[int, str]:
        """Generation and digest by which the server knows what it gave last; (0, "") before the first time."""
        return self.owner.pushed_generation or 0, self.owner.pushed_as

    def diverged(self, running: DeviceConfig) -> bool:
        """Whether it is another config than the one the server pushed last."""
        return self.owner.pushed_digest is not None and config_digest(running) != self.owner.pushed_digest

    def _keep(self, owner: Owner) -> None:
        if owner != self.owner:
            self._journal.save_owner(owner)
            self.owner = owner


def boot_id() -> str:
    """Names this run of the machine."""
    return _BOOT_ID.read_text(encoding="ascii").strip()
