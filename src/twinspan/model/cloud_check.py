"""`CloudCheck`: one thing that a cloud connection needs, and whether this device has it.

In: nothing. The agent's doctor makes them in the order in which a connection needs them; `twinspan doctor` prints them.
Next: `agent.cloud_connection.doctor`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Topic = Literal["server", "password", "dns", "route", "port", "tls", "clock", "serial", "state"]


class CloudCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the page."""

    topic: Topic
    subject: str
    """What was looked at: a name, an address."""
    passed: bool | None
    """None: it could not be looked at, because something before it failed."""
    detail: str
    remedy: str = ""
    """The way out; empty where nothing is wrong."""
