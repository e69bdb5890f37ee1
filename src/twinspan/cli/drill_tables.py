"""The tables of a drill page.

In: a `DrillReport`, or several for the overview. Out: markup. Next: `cli.drill_html` arranges them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twinspan.cli.drill_words import (
    PATHS,
    SHORT,
    SOURCES,
    Cut,
    Happening,
    cut_off,
    duration,
    optional,
    phase_name,
)
from twinspan.cli.markup import Markup, join, tag
from twinspan.engine.drill_verdict import TOWARDS, headline_results
from twinspan.model.drill import DirectionResult, DrillReport, Phase

BAR_WIDTH = 210.0
BAR_HEIGHT = 16.0


def table(caption: str | None, heads: Sequence[str], body: Iterable[Markup], numbers_from: int = 1) -> Markup:
    """A table whose columns from `numbers_from` on are numbers, aligned right."""
    cells = (
        tag("th", head, scope="col", class_="number" if place >= numbers_from else None)
        for place, head in enumerate(heads)
    )
    title = tag("caption", caption) if caption else Markup()
    return tag("div", tag("table", title, tag("thead", tag("tr", *cells)), tag("tbody", *body)), class_="wide")


def row(first: str, *cells: str, numbers_from: int = 1, class_: str | None = None) -> Markup:
    """A row of `table`; `first` is its heading."""
    rest = (
        tag("td", cell, class_="number" if place >= numbers_from else None) for place, cell in enumerate(cells, start=1)
    )
    return tag("tr", tag("th", first, scope="row"), *rest, class_=class_)


def overview(reports: Sequence[DrillReport]) -> Markup:
    """One line for each drill."""
    heads = ("Fault", "Verdict", "Cut towards cloud", "Cut towards site", "Bound", "Limit", "Lost on the way back")
    return table(None, heads, (_overview_row(n, report) for n, report in enumerate(reports)), numbers_from=2)


def _overview_row(number: int, report: DrillReport) -> Markup:
    cut = {one.direction: one for one in cut_off(report)}
    back = headline_results(report, "failback")
    lost = sum(result.lost for result in back)
    unlimited = report.expectation.during == "none"
    return row(
        tag("a", report.fault, href=f"#drill-{number}"),
        tag("span", report.verdict, class_=f"verdict {report.verdict}"),
        _outage(report, cut.get("site_to_cloud")),
        _outage(report, cut.get("cloud_to_site")),
        "none" if unlimited else optional(report.expectation.bound_ms),
        "none" if unlimited else duration(report.max_outage_ms),
        (f"{lost:,} packet" if lost == 1 else f"{lost:,} packets") if back else "-",
        numbers_from=2,
    )


def _outage(report: DrillReport, cut: Cut | None) -> Markup:
    if cut is None:
        return Markup("-")
    over = report.expectation.during != "none" and cut.outage_ms > report.max_outage_ms
    return tag("span", cut.said, class_="bad-number" if over else None)


def measured(report: DrillReport) -> Markup:
    """What users felt against what was promised and what is allowed."""
    unlimited = report.expectation.during == "none"
    bound_ms = None if unlimited else report.expectation.bound_ms
    limit_ms = None if unlimited else report.max_outage_ms
    body = []
    shown: tuple[Phase, Phase] = ("failover", "failback")
    for phase in shown:
        for result in headline_results(report, phase):
            promise = bound_ms if phase == "failover" else None
            allowed = limit_ms if phase == "failover" else report.max_outage_ms
            body.append(
                row(
                    f"{phase_name(phase)} {TOWARDS[result.direction]}",
                    _bar(result.outage_ms, promise, allowed),
                    duration(result.outage_ms),
                    optional(promise),
                    optional(allowed),
                    duration(result.longest_gap_ms),
                    numbers_from=2,
                )
            )
    heads = ("Measured against bound", "", "Cut off", "Bound", "Limit", "Longest silence")
    return table(None, heads, body, numbers_from=2)


def _bar(outage_ms: float, bound_ms: float | None, limit_ms: float | None) -> Markup:
    """A bar for the outage, a solid line at the bound, a dashed one at the limit."""
    most = max(outage_ms, bound_ms or 0.0, limit_ms or 0.0, 1.0) * 1.04
    kind = "unlimited" if limit_ms is None else "over" if outage_ms > limit_ms else "bar"
    parts = [
        tag("rect", class_="bar-back", width=BAR_WIDTH, height=BAR_HEIGHT, rx=3.0),
        tag("rect", class_=kind, width=outage_ms / most * BAR_WIDTH, height=BAR_HEIGHT, rx=3.0),
    ]
    for name, value in (("bound", bound_ms), ("limit", limit_ms)):
        if value is not None:
            x = value / most * BAR_WIDTH
            parts.append(tag("line", class_=name, x1=x, x2=x, y1=0.0, y2=BAR_HEIGHT))
    said = f"cut off {duration(outage_ms)}, bound {optional(bound_ms)}, limit {optional(limit_ms)}"
    return tag("svg", *parts, width=BAR_WIDTH, height=BAR_HEIGHT, role="img", aria_label=said)


def losses(report: DrillReport) -> Markup:
    """Every stream in every phase; those that are not in the headline are set back."""
    body: list[Markup] = []
    for phase in report.phases:
        chosen = headline_results(report, phase.phase)
        body += (_stream(phase.phase, result, result in chosen) for result in phase.directions)
    heads = ("Phase", "Stream", "Sent", "Lost", "Duplicated", "Reordered", "Cut off", "Longest silence")
    return table(None, heads, body, numbers_from=2)


def _stream(phase: Phase, result: DirectionResult, chosen: bool) -> Markup:
    return row(
        f"{phase_name(phase)} {SHORT[result.direction]}",
        result.protocol.upper(),
        f"{result.sent:,}",
        tag("span", f"{result.lost:,}", class_="bad-number" if result.lost else None),
        f"{result.duplicated:,}",
        f"{result.reordered:,}",
        "-" if result.protocol == "tcp" else duration(result.outage_ms),
        duration(result.longest_gap_ms),
        numbers_from=2,
        class_=None if chosen else "other",
    )


def paths(report: DrillReport) -> Markup:
    """Which way each direction went."""
    body = (
        row(
            SHORT[use.direction],
            PATHS[use.before],
            PATHS[use.during],
            PATHS[use.after],
            optional(use.switched_after_ms),
            optional(use.returned_after_ms),
            numbers_from=4,
        )
        for use in report.paths
    )
    heads = ("Direction", "Before", "During", "After", "Switched after", "Returned after")
    return table(None, heads, body, numbers_from=4)


def detections(report: DrillReport) -> Markup:
    """The first event of each source."""
    body = (
        row(SOURCES[found.source], found.what, found.node, duration(found.after_ms), numbers_from=3)
        for found in report.detections
    )
    return table(None, ("Source", "Reported", "Node", "After"), body, numbers_from=3)


def events(found: Sequence[Happening]) -> Markup:
    """Every event on the axis."""
    body = (
        row(
            f"{one.after_ms:,.1f}",
            one.node,
            SOURCES.get(one.source, one.source),
            join(one.what, f" ×{one.count}" if one.count > 1 else ""),
            ", ".join(one.details),
            numbers_from=9,
        )
        for one in found
    )
    found_heads = ("ms after the fault", "Node", "Source", "Event", "Detail")
    return tag("div", table(None, found_heads, body, numbers_from=9), class_="events")


def clocks(report: DrillReport) -> Markup:
    """How far each node's clock was from the drill's; event times are corrected by it."""
    body = (row(c.node, f"{c.offset_us:+,.1f} µs", f"± {c.error_us:,.1f} µs") for c in report.clock_offsets)
    return table(None, ("Node", "Clock ahead by", "Uncertainty"), body)
