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
LETTER = 6.9
"""Mean width of a letter at the drawing's font size; on the wide side, since the reader's font is not known."""
LONGEST = 52
"""Letters in a label; the rest is in its tooltip."""
TOGETHER = 7.0
"""Marks of one source closer than this would cover each other: they become one."""
MOST_LINES = 7
"""Lines of labels for one source."""


Span = tuple[float, float]
"""From and to, in pixels."""
Place = tuple[int, bool]
"""A label's line, and whether it stands left of its mark."""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """One mark with its text."""

    x: float
    line: int
    after: str
    """When, in words."""
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
            labels = _place(_clusters(own, x_of), x_of, left, right)
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


class _Lines:
    """The lines of one row and what is taken on each of them, as spans of pixels."""

    def __init__(self, marks: Sequence[float]) -> None:
        self._taken: list[list[Span]] = [[] for _ in range(MOST_LINES)]
        self._marks = marks

    def place(self, x: float, sides: Sequence[Span]) -> Place | None:
        """The first line with room for a label, on one of its sides, and for its leader; taken from now on."""
        for line, spans in enumerate(self._taken):
            if line and _meets((x - 1, x + 1), self._taken[line - 1]):
                return None
            for span in sides:
                if _meets(span, spans) or (line == 0 and any(span[0] < mark < span[1] for mark in self._marks)):
                    continue
                spans.append((min(span[0], x - MARK), max(span[1], x + MARK)))
                for above in self._taken[:line]:
                    above.append((x - 1, x + 1))
                return line, span[0] < x
        return None


def _place(
    clusters: Sequence[list[Happening]], x_of: Callable[[float], float], left: float, right: float
) -> list[Label]:
    """Labels for as many of the first clusters as fit, all of them; then for those of the rest that still find room.
    From right to left, so that the leader of an earlier mark passes in front of the labels of later ones."""
    xs = [x_of(cluster[0].after_ms) for cluster in clusters]
    texts = [_text(cluster) for cluster in clusters]
    placed: dict[int, Place] = {}
    for most in range(len(clusters), 0, -1):
        lines, placed = _Lines(xs), {}
        order = [*reversed(range(most)), *range(most, len(clusters))]
        for number in order:
            place = lines.place(xs[number], _sides(xs[number], _whole(clusters[number], texts[number]), left, right))
            if place is not None:
                placed[number] = place
        if all(number in placed for number in range(most)):
            break
    return [
        Label(
            x=xs[number],
            line=placed.get(number, (0, False))[0],
            after=duration(cluster[0].after_ms),
            text=texts[number] if number in placed else "",
            to_left=placed.get(number, (0, False))[1],
            members=tuple(cluster),
        )
        for number, cluster in enumerate(clusters)
    ]


def _sides(x: float, text: str, left: float, right: float) -> list[Span]:
    """Where a label could stand without leaving the drawing: right of its mark, or left of it."""
    width = text_width(text) + 2 * MARK
    return [span for span in ((x + MARK, x + width), (x - width, x - MARK)) if span[0] >= left and span[1] <= right]


def _whole(cluster: Sequence[Happening], text: str) -> str:
    return f"{duration(cluster[0].after_ms)}  {text}"


def _meets(span: Span, spans: Sequence[Span]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in spans)


def _text(cluster: Sequence[Happening]) -> str:
    first = cluster[0]
    nodes = list(dict.fromkeys(one.node for one in cluster))
    where = first.node if len(nodes) == 1 else f"{len(nodes)} nodes"
    alike = [one for one in cluster if one.what == first.what]
    times = sum(one.count for one in alike)
    others = sum(one.count for one in cluster) - times
    text = f"{first.what}{f' ×{times}' if times > 1 else ''}, {where}"
    more = f" (+{others})" if others else ""
    room = LONGEST - len(more)
    return f"{text if len(text) <= room else text[: room - 1] + '…'}{more}"
