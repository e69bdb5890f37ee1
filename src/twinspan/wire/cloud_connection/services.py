"""Messages of the sub-connections: config, telemetry, diagnostics, cli, log.

In: JSON bytes. Out: values, or `DecodeFailed`. Each service has a WebSocket of its own, so that none delays another;
`body` fields are raw JSON: who routes a message need not read it. Next: `server` and `agent` services.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from twinspan.wire.cloud_connection.messages import DecodeFailed

CONFIG, TELEMETRY, DIAGNOSTICS, CLI, LOG = "config", "telemetry", "diagnostics", "cli", "log"
SERVICES = (CONFIG, TELEMETRY, DIAGNOSTICS, CLI, LOG)

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Outcome = Literal["done", "failed", "refused", "expired", "unknown"]
"""`expired`: the deadline was over before it began. `unknown`: the device died while it ran, it is not run again."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Root of all service messages; `type` tells which."""


# ---------------------------------------------------------------------------------------------------- config


class PushConfig(Message, frozen=True, kw_only=True, tag="push-config"):
    """Server to device: a whole config."""

    generation: int
    digest: str
    config: msgspec.Raw
    """A `DeviceConfig`."""


class ConfigTaken(Message, frozen=True, kw_only=True, tag="config-taken"):
    """Device to server: the config is saved and being realised, or refused with the reason."""

    generation: int
    digest: str
    accepted: bool
    detail: str = ""


class ConfigHave(Message, frozen=True, kw_only=True, tag="config-have"):
    """Device to server, first on the sub-connection: the last config it took from the server, digest "" if none yet. An
    equal digest is not sent again: what somebody changed on the device since then stays."""

    generation: int
    digest: str


# ---------------------------------------------------------------------------------------------------- telemetry


class Report(Message, frozen=True, kw_only=True, tag="report"):
    """Device to server: a whole report, and how many were dropped unsent since the last."""

    sequence: int
    report: msgspec.Raw
    """A `DeviceReport`."""
    dropped: int = 0


class ReportTaken(Message, frozen=True, kw_only=True, tag="report-taken"):
    sequence: int


# ---------------------------------------------------------------------------------------------------- diagnostics


class Command(Message, frozen=True, kw_only=True, tag="command"):
    """Server to device: run `name` once. `ttl_ms` counts from its arrival: the two clocks need not agree."""

    id: Id
    epoch: int
    ttl_ms: int
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    arguments: dict[str, str] = {}


class CommandResult(Message, frozen=True, kw_only=True, tag="command-result"):
    """Device to server, repeated until it is taken."""

    id: Id
    outcome: Outcome
    output: str = ""


class ResultTaken(Message, frozen=True, kw_only=True, tag="result-taken"):
    id: Id


# ---------------------------------------------------------------------------------------------------- cli


class CliOpen(Message, frozen=True, kw_only=True, tag="cli-open"):
    """Server to device: a session for `user`, as wide and high as their terminal."""

    session: Id
    user: str
    columns: int = 80
    rows: int = 24


class CliData(Message, frozen=True, kw_only=True, tag="cli-data"):
    """Both ways: what is typed, what is shown."""

    session: Id
    text: str


class CliResize(Message, frozen=True, kw_only=True, tag="cli-resize"):
    session: Id
    columns: int
    rows: int


class CliClose(Message, frozen=True, kw_only=True, tag="cli-close"):
    """Both ways."""

    session: Id
    detail: str = ""


# ---------------------------------------------------------------------------------------------------- log


class LogEvent(msgspec.Struct, frozen=True, kw_only=True):
    at_ns: int
    source: str
    what: str
    detail: str = ""


class LogLines(Message, frozen=True, kw_only=True, tag="log-lines"):
    """Device to server: events in order, and how many were lost before them."""

    sequence: int
    lines: tuple[LogEvent, ...]
    dropped: int = 0


class LogTaken(Message, frozen=True, kw_only=True, tag="log-taken"):
    sequence: int


ServiceMessage = (
    PushConfig
    | ConfigTaken
    | ConfigHave
    | Report
    | ReportTaken
    | Command
    | CommandResult
    | ResultTaken
    | CliOpen
    | CliData
    | CliResize
    | CliClose
    | LogLines
    | LogTaken
)

_decoder: msgspec.json.Decoder[ServiceMessage] = msgspec.json.Decoder(ServiceMessage)


def decode_service_message(data: bytes | memoryview) -> ServiceMessage | DecodeFailed:
    """Any message of any service."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return DecodeFailed(detail=(str(error) or type(error).__name__)[:200])
