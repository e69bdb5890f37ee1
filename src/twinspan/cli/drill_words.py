"""How a drill's figures are said: durations, names, the headline, and which events are worth a line.

In: a `DrillReport`. Out: plain strings without control characters, escaped for nothing else. Shared by the text and the
page, so both say the same. Next: `cli.drill_report`, `cli.drill_html`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from twinspan.engine.drill_verdict import headline_results
from twinspan.model.drill import Direction, DrillEvent, DrillReport, Path, Phase

SHORT: dict[Direction, str] = {"site_to_cloud": "to cloud", "cloud_to_site": "to site"}
PATHS: dict[Path, str] = {"circuit": "circuit", "vpn": "VPN", "none": "none", "mixed": "mixed"}
SOURCES = {
    "link": "Link", "bfd": "BFD", "bgp": "BGP", "ike": "IKE", "probe": "Probe", "health_check": "Health check",
    "daemon": "Daemon", "failover": "Failover", "route": "Route", "dns": "DNS", "config": "Config", "drift": "Drift",
    "drill": "Drill",
}  # fmt: skip
TELLING = ("drill", "failover", "link", "bfd", "daemon", "bgp", "ike", "health_check", "probe", "route")
"""Sources by how much one line of theirs explains; what is not named here comes last."""
TOGETHER_MS = 25.0
"""Equal events of one node so close to each other are one line: a session that ends takes all its routes along."""
IN_SECONDS_MS = 10_000.0
"""From here on nobody reads milliseconds."""


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """How long the fault cut one direction off."""

    direction: Direction
    outage_ms: float
    lasting: bool
    """It had not come back when the drill ended."""

    @property
    def said(self) -> str:
        """The duration as a sentence says it."""
        return f"at least {duration(self.outage_ms)}" if self.lasting else duration(self.outage_ms)


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One or several equal events, on the axis "milliseconds after the injection"."""

    after_ms: float
    node: str
    source: str
    what: str
    details: tuple[str, ...] = ()
    count: int = 1


def clean(text: str) -> str:
    """Without control characters: a node's word must not move a terminal's cursor or break a page."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def duration(value_ms: float) -> str:
    """ "0.4 ms", "141 ms", "1,549 ms", "16.2 s"."""
    if value_ms >= IN_SECONDS_MS:
        return f"{value_ms / 1000:,.1f} s"
    return f"{value_ms:,.0f} ms" if value_ms >= 10 or value_ms == 0 else f"{value_ms:.1f} ms"


def optional(value_ms: float | None) -> str:
    """A duration, or a dash where there is none."""
    return "-" if value_ms is None else duration(value_ms)


def headline(report: DrillReport) -> str:
    """What users felt, in one sentence."""
    if report.verdict == "refused":
        return "Nothing was broken: the standby is not proven to work."
    cuts = {cut.direction: cut for cut in cut_off(report)}
    if len(cuts) < 2:
        return "Nothing was measured."
    to_cloud, to_site = cuts["site_to_cloud"], cuts["cloud_to_site"]
    if not to_cloud.outage_ms and not to_site.outage_ms:
        return "Users were not cut off: no packet was lost, in either direction."
    return f"Users were cut off for {to_cloud.said} towards the cloud, {to_site.said} back."


def cut_off(report: DrillReport) -> list[Cut]:
    """How long each direction was cut off by the fault."""
    return [
        Cut(direction=r.direction, outage_ms=r.outage_ms, lasting=any(gap.open for gap in r.gaps))
        for r in headline_results(report, "failover")
    ]


def against(report: DrillReport) -> str:
    """What the figures of the headline are to be held against."""
    if report.expectation.during == "none":
        return "Nothing can carry traffic under this fault, so the outage has no limit."
    limit = f"The site allows {duration(report.max_outage_ms)}"
    bound_ms = report.expectation.bound_ms
    return f"{limit}." if bound_ms is None else f"{limit}; its detectors promise {duration(bound_ms)}."


def way_back(report: DrillReport) -> str:
    """The failback in one sentence; empty if nothing was measured."""
    results = headline_results(report, "failback")
    if not results:
        return ""
    lost = sum(result.lost for result in results)
    said = f"{packets(lost)} lost" if lost else "no packet was lost"
    if report.failback_ms is None:
        return f"After the healing {said}."
    return f"Both directions {returned(report)} {duration(report.failback_ms)} after the healing; {said} on the way."


def returned(report: DrillReport) -> str:
    """What both directions did in the end: a verb with the path they came back to."""
    paths = {use.after for use in report.paths}
    return f"took the {PATHS[paths.pop()]} again" if len(paths) == 1 else "were back"


def packets(number: int) -> str:
    """The subject of a sentence: "1 packet was", "12 packets were"."""
    return "1 packet was" if number == 1 else f"{number:,} packets were"


def alarm(report: DrillReport) -> str:
    """When the alarm that this fault must raise was raised; empty if none is expected."""
    name = report.expectation.alarm
    if name is None or not report.injected_ns:
        return ""
    raised = f"alarm raised: {name}"
    moments = [e.at_ns for e in report.events if e.what == raised and e.at_ns >= report.injected_ns]
    if not moments:
        return f"No alarm {name} was raised."
    return f"Alarm {name} was raised after {duration((min(moments) - report.injected_ns) / 1e6)}."


def detection(report: DrillReport) -> str:
    """Who noticed first, and when."""
    found = report.detected_by
    if found is None:
        return "No detector reported anything between the fault and its healing."
    what = clean(found.what)
    return f"Detected by {SOURCES[found.source]} after {duration(found.after_ms)}: {what} on {clean(found.node)}."


def phase_name(phase: Phase) -> str:
    """The phase as a row's heading."""
    return {"before": "Before", "failover": "Failover", "failback": "Failback"}[phase]


def happenings(report: DrillReport) -> list[Happening]:
    """Every event after the injection, equal ones of the same moment together, with the drill's own two marks."""
    if not report.injected_ns:
        return []
    marks = (_mark(report.injected_ns, f"fault {report.fault}"), _mark(report.healed_ns, "fault healed"))
    events = sorted((*marks, *report.events), key=lambda event: (event.at_ns, event.source != "drill"))
    found: list[Happening] = []
    for event in events:
        after_ms = (event.at_ns - report.injected_ns) / 1e6
        if after_ms < 0:
            continue
        earlier = _same_moment(found, event, after_ms)
        details = (clean(event.detail),) if event.detail else ()
        if earlier is None:
            found.append(
                Happening(
                    after_ms=after_ms,
                    node=clean(event.node),
                    source=event.source,
                    what=clean(event.what),
                    details=details,
                )
            )
            continue
        before = found[earlier]
        found[earlier] = msgspec.structs.replace(
            before, details=_once((*before.details, *details)), count=before.count + 1
        )
    return found


def telling(found: Sequence[Happening], most: int) -> list[Happening]:
    """At most `most` of them, those that explain most, in order of time."""
    seen: set[tuple[str, str, str]] = set()
    ranked: list[tuple[bool, int, float, Happening]] = []
    for one in found:
        key = (one.node, one.source, one.what)
        rank = TELLING.index(one.source) if one.source in TELLING else len(TELLING)
        ranked.append((key in seen and one.source != "drill", rank, one.after_ms, one))
        seen.add(key)
    chosen = sorted(ranked, key=lambda entry: entry[:3])[:most]
    return sorted((entry[3] for entry in chosen), key=lambda one: one.after_ms)


def _once(details: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(details))


def _mark(at_ns: int, what: str) -> DrillEvent:
    return DrillEvent(at_ns=at_ns, node="drill", source="drill", what=what)


def _same_moment(found: Sequence[Happening], event: DrillEvent, after_ms: float) -> int | None:
    for place in range(len(found) - 1, -1, -1):
        one = found[place]
        if after_ms - one.after_ms > TOGETHER_MS:
            return None
        if (one.node, one.source, one.what) == (clean(event.node), event.source, clean(event.what)):
            return place
    return None
