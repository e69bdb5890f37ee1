"""Talks to agents: one JSON object per line over each agent's local socket.

In: the path of a node's `agent.sock`. Out: typed reports, events, acknowledgements; whatever goes wrong arrives as
`AgentUnreachable` or `AgentRefused` and nothing else. Every call has a deadline. Next: `readiness.py`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from twinspan.model.cloud_check import CloudCheck
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import DeviceReport, Event
from twinspan.model.errors import Rejected, Retryable, TwinspanError
from twinspan.model.secret import encode_hook

T = TypeVar("T")
DEADLINE_S = 2.0
"""An agent answers from memory; longer than this it is starved or stuck."""


class AgentUnreachable(Retryable):
    """Nobody answers on the socket: not started yet, restarting, or stuck."""


class AgentRefused(Rejected):
    """The agent understood and said no."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    ok: bool
    error: str = ""
    generation: int = 0
    before_ns: int = 0
    after_ns: int = 0
    now_ns: int = 0
    report: DeviceReport | None = None
    events: tuple[Event, ...] = ()
    checks: tuple[CloudCheck, ...] = ()


# Made here, once: msgspec (0.22) works out a type's decoding at first use, and two threads doing that for the same type
# at the same time crash the interpreter.
_DECODER = msgspec.json.Decoder(Reply)
_ENCODER = msgspec.json.Encoder(enc_hook=encode_hook)


class AgentClient:
    """One connection to one agent, opened at the first request and again after a failure."""

    def __init__(self, path: Path, *, node: str = "", deadline_s: float = DEADLINE_S) -> None:
        self.path = path
        self.node = node or path.parent.name
        self.deadline_s = deadline_s
        self._socket: socket.socket | None = None
        self._buffer = b""

    def __enter__(self) -> AgentClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._buffer = b""

    def apply(self, config: DeviceConfig) -> int:
        """Hands over a whole config; returns the generation the agent has accepted (converging goes on)."""
        return self.request({"op": "apply", "config": config}).generation

    def report(self) -> DeviceReport:
        """What the node is now."""
        report = self.request({"op": "report"}).report
        if report is None:
            raise AgentRefused(f"{self.node}: the agent answered without a report")
        return report

    def events(self, since_ns: int) -> tuple[Event, ...]:
        """What happened on the node at or after this wall-clock time, oldest first."""
        return self.request({"op": "events", "since_ns": since_ns}).events

    def clock(self) -> int:
        """The node's wall clock in ns."""
        return self.request({"op": "clock"}).now_ns

    def expect_drill(self, for_s: float) -> None:
        """Announces a drill: switches within this time are ordered ones and do not count as flaps."""
        self.request({"op": "drill", "for_s": for_s})

    def shut_port(self, link: str, expires_s: float) -> tuple[int, int]:
        """Orders a data link down for so long; the node's wall clock in ns just before and after it was done."""
        reply = self.request({"op": "order", "order": "port-shutdown", "link": link, "expires_s": expires_s})
        return reply.before_ns, reply.after_ns

    def open_port(self, link: str) -> None:
        """Ends such an order early; nothing happens if there is none."""
        self.request({"op": "order-end", "order": "port-shutdown", "link": link})

    def examine_cloud(self) -> tuple[CloudCheck, ...]:
        """Every step of the node's cloud connection, tried by itself."""
        return self.request({"op": "cloud-examine"}).checks

    def request(self, body: Mapping[str, Any]) -> Reply:
        """One request, one answer. Raises AgentUnreachable or AgentRefused."""
        end = time.monotonic() + self.deadline_s
        try:
            reply = _DECODER.decode(self._exchange(_ENCODER.encode(body) + b"\n", end))
        except OSError as error:
            self.close()
            is_gone = isinstance(error, FileNotFoundError | ConnectionRefusedError)
            start = f"start it: twinspan agent --node-dir {self.path.parent}; a lab starts its own again by itself"
            raise AgentUnreachable(
                f"{self.node}: no agent answers at {self.path} ({error.strerror or error})",
                delay_s=0.1,
                remedy=start if is_gone else "try again; the log of the agent says why",
            ) from error
        except msgspec.DecodeError as error:
            self.close()
            raise AgentRefused(f"{self.node}: the agent's answer is not understood: {error}") from error
        if not reply.ok:
            raise AgentRefused(f"{self.node}: {reply.error or 'the agent refused without a reason'}")
        return reply

    def _exchange(self, request: bytes, end: float) -> bytes:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(max(0.001, end - time.monotonic()))
            self._socket.connect(str(self.path))
        connection = self._socket
        connection.settimeout(max(0.001, end - time.monotonic()))
        connection.sendall(request)
        while b"\n" not in self._buffer:
            connection.settimeout(max(0.001, end - time.monotonic()))
            chunk = connection.recv(262144)
            if not chunk:
                raise ConnectionResetError("the connection was closed")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line


class LabClient:
    """All agents of a lab at once."""

    def __init__(self, sockets: Mapping[str, Path], *, deadline_s: float = DEADLINE_S) -> None:
        self.agents = {node: AgentClient(path, node=node, deadline_s=deadline_s) for node, path in sockets.items()}
        self._pool = ThreadPoolExecutor(max_workers=max(1, len(self.agents)), thread_name_prefix="agents")

    def __enter__(self) -> LabClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._pool.shutdown()
        for agent in self.agents.values():
            agent.close()

    def gather(self, ask: Callable[[AgentClient], T]) -> dict[str, T | TwinspanError]:
        """`ask` of every agent in parallel; by node, the answer or the error it met."""

        def one(agent: AgentClient) -> T | TwinspanError:
            try:
                return ask(agent)
            except TwinspanError as error:
                return error

        return dict(zip(self.agents, self._pool.map(one, self.agents.values()), strict=True))

    def reports(self) -> dict[str, DeviceReport | TwinspanError]:
        return self.gather(AgentClient.report)

    def events(self, since_ns: int) -> tuple[Event, ...]:
        """Events of all nodes in order of time; nodes that do not answer are left out."""
        answers = self.gather(lambda agent: agent.events(since_ns)).values()
        found = [event for answer in answers if not isinstance(answer, TwinspanError) for event in answer]
        return tuple(sorted(found, key=lambda event: event.at_ns))
