"""Messages of the sub-connections: config, telemetry, diagnostics, cli, log.

In: JSON bytes. Out: values, or `DecodeFailed`. Each service has a WebSocket of its own, so that none delays another;
`body` fields are raw JSON: who routes a message need not read it. Next: `server` and `agent` services.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from twinspan.wire.cloud_connection.messages import DecodeFailed, why_not

CONFIG, TELEMETRY, DIAGNOSTICS, CLI, LOG = "config", "telemetry", "diagnostics", "cli", "log"
SERVICES = (CONFIG, TELEMETRY, DIAGNOSTICS, CLI, LOG)

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Outcome = Literal["done", "failed", "refused", "expired", "unknown"]
"""`expired`: the deadline was over before it began. `unknown`: the device died while it ran, it is not run again."""


TriedState = Literal["trying", "failed", "verified", "reverted"]
"""`trying`: something is still to come back. `failed`: it did not in time. `verified`: everything that was up is up
again. `reverted`: the config before it runs again."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Root of all service messages; `type` tells which."""


# ---------------------------------------------------------------------------------------------------- config


class PushConfig(Message, frozen=True, kw_only=True, tag="push-config"):
    """Server to device: a whole config."""

    generation: int
    """Counts up with each change at the server."""
    digest: str
    """Names the content; the device gives it back and need not be able to compute it."""
    config: msgspec.Raw
    """A `DeviceConfig` as JSON."""


class ConfigTaken(Message, frozen=True, kw_only=True, tag="config-taken"):
    """Device to server: the config is saved and being realised, or refused with the reason."""

    generation: int
    """Of the push that is answered."""
    digest: str
    """Of the push that is answered."""
    accepted: bool
    """It is saved."""
    detail: str = ""
    """Why not, for people; no secret in it."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A config on trial, as the device sees it."""

    generation: int
    """Of the push that began the trial."""
    digest: str
    """Of that push."""
    state: TriedState
    """How far it is; see below."""
    proven: bool = False
    """It was verified, whatever became of it later."""
    detail: str = ""
    """What is missing, or why it went back; for people, no secret in it."""


class TryConfig(Message, frozen=True, kw_only=True, tag="try-config"):
    """Server to device, only to one that said `trials`: a whole config, on trial. Without a decision within `trial_s`
    the device goes back to the config before it by itself."""

    generation: int
    """Counts up with each change at the server."""
    digest: str
    """Names the content, as in `push-config`."""
    config: msgspec.Raw
    """A `DeviceConfig` as JSON."""
    trial_s: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 60.0
    """From its arrival to the moment at which the device begins to go back, in seconds."""


class ConfigTried(Message, frozen=True, kw_only=True, tag="config-tried"):
    """Device to server: how the trial goes; again every few seconds until there is a decision."""

    tried: Tried
    """Of the trial that runs, or ran last."""


class DecideConfig(Message, frozen=True, kw_only=True, tag="decide-config"):
    """Server to device: the end of the trial. A decision about another config than the one on trial is none."""

    generation: int
    """Of the push."""
    digest: str
    """Of the push."""
    commit: bool
    """Keep the config; false: go back."""
    reason: str = ""
    """Why it is to go back, for people."""


class ConfigHave(Message, frozen=True, kw_only=True, tag="config-have"):
    """Device to server, first on the sub-connection: the last config it took from the server, digest "" if none yet. An
    equal digest is not sent again: what somebody changed on the device since then stays."""

    generation: int
    """Of that config; 0 if none."""
    digest: str
    """Of that config; empty if none."""
    trials: bool = False
    """The device understands `try-config` and `decide-config`; of one that does not say so, plain pushes are taken."""
    tried: Tried | None = None
    """The trial that runs, or the last one if it went back."""


# ---------------------------------------------------------------------------------------------------- telemetry


class Report(Message, frozen=True, kw_only=True, tag="report"):
    """Device to server: a whole report."""

    sequence: int
    """Counts up."""
    report: msgspec.Raw
    """A `DeviceReport` as JSON."""
    dropped: int = 0
    """How many were thrown away unsent since the last one."""


class ReportTaken(Message, frozen=True, kw_only=True, tag="report-taken"):
    """Server to device: the receipt."""

    sequence: int
    """Of the report."""


# ---------------------------------------------------------------------------------------------------- diagnostics


class Command(Message, frozen=True, kw_only=True, tag="command"):
    """Server to device: run this, once."""

    id: Id
    """Never two commands with the same; a command that comes again with it is not run again."""
    epoch: int
    """Of the connection that it was sent on: another one's is refused."""
    ttl_ms: int
    """Time left from its arrival, in milliseconds: the two clocks need not agree."""
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """What to run."""
    arguments: dict[str, str] = {}
    """Of the command, by name."""


class CommandResult(Message, frozen=True, kw_only=True, tag="command-result"):
    """Device to server: sent again on every new sub-connection until it is taken."""

    id: Id
    """Of the command."""
    outcome: Outcome
    """How it ended; see below."""
    output: str = ""
    """For people: what it printed, or why not."""


class ResultTaken(Message, frozen=True, kw_only=True, tag="result-taken"):
    """Server to device: recorded; the device may forget the output, not the id."""

    id: Id
    """Of the command."""


# ---------------------------------------------------------------------------------------------------- cli


class CliOpen(Message, frozen=True, kw_only=True, tag="cli-open"):
    """Server to device: open a command line."""

    session: Id
    """Names it in all that follows; several may be open on the one sub-connection."""
    user: str
    """Who types, for the device's log."""
    columns: int = 80
    """Width of their terminal, in characters."""
    rows: int = 24
    """Height, in lines."""


class CliData(Message, frozen=True, kw_only=True, tag="cli-data"):
    """Both ways: what is typed, what is shown."""

    session: Id
    """Which command line."""
    text: str
    """As a terminal sends and gets it, control characters included."""


class CliResize(Message, frozen=True, kw_only=True, tag="cli-resize"):
    """Server to device: the terminal has another size."""

    session: Id
    """Which command line."""
    columns: int
    """In characters."""
    rows: int
    """In lines."""


class CliClose(Message, frozen=True, kw_only=True, tag="cli-close"):
    """Both ways: it is over."""

    session: Id
    """Which command line."""
    detail: str = ""
    """Why, for people."""


# ---------------------------------------------------------------------------------------------------- log


class LogEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened on the device."""

    at_ns: int
    """The device's clock, nanoseconds since 1970."""
    source: str
    """The part of the device that says it."""
    what: str
    """In a few words."""
    detail: str = ""
    """The rest."""


class LogLines(Message, frozen=True, kw_only=True, tag="log-lines"):
    """Device to server: events in their order."""

    sequence: int
    """Counts up."""
    lines: tuple[LogEvent, ...]
    """Oldest first."""
    dropped: int = 0
    """How many were lost before them."""


class LogTaken(Message, frozen=True, kw_only=True, tag="log-taken"):
    """Server to device: the receipt."""

    sequence: int
    """Of the lines."""


ServiceMessage = (
    PushConfig
    | ConfigTaken
    | ConfigHave
    | TryConfig
    | ConfigTried
    | DecideConfig
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


def decode_service_message(data: str | bytes | memoryview) -> ServiceMessage | DecodeFailed:
    """Any message of any service."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return DecodeFailed(detail=why_not(error))
