"""Messages of the node's local command line socket: one JSON object per line, one session per connection.

In: lines. Out: values, or `BadMessage`. A terminal begins with `Open`, a script with `Script`; the agent answers with
`Shown` and ends with `Ended`. Next: `agent.cli_socket`, `cli.cli`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

SOCKET_NAME = "cli.sock"
"""In the node's directory, 0600."""
LINE_LIMIT = 1 << 20
"""Bytes of a message."""
MAX_KEYS = 16
"""Passphrases' keys of a script."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Root of all; `type` tells which."""


class Open(Message, frozen=True, kw_only=True, tag="open"):
    """A terminal of that size."""

    columns: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 80
    rows: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 24


class Typed(Message, frozen=True, kw_only=True, tag="typed"):
    text: str


class Resize(Message, frozen=True, kw_only=True, tag="resize"):
    columns: Annotated[int, msgspec.Meta(ge=0, le=65535)]
    rows: Annotated[int, msgspec.Meta(ge=0, le=65535)]


class ExportKey(msgspec.Struct, frozen=True, kw_only=True):
    """Made from a passphrase by whoever runs the script: the agent has no time for that."""

    salt: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
    key: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]

    def __repr__(self) -> str:
        return "ExportKey(***)"


class Script(Message, frozen=True, kw_only=True, tag="script"):
    """Lines to carry out one after another, without paging."""

    lines: tuple[str, ...]
    transcript: bool = True
    """Show prompts and what was typed too, as a terminal would."""
    keys: Annotated[tuple[ExportKey, ...], msgspec.Meta(max_length=MAX_KEYS)] = ()
    """Secrets are shown under the first of them, and read under any; none: under the device's own key."""


class Shown(Message, frozen=True, kw_only=True, tag="shown"):
    text: str


class Ended(Message, frozen=True, kw_only=True, tag="ended"):
    """The session is over."""

    detail: str = ""
    """Why, if it was not the user's will."""
    mistakes: int = 0
    """Lines that were refused."""


class BadMessage(msgspec.Struct, frozen=True):
    """What came is none of these."""

    detail: str


ToAgent = Open | Typed | Resize | Script
FromAgent = Shown | Ended
_to_agent: msgspec.json.Decoder[ToAgent] = msgspec.json.Decoder(ToAgent)
_from_agent: msgspec.json.Decoder[FromAgent] = msgspec.json.Decoder(FromAgent)


def encode_line(message: ToAgent | FromAgent) -> bytes:
    """With its line end."""
    return msgspec.json.encode(message) + b"\n"


def decode_for_agent(line: bytes) -> ToAgent | BadMessage:
    """What a client says."""
    try:
        return _to_agent.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return BadMessage((str(error) or type(error).__name__)[:200])


def decode_for_client(line: bytes) -> FromAgent | BadMessage:
    """What the agent says."""
    try:
        return _from_agent.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return BadMessage((str(error) or type(error).__name__)[:200])
