"""Drills as one HTML page that needs nothing else: no script, no outside resource, readable on screen and on paper.

In: `DrillReport`s. Out: the page. What nodes reported is hostile until `cli.markup` has escaped it, and the page's
policy (CSP) allows nothing but its own style sheet, by its hash. Next: `cli.drill` writes it to a file.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from twinspan.cli import drill_tables as tables
from twinspan.cli.drill_style import CSS
from twinspan.cli.drill_svg import NAMES, draw
from twinspan.cli.drill_words import (
    SOURCES,
    against,
    alarm,
    cut_off,
    detection,
    duration,
    happenings,
    headline,
    returned,
    telling,
    way_back,
)
from twinspan.cli.markup import Markup, join, tag
from twinspan.engine.drill_verdict import TOWARDS, headline_results
from twinspan.model.drill import DrillReport, TimelineName

ORDER: tuple[TimelineName, ...] = ("failover", "whole", "failback")
MOST_EVENTS = 25
LEGEND = (
    ("i-delivered", "delivered"),
    ("i-lost", "lost"),
    ("i-circuit", "on the circuit"),
    ("i-vpn", "on the VPN"),
    ("i-none", "no path"),
)


def render_html(reports: Sequence[DrillReport]) -> str:
    """One self-contained page: an overview of all drills, then each of them."""
    sites = ", ".join(dict.fromkeys(report.site for report in reports))
    title = f"Failover drills of {sites}" if sites else "Failover drills"
    digest = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Markup(CSS)),
    )
    articles = (_article(number, report) for number, report in enumerate(reports))
    main = tag("main", *_overview(title, reports), *articles, *_footer())
    return join(Markup("<!doctype html>\n"), tag("html", head, tag("body", main), lang="en"), "\n")


def _overview(title: str, reports: Sequence[DrillReport]) -> Iterator[Markup]:
    counts = Counter(report.verdict for report in reports)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("passed", "failed", "refused") if counts[verdict])
    drills = "1 drill" if len(reports) == 1 else f"{len(reports)} drills"
    profiles = ", ".join(dict.fromkeys(report.profile for report in reports))
    told = f"{drills}: {told}. Limits profile: {profiles}." if reports else "No drill was run."
    parts = [tag("h1", title), tag("p", told, class_="soft")]
    if reports:
        parts.append(tables.overview(reports))
    yield tag("header", *parts, class_="card")


def _article(number: int, report: DrillReport) -> Markup:
    parts = [*_top(report), *_tiles(report), *_notes(report)]
    if report.phases:
        parts.append(tag("h3", "Measured against bound and limit"))
        parts.append(tables.measured(report))
    parts += _drawings(number, report)
    parts += _evidence(report)
    return tag("article", *parts, class_=f"card drill {report.verdict}", id=f"drill-{number}")


def _top(report: DrillReport) -> Iterator[Markup]:
    yield tag(
        "div",
        tag("h2", f"Drill: {report.fault}"),
        tag("span", report.verdict, class_=f"verdict {report.verdict}"),
        tag("span", f"{report.drill}, limits profile {report.profile}, {report.started_at}", class_="soft small"),
        class_="top",
    )
    yield tag("p", headline(report), class_="headline")
    if report.phases:
        yield tag("p", " ".join(filter(None, (against(report), alarm(report), way_back(report)))), class_="soft")


def _tiles(report: DrillReport) -> Iterator[Markup]:
    cut = {one.direction: one for one in cut_off(report)}
    if len(cut) < 2:
        return
    limited = report.expectation.during != "none"
    tiles = [
        _tile(
            one.said,
            f"cut off {TOWARDS[one.direction]}",
            limited and one.outage_ms > report.max_outage_ms,
        )
        for one in cut.values()
    ]
    found = report.detected_by
    if found is not None:
        tiles.append(_tile(duration(found.after_ms), f"to notice, by {SOURCES[found.source]} on {found.node}"))
    if report.failback_ms is not None:
        tiles.append(_tile(duration(report.failback_ms), f"from the healing until both directions {returned(report)}"))
    lost = sum(result.lost for result in headline_results(report, "failback"))
    tiles.append(_tile(f"{lost:,}", "packets lost on the way back"))
    yield tag("ul", *tiles, class_="tiles")


def _tile(figure: str, meaning: str, over: bool = False) -> Markup:
    return tag("li", tag("b", figure), tag("span", meaning), class_="over" if over else None)


def _notes(report: DrillReport) -> Iterator[Markup]:
    if report.verdict == "refused":
        yield _note("warn", "The standby, as it was checked", report.standby_proof or report.reasons)
    elif report.reasons:
        yield _note("bad", "Why it failed", report.reasons)
    if report.remarks:
        yield _note("plain", "Remarks", report.remarks)


def _note(kind: str, title: str, sentences: Iterable[str]) -> Markup:
    items = tag("ul", *(tag("li", sentence) for sentence in sentences))
    return tag("section", tag("h3", title), items, class_=f"note {kind}")


def _drawings(number: int, report: DrillReport) -> Iterator[Markup]:
    by_name = {timeline.name: timeline for timeline in report.timelines}
    legend = tag("ul", *(tag("li", tag("i", class_=name), said) for name, said in LEGEND), class_="legend")
    for place, name in enumerate(name for name in ORDER if name in by_name):
        timeline = by_name[name]
        caption = tag(
            "span", tag("b", NAMES[name]), tag("span", f"  {timeline.bin_ms:g} ms per column", class_="soft small")
        )
        drawing = tag("div", draw(report, timeline, f"drill-{number}-{name}"), class_="wide")
        yield tag("figure", tag("figcaption", caption, legend if place == 0 else Markup()), drawing)


def _evidence(report: DrillReport) -> Iterator[Markup]:
    left, right = [], []
    if report.paths:
        left += [tag("h3", "Path"), tables.paths(report)]
    if report.phases:
        right += [tag("h3", "Who noticed, and when"), tag("p", detection(report))]
        right += [tables.detections(report)] if report.detections else []
    yield tag("div", tag("div", *left), tag("div", *right), class_="pair")
    if report.phases:
        yield join(tag("h3", "Every stream"), tables.losses(report))
    found = happenings(report)
    if found:
        shown = telling(found, MOST_EVENTS)
        yield join(tag("h3", "Events"), tables.events(shown))
        if len(found) > len(shown):
            yield tag("details", tag("summary", f"All {len(found)} events"), tables.events(found))
    yield from _measuring(report)


def _measuring(report: DrillReport) -> Iterator[Markup]:
    left: list[Markup] = []
    right: list[Markup] = []
    if report.clock_offsets:
        left += [tag("h3", "Clocks"), tables.clocks(report)]
    if report.verdict != "refused" and report.standby_proof:
        items = (tag("li", sentence) for sentence in report.standby_proof)
        right += [
            tag("h3", "How the standby was proven" if report.standby_proven else "The standby, as it was checked")
        ]
        right.append(tag("ul", *items, class_="plain-list"))
    if report.jitter is not None:
        j = report.jitter
        right.append(tag("h3", "Jitter of this machine"))
        right.append(
            tag(
                "p",
                f"A sleep of {j.step_ms:g} ms woke {j.median_us / 1000:.2f} ms late at the median and "
                f"{j.max_us / 1000:.1f} ms late at worst, of {j.samples:,} samples taken during the drill. "
                "All nodes run on it: whatever one of them did may have come that much later than it need.",
            )
        )
    if left or right:
        yield tag("div", tag("div", *left), tag("div", *right), class_="pair")


def _footer() -> Iterator[Markup]:
    yield tag(
        "footer",
        tag(
            "p",
            "Cut off: time without delivery, from the send time of the last packet delivered before a loss to that of "
            "the first one delivered after it. Bound: what the detectors promise, from their own timers. Limit: what "
            "the site allows. Longest silence: time between two arrivals, late packets included; "
            "TCP loses nothing, it waits, so this is its figure.",
        ),
    )
