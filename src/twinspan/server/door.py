"""The administrators' door: HTTP requests and shells on the same port as the devices.

In: requests below /api/. Out: answers of `admin.Admin`; a WebSocket for a shell. Next: `admin`, `shell`.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import msgspec

from twinspan.drivers.websocket import WebSocket
from twinspan.model.errors import TwinspanError
from twinspan.server.admin import PREFIX, Admin
from twinspan.server.clock import wall_ns
from twinspan.server.commands import QueuedCommand
from twinspan.server.diagnostics import DiagnosticsService
from twinspan.server.front import Front, HttpRequest
from twinspan.server.hub import Hub
from twinspan.server.problem import ProblemRaised, problem
from twinspan.server.shell import CliService, Shell
from twinspan.wire.cloud_connection.server import Answer


class HubRelay:
    """How the admin API reaches connected devices."""

    def __init__(self, hub: Hub, diagnostics: DiagnosticsService) -> None:
        self._hub, self._diagnostics = hub, diagnostics

    async def deliver(self, command: QueuedCommand, wait_s: float) -> None:
        """Send a queued command to its device, and wait for the result to be recorded."""
        row = self._hub.store.find(command.serial)
        worker = row.worker if row is not None else None
        if worker is not None and worker != self._hub.settings.worker and self._hub.peers is not None:
            await self._hub.peers.deliver(worker, command.serial, command.id, wait_s)
        else:
            await self._diagnostics.deliver(command, wait_s)

    async def disconnect(self, serial: str, worker: str | None, code: int, reason: str) -> None:
        """End the device's connection, wherever it is."""
        await self._hub.end(serial, worker, code, reason)


class AdminDoor:
    """Between `Front` and the admin API."""

    def __init__(self, admin: Admin, cli: CliService) -> None:
        self._admin, self._cli = admin, cli

    async def handle(self, front: Front, request: HttpRequest) -> None:
        """One request, answered."""
        response = await self._admin.handle(request.method, request.path, request.headers, request.body, wall_ns())
        front.respond(response.status, response.headers, response.body)

    def is_known(self, headers: dict[str, str]) -> bool:
        """Whether they show a token that is good."""
        try:
            self._admin.principal(headers)
        except ProblemRaised:
            return False
        return True

    def upgrade(self, request: HttpRequest) -> WebSocket | Answer:
        """GET /api/v1/devices/{serial}/shell?columns=..&rows=.. as a WebSocket."""
        try:
            principal = self._admin.principal(request.headers)
            url = urlsplit(request.path)
            parts = url.path.removeprefix(f"{PREFIX}/").split("/")
            if len(parts) != 3 or (parts[0], parts[2]) != ("devices", "shell"):
                return _refusal(404, "there is no such path")
            device = self._admin.office.device(principal, parts[1])
        except ProblemRaised as raised:
            return Answer(status=raised.problem.status, body=msgspec.json.encode(raised.problem), close=True)
        except TwinspanError as error:
            return _refusal(404, error.message, error.remedy)
        query = parse_qs(url.query)
        size = (_size(query, "columns", 80), _size(query, "rows", 24))
        shell = self._cli.open(device.serial, principal.label, size)
        if isinstance(shell, Shell):
            return shell.websocket
        return _refusal(409, shell, "look at: twinspan device show")


def _size(query: dict[str, list[str]], name: str, default: int) -> int:
    text = query.get(name, [""])[0]
    return min(500, max(10, int(text))) if text.isdecimal() and len(text) < 5 else default


def _refusal(status: int, title: str, remedy: str = "") -> Answer:
    return Answer(status=status, body=msgspec.json.encode(problem(status, "shell", title, remedy=remedy)), close=True)
