"""What a session hands to its shell: bytes to show and things to do. All values; the shell carries them out.

In: nothing. `session.py` makes them. Those that are `WAITING` hold the session until the shell has answered with
`Session.answer(text, last=True)`; meanwhile Ctrl+C gives `Interrupt`. Next: `command.py`.
"""

from __future__ import annotations

import msgspec

from twinspan.model.device_config import DeviceConfig


class Output(msgspec.Struct, frozen=True):
    """Bytes for the terminal."""

    data: bytes


class ChangeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The running config is `config` from now on."""

    config: DeviceConfig
    text: str
    """What was typed, with its view, in full words and without secrets: for the audit and the log."""


class Save(msgspec.Struct, frozen=True):
    """Write the running config where the next start finds it; answer with a line for the user."""


class ResetTunnel(msgspec.Struct, frozen=True):
    """Tear the cloud connection down and establish it again, beginning with the first server."""


class UnbindingCode(msgspec.Struct, frozen=True):
    """Send the verification code to the server; answer with what it said."""

    code: str


class Ping(msgspec.Struct, frozen=True, kw_only=True):
    """ICMP echo; answer line by line."""

    destination: str
    source: str | None = None
    interface: str | None = None
    """Comware's name of the interface it must leave by; the shell knows the device behind it."""
    count: int = 5
    size: int = 56
    """Bytes of ICMP payload."""
    interval_ms: int = 200
    timeout_ms: int = 2000
    dont_fragment: bool = False
    ipv6: bool = False


class Tracert(msgspec.Struct, frozen=True, kw_only=True):
    """The path to a destination; answer line by line."""

    destination: str
    source: str | None = None
    first_ttl: int = 1
    max_ttl: int = 30
    queries: int = 3
    timeout_ms: int = 5000
    ipv6: bool = False


class Display(msgspec.Struct, frozen=True, kw_only=True):
    """A display that needs the device's report; answer with its text. The session pages and filters it."""

    topic: str
    """The command's fixed words without `display`, e.g. "interface brief"."""
    args: dict[str, str] = {}


class Interrupt(msgspec.Struct, frozen=True):
    """Ctrl+C while the shell works: stop, and answer with `last=True`."""


class Quit(msgspec.Struct, frozen=True):
    """The user leaves; the shell closes the terminal."""


Effect = ChangeConfig | Save | ResetTunnel | UnbindingCode | Ping | Tracert | Display | Interrupt | Quit
WAITING = (Save, ResetTunnel, UnbindingCode, Ping, Tracert, Display)
"""Effects after which the session waits for an answer."""
EffectOrOutput = Output | Effect
