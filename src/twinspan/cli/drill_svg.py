"""A drill's timeline as a drawing: what was delivered, on which path, and what the nodes reported, on one axis.

In: a `DrillReport` and one of its `Timeline`s. Out: SVG markup; its colours are classes of `cli.drill_style`. Axis:
milliseconds after the injection. Next: `cli.drill_html`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from twinspan.cli.drill_axis import LEFT, RIGHT, TOP, WIDTH, Scale, axis
from twinspan.cli.drill_labels import Row, rows, text_width
from twinspan.cli.drill_words import PATHS, SHORT, SOURCES, clean, duration, happenings, headline
from twinspan.cli.markup import Markup, tag
from twinspan.engine.drill_verdict import TOWARDS, headline_results
from twinspan.model.drill import Direction, DrillReport, Gap, Lane, Path, Timeline

DELIVERY = 42.0
STRIP = 3.0
PATH = 17.0
BETWEEN = 14.0
LINE = 17.0
MOST_GAPS = 3
"""Gaps of one lane that are measured with an arrow: the longest ones."""
NAMES = {
    "failover": "The switch, close",
    "whole": "The whole drill",
    "failback": "The way back, close",
}


def draw(report: DrillReport, timeline: Timeline, ident: str) -> Markup:
    """One drawing; `ident` is unique in the page and names its title and description for screen readers."""
    bins = max(len(lane.sent) for lane in timeline.lanes)
    scale = Scale(timeline.start_ms, timeline.start_ms + bins * timeline.bin_ms)
    event_rows = rows(happenings(report), scale.x, LEFT, RIGHT)
    lanes: list[Markup] = []
    measures: list[Markup] = []
    events: list[Markup] = []
    y = TOP
    for lane in timeline.lanes:
        lanes += [*_delivery(report, timeline, lane, scale, y), *_path_strip(report, lane.direction, scale, y)]
        measures += _measures(report, lane.direction, scale, y + DELIVERY / 2)
        y += DELIVERY + STRIP + PATH + BETWEEN
    lanes_end = y - BETWEEN / 2
    y += 2
    for row in event_rows:
        events += _event_row(row, y)
        y += row.lines * LINE + 6
    title, description = f"{ident}-title", f"{ident}-desc"
    return tag(
        "svg",
        tag("title", f"{NAMES[timeline.name]}: {report.fault}", id=title),
        tag("desc", _describe(report), id=description),
        *axis(scale, TOP - 4, y),
        tag("line", class_="divide", x1=0.0, x2=WIDTH, y1=lanes_end, y2=lanes_end) if event_rows else Markup(),
        *lanes,
        *_moments(report, scale, y),
        *measures,
        *events,
        viewBox=f"0 0 {WIDTH:.0f} {y + 36:.0f}",
        role="img",
        aria_labelledby=f"{title} {description}",
        class_="timeline",
    )


def _describe(report: DrillReport) -> str:
    told = [headline(report)]
    told += [
        f"Traffic {TOWARDS[use.direction]} went by {PATHS[use.before]}, {PATHS[use.during]}, {PATHS[use.after]}."
        for use in report.paths
    ]
    return " ".join(told)


def _delivery(report: DrillReport, timeline: Timeline, lane: Lane, scale: Scale, y: float) -> Iterator[Markup]:
    """Green to the height of the delivered share, a red tint above it, a red strip below where anything was lost."""
    width = scale.x(timeline.start_ms + timeline.bin_ms) - LEFT
    yield tag("rect", class_="lane", x=LEFT, y=y, width=RIGHT - LEFT, height=DELIVERY)
    green, red, strip = [], [], []
    for first, last, share in _runs(lane):
        x, wide = LEFT + first * width, (last - first) * width
        height = share * DELIVERY
        if height:
            green.append(_box(x, y + DELIVERY - height, wide, height))
        if share < 1:
            red.append(_box(x, y, wide, DELIVERY - height))
            strip.append(_box(x, y + DELIVERY, max(wide, 1.5), STRIP))
    for name, boxes in (("delivered", green), ("lost", red), ("lost-strip", strip)):
        if boxes:
            yield tag("path", class_=name, d="".join(boxes))
    yield tag("text", SHORT[lane.direction], class_="name", x=0.0, y=y + 17)
    yield tag("text", "delivered", class_="what", x=0.0, y=y + 33)


def _runs(lane: Lane) -> Iterator[tuple[int, int, float]]:
    """(first bin, one past the last, share delivered) of equal neighbours. A bin in which nothing was due continues the
    one before it: at one packet for each bin a sender that is a hair late leaves one empty."""
    begun, current = 0, -1.0
    for place, (sent, delivered) in enumerate(zip(lane.sent, lane.delivered, strict=True)):
        share = delivered / sent if sent else current
        if share != current:
            if current >= 0:
                yield begun, place, current
            begun, current = place, share
    if current >= 0:
        yield begun, len(lane.sent), current


def _box(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z"


def _longest_gaps(report: DrillReport, direction: Direction) -> list[Gap]:
    gaps = [
        gap
        for phase in report.phases
        for result in headline_results(report, phase.phase)
        if result.direction == direction
        for gap in result.gaps
    ]
    return sorted(gaps, key=lambda gap: -gap.duration_ms)[:MOST_GAPS]


def _measures(report: DrillReport, direction: Direction, scale: Scale, y: float) -> Iterator[Markup]:
    """An arrow over each gap with its length, the longest first; where there is no room for the figure inside the gap
    it stands beside it, and where it would cover another one it is left out."""
    taken: list[tuple[float, float]] = []
    for gap in _longest_gaps(report, direction):
        start_ms = (gap.start_ns - report.injected_ns) / 1e6
        end_ms = start_ms + gap.duration_ms
        if end_ms < scale.start_ms or start_ms > scale.end_ms:
            continue
        x1, x2 = scale.within(start_ms), scale.within(end_ms)
        said = f"{duration(gap.duration_ms)}{', still cut off' if gap.open else ''}"
        wide = text_width(said) * 1.25 + 12
        inside = x2 - x1 >= wide + 24
        middle = (x1 + x2) / 2 if inside else x2 + wide / 2 + 3 if x2 + wide < RIGHT else x1 - wide / 2
        if any(middle - wide / 2 < end and start < middle + wide / 2 for start, end in taken):
            continue
        taken.append((middle - wide / 2, middle + wide / 2))
        if inside:
            yield tag("path", class_="arrow", d=_arrow(x1, middle - wide / 2, y) + _arrow(x2, middle + wide / 2, y))
        elif x2 - x1 >= 9:
            yield tag("path", class_="arrow", d=f"M{x1:.1f} {y:.1f}H{x2:.1f}")
        yield tag("text", said, class_="gap inside" if inside else "gap halo", x=middle, y=y + 5, text_anchor="middle")


def _arrow(tip: float, tail: float, y: float) -> str:
    back = 5.0 if tail > tip else -5.0
    return f"M{tail:.1f} {y:.1f}H{tip:.1f}m{back:.1f} -4l{-back:.1f} 4l{back:.1f} 4"


def _path_strip(report: DrillReport, direction: Direction, scale: Scale, y: float) -> Iterator[Markup]:
    y += DELIVERY + STRIP + 1
    yield tag("text", "path", class_="what", x=0.0, y=y + 12.5)
    for start_ms, end_ms, path in _stretches(report, direction, scale):
        x1, x2 = scale.x(start_ms), scale.x(end_ms)
        yield tag("rect", class_=f"path {path}", x=x1, y=y, width=max(x2 - x1, 1.0), height=PATH)
        said = "no path" if path == "none" else PATHS[path]
        if x2 - x1 > text_width(said) + 8:
            yield tag("text", said, class_=f"path-name {path}", x=x1 + 5, y=y + 12.5)


def _stretches(report: DrillReport, direction: Direction, scale: Scale) -> Iterator[tuple[float, float, Path]]:
    changes = sorted((c for c in report.path_changes if c.direction == direction), key=lambda c: c.at_ns)
    moments = [(c.at_ns - report.injected_ns) / 1e6 for c in changes]
    for change, begin_ms, end_ms in zip(changes, moments, [*moments[1:], math.inf], strict=True):
        begin_ms, end_ms = max(begin_ms, scale.start_ms), min(end_ms, scale.end_ms)
        if begin_ms < end_ms:
            yield begin_ms, end_ms, change.path


def _event_row(row: Row, y: float) -> Iterator[Markup]:
    yield tag("text", SOURCES[row.source], class_="name", x=0.0, y=y + 12.5)
    for label in row.labels:
        line_y = y + label.line * LINE + 8.5
        told = "\n".join(
            f"{duration(one.after_ms)}  {one.node}: {one.what}{f' ×{one.count}' if one.count > 1 else ''}"
            f"{' (' + ', '.join(one.details) + ')' if one.details else ''}"
            for one in label.members
        )
        parts = [tag("title", told), tag("circle", cx=label.x, cy=line_y, r=3.6, class_=f"mark {row.source}")]
        if label.line:
            parts.insert(1, tag("line", class_="leader", x1=label.x, x2=label.x, y1=y, y2=line_y))
        if label.text:
            x, anchor = (label.x - 8, "end") if label.to_left else (label.x + 8, "start")
            said = (tag("tspan", label.after, class_="after"), f"  {label.text}")
            parts.append(tag("text", *said, class_="event", x=x, y=line_y + 4, text_anchor=anchor))
        yield tag("g", *parts)


def _moments(report: DrillReport, scale: Scale, bottom: float) -> Iterator[Markup]:
    healed_ms = (report.healed_ns - report.injected_ns) / 1e6
    for after_ms, said, name, next_ms in (
        (0.0, f"fault: {clean(report.fault)}", "broke", healed_ms),
        (healed_ms, "healed", "mended", math.inf),
    ):
        if not scale.inside(after_ms):
            continue
        x = scale.x(after_ms)
        to_left = x + text_width(said) * 1.1 + 6 > (scale.x(next_ms) if scale.inside(next_ms) else RIGHT)
        yield tag("line", class_=f"moment {name}", x1=x, x2=x, y1=6.0, y2=bottom)
        yield tag(
            "text", said, class_=f"moment-name {name}", x=x + (-5 if to_left else 5), y=15.0,
            text_anchor="end" if to_left else "start",
        )  # fmt: skip
