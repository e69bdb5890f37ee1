"""What the functions of the admin API get and give: a call that is authorized, a result, and where each stands.

In: nothing. Out: types. Next: `admin_devices.py`, `admin_commands.py`, `admin_accounts.py`; `admin.py` joins them.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

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

    def number(self, name: str, default: int, highest: int, lowest: int = 1) -> int:
        """A number of the query. Raises ProblemRaised."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdecimal() or len(text) > 18 or not lowest <= int(text) <= highest:
            remedy = f"give a whole number from {lowest} to {highest}"
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


class RouteTable:
    """Which route a path means. The first part of every path is a word, never a name."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._ways: dict[tuple[str, str, int], list[_Way]] = {}
        for route in routes:
            parts = route.path.split("/")[1:]
            words = tuple((n, part) for n, part in enumerate(parts) if n and not part.startswith("{"))
            names = tuple((n, part[1:-1]) for n, part in enumerate(parts) if part.startswith("{"))
            self._ways.setdefault((route.method, parts[0], len(parts)), []).append(_Way(route, words, names))
        self._methods = tuple(dict.fromkeys(route.method for route in routes))

    def find(self, method: str, parts: list[str]) -> tuple[Route, dict[str, str]] | None:
        """The route, and the variable parts of the path; an empty part is nobody's name."""
        for route, words, names in self._ways.get((method, parts[0], len(parts)), ()):
            if words and any(parts[n] != word for n, word in words):
                continue
            found = {name: parts[n] for n, name in names}
            if "" not in found.values():
                return route, found
        return None

    def allowed(self, parts: list[str]) -> tuple[str, ...]:
        """The methods that the path takes."""
        return tuple(method for method in self._methods if self.find(method, parts) is not None)


class _Way(NamedTuple):
    """A route, and what stands where in its path."""

    route: Route
    words: tuple[tuple[int, str], ...]
    names: tuple[tuple[int, str], ...]
