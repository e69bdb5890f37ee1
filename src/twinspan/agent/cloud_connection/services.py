"""Service modules of the device: each registers here and gets a sub-connection of its own (seed 000, step 7).

In: messages of one sub-connection. Out: messages, and what the agent shall do. A module knows nothing of the main
connection; adding one is an entry in `modules` of `manager`. Next: `manager`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from twinspan.agent.clock import pause
from twinspan.drivers.websocket import WebSocket
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import DeviceReport, Event
from twinspan.model.errors import TwinspanError
from twinspan.model.secret import decode_hook, encode_hook
from twinspan.wire.cloud_connection.messages import MAX_SERVICE_BYTES, CloseCode, DecodeFailed, encode
from twinspan.wire.cloud_connection.services import (
    CONFIG,
    LOG,
    TELEMETRY,
    ConfigHave,
    ConfigTaken,
    ConfigTried,
    DecideConfig,
    LogEvent,
    LogLines,
    PushConfig,
    Report,
    ServiceMessage,
    Tried,
    TryConfig,
    decode_service_message,
)

REPORT_S = 10.0
"""A report at least so often, and at once after an event."""
_MIN_REPORT_S = 0.4
"""Between two reports: a server shows what changes within a second."""
_AFTER_S = 0.1
"""More than that after a report of an event one of what it has led to."""
LOG_LINES = 100
"""In one message."""


class Link:
    """One sub-connection as its module sees it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.websocket = WebSocket(MAX_SERVICE_BYTES)
        self.sent = self.received = self.dropped = 0

    def send(self, message: ServiceMessage) -> bool:
        """False: its buffer is full, or it is gone; the message is counted as dropped."""
        taken = self.websocket.send(encode(message))
        self.sent += taken
        self.dropped += not taken
        return taken


class Module(Protocol):
    """One service of the device."""

    name: str

    async def run(self, link: Link) -> None:
        """Work until cancelled: the sub-connection is open."""

    def received(self, link: Link, message: ServiceMessage) -> None:
        """A message of the server."""


def feed(module: Module, link: Link) -> None:
    """Bring the messages of `link` to `module`; what is none ends the sub-connection and nothing else."""

    def received(data: str) -> None:
        message = decode_service_message(data)
        if isinstance(message, DecodeFailed):
            link.websocket.close(CloseCode.PROTOCOL, message.detail)
            return
        link.received += 1
        module.received(link, message)

    link.websocket.on_message = received


class Trying(Protocol):
    """Where configs are tried (`agent.trial`)."""

    on_news: Callable[[], None]
    on_kept: Callable[[int, str], None]

    @property
    def tried(self) -> Tried | None:
        """How the trial goes, or how the last one ended."""

    def decide(self, digest: str, commit: bool, reason: str) -> None:
        """The server's decision."""


class ConfigModule:
    """Takes whole configs, on trial or for good."""

    name = CONFIG

    def __init__(
        self,
        pushed: Callable[[], tuple[int, str]],
        apply: Callable[[DeviceConfig, int, str], None],
        trials: Trying | None = None,
        attempt: Callable[[DeviceConfig, TryConfig], bool] | None = None,
    ) -> None:
        """`pushed`: generation and digest of the last config taken from the server, (0, "") before the first.
        `attempt`: put a config on trial; true if it is taken at once."""
        self._pushed, self._apply = pushed, apply
        self._trials, self._attempt = trials, attempt

    async def run(self, link: Link) -> None:
        # What the server gave last, not what runs: a change made here since then is reported, and not overwritten.
        generation, digest = self._pushed()
        trials = self._trials
        if trials is None:
            link.send(ConfigHave(generation=generation, digest=digest))
            return await _for_ever()
        link.send(ConfigHave(generation=generation, digest=digest, trials=True, tried=trials.tried))
        trials.on_news = lambda: self._tell(link)
        trials.on_kept = lambda generation, digest: _answer(link, generation, digest)
        try:
            await _for_ever()
        finally:
            trials.on_news, trials.on_kept = lambda: None, lambda _generation, _digest: None

    def _tell(self, link: Link) -> None:
        tried = self._trials.tried if self._trials is not None else None
        if tried is not None:
            link.send(ConfigTried(tried=tried))

    def received(self, link: Link, message: ServiceMessage) -> None:
        if isinstance(message, PushConfig | TryConfig):
            self._take(link, message)
        elif isinstance(message, DecideConfig) and self._trials is not None:
            self._trials.decide(message.digest, message.commit, message.reason)

    def _take(self, link: Link, message: PushConfig | TryConfig) -> None:
        detail = ""
        try:
            config = msgspec.json.decode(message.config, type=DeviceConfig, dec_hook=decode_hook)
            if isinstance(message, TryConfig) and self._attempt is not None:
                if not self._attempt(config, message):
                    return  # answered when it is decided upon
            else:
                self._apply(config, message.generation, message.digest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TwinspanError, OSError) as error:
            # The place of a mistake, never what stood there: it may be half a secret.
            detail = str(error)[:500] or type(error).__name__
        _answer(link, message.generation, message.digest, detail)


def _answer(link: Link, generation: int, digest: str, detail: str = "") -> None:
    link.send(ConfigTaken(generation=generation, digest=digest, accepted=not detail, detail=detail))


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


class TelemetryModule:
    """Sends whole reports, on a slow beat and after events."""

    name = TELEMETRY

    def __init__(self, report: Callable[[], Awaitable[DeviceReport]]) -> None:
        self._report = report
        self._wake = asyncio.Event()
        self._sequence = 0

    def event(self) -> None:
        """Something happened that a report should show soon."""
        self._wake.set()

    async def run(self, link: Link) -> None:
        dropped, woken = 0, True
        while True:
            self._sequence += 1
            report = msgspec.json.encode(await self._report(), enc_hook=encode_hook)
            taken = link.send(Report(sequence=self._sequence, report=msgspec.Raw(report), dropped=dropped))
            dropped = 0 if taken else dropped + 1
            await pause(_MIN_REPORT_S)
            try:
                async with asyncio.timeout(_AFTER_S if woken else REPORT_S - _MIN_REPORT_S):
                    await self._wake.wait()
                woken = True
            except TimeoutError:
                woken = False
            self._wake.clear()

    def received(self, link: Link, message: ServiceMessage) -> None:
        """Receipts need no answer."""


class LogModule:
    """Sends the agent's events in order; what cannot be sent yet waits in the event log, what was lost is counted."""

    name = LOG

    def __init__(self, since: Callable[[int], tuple[Event, ...]]) -> None:
        self._since = since
        self._sent_until_ns = time.time_ns()
        self._wake = asyncio.Event()
        self._sequence = 0

    def event(self) -> None:
        """There is a new one."""
        self._wake.set()

    async def run(self, link: Link) -> None:
        while True:
            self._wake.clear()
            events = self._since(self._sent_until_ns)[:LOG_LINES]
            if events:
                self._send(link, events)
                continue
            await self._wake.wait()
            await pause(0.1)  # events come in groups

    def _send(self, link: Link, events: tuple[Event, ...]) -> None:
        lines = tuple(LogEvent(at_ns=e.at_ns, source=e.source, what=e.what, detail=e.detail[:300]) for e in events)
        self._sequence += 1
        link.send(LogLines(sequence=self._sequence, lines=lines))
        self._sent_until_ns = events[-1].at_ns + 1

    def received(self, link: Link, message: ServiceMessage) -> None:
        """Receipts need no answer."""
