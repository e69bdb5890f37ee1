"""The main connection of one device at the server, and its sub-connections.

In: messages of the device. Out: answers, and calls to the hub. A tunnel has an epoch: once a newer one is there, what
still comes from this one counts for nothing. Next: `hub`, `services`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twinspan.drivers.websocket import WebSocket
from twinspan.server.clock import steady_ns, wall_ns
from twinspan.wire.cloud_connection.liveness import NS_PER_S, silence_limit_s
from twinspan.wire.cloud_connection.messages import (
    MAX_CONTROL_BYTES,
    MAX_SERVICE_BYTES,
    CloseCode,
    DecodeFailed,
    Keepalive,
    KeepaliveReply,
    RegistrationRequest,
    SubconnectionsRequest,
    UnbindingCode,
    decode_device_message,
    encode,
)
from twinspan.wire.cloud_connection.services import ServiceMessage, decode_service_message

if TYPE_CHECKING:
    from twinspan.server.hub import Hub
    from twinspan.server.services import Service


class Tunnel:
    """One live main connection."""

    __slots__ = (
        "_hub", "began_ns", "epoch", "heard_ns", "limit_ns", "own_url", "serial", "services", "socket", "wanted",
    )  # fmt: skip

    def __init__(self, hub: Hub, request: RegistrationRequest, epoch: int, own_url: str) -> None:
        self._hub = hub
        self.serial, self.epoch, self.wanted, self.own_url = request.serial, epoch, request.services, own_url
        self.began_ns = wall_ns()
        self.limit_ns = int(silence_limit_s(request.keepalive_s, request.ping_s, request.dead_after_s) * NS_PER_S)
        """Longer silence than this is the end."""
        self.heard_ns = steady_ns()
        self.services: dict[str, Subconnection] = {}
        self.socket = WebSocket(MAX_CONTROL_BYTES)
        self.socket.on_open = self._opened
        self.socket.on_message = self._received
        self.socket.on_heard = self._heard
        self.socket.on_closed = self._closed

    def close(self, code: int, reason: str) -> None:
        """End it and everything that hangs on it."""
        for service in tuple(self.services.values()):
            service.socket.close(code, reason)
        self.socket.close(code, reason)

    def abort(self) -> None:
        """The device is dead: nothing is said to it."""
        for service in tuple(self.services.values()):
            service.socket.abort()
        self.socket.abort()

    def _opened(self) -> None:
        self._heard()
        self._hub.tunnel_up(self)

    def _heard(self) -> None:
        self.heard_ns = steady_ns()

    def _closed(self, code: int, reason: str) -> None:
        self._hub.tunnel_down(self, code, reason)

    def _received(self, data: str) -> None:
        message = decode_device_message(data)
        if isinstance(message, Keepalive):
            self.socket.send(encode(KeepaliveReply(sequence=message.sequence, server_time_ns=wall_ns())))
        elif isinstance(message, SubconnectionsRequest):
            self.socket.send(encode(self._hub.subconnections(self, message.services or self.wanted)))
        elif isinstance(message, UnbindingCode):
            self.socket.send(encode(self._hub.unbinding_code(self, message)))
        elif isinstance(message, DecodeFailed):
            self.close(CloseCode.PROTOCOL, message.detail)


class Subconnection:
    """One WebSocket of one service of one device."""

    __slots__ = ("_service", "closed", "name", "socket", "tunnel")

    def __init__(self, tunnel: Tunnel, name: str, service: Service) -> None:
        self.tunnel, self.name, self._service = tunnel, name, service
        self.closed: Callable[[], None] = _nothing
        self.socket = WebSocket(MAX_SERVICE_BYTES)
        self.socket.on_open = self._opened
        self.socket.on_message = self._received
        self.socket.on_heard = tunnel._heard  # noqa: SLF001 - life of a sub-connection is life of the device
        self.socket.on_closed = self._closed

    @property
    def serial(self) -> str:
        return self.tunnel.serial

    @property
    def epoch(self) -> int:
        return self.tunnel.epoch

    def send(self, message: ServiceMessage) -> bool:
        """False: the device does not read, or is gone."""
        return self.socket.send(encode(message))

    def _opened(self) -> None:
        old = self.tunnel.services.get(self.name)
        self.tunnel.services[self.name] = self
        if old is not None:
            old.socket.close(CloseCode.SUPERSEDED, "a newer sub-connection of this service")
        self._service.opened(self)

    def _received(self, data: str) -> None:
        message = decode_service_message(data)
        if isinstance(message, DecodeFailed):
            self.socket.close(CloseCode.PROTOCOL, message.detail)
        elif self.tunnel.services.get(self.name) is self:
            self._service.received(self, message)

    def _closed(self, _code: int, _reason: str) -> None:
        if self.tunnel.services.get(self.name) is self:
            del self.tunnel.services[self.name]
        self._service.closed(self)


def _nothing() -> None:
    """Nobody waits for the end."""
