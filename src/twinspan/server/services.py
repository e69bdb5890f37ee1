"""Services of the server: what runs on sub-connections. Adding one is an entry in `SERVICES` of `run.py`.

In: an opened sub-connection and its messages. Out: messages to the device, and what the rest of the server asks. A
service never waits: it keeps what it needs and answers when a message comes. Next: `hub`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Protocol

import msgspec

from twinspan.model.errors import TwinspanError
from twinspan.server.clock import pause, wall_ns
from twinspan.server.config_trial import TrialDecision, decide
from twinspan.server.tunnel import Subconnection
from twinspan.wire.cloud_connection.messages import CloseCode
from twinspan.wire.cloud_connection.services import (
    ConfigHave,
    ConfigTaken,
    ConfigTried,
    DecideConfig,
    LogLines,
    LogTaken,
    PushConfig,
    Report,
    ReportTaken,
    ServiceMessage,
    Tried,
    TryConfig,
)

WATCH_S = 0.5
"""Between two looks at the store for configs that are new."""


class Service(Protocol):
    """One service for all devices of this worker."""

    def opened(self, connection: Subconnection) -> None:
        """A device opened its sub-connection."""

    def received(self, connection: Subconnection, message: ServiceMessage) -> None:
        """A message of the current epoch."""

    def closed(self, connection: Subconnection) -> None:
        """It is gone."""


class WantedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a device shall be."""

    generation: int
    digest: str
    config: bytes
    """JSON of a `DeviceConfig`."""
    trial_s: int = 0
    """So long it may prove itself; 0: it is for good at once."""
    refusal: str = ""
    """Why the device does not have it; empty: nobody said no."""
    taken: bool = False
    """The device said that it has it."""


class ConfigStore(Protocol):
    """Where wanted configs are kept."""

    def wanted(self, serial: str) -> WantedConfig | None:
        """The config of a device, if there is one."""

    def taken(self, serial: str, answer: ConfigTaken) -> None:
        """What the device said to it."""

    def decided(self, serial: str) -> TrialDecision | None:
        """What was decided about the config that is wanted now."""

    def decide(self, serial: str, made: TrialDecision) -> bool:
        """On disk before it returns; false if another config is wanted by now."""

    def changed_since(self, revision: int) -> tuple[int, tuple[str, ...]]:
        """The newest revision, and whose configs are newer than the one given."""


class ConfigService:
    """Whole configs down, on trial where the device can; an equal digest is not sent."""

    def __init__(self, store: ConfigStore) -> None:
        self._store = store
        self._connections: dict[str, Subconnection] = {}
        self._have: dict[str, ConfigHave] = {}

    def opened(self, connection: Subconnection) -> None:
        self._connections[connection.serial] = connection

    def received(self, connection: Subconnection, message: ServiceMessage) -> None:
        serial = connection.serial
        if isinstance(message, ConfigHave):
            self._have[serial] = message
            self._arrived(connection, message)
        elif isinstance(message, ConfigTaken):
            self._taken(serial, message)
        elif isinstance(message, ConfigTried):
            self._tried(connection, message.tried)
        else:
            connection.socket.close(CloseCode.PROTOCOL, "no message of this service")

    def _arrived(self, connection: Subconnection, have: ConfigHave) -> None:
        """The device is here: what it missed, and what the server missed."""
        serial, wanted = connection.serial, self._store.wanted(connection.serial)
        if wanted is None:
            return
        if wanted.digest == have.digest and not wanted.taken:
            # Its answer was lost with the connection before.
            self._store.taken(serial, ConfigTaken(generation=have.generation, digest=have.digest, accepted=True))
        elif have.tried is not None and have.tried.digest == wanted.digest != have.digest:
            self._tried(connection, have.tried)
        else:
            self.push(serial, arrived=True)

    def _taken(self, serial: str, answer: ConfigTaken) -> None:
        if answer.accepted and serial in self._have:
            have = ConfigHave(generation=answer.generation, digest=answer.digest, trials=self._have[serial].trials)
            self._have[serial] = have
        self._store.taken(serial, answer)

    def _tried(self, connection: Subconnection, tried: Tried) -> None:
        """How a trial goes: decide, keep it, and only then tell the device. One that is not told asks again."""
        serial = connection.serial
        with contextlib.suppress(TwinspanError):  # a database that is away decides nothing; the device goes on waiting
            wanted, kept = self._store.wanted(serial), self._store.decided(serial)
            if wanted is None or wanted.digest != tried.digest:
                return  # another config is wanted by now, and on its way
            made = decide(tried, kept, wall_ns())
            if made is not None and not self._store.decide(serial, made):
                return
            said = made or kept
            if tried.state == "reverted":
                if said is not None and said.decision == "again":
                    self.push(serial)
            elif said is not None and said.decision != "again":
                commit = said.decision == "committed"
                connection.send(
                    DecideConfig(generation=tried.generation, digest=tried.digest, commit=commit, reason=said.reason)
                )

    def closed(self, connection: Subconnection) -> None:
        if self._connections.get(connection.serial) is connection:
            del self._connections[connection.serial]
            self._have.pop(connection.serial, None)

    async def watch(self) -> None:
        """For ever: push what anybody, also another worker, has put into the store."""
        seen: int | None = None
        while True:
            with contextlib.suppress(TwinspanError):  # a database that is away is asked again
                newest, serials = self._store.changed_since(-1 if seen is None else seen)
                for serial in serials if seen is not None else ():
                    self.push(serial)
                seen = newest
            await pause(WATCH_S)

    def push(self, serial: str, *, arrived: bool = False) -> bool:
        """Send the wanted config if the device is here and has another one, unless it was decided against. Whether it
        was sent. One that the device refused before it tried is offered again when the device `arrived`: it may be
        another device by now, or have another software."""
        wanted, connection = self._store.wanted(serial), self._connections.get(serial)
        have = self._have.get(serial)
        if wanted is None or connection is None or have is None or have.digest == wanted.digest:
            return False
        if wanted.refusal and not (arrived and self._store.decided(serial) is None):
            return False
        generation, digest, config = wanted.generation, wanted.digest, msgspec.Raw(wanted.config)
        if wanted.trial_s and have.trials:
            return connection.send(
                TryConfig(generation=generation, digest=digest, config=config, trial_s=wanted.trial_s)
            )
        return connection.send(PushConfig(generation=generation, digest=digest, config=config))


class TelemetryService:
    """Whole reports up; the newest of each device is kept."""

    def __init__(self) -> None:
        self.reports: dict[str, bytes] = {}
        """Serial to JSON of a `DeviceReport`."""
        self.dropped: dict[str, int] = {}
        """Reports that a device could not send, by its own count."""
        self.heard: Callable[[str], None] = lambda _: None
        """Told of each report, by serial."""

    def opened(self, connection: Subconnection) -> None:
        """Reports come by themselves."""

    def received(self, connection: Subconnection, message: ServiceMessage) -> None:
        if isinstance(message, Report):
            self.reports[connection.serial] = bytes(message.report)
            self.dropped[connection.serial] = self.dropped.get(connection.serial, 0) + message.dropped
            self.heard(connection.serial)
            connection.send(ReportTaken(sequence=message.sequence))
        else:
            connection.socket.close(CloseCode.PROTOCOL, "no message of this service")

    def closed(self, connection: Subconnection) -> None:
        """The last report stays, with its time in it."""


class LogSink(Protocol):
    """Where lines of devices go."""

    def lines(self, serial: str, epoch: int, began_ns: int, message: LogLines) -> None:
        """Keep them."""


class LogService:
    """Event lines of devices."""

    def __init__(self, sink: LogSink) -> None:
        self._sink = sink

    def opened(self, connection: Subconnection) -> None:
        """Lines come by themselves."""

    def received(self, connection: Subconnection, message: ServiceMessage) -> None:
        if isinstance(message, LogLines):
            self._sink.lines(connection.serial, connection.epoch, connection.tunnel.began_ns, message)
            connection.send(LogTaken(sequence=message.sequence))
        else:
            connection.socket.close(CloseCode.PROTOCOL, "no message of this service")

    def closed(self, connection: Subconnection) -> None:
        """Nothing is kept open."""
