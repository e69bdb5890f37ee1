"""How displays write names, times and columns.

In: names and numbers. Out: pieces of text. The shapes are those that public parsers of this family of devices know.
Next: the `display_*` modules beside this one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

S_NS = 1_000_000_000
NONE = "N/A"
_SHORT = {
    "Ten-GigabitEthernet": "XGE",
    "GigabitEthernet": "GE",
    "M-GigabitEthernet": "MGE",
    "Route-Aggregation": "RAGG",
    "Vlan-interface": "Vlan",
    "InLoopBack": "InLoop",
    "LoopBack": "Loop",
    "Tunnel": "Tun",
}
"""Abbreviations of interface types in tables."""


def full_name(names: Mapping[str, str], link: str | None) -> str:
    """Name of a Linux link on the command line; its own name if it has no other, N/A without a link."""
    return names.get(link, link) if link else NONE


def short_name(names: Mapping[str, str], link: str | None) -> str:
    """As `full_name`, with the type abbreviated as tables do ("GE1/0/1")."""
    full = full_name(names, link)
    match = re.fullmatch(r"([A-Za-z-]+?)(\d[\d/.:]*)", full)
    return _SHORT.get(match[1], match[1]) + match[2] if match else full


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key: numbers count as numbers, so that GE1/0/2 comes before GE1/0/10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


Columns = tuple[tuple[str, int], ...]
"""Heads of columns with their widths, the space to the next one included."""


def table(columns: Columns, rows: Iterable[Sequence[object]]) -> list[str]:
    """The line of heads and one for each row. A text that is too long is kept whole, and one space follows it."""
    widths = [width for _, width in columns]
    return [_row(widths, texts) for texts in ([head for head, _ in columns], *rows)]


def _row(widths: Sequence[int], texts: Sequence[object]) -> str:
    cells = (f"{text!s:<{width - 1}} " for text, width in zip(texts, widths, strict=True))
    return "".join(cells).rstrip()


def calendar(at_ns: int | None) -> str:
    """Like "Wed Jan 27 14:18:40 2019", in UTC as all times of a device."""
    return moment(at_ns).ctime() if at_ns is not None else NONE


def moment(at_ns: int) -> datetime:
    """Wall-clock nanoseconds as a time of day in UTC."""
    return datetime.fromtimestamp(at_ns // S_NS, UTC)


def days(duration_ns: int) -> str:
    """Like "00d 00h 02m 01s"."""
    minutes, seconds = divmod(max(0, duration_ns) // S_NS, 60)
    hours, minutes = divmod(minutes, 60)
    whole, hours = divmod(hours, 24)
    return f"{whole:02d}d {hours:02d}h {minutes:02d}m {seconds:02d}s"


def up_down(duration_s: float) -> str:
    """Like "00:10:34", and "0026h05m" from a day on."""
    minutes, seconds = divmod(max(0, int(duration_s)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}" if hours < 24 else f"{hours:04d}h{minutes:02d}m"


def hardware_address(mac: str) -> str:
    """ "02:fc:00:00:00:01" as "02fc-0000-0001"."""
    digits = mac.replace(":", "")
    return "-".join(digits[i : i + 4] for i in range(0, len(digits), 4))
