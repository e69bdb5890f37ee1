"""Devices, a clone and a server that loses, repeats, delays and dies: what must hold whatever happens in which order.

The server is the real hub on a real store; the devices are the real state machine. Only sockets and clocks are made up:
a message lies on its way until a rule delivers it, and the end of a connection is noticed by each end when a rule says
so, if ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from twinspan.engine.admission_control import HandshakeBudget
from twinspan.model.secret import Secret
from twinspan.server import hub as hub_module
from twinspan.server import registration, ticket, tunnel
from twinspan.server.events import EventLog
from twinspan.server.front import HttpRequest
from twinspan.server.hub import Hub, HubSettings
from twinspan.server.store import FILE_NAME, DeviceStore
from twinspan.server.ticket import TicketSettings
from twinspan.wire.cloud_connection.device import DeviceLogin, Identity, Proof, Request, ResumeState, Timers, Upgrade
from twinspan.wire.cloud_connection.messages import REGISTRATION_PATH
from twinspan.wire.cloud_connection.scram import make_verifier
from twinspan.wire.cloud_connection.server import Answer, LoginKeys, ServerLogin
from twinspan.wire.cloud_connection.services import LogLines, LogTaken, ServiceMessage
from twinspan.wire.cloud_connection.ticket import open_resume_ticket

T = TypeVar("T")
BINDING, S = b"b" * 32, 1_000_000_000
VERIFIER = make_verifier("pw", b"0123456789abcdef", 4096)
ADD = """
INSERT INTO device (serial, owner, added_at_ns, credential, credential_id, salt, iterations, stored_key, server_key)
VALUES ('SN1', 'a', 1, 'password', 'c', ?, ?, ?, ?)
"""


class Socket:
    """The server's end of a WebSocket: as `drivers.websocket.WebSocket` looks to the hub."""

    def __init__(self, *_: object) -> None:
        self.on_open = self.on_heard = self.on_writable = lambda: None
        self.on_message = self.on_pong = lambda _: None
        self.on_closed: Callable[[int, str], None] = lambda *_: None
        self.full_count = self.refused = 0
        self.state = "new"
        """`closing`: the server has ended it and hears nothing more; the end itself comes later."""
        self.end = (1006, "")
        self.answers: Callable[[], bool] = lambda: False
        self.sent: list[bytes] = []

    def open_now(self) -> None:
        self.state = "open"
        self.on_open()

    def send(self, message: bytes) -> bool:
        if self.state == "open":
            self.sent.append(message)
        return self.state == "open"

    def ping(self, payload: bytes = b"") -> None:
        if self.state == "open" and self.answers():
            self.on_pong(payload)

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self.state == "open":
            self.state, self.end = "closing", (code, reason)

    def abort(self) -> None:
        self.close(1006, "")

    def over(self) -> None:
        """The server notices the end."""
        if self.state in ("open", "closing"):
            self.state = "over"
            self.on_closed(*self.end)


class Door:
    """A connection before its upgrade, as `server.front.Front` looks to the hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._login = hub, None
        self.address, self.host, self.admitted, self.since_ns = "192.0.2.1", "s:1", False, 0
        self.answered: Answer | None = None

    @property
    def login(self) -> ServerLogin:
        self._login = self._login or self._hub.new_login(None, BINDING)
        return self._login

    def answer(self, answer: Answer) -> None:
        self.answered = answer

    def refuse(self, status: int, reason: str, detail: str, retry_after_s: float | None = None) -> None:
        self.answered = Answer(status=status, body=json.dumps({"reason": reason}).encode(), close=True)

    def cut(self) -> None: ...


class Count:
    """A service that counts, and knows under which epoch it was told."""

    def __init__(self, store: DeviceStore) -> None:
        self._store = store
        self.taken: list[tuple[int, int]] = []

    def opened(self, connection: Any) -> None: ...

    def closed(self, connection: Any) -> None: ...

    def received(self, connection: Any, message: ServiceMessage) -> None:
        assert isinstance(message, LogLines)
        row = self._store.find("SN1")
        assert row is not None
        assert connection.epoch == row.epoch, "a message counts only with the current epoch"
        self.taken.append((connection.epoch, message.sequence))
        connection.send(LogTaken(sequence=message.sequence))


class Connection:
    """One connection of one device, and what is on its way."""

    def __init__(self, login: DeviceLogin, door: Door) -> None:
        self.login, self.door = login, door
        self.request: Request | None = None
        """On its way to the server."""
        self.url = ""
        self.epoch = 0
        self.main: Socket | None = None
        self.service: Socket | None = None
        self.flying: list[int] = []
        """Messages of the sub-connection, on their way."""
        self.cut = False
        """Nothing goes through any more, either way; nobody need know."""
        self.left = False
        """The device has given it up."""

    def answers_pings(self) -> bool:
        return not self.cut and not self.left


class Device:
    def __init__(self, boot_id: str) -> None:
        self.boot_id = boot_id
        self.resume: ResumeState | None = None
        self.connection: Connection | None = None
        self.sent = self.acknowledged = self.dropped = 0

    def give_up(self) -> None:
        """What was on the way and is not acknowledged is lost, and counted."""
        if self.connection is not None:
            self.dropped += len(self.connection.flying)
            self.connection.flying = []
            self.connection.left = True
            self.connection = None


class CloudConnection(RuleBasedStateMachine):
    """Two machines with one serial number: the device, and a clone of it."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = contextlib.ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.now_ns = 1_800_000_000 * S
        for module in (hub_module, registration, ticket, tunnel):
            for name in ("wall_ns", "steady_ns"):
                if hasattr(module, name):
                    self._stack.enter_context(patch.object(module, name, lambda: self.now_ns))
        self._stack.enter_context(patch.object(registration, "PROBE_S", 0.0))
        self._stack.enter_context(patch.object(tunnel, "WebSocket", Socket))
        self._runner = self._stack.enter_context(asyncio.Runner())
        self.store = DeviceStore(self._folder / FILE_NAME)
        self._stack.callback(self.store.close)
        self.store.durable.execute("INSERT INTO account (name, created_at_ns) VALUES ('a', 1)")
        fields = (VERIFIER.salt, VERIFIER.iterations, VERIFIER.stored_key, VERIFIER.server_key)
        self.store.durable.execute(ADD, fields)
        self.count = Count(self.store)
        self.hub = self._new_hub()
        self.devices = [Device("boot-a-0"), Device("boot-b-0")]
        self.connections: list[Connection] = []
        self.recorded: list[Request] = []
        self.epochs: list[int] = []
        self.boots = self.nonces = 0

    def _new_hub(self) -> Hub:
        settings = HubSettings(
            worker="w",
            tickets=TicketSettings(base_url="wss://s:1", key=b"k" * 32),
            login_keys=LoginKeys(decoy=b"d" * 32, resume=b"r" * 32),
            binding=lambda: BINDING,
            authorities=lambda: (),
            budget=HandshakeBudget(rate_per_s=1e6, burst=100_000),
        )
        return Hub(settings, self.store, EventLog(self.store), {"log": self.count}, lambda *_: (False, ""))

    def teardown(self) -> None:
        self._stack.close()

    def run(self, work: Callable[[], T]) -> T:
        """In the event loop, and until everything that follows has been done."""

        async def go() -> T:
            result = work()
            for _ in range(8):
                await asyncio.sleep(0)
            return result

        return self._runner.run(go())

    # ------------------------------------------------------------------------------------------------ the device

    @rule(which=st.integers(0, 1), with_ticket=st.booleans())
    def dial(self, which: int, with_ticket: bool) -> None:
        """A new connection; what is left of the one before is half-open to the server."""
        device = self.devices[which]
        device.give_up()
        self.nonces += 1
        login = DeviceLogin(
            Identity(serial="SN1", boot_id=device.boot_id),
            Proof(method="password", secret=Secret("pw")),
            device.resume if with_ticket else None,
            f"nonce-of-the-device-{self.nonces}",
            BINDING,
        )
        connection = device.connection = Connection(login, Door(self.hub))
        first = login.start(("log",), Timers())
        assert isinstance(first, Request)
        connection.request = first
        self.connections.append(connection)

    @rule(which=st.integers(0, 1))
    def deliver(self, which: int) -> None:
        """The next request of a login arrives, and its answer comes back."""
        device = self.devices[which]
        connection = device.connection
        if connection is None or connection.request is None or connection.cut:
            return
        request, connection.request = connection.request, None
        self.recorded.append(request)
        connection.door.answered = None
        self.run(lambda: self.hub.request(connection.door, _post(request)))  # type: ignore[arg-type]
        answer = connection.door.answered
        assert answer is not None
        found = connection.login.receive(answer.status, answer.body)
        if isinstance(found, Request):
            connection.request = found
        elif isinstance(found, Upgrade):
            connection.url, connection.epoch = found.url, found.epoch
            device.resume = found.resume
            self.epochs.append(found.epoch)
        else:
            device.give_up()

    @rule(which=st.integers(0, 1))
    def register(self, which: int) -> None:
        """A login up to its URL without a disturbance: else few would ever be through."""
        self.dial(which, with_ticket=True)
        for _ in range(4):
            self.deliver(which)

    @rule(which=st.integers(0, 1))
    def log_in(self, which: int) -> None:
        """All of it."""
        self.register(which)
        self.open_main(which)
        self.open_service(which)

    @rule(which=st.integers(0, 1))
    def open_main(self, which: int) -> None:
        """The handshake arrives."""
        connection = self.devices[which].connection
        if connection is None or not connection.url or connection.main is not None or connection.cut:
            return
        socket = self._redeem(connection, connection.url)
        connection.url = ""
        if socket is None:
            self.devices[which].give_up()
            return
        connection.main = socket
        socket.answers = connection.answers_pings
        self.run(socket.open_now)

    @rule(which=st.integers(0, 1))
    def open_service(self, which: int) -> None:
        """The device asks for a sub-connection and opens it."""
        connection = self.devices[which].connection
        main = connection.main if connection is not None else None
        if connection is None or main is None or main.state != "open" or connection.cut:
            return
        self.run(lambda: main.on_message('{"type":"subconnections-request","services":["log"]}'))
        found = [json.loads(message) for message in main.sent]
        urls = [m["services"][0]["url"] for m in found if m["type"] == "subconnections" and m["services"]]
        socket = self._redeem(connection, urls[-1]) if urls else None
        if socket is not None:
            self.devices[which].dropped += len(connection.flying)
            connection.flying, connection.service = [], socket
            self.run(socket.open_now)

    @rule(which=st.integers(0, 1))
    def say(self, which: int) -> None:
        """A message leaves the device."""
        device = self.devices[which]
        if device.connection is not None and device.connection.service is not None:
            device.sent += 1
            device.connection.flying.append(device.sent)

    @rule(which=st.integers(0, 1))
    def hear(self, which: int) -> None:
        """The oldest message arrives, if its connection still does; the receipt comes back."""
        device = self.devices[which]
        connection = device.connection
        if connection is None or not connection.flying or connection.cut or connection.service is None:
            return
        sequence, service = connection.flying.pop(0), connection.service
        before = len(service.sent)
        if service.state == "open":
            message = json.dumps({"type": "log-lines", "sequence": sequence, "lines": []})
            self.run(lambda: service.on_message(message))
        receipts = [json.loads(said) for said in service.sent[before:]]
        taken = [said for said in receipts if said == {"type": "log-taken", "sequence": sequence}]
        device.acknowledged += len(taken)
        device.dropped += 1 - len(taken)

    @rule(which=st.integers(0, 1))
    def restart_the_device(self, which: int) -> None:
        self.boots += 1
        self.devices[which].give_up()
        self.devices[which].boot_id = f"boot-{'ab'[which]}-{self.boots}"

    # ------------------------------------------------------------------------------------------------ the network

    @precondition(lambda self: self.connections)
    @rule(data=st.data(), noticed=st.booleans())
    def cut(self, data: st.DataObject, noticed: bool) -> None:
        """A path breaks; the server notices at once, or is left with a half-open connection."""
        connection = data.draw(st.sampled_from(self.connections))
        connection.cut = True
        if noticed:
            self._over(connection)

    @precondition(lambda self: self.connections)
    @rule(data=st.data())
    def notice_late(self, data: st.DataObject) -> None:
        """The end of some connection, old or new, reaches the server now."""
        connection = data.draw(st.sampled_from(self.connections))
        connection.cut = True
        self._over(connection)

    @precondition(lambda self: any(c.url and c.main is None and not c.cut for c in self.connections))
    @rule(data=st.data())
    def deliver_late(self, data: st.DataObject) -> None:
        """A handshake arrives whose device has given it up long ago."""
        waiting = [c for c in self.connections if c.url and c.main is None and not c.cut]
        connection = data.draw(st.sampled_from(waiting))
        url, connection.url = connection.url, ""
        socket = connection.main = self._redeem(connection, url)
        if socket is not None:
            socket.answers = connection.answers_pings
            self.run(socket.open_now)

    @precondition(lambda self: self.recorded)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """Somebody sends a request that they have recorded, on a connection of their own to the same certificate."""
        request = data.draw(st.sampled_from(self.recorded))
        if b'"resume":{' in request.body and request in self._unspent():
            return  # that is the device's own first use
        before = self.store.find("SN1")
        door = Door(self.hub)
        self.run(lambda: self.hub.request(door, _post(request)))  # type: ignore[arg-type]
        assert door.answered is not None
        assert door.answered.status != 200 or b'"result":"challenge"' in door.answered.body
        after = self.store.find("SN1")
        assert before is not None
        assert after is not None
        assert (after.epoch, after.worker, after.resume_id) == (before.epoch, before.worker, before.resume_id)

    # ------------------------------------------------------------------------------------------------ the server

    @rule()
    def restart_the_server(self) -> None:
        """Killed: nothing is told to anybody; the new process begins with what is on disk."""
        self.hub.events.flush(self.now_ns)
        for connection in self.connections:
            connection.cut = True
            for socket in filter(None, (connection.main, connection.service)):
                socket.state = "over"
        self.store.release_worker("w", "the server restarted", self.now_ns)
        self.hub = self._new_hub()

    @rule(seconds=st.sampled_from([1, 30, 61, 181, 700]))
    def time_passes(self, seconds: int) -> None:
        """And the server looks around. Devices that are there have been heard."""
        self.now_ns += seconds * S
        for connection in self.connections:
            if connection.main is not None and connection.main.state == "open" and connection.answers_pings():
                connection.main.on_heard()
        self.run(lambda: self.hub._sweep(self.now_ns, self.now_ns))

    # ------------------------------------------------------------------------------------------------ what must hold

    @invariant()
    def at_most_one_connection_lives_and_the_store_knows_it(self) -> None:
        live = [c.main for c in self.connections if c.main is not None and c.main.state == "open"]
        assert len(live) <= 1
        row = self.store.find("SN1")
        assert row is not None
        held = self.hub.tunnels.get("SN1")
        expected = self.hub._expected.get("SN1")
        if held is not None and held.socket.state == "open":
            assert (row.epoch, row.worker) == (held.epoch, "w")
        if row.worker is not None:
            known = held.epoch if held is not None else expected.epoch if expected is not None else None
            assert known == row.epoch, "presence has a connection, or one that is on its way"
        assert expected is None or expected.until_ns >= self.now_ns, "nobody is awaited for ever"

    @invariant()
    def epochs_rise(self) -> None:
        assert self.epochs == sorted(set(self.epochs))

    @invariant()
    def every_message_is_accounted_for(self) -> None:
        for device in self.devices:
            flying = len(device.connection.flying) if device.connection is not None else 0
            assert device.sent == device.acknowledged + device.dropped + flying
        assert len(self.count.taken) == sum(device.acknowledged for device in self.devices)

    @invariant()
    def every_connection_that_ended_says_why(self) -> None:
        self.hub.events.flush(self.now_ns)
        history = self.hub.events.history("SN1", limit=1000)
        connected = {event.epoch for event in history if event.kind == "connected"}
        down = {event.epoch for event in history if event.kind in ("down", "quarantined") and event.detail}
        held = self.hub.tunnels.get("SN1")
        assert connected - down <= ({held.epoch} if held is not None else set())

    # ------------------------------------------------------------------------------------------------ inside

    def _redeem(self, connection: Connection, url: str) -> Socket | None:
        path = url.removeprefix("wss://s:1")
        return self.run(  # type: ignore[return-value]
            lambda: self.hub.upgrade(
                connection.door,  # type: ignore[arg-type]
                HttpRequest(method="GET", path=path, headers={}, body=b""),
            )
        )

    def _over(self, connection: Connection) -> None:
        for socket in filter(None, (connection.service, connection.main)):
            self.run(socket.over)

    def _unspent(self) -> list[Request]:
        """Recorded requests whose ticket is the one that may still be presented."""
        row = self.store.find("SN1")
        kept = row.resume_id if row is not None else None
        if kept is None:
            return []
        return [request for request in self.recorded if _ticket_id(request) == kept]


def _ticket_id(request: Request) -> str | None:
    resume = json.loads(request.body).get("resume") if request.path == REGISTRATION_PATH else None
    if not resume:
        return None
    opened = open_resume_ticket(resume["ticket"], b"r" * 32, 0)
    return opened.id if opened is not None else None


def _post(request: Request) -> HttpRequest:
    return HttpRequest(method="POST", path=request.path, headers={}, body=request.body)


TestCloudConnection = CloudConnection.TestCase
TestCloudConnection.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
