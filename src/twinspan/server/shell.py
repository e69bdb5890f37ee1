"""The cli service and its other end: a person's shell on a device, relayed and recorded.

In: a WebSocket of a person, a sub-connection of a device. Out: what is typed goes down, what is shown goes up, both
into an asciicast (version 2) file, who and when into the event history. Next: `door`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import msgspec

from twinspan.drivers.websocket import WebSocket
from twinspan.server.clock import fresh_id, steady_ns, wall_ns
from twinspan.server.tunnel import Subconnection
from twinspan.wire.cloud_connection.messages import MAX_CONTROL_BYTES, CloseCode, encode
from twinspan.wire.cloud_connection.services import (
    CliClose,
    CliData,
    CliOpen,
    CliResize,
    ServiceMessage,
    decode_service_message,
)

MAX_SHELLS = 16
"""At once on one device."""


class Shell:
    """One session of one person."""

    def __init__(self, service: CliService, device: Subconnection, user: str, size: tuple[int, int]) -> None:
        self._service, self._device = service, device
        self.id = fresh_id()
        self._user, self._size = user, size
        self._recording: TextIO | None = None
        self._began_ns = 0
        self.websocket = WebSocket(MAX_CONTROL_BYTES)
        self.websocket.on_open = self._opened
        self.websocket.on_message = self._typed
        self.websocket.on_closed = self._left

    @property
    def serial(self) -> str:
        return self._device.serial

    def shown(self, text: str) -> None:
        """The device shows something."""
        self._record("o", text)
        if not self.websocket.send(encode(CliData(session=self.id, text=text))):
            self.websocket.close(CloseCode.OVERFLOW, "what the device shows is not read")

    def end(self, why: str) -> None:
        """The device has ended it, or is gone."""
        self.websocket.close(1000, why)

    def _opened(self) -> None:
        self._recording = self._service.record(self)
        self._began_ns = steady_ns()
        columns, rows = self._size
        header = {"version": 2, "width": columns, "height": rows, "timestamp": wall_ns() // 1_000_000_000}
        self._write(msgspec.json.encode(header).decode())
        self._service.noted(self.serial, f"shell of {self._user} opened", self._device.epoch)
        self._device.send(CliOpen(session=self.id, user=self._user, columns=columns, rows=rows))

    def _typed(self, data: str) -> None:
        message = decode_service_message(data)
        if isinstance(message, CliData):
            self._record("i", message.text)
            self._device.send(msgspec.structs.replace(message, session=self.id))
        elif isinstance(message, CliResize):
            self._record("r", f"{message.columns}x{message.rows}")
            self._device.send(msgspec.structs.replace(message, session=self.id))
        else:
            self.websocket.close(CloseCode.PROTOCOL, "no message of a shell")

    def _left(self, _code: int, _reason: str) -> None:
        self._device.send(CliClose(session=self.id))
        self._service.forget(self)
        self._service.noted(self.serial, f"shell of {self._user} closed", self._device.epoch)
        if self._recording is not None:
            self._recording.close()
            self._recording = None

    def _record(self, kind: str, text: str) -> None:
        seconds = (steady_ns() - self._began_ns) / 1_000_000_000
        self._write(msgspec.json.encode((round(seconds, 6), kind, text)).decode())

    def _write(self, line: str) -> None:
        if self._recording is not None:
            self._recording.write(line + "\n")


class CliService:
    """Shells on the devices of this worker."""

    def __init__(self, recordings: Path, noted: Callable[[str, str, int], None]) -> None:
        self._recordings, self.noted = recordings, noted
        self._connections: dict[str, Subconnection] = {}
        self._shells: dict[str, Shell] = {}

    def opened(self, connection: Subconnection) -> None:
        self._connections[connection.serial] = connection

    def received(self, connection: Subconnection, message: ServiceMessage) -> None:
        session = message.session if isinstance(message, CliData | CliClose) else ""
        shell = self._shells.get(session)
        if shell is None or shell.serial != connection.serial:
            return  # of a session that was just closed
        if isinstance(message, CliData):
            shell.shown(message.text)
        elif isinstance(message, CliClose):
            shell.end(message.detail or "the session ended")

    def closed(self, connection: Subconnection) -> None:
        if self._connections.get(connection.serial) is connection:
            del self._connections[connection.serial]
        for shell in [s for s in self._shells.values() if s.serial == connection.serial]:
            shell.end("the device is not connected any more")

    def open(self, serial: str, user: str, size: tuple[int, int]) -> Shell | str:
        """A shell whose WebSocket is still to be opened, or why there is none."""
        connection = self._connections.get(serial)
        if connection is None:
            return "the device is not connected, or offers no command line"
        if sum(s.serial == serial for s in self._shells.values()) >= MAX_SHELLS:
            return f"{MAX_SHELLS} shells are open on this device already"
        shell = Shell(self, connection, user, size)
        self._shells[shell.id] = shell
        return shell

    def forget(self, shell: Shell) -> None:
        """It is closed."""
        self._shells.pop(shell.id, None)

    def record(self, shell: Shell) -> TextIO:
        """The file of its asciicast."""
        folder = self._recordings / shell.serial
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{wall_ns() // 1_000_000_000}-{shell.id[:8]}.cast"
        path.touch(mode=0o600)
        return path.open("w", encoding="utf-8")
