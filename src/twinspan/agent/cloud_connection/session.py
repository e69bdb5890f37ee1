"""One established cloud connection: the main connection, its signs of life, and a sub-connection for each service.

In: an open target, a login. Out: the reason why it ended, as `Down`. Nothing here waits for anything without an end.
Next: `manager`.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import ssl
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from twinspan.agent.clock import pause, steady_ns
from twinspan.agent.cloud_connection.dial import DialFailed, Target, open_connection, upgrade
from twinspan.agent.cloud_connection.services import Link, Module, feed
from twinspan.drivers.websocket import WebSocket
from twinspan.model.cloud_status import ConnectionState, DownReason
from twinspan.wire.cloud_connection.device import Timers
from twinspan.wire.cloud_connection.liveness import NS_PER_S, DeviceLiveness
from twinspan.wire.cloud_connection.messages import (
    MAX_CONTROL_BYTES,
    Authorities,
    CloseCode,
    DecodeFailed,
    Drain,
    Keepalive,
    Subconnections,
    SubconnectionsRequest,
    UnbindingCode,
    UnbindingResult,
    decode_server_message,
    encode,
)

SUB_RETRY_S, SUB_RETRY_MAX_S = 1.0, 30.0
UNBINDING_S = 15.0
_CLOSE_REASONS: dict[int, DownReason] = {
    CloseCode.SUPERSEDED: "superseded",
    CloseCode.QUARANTINED: "quarantined",
    CloseCode.REMOVED: "removed",
    CloseCode.UNBOUND: "unbound",
    CloseCode.DRAINING: "draining",
    CloseCode.PROTOCOL: "protocol",
    CloseCode.DEAD: "silent",
    CloseCode.OVERFLOW: "overflow",
}


class Down(msgspec.Struct, frozen=True, kw_only=True):
    """Why a connection ended. `wait_s`: the server asked to come back within that time, at a random moment."""

    reason: DownReason
    detail: str = ""
    wait_s: float | None = None


class SubState(msgspec.Struct, kw_only=True):
    """What is shown of one service's sub-connection."""

    state: ConnectionState = "Unconnected"
    since_ns: int | None = None
    reason: str = ""
    link: Link | None = None
    heard_ns: int = 0
    """When the last frame came in on it."""


class Session:
    """From the upgrade to the end."""

    def __init__(
        self,
        target: Target,
        context: Callable[[], ssl.SSLContext | None],
        timers: Timers,
        modules: Sequence[Module],
        on_authorities: Callable[[tuple[str, ...]], None],
    ) -> None:
        self.target = target
        # Asked for each sub-connection: a connection may live through a whole rotation of the server's authority.
        self._context, self._modules, self._on_authorities = context, {m.name: m for m in modules}, on_authorities
        self._timers = timers
        self._liveness = DeviceLiveness(timers.keepalive_s, timers.ping_s, timers.dead_after_s, steady_ns())
        self.websocket = WebSocket(MAX_CONTROL_BYTES)
        self.websocket.on_message = self._received
        self.websocket.on_heard = self._heard
        self.websocket.on_closed = self._closed
        self._over: asyncio.Future[Down] = asyncio.get_running_loop().create_future()
        self.subconnections = {name: SubState() for name in self._modules}
        self._urls: dict[str, asyncio.Future[str]] = {}
        self._unbinding: dict[str, asyncio.Future[UnbindingResult]] = {}

    async def stay(self) -> Down:
        """Until the end; everything that hangs on this connection is gone then."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._live(), name="cloud liveness")]
        tasks += [loop.create_task(self._serve(m), name=f"cloud {m.name}") for m in self._modules.values()]
        try:
            return await self._over
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for state in self.subconnections.values():
                if state.link is not None:
                    state.link.websocket.close(1001, "the main connection went down")
            self.websocket.close(1001, "going away")

    async def unbinding_code(self, code: str) -> UnbindingResult | None:
        """Pass a verification code on; None without an answer in time."""
        identifier = secrets.token_hex(8)
        answer: asyncio.Future[UnbindingResult] = asyncio.get_running_loop().create_future()
        self._unbinding[identifier] = answer
        self.websocket.send(encode(UnbindingCode(id=identifier, code=code)))
        try:
            async with asyncio.timeout(UNBINDING_S):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._unbinding[identifier]

    # ------------------------------------------------------------------------------------------------ main connection

    def _heard(self) -> None:
        self._liveness.heard(steady_ns())

    def _closed(self, code: int, reason: str) -> None:
        if code == 1006:
            self._end(Down(reason="socket", detail="the TCP connection broke"))
        else:
            self._end(Down(reason=_CLOSE_REASONS.get(code, "closed"), detail=reason))

    def _end(self, down: Down) -> None:
        if not self._over.done():
            self._over.set_result(down)

    def _received(self, data: str) -> None:
        message = decode_server_message(data)
        if isinstance(message, Subconnections):
            for entry in message.services:
                self._give_url(entry.service, entry.url)
            for name in message.unknown:
                self._refuse_url(name)
        elif isinstance(message, Authorities):
            self._on_authorities(message.certificates)
        elif isinstance(message, UnbindingResult):
            waiting = self._unbinding.get(message.id)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
        elif isinstance(message, Drain):
            wait_s = (message.after_ms + random.random() * message.within_ms) / 1000
            self._end(Down(reason="draining", detail="the server is about to restart", wait_s=wait_s))
        elif isinstance(message, DecodeFailed):
            self._end(Down(reason="protocol", detail=message.detail))

    async def _live(self) -> None:
        while True:
            for due in self._liveness.due(steady_ns()):
                if due == "dead":
                    self._end(Down(reason="silent", detail=f"nothing heard from {self.target.netloc}"))
                    self.websocket.abort()
                    return
                if due == "ping":
                    self.websocket.ping()
                    self._ping_links()
                else:
                    self.websocket.send(encode(Keepalive(sequence=self._liveness.sequence)))
            await pause(max(0.0, (self._liveness.next_ns() - steady_ns()) / NS_PER_S))

    def _ping_links(self) -> None:
        """Each sub-connection has a NAT entry and a path of its own: one that has died is opened anew alone."""
        now_ns = steady_ns()
        for state in self.subconnections.values():
            if state.link is None:
                continue
            if now_ns - state.heard_ns >= self._liveness.dead_ns:
                state.link.websocket.abort()
            else:
                state.link.websocket.ping()

    # ------------------------------------------------------------------------------------------------ sub-connections

    async def _serve(self, module: Module) -> None:
        """Keep one service's sub-connection open; its troubles are its own."""
        delay_s, state = SUB_RETRY_S, self.subconnections[module.name]
        while True:
            began = steady_ns()
            state.state, state.since_ns = "Request", began
            try:
                state.reason = await self._serve_once(module, state)
            except DialFailed as error:
                state.reason = f"{error.reason}: {error.detail}"
            state.state, state.since_ns, state.link = "Unconnected", steady_ns(), None
            lasted_s = (steady_ns() - began) / NS_PER_S
            delay_s = SUB_RETRY_S if lasted_s > SUB_RETRY_MAX_S else min(2 * delay_s, SUB_RETRY_MAX_S)
            await pause(delay_s * (0.5 + random.random() / 2))

    async def _serve_once(self, module: Module, state: SubState) -> str:
        url = await self._ask_url(module.name)
        link = Link(module.name)
        over: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def closed(code: int, reason: str) -> None:
            if not over.done():
                over.set_result(reason or f"closed with code {code}")

        def heard() -> None:
            state.heard_ns = steady_ns()
            self._liveness.heard(state.heard_ns)

        link.websocket.on_closed = closed
        link.websocket.on_heard = heard
        feed(module, link)
        connection = await open_connection(self._target_of(url), self._context(), _silent)
        await upgrade(connection, url, link.websocket)
        state.since_ns = state.heard_ns = steady_ns()
        state.state, state.link = "Established", link
        running = asyncio.get_running_loop().create_task(module.run(link), name=f"cloud {module.name} module")
        try:
            await asyncio.wait((running, over), return_when=asyncio.FIRST_COMPLETED)
            if running.done() and (error := running.exception()) is not None:
                return f"the service failed: {error!r}"[:200]
            return over.result() if over.done() else "the service ended"
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            link.websocket.close(1001, "the service ended")

    def _target_of(self, url: str) -> Target:
        """The same address as the main connection where the URL names the same server."""
        netloc = urlsplit(url).netloc
        if netloc == self.target.netloc:
            return self.target
        try:
            parts = urlsplit(url)
            domain, port = parts.hostname, parts.port
        except ValueError:
            domain = port = None
        if not domain or not port:
            raise DialFailed("protocol", "the URL of a service names no host and port")
        return msgspec.structs.replace(self.target, domain=domain, port=port)

    async def _ask_url(self, name: str) -> str:
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._urls[name] = waiting
        self.websocket.send(encode(SubconnectionsRequest(services=(name,))))
        try:
            async with asyncio.timeout(SUB_RETRY_MAX_S):
                return await waiting
        except TimeoutError:
            raise DialFailed("timeout", "no URL came") from None
        finally:
            self._urls.pop(name, None)

    def _give_url(self, name: str, url: str) -> None:
        waiting = self._urls.get(name)
        if waiting is not None and not waiting.done():
            waiting.set_result(url)

    def _refuse_url(self, name: str) -> None:
        waiting = self._urls.get(name)
        if waiting is not None and not waiting.done():
            waiting.set_exception(DialFailed("protocol", "the server does not offer this service"))


def _silent(_step: object) -> None:
    """Sub-connections have a state of their own."""
