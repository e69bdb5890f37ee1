"""A drill's report as text for a terminal and as JSON for a program; the page is `cli.drill_html`'s.

In: `DrillReport`s. Out: strings; text of at most 100 columns. Next: `cli.drill` prints or saves them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from twinspan.cli.drill_html import render_html
from twinspan.cli.drill_words import (
    PATHS,
    SHORT,
    SOURCES,
    Happening,
    against,
    alarm,
    clean,
    detection,
    duration,
    happenings,
    headline,
    optional,
    telling,
    way_back,
)
from twinspan.model.drill import DrillReport

__all__ = ["render_html", "render_json", "render_text"]

WIDTH = 100
MOST_EVENTS = 25
"""About what fits on a screen beside the rest."""
SHOWN_PHASES = ("failover", "failback")


def render_json(reports: Sequence[DrillReport]) -> str:
    """A JSON list of the reports with every field of `model.drill.DrillReport`; it decodes back to equal values."""
    return msgspec.json.format(msgspec.json.encode(list(reports)), indent=2).decode()


def render_text(report: DrillReport) -> str:
    """The report for a terminal: the headline first, then what it stands on."""
    refused = report.verdict == "refused"
    sections = (
        _head(report),
        _losses(report),
        _paths(report),
        _events(report),
        _measuring(report),
        _list("The standby, as it was checked", report.standby_proof if refused else ()),
        _list("Why", () if refused and report.standby_proof else report.reasons),
        _list("Remarks", report.remarks),
    )
    return "\n\n".join("\n".join(lines) for lines in map(list, sections) if lines)


def _head(report: DrillReport) -> Iterator[str]:
    title = f"{report.verdict.upper()}  {report.fault} on {report.site}, limits profile {report.profile}"
    yield from _wrap(clean(title))
    sentences = [headline(report)]
    if report.phases:
        sentences += [against(report), way_back(report), detection(report), alarm(report)]
    for sentence in filter(None, sentences):
        yield from _wrap(sentence)


def _losses(report: DrillReport) -> Iterator[str]:
    if not report.phases:
        return
    columns = ("sent", "lost", "duplicated", "outage", "longest gap", "bound")
    yield f"{'phase':9} {'direction':9} {'proto':5}" + "".join(f" {name:>11}" for name in columns)
    for phase in report.phases:
        if phase.phase not in SHOWN_PHASES:
            continue
        bounded = phase.phase == "failover" and report.expectation.during != "none"
        bound = optional(report.expectation.bound_ms) if bounded else "-"
        for result in phase.directions:
            waits = result.protocol == "tcp"  # TCP loses nothing, it waits: its figure is the longest gap
            cells = (
                f"{result.sent:,}",
                f"{result.lost:,}",
                f"{result.duplicated:,}",
                "-" if waits else duration(result.outage_ms),
                duration(result.longest_gap_ms),
                "-" if waits else bound,
            )
            begin = f"{phase.phase:9} {SHORT[result.direction]:9} {result.protocol.upper():5}"
            yield begin + "".join(f" {cell:>11}" for cell in cells)


def _paths(report: DrillReport) -> Iterator[str]:
    if not report.paths:
        return
    yield f"{'path':9} {'before':9} {'during':9} {'after':9} {'switched after':>15} {'returned after':>15}"
    for use in report.paths:
        yield (
            f"{SHORT[use.direction]:9} {PATHS[use.before]:9} {PATHS[use.during]:9} {PATHS[use.after]:9}"
            f" {optional(use.switched_after_ms):>15} {optional(use.returned_after_ms):>15}"
        )


def _events(report: DrillReport) -> Iterator[str]:
    found = happenings(report)
    shown = telling(found, MOST_EVENTS)
    if not shown:
        return
    left_out = len(found) - len(shown)
    more = f", {left_out} less telling lines left out" if left_out else ""
    yield f"events: ms after the fault{more}"
    for one in shown:
        yield _cut(f"{one.after_ms:>10,.1f}  {one.node:15} {SOURCES[one.source]:12} {_sentence(one)}")


def _sentence(one: Happening) -> str:
    times = f" ×{one.count}" if one.count > 1 else ""
    details = f": {', '.join(one.details)}" if one.details else ""
    return f"{one.what}{times}{details}"


def _measuring(report: DrillReport) -> Iterator[str]:
    if report.clock_offsets:
        clocks = (f"{c.node} {c.offset_us:+.0f} ± {c.error_us:.0f}" for c in report.clock_offsets)
        yield from _wrap(clean("clocks against the drill's, µs: " + ", ".join(clocks)))
    if report.jitter is not None:
        j = report.jitter
        yield from _wrap(
            f"jitter of this machine: a sleep of {j.step_ms:g} ms wakes {j.median_us / 1000:.2f} ms late "
            f"at the median, {j.max_us / 1000:.1f} ms at worst ({j.samples:,} samples)"
        )


def _list(title: str, sentences: Iterable[str]) -> Iterator[str]:
    for number, sentence in enumerate(sentences):
        if number == 0:
            yield f"{title}:"
        yield from textwrap.wrap(clean(sentence), WIDTH, initial_indent="  - ", subsequent_indent="    ")


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ")


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
