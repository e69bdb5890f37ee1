"""What people elsewhere are told when the server's own machine or database fails, and what its log has instead.

Where a database is, how it is called and why it refuses is nobody's business but its operator's. In: errors. Out:
sentences for answers; lines on standard error, the same one at most every ten seconds. Next: `admin.py`, `plain_paths`,
the compatible door.
"""

from __future__ import annotations

import sys

from twinspan.model.errors import TwinspanError, Unavailable
from twinspan.server.clock import steady_ns

AWAY = "the server cannot use its database now"
REMEDY = "ask again in a moment; for its operator the reason is in the server's log"
AGAIN_S = 5.0
LINE_EVERY_NS = 10_000_000_000
_MANY = 100
_written: dict[str, int] = {}
"""Line to when it was written last."""


def told(error: TwinspanError) -> tuple[str, str]:
    """What went wrong and the way out, without a place of the server's; where one is left out, it is logged."""
    public = error.public or (AWAY if isinstance(error, Unavailable) else "")
    if not public:
        return error.message, error.remedy
    _log(str(error))
    return public, REMEDY


def sentence(error: TwinspanError) -> str:
    """Both in one."""
    message, remedy = told(error)
    return f"{message} ({remedy})" if remedy else message


def delay_s(error: TwinspanError) -> float:
    """When asking again makes sense."""
    return float(getattr(error, "delay_s", AGAIN_S))


def _log(line: str) -> None:
    now_ns = steady_ns()
    if now_ns - _written.get(line, -LINE_EVERY_NS) < LINE_EVERY_NS:
        return
    if len(_written) >= _MANY:
        _written.clear()
    _written[line] = now_ns
    sys.stderr.write(f"{line}\n")
