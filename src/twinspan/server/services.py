"""Services of the server: what runs on sub-connections. Adding one is an entry in `SERVICES` of `run.py`.

In: an opened sub-connection and its messages. Out: messages to the device, and what the rest of the server asks. A
service never waits: it keeps what it needs and answers when a message comes. Next: `hub`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

import msgspec

from twinspan.model.errors import TwinspanError
from twinspan.server.clock import pause
from twinspan.server.tunnel import Subconnection
from twinspan.wire.cloud_connection.messages import CloseCode
from twinspan.wire.cloud_connection.services import (
    ConfigHave,
    ConfigTaken,
    LogLines,
    LogTaken,
    PushConfig,
    Report,
    ReportTaken,
    ServiceMessage,
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


class ConfigStore(Protocol):
    """Where wanted configs are kept."""

    def wanted(self, serial: str) -> WantedConfig | None:
        """The config of a device, if there is one."""

    def taken(self, serial: str, answer: ConfigTaken) -> None:
        """What the device said to it."""

    def changed_since(self, revision: int) -> tuple[int, tuple[str, ...]]:
        """The newest revision, and whose configs are newer than the one given."""


class ConfigService:
    """Whole configs down; an equal digest is not sent."""

    def __init__(self, store: ConfigStore) -> None:
        self._store = store
        self._connections: dict[str, Subconnection] = {}
        self._have: dict[str, str] = {}
        self._waiting: dict[str, list[asyncio.Future[ConfigTaken]]] = {}

    def opened(self, connection: Subconnection) -> None:
        self._connections[connection.serial] = connection

    def received(self, connection: Subconnection, message: ServiceMessage) -> None:
        serial = connection.serial
        if isinstance(message, ConfigHave):
            self._have[serial] = message.digest
            self.push(serial)
        elif isinstance(message, ConfigTaken):
            if message.accepted:
                self._have[serial] = message.digest
            self._store.taken(serial, message)
            for waiting in self._waiting.pop(serial, []):
                if not waiting.done():
                    waiting.set_result(message)
        else:
            connection.socket.close(CloseCode.PROTOCOL, "no message of this service")

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

    def push(self, serial: str) -> bool:
        """Send the wanted config if the device is here and has another one. Whether it was sent."""
        wanted, connection = self._store.wanted(serial), self._connections.get(serial)
        if wanted is None or connection is None or serial not in self._have or self._have[serial] == wanted.digest:
            return False
        message = PushConfig(generation=wanted.generation, digest=wanted.digest, config=msgspec.Raw(wanted.config))
        return connection.send(message)

    async def push_and_wait(self, serial: str, deadline_s: float) -> ConfigTaken | None:
        """The device's answer; None if it has this config already, is not here, or says nothing in time."""
        answer: asyncio.Future[ConfigTaken] = asyncio.get_running_loop().create_future()
        if not self.push(serial):
            return None
        self._waiting.setdefault(serial, []).append(answer)
        try:
            async with asyncio.timeout(deadline_s):
                return await answer
        except TimeoutError:
            return None


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
