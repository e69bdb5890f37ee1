"""A TLS handshake that fails is no fault of this program, and nothing for its standard error.

In: an event loop. Out: the same, which no longer prints a stack for a peer that hangs up within the handshake: whoever
dials is told by an exception, and a server owes strangers no line in its log. Next: `server.worker`, `agent`.
"""

from __future__ import annotations

import asyncio
from typing import Any

_HANDSHAKE = "SSL handshake failed"
"""As aiofastnet words it. It passes a class where an instance belongs, so that even the report of it fails."""


def quiet_tls(loop: asyncio.AbstractEventLoop) -> None:
    """Leave failed handshakes out of what this loop reports; everything else is reported as before."""
    before = loop.get_exception_handler()
    if getattr(before, "is_quiet_tls", False):
        return

    def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if context.get("message") == _HANDSHAKE:
            return
        if before is not None:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    report.is_quiet_tls = True  # type: ignore[attr-defined]
    loop.set_exception_handler(report)
