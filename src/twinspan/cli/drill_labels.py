"""Where the labels of events go in a drawing, so that none covers another.

In: happenings with their place on the axis. Out: `Row`s of `Label`s, one row per source, in pixels. A label that finds
no room is left out and its mark remains. Pure arithmetic. Next: `cli.drill_svg` draws them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from twinspan.cli.drill_words import SOURCES, Happening, duration

MARK = 5.0
"""Half the width that a mark takes, with a little air."""
LETTER = 6.1
"""Mean width of a letter at the drawing's font size; on the wide side, since the reader's font is not known."""
LONGEST = 52
"""Letters in a label; the rest is in its tooltip."""
TOGETHER = 7.0
"""Marks of one source closer than this would cover each other: they become one."""
MOST_LINES = 5
"""Lines of labels for one source."""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """One mark with its text."""

    x: float
    line: int
    text: str
    """Empty: no room."""
    to_left: bool
    members: tuple[Happening, ...]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """All labels of one source, on `lines` lines."""

    source: str
    lines: int
    labels: tuple[Label, ...]


def rows(found: Sequence[Happening], x_of: Callable[[float], float], left: float, right: float) -> list[Row]:
    """A row for each source that has something to show between `left` and `right`, in the order of `SOURCES`."""
    made = []
    for source in SOURCES:
        own = [one for one in found if one.source == source and left <= x_of(one.after_ms) <= right]
        if own and source != "drill":
            labels = _place(_clusters(own, x_of), x_of, right)
            made.append(Row(source=source, lines=1 + max(label.line for label in labels), labels=tuple(labels)))
    return made


def text_width(text: str) -> float:
    """What a text takes at most, in pixels."""
    return len(text) * LETTER


def _clusters(found: Sequence[Happening], x_of: Callable[[float], float]) -> list[list[Happening]]:
    clusters: list[list[Happening]] = []
    for one in sorted(found, key=lambda h: h.after_ms):
        if clusters and x_of(one.after_ms) - x_of(clusters[-1][0].after_ms) < TOGETHER:
            clusters[-1].append(one)
        else:
            clusters.append([one])
    return clusters


def _place(clusters: Sequence[list[Happening]], x_of: Callable[[float], float], right: float) -> list[Label]:
    taken: list[list[tuple[float, float]]] = [[] for _ in range(MOST_LINES)]
    for cluster in clusters:  # marks first: a label must not cover a mark that comes later
        x = x_of(cluster[0].after_ms)
        taken[0].append((x - MARK, x + MARK))
    labels = []
    for cluster in clusters:
        x, text = x_of(cluster[0].after_ms), _text(cluster)
        width = text_width(text) + 2 * MARK
        to_left = x + width > right
        span = (x - width, x - MARK) if to_left else (x + MARK, x + width)
        line = next((n for n, spans in enumerate(taken) if not _meets(span, spans)), None)
        if line is None:
            labels.append(Label(x=x, line=0, text="", to_left=False, members=tuple(cluster)))
            continue
        taken[line].append((min(span[0], x - MARK), max(span[1], x + MARK)) if line else span)
        labels.append(Label(x=x, line=line, text=text, to_left=to_left, members=tuple(cluster)))
    return labels


def _meets(span: tuple[float, float], spans: Sequence[tuple[float, float]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in spans)


def _text(cluster: Sequence[Happening]) -> str:
    first = cluster[0]
    nodes = list(dict.fromkeys(one.node for one in cluster))
    where = first.node if len(nodes) == 1 else f"{len(nodes)} nodes"
    alike = [one for one in cluster if one.what == first.what]
    times = sum(one.count for one in alike)
    others = sum(one.count for one in cluster) - times
    text = f"{first.what}{f' ×{times}' if times > 1 else ''}, {where}{f', {others} more' if others else ''}"
    after = duration(first.after_ms)
    room = LONGEST - len(after) - 2
    return f"{text if len(text) <= room else text[: room - 1] + '…'}  {after}"
