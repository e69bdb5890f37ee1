"""The diagnostics service: commands go to devices, their results come back and are recorded once.

In: commands from the queue, results of devices. Out: `Command` messages while a device is connected; what waits for it
is sent when it connects. A result is acknowledged always, so that the device may forget it. Next: `commands`.
"""

from __future__ import annotations

import asyncio

from twinspan.server.clock import wall_ns
from twinspan.server.commands import CommandQueue, QueuedCommand
from twinspan.server.tunnel import Subconnection
from twinspan.wire.cloud_connection.messages import CloseCode
from twinspan.wire.cloud_connection.services import Command, CommandResult, ResultTaken, ServiceMessage


class DiagnosticsService:
    """Commands of the devices of this worker."""

    def __init__(self, queue: CommandQueue) -> None:
        self._queue = queue
        self._connections: dict[str, Subconnection] = {}
        self._waiting: dict[str, asyncio.Event] = {}

    def opened(self, connection: Subconnection) -> None:
        self._connections[connection.serial] = connection
        self.send_pending(connection.serial)

    def received(self, connection: Subconnection, message: ServiceMessage) -> None:
        if not isinstance(message, CommandResult):
            connection.socket.close(CloseCode.PROTOCOL, "no message of this service")
            return
        self._queue.result(connection.serial, message.id, message.outcome, message.output, wall_ns())
        connection.send(ResultTaken(id=message.id))
        waiting = self._waiting.get(message.id)
        if waiting is not None:
            waiting.set()

    def closed(self, connection: Subconnection) -> None:
        if self._connections.get(connection.serial) is connection:
            del self._connections[connection.serial]

    def send_pending(self, serial: str) -> None:
        """Everything that waits for this device, oldest first; what was sent and not answered is sent again."""
        connection = self._connections.get(serial)
        if connection is None:
            return
        now_ns = wall_ns()
        for command in self._queue.pending(serial, now_ns):
            message = Command(
                id=command.id,
                epoch=connection.epoch,
                ttl_ms=(command.expires_at_ns - now_ns) // 1_000_000,
                name=command.name,
                arguments=command.arguments,
            )
            if not (self._queue.sent(command.id, connection.epoch) and connection.send(message)):
                return

    async def deliver(self, command: QueuedCommand, wait_s: float) -> None:
        """Send it if its device is here, and wait for its result."""
        if command.serial not in self._connections:
            return
        done = self._waiting[command.id] = asyncio.Event()
        try:
            self.send_pending(command.serial)
            async with asyncio.timeout(wait_s):
                await done.wait()
        except TimeoutError:
            pass
        finally:
            del self._waiting[command.id]
