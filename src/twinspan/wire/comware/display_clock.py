"""`display clock`.

In: the time. Out: text. Next: whoever typed the command.
"""

from __future__ import annotations

from twinspan.wire.comware.display_layout import moment

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def display_clock(now_ns: int) -> str:
    """Time of day, zone, day of the week and date; a device keeps UTC."""
    now = moment(now_ns)
    return f"{now:%H:%M:%S} UTC {_DAYS[now.weekday()]} {now:%m/%d/%Y}"
