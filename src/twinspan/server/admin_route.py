"""What the functions of the admin API get and give: a call that is authorized, a result, and where each stands.

In: nothing. Out: types. Next: `admin_devices.py`, `admin_commands.py`, `admin_accounts.py`; `admin.py` joins them.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from twinspan.model.secret import decode_hook
from twinspan.server.accounts import Accounts, Principal
from twinspan.server.commands import CommandQueue, QueuedCommand
from twinspan.server.config_store import ConfigTable
from twinspan.server.events import EventLog
from twinspan.server.problem import ProblemRaised, faults_problem, problem
from twinspan.server.registry import Fault, NoSuchDevice, Registry
from twinspan.server.store import DeviceRow, DeviceStore
from twinspan.server.unbinding import Unbinding

if TYPE_CHECKING:
    from twinspan.server.resources.access import AccessKeyTable
    from twinspan.server.resources.event_stream import Followers
    from twinspan.server.resources.writer import Writer

T = TypeVar("T")
_AT = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)
"""How msgspec says where a value is wrong."""


class Relay(Protocol):
    """What reaches connected devices; the hub."""

    async def deliver(self, command: QueuedCommand, wait_s: float) -> None:
        """Sends a queued command if its device is connected, and waits so long for its result to be in the queue."""

    async def disconnect(self, serial: str, worker: str | None, code: int, reason: str) -> None:
        """Ends the device's connection to that worker, if it has one. The store may know the device no more."""


class Office:
    """What the functions work with; one per worker."""

    def __init__(self, store: DeviceStore, events: EventLog, relay: Relay, unbinding: Unbinding) -> None:
        self.store, self.events, self.relay = store, events, relay
        self.accounts, self.registry = Accounts(store), Registry(store)
        self.commands, self.unbinding = CommandQueue(store), unbinding
        self.configs = ConfigTable(store)
        self.resources: Writer | None = None
        """The resource service; None: this server keeps none."""
        self.access_keys: AccessKeyTable | None = None
        self.followers: Followers | None = None
        """Who follows its changes."""
        self.reports: Mapping[str, bytes] = {}
        """Serial to the JSON of its newest report, as far as this worker knows."""

    def device(self, principal: Principal, serial: str) -> DeviceRow:
        """A device that `principal` may see. Raises NoSuchDevice."""
        row = self.store.find(serial)
        if row is None or not principal.may_see(row.owner):
            raise NoSuchDevice(serial)
        return row


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One authorized request, as the functions get it."""

    office: Office
    principal: Principal
    names: dict[str, str]
    """The variable parts of the path."""
    query: dict[str, str]
    body: bytes
    content_type: str
    now_ns: int
    headers: Mapping[str, str] = {}
    """Names in lower case."""
    address: str = ""
    """Where the request came from."""

    def read(self, kind: type[T]) -> T:
        """The JSON body as a value. Raises ProblemRaised naming the field."""
        try:
            return msgspec.json.decode(self.body or b"{}", type=kind, dec_hook=decode_hook)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            found = _AT.fullmatch(str(error))
            detail, field = (found.group(1), found.group(2)) if found else (str(error)[:200], "body")
            fault = Fault(field=field, problem=detail, remedy="send JSON as the reference says")
            raise ProblemRaised(faults_problem((fault,))) from error

    def number(self, name: str, default: int, highest: int) -> int:
        """A number of the query, from 1. Raises ProblemRaised."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdecimal() or len(text) > 18 or not 1 <= int(text) <= highest:
            remedy = f"give a whole number from 1 to {highest}"
            raise ProblemRaised(problem(422, "query", f"{name} is no such number", field=name, remedy=remedy))
        return int(text)

    def device(self) -> DeviceRow:
        """The device that the path names, if it is theirs. Raises NoSuchDevice."""
        return self.office.device(self.principal, self.names["serial"])


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a function answers."""

    value: Any
    status: int = 200
    headers: Mapping[str, str] = {}
    stream: AsyncIterator[bytes] | None = None
    """Instead of a value: what is sent piece by piece until it ends or the client goes."""


Function = Callable[[Call], Awaitable[Result]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """`path` is below /api/v1, `{name}` stands for one part of it."""

    method: str
    path: str
    function: Function
    administrator: bool = False
    reads: bool = False
    """It changes nothing, whatever its method: a viewer may do it."""

    @property
    def changes(self) -> bool:
        return self.method != "GET" and not self.reads

    def match(self, parts: list[str]) -> dict[str, str] | None:
        """The variable parts, if this path is meant."""
        own = self.path.split("/")[1:]
        if len(own) != len(parts):
            return None
        names: dict[str, str] = {}
        for mine, theirs in zip(own, parts, strict=True):
            if mine.startswith("{") and theirs:
                names[mine[1:-1]] = theirs
            elif mine != theirs:
                return None
        return names
