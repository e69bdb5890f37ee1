"""What the hub needs of the rest of the server: the other workers, and whoever answers administrators.

In: nothing. Out: two protocols; `peers` and `door` keep them. Next: `hub`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twinspan.drivers.websocket import WebSocket
from twinspan.wire.cloud_connection.server import Answer

if TYPE_CHECKING:
    from twinspan.server.front import Front, HttpRequest


class Peers(Protocol):
    """The other workers of this server."""

    async def alive(self, worker: str, serial: str, deadline_s: float) -> bool:
        """Whether a device of that worker answers a ping in time."""

    async def end(self, worker: str, serial: str, code: int, reason: str, epoch: int | None) -> None:
        """End the connection of a device there, if it has one and it is of that epoch (None: of whichever)."""

    async def deliver(self, worker: str, serial: str, command_id: str, wait_s: float) -> None:
        """Let that worker send a queued command, and wait until its result is recorded."""


class AdminApi(Protocol):
    """What answers administrators."""

    async def handle(self, front: Front, request: HttpRequest) -> None:
        """One request, answered by `front.respond`."""

    def upgrade(self, request: HttpRequest) -> WebSocket | Answer:
        """A WebSocket of an administrator: a shell."""

    def is_known(self, headers: dict[str, str]) -> bool:
        """Whether they show a token that is good."""

    def takes(self, path: str) -> bool:
        """Whether a path that is not below /api/ is its as well."""

    def refused(self, status: int, reason: str) -> None:
        """A connection was sent away before anybody looked at a request."""
