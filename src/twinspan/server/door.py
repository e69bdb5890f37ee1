"""The door of people and programs: HTTP requests and shells on the same port as the devices.

In: requests below /api/, to / and to the paths of `plain_paths`. Out: answers, streamed ones too; a WebSocket for a
shell. Next: `admin`, the compatible door, `shell`.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import msgspec

from twinspan.drivers.websocket import WebSocket
from twinspan.model.errors import TwinspanError
from twinspan.server.accounts import Principal
from twinspan.server.admin import PREFIX, Admin, AdminResponse
from twinspan.server.alibaba.door import DoorAnswer
from twinspan.server.clock import pause, steady_ns, wall_ns
from twinspan.server.commands import QueuedCommand
from twinspan.server.diagnostics import DiagnosticsService
from twinspan.server.front import Front, HttpRequest
from twinspan.server.hub import Hub
from twinspan.server.plain_paths import PATHS, PlainPaths
from twinspan.server.problem import CONTENT_TYPE, NOT_FOR_THIS, ProblemRaised, problem
from twinspan.server.request_log import MAX_PATH, RequestLine, RequestLog
from twinspan.server.shell import CliService, Shell
from twinspan.server.told import told
from twinspan.wire.cloud_connection.server import Answer

_OURS = msgspec.json.encode(
    problem(500, "internal", "The server has failed", remedy="its standard error says where; please report it")
)
FINISH_LOOK_S = 0.01
"""Between two looks whether requests are still being answered, at the end."""


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


class CompatibleDoor(Protocol):
    """The compatible API, as this door calls it."""

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, now_ns: int, address: str = ""
    ) -> DoorAnswer:
        """One request to `/`; never raises for what a client did."""


class AdminDoor:
    """Between `Front` and the APIs."""

    def __init__(
        self, admin: Admin, cli: CliService, plain_paths: PlainPaths | None = None, log: RequestLog | None = None
    ) -> None:
        self._admin, self._cli = admin, cli
        self._plain_paths = plain_paths
        self._log = log or RequestLog("none")
        self._busy = 0
        """Requests that are being answered, streams left out."""
        self.compatible: CompatibleDoor | None = None
        """Whoever answers requests to `/`."""

    async def handle(self, front: Front, request: HttpRequest) -> None:
        """One request, answered."""
        since_ns = steady_ns()
        self._busy += 1
        try:
            response = await self._response(front, request)
        except Exception:  # noqa: BLE001 - a mistake of ours: the client is told, the stack is for us
            traceback.print_exc()
            response = AdminResponse(status=500, headers={"content-type": CONTENT_TYPE}, body=_OURS)
        finally:
            self._busy -= 1
        if self._log.wants(response.status):
            self._note(front, request, response, steady_ns() - since_ns)
        if response.status not in {401, 403}:
            front.stay()
        if response.stream is None:
            front.respond(response.status, response.headers, response.body)
        else:
            await self._stream(front, response, response.stream)

    async def finish(self, within_s: float) -> None:
        """Wait until what was asked is answered, but not for ever."""
        end_ns = steady_ns() + int(within_s * 1e9)
        while self._busy and steady_ns() < end_ns:
            await pause(FINISH_LOOK_S)

    def takes(self, path: str) -> bool:
        """`/` is the compatible API's; some paths are for whoever watches over the server."""
        name = path.partition("?")[0]
        return (name == "/" and self.compatible is not None) or (self._plain_paths is not None and name in PATHS)

    def refused(self, status: int, reason: str) -> None:
        """A connection that did not come so far: counted, and told."""
        self._admin.metrics.refused("front", reason)
        if self._log.wants(status):
            self._log.note(RequestLine(at_ns=wall_ns(), edge="front", status=status, reason=reason))

    def _note(self, front: Front, request: HttpRequest, response: AdminResponse, took_ns: int) -> None:
        path = request.path.partition("?")[0]
        compatible = path == "/"
        line = RequestLine(
            at_ns=wall_ns(),
            edge="alibaba" if compatible else "native",
            method=request.method,
            path=path[:MAX_PATH],
            status=response.status,
            took_ms=round(took_ns / 1e6, 3),
            who="" if compatible else self._label(request.headers),
            address=front.address,
            reason=_reason(response),
        )
        self._log.note(line)

    def _label(self, headers: dict[str, str]) -> str:
        principal = self._known(headers)
        return principal.label if principal is not None else ""

    def _known(self, headers: dict[str, str]) -> Principal | None:
        """Who shows a good token, as far as that can be found out now."""
        try:
            return self._admin.known(headers, wall_ns())
        except TwinspanError:
            return None

    async def _response(self, front: Front, request: HttpRequest) -> AdminResponse:
        method, path, headers, address = request.method, request.path, request.headers, front.address
        name = path.partition("?")[0]
        if name == "/" and self.compatible is not None:
            answer = await self.compatible.handle(method, path, headers, request.body, wall_ns(), address)
            return AdminResponse(status=answer.status, headers=answer.headers, body=answer.body)
        if self._plain_paths is not None and name in PATHS:
            return await self._plain_paths.handle(method, name, headers, address)
        return await self._admin.handle(method, path, headers, request.body, wall_ns(), address)

    async def _stream(self, front: Front, response: AdminResponse, stream: AsyncIterator[bytes]) -> None:
        """Piece by piece, until it ends, the client goes, or does not read."""
        reader = asyncio.current_task()
        assert reader is not None
        front.on_lost = reader.cancel
        front.begin(response.status, response.headers)
        try:
            async for piece in stream:
                if not front.send(piece):
                    if not front.gone:
                        self._admin.metrics.refused("native", "slow")
                        front.cut()
                    break
        finally:
            front.on_lost = None
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()
            front.finish()

    def is_known(self, headers: dict[str, str]) -> bool:
        """Whether they show a token that is good."""
        return self._known(headers) is not None

    def upgrade(self, request: HttpRequest) -> WebSocket | Answer:
        """GET /api/v1/devices/{serial}/shell?columns=..&rows=.. as a WebSocket."""
        try:
            principal = self._admin.principal(request.headers, wall_ns())
            url = urlsplit(request.path)
            parts = url.path.removeprefix(f"{PREFIX}/").split("/")
            if len(parts) != 3 or (parts[0], parts[2]) != ("devices", "shell"):
                return _refusal(404, "there is no such path")
            if not principal.may_use("devices", change=True):
                raise ProblemRaised(NOT_FOR_THIS)
            device = self._admin.office.device(principal, parts[1])
        except ProblemRaised as raised:
            return Answer(status=raised.problem.status, body=msgspec.json.encode(raised.problem), close=True)
        except TwinspanError as error:
            return _refusal(404, *told(error))
        query = parse_qs(url.query)
        size = (_size(query, "columns", 80), _size(query, "rows", 24))
        shell = self._cli.open(device.serial, principal.label, size)
        if isinstance(shell, Shell):
            return shell.websocket
        return _refusal(409, shell, "look at: twinspan device show")


class _Why(msgspec.Struct):
    """What of an error's body says why."""

    type: str = ""
    code: str = msgspec.field(name="Code", default="")


def _reason(response: AdminResponse) -> str:
    if response.status < 400:
        return ""
    try:
        why = msgspec.json.decode(response.body, type=_Why)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return why.code or why.type.rpartition(":")[2]


def _size(query: dict[str, list[str]], name: str, default: int) -> int:
    text = query.get(name, [""])[0]
    return min(500, max(10, int(text))) if text.isdecimal() and len(text) < 5 else default


def _refusal(status: int, title: str, remedy: str = "") -> Answer:
    return Answer(status=status, body=msgspec.json.encode(problem(status, "shell", title, remedy=remedy)), close=True)
