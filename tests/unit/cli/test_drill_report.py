"""A drill as text, JSON and a page: from a report recorded in a lab, and from edge cases made by the engine."""

from __future__ import annotations

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinspan.cli.drill_axis import LEFT, RIGHT, Scale, tick_step
from twinspan.cli.drill_labels import MARK, rows, text_width
from twinspan.cli.drill_report import MOST_EVENTS, WIDTH, render_html, render_json, render_text
from twinspan.cli.drill_words import Happening, duration, headline
from twinspan.cli.markup import EMPTY_TAGS, Markup, join, tag
from twinspan.engine.drill import compose
from twinspan.model.drill import (
    DIRECTIONS,
    ClockOffset,
    Direction,
    DrillEvent,
    DrillFacts,
    DrillReport,
    Expectation,
    Jitter,
    PathChange,
    StreamLog,
)
from twinspan.model.drill import (
    Path as Way,
)

DATA = Path(__file__).parent / "data" / "drill_silent.json"
MS = 1_000_000
START = 1_800_000_000_000_000_000
HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}\r\n" + "x" * 300


def recorded() -> DrillReport:
    (report,) = msgspec.json.decode(DATA.read_bytes(), type=list[DrillReport])
    return report


def made(lost: Callable[[float], bool] = lambda _: False, until_ms: int = 4000, **changed: Any) -> DrillReport:
    """A drill whose fault is healed after two seconds; `lost` is asked for every packet, in ms after the fault."""
    facts = DrillFacts(
        drill="d",
        site="s",
        profile="edge",
        fault="silent",
        started_at="2026-01-01T00:00:00+00:00",
        injected_ns=START,
        healed_ns=START + 2000 * MS,
        max_outage_ms=1000.0,
        expectation=Expectation(bound_ms=150.0),
        standby_proven=True,
        path_changes=tuple(move(d, ms, way) for d in DIRECTIONS for ms, way in WAYS),
    )
    facts = msgspec.structs.replace(facts, **changed)
    return compose(facts, [stream(lost, direction, until_ms) for direction in DIRECTIONS])


WAYS: tuple[tuple[int, Way], ...] = ((-400, "circuit"), (5, "vpn"), (2500, "circuit"))


def move(direction: Direction, after_ms: int, way: Way) -> PathChange:
    return PathChange(at_ns=START + after_ms * MS, direction=direction, path=way)


def stream(lost: Callable[[float], bool], direction: Direction, until_ms: int) -> StreamLog:
    sent = tuple(START + after_ms * MS for after_ms in range(-400, until_ms))
    received = tuple((n, at + MS) for n, at in enumerate(sent) if not lost((at - START) / MS))
    return StreamLog(direction=direction, protocol="udp", spacing_ms=1.0, sent_ns=sent, received=received)


def refused() -> DrillReport:
    facts = DrillFacts(
        drill="d",
        site="s",
        profile="cloud",
        fault="silent",
        started_at="2026-01-01T00:00:00+00:00",
        injected_ns=0,
        healed_ns=0,
        max_outage_ms=1000.0,
        standby_proven=False,
        standby_proof=("probe vpn: far end: down",),
    )
    return compose(facts, ())


def hostile() -> DrillReport:
    event = DrillEvent(at_ns=START + 5 * MS, node=HOSTILE, source="bfd", what=HOSTILE, detail=HOSTILE)
    return made(
        lambda ms: 0 <= ms < 100,
        drill=HOSTILE,
        site=HOSTILE,
        fault=HOSTILE,
        standby_proof=(HOSTILE,),
        events=(event,),
        clock_offsets=(ClockOffset(node=HOSTILE, offset_us=0.0, error_us=1.0),),
        jitter=Jitter(median_us=100.0, max_us=2000.0, samples=10),
    )


def everything() -> list[DrillReport]:
    """Outages of 1 ms, 16 s, many short ones, none, one without an end; a refused drill; hostile names."""
    return [
        recorded(),
        made(lambda ms: ms == 0),
        made(lambda ms: 0 <= ms < 16_000, until_ms=20_000),
        made(lambda ms: 0 <= ms < 1500 and ms % 100 < 10),
        made(),
        made(lambda ms: ms >= 0),
        refused(),
        hostile(),
    ]


# ---- text


def test_the_text_opens_with_verdict_profile_and_what_users_felt() -> None:
    first, second, third, *_ = render_text(recorded()).splitlines()
    assert first == "PASSED  silent on two-spans, limits profile edge"
    assert second == "Users were cut off for 808 ms towards the cloud, 715 ms back."
    assert third == "The site allows 1,000 ms; its detectors promise 900 ms."


def test_the_text_names_who_noticed_and_both_ends_of_the_path() -> None:
    text = render_text(recorded())
    assert "Detected by BFD after 714 ms: BFD down on vbr." in text
    assert re.search(r"to cloud +circuit +VPN +circuit +807 ms +7,370 ms", text)
    assert re.search(r"failover +to site +UDP +1,838 +714 +0 +715 ms +717 ms +900 ms", text)


def test_tcp_has_no_outage_but_a_longest_gap() -> None:
    assert re.search(r"failover +to cloud +TCP +183 +0 +0 +- +818 ms +-", render_text(recorded()))


@pytest.mark.parametrize("report", everything())
def test_text_keeps_to_its_columns_and_moves_no_cursor(report: DrillReport) -> None:
    for line in render_text(report).split("\n"):
        assert len(line) <= WIDTH
        assert line.isprintable()


def test_the_text_shows_the_most_telling_events_and_counts_the_rest() -> None:
    flapping = tuple(
        DrillEvent(at_ns=START + n * 40 * MS, node="gateway", source="link", what=f"link {n}") for n in range(60)
    )
    text = render_text(made(lambda ms: ms == 0, events=flapping))
    shown = [line for line in text.splitlines() if re.match(r" +[\d,]+\.\d  ", line)]
    assert len(shown) == MOST_EVENTS
    assert "37 less telling lines left out" in text
    assert any("fault healed" in line for line in shown)


def test_equal_events_of_one_moment_are_one_line() -> None:
    gone = tuple(
        DrillEvent(at_ns=START + MS, node="gateway", source="route", what="BGP route removed", detail=prefix)
        for prefix in ("a/8", "b/8")
    )
    assert "BGP route removed ×2: a/8, b/8" in render_text(made(lambda ms: ms == 0, events=gone))


def test_a_refused_drill_shows_what_was_checked_and_no_figure() -> None:
    text = render_text(refused())
    assert text.startswith("REFUSED")
    assert "Nothing was broken" in text
    assert "  - probe vpn: far end: down" in text
    assert "cut off" not in text


def test_a_failed_drill_says_why() -> None:
    text = render_text(made(lambda ms: 0 <= ms < 1200))
    assert text.startswith("FAILED")
    assert "  - no traffic towards the cloud for 1,201 ms after the fault; the site allows 1,000 ms" in text


# ---- the headline


def test_an_outage_that_outlasts_the_healing_is_in_the_headline_whole() -> None:
    report = made(lambda ms: 0 <= ms < 16_000, until_ms=20_000)
    assert headline(report) == "Users were cut off for 16.0 s towards the cloud, 16.0 s back."


def test_a_loss_on_the_way_back_is_not_in_the_headline() -> None:
    assert headline(made(lambda ms: 2000 <= ms < 2050)).startswith("Users were not cut off")


def test_an_outage_without_an_end_is_at_least_as_long_as_the_drill() -> None:
    assert headline(made(lambda ms: ms >= 0)).startswith("Users were cut off for at least 4,000 ms")


def test_the_alarm_that_a_fault_must_raise_is_told_with_its_time() -> None:
    alarm = DrillEvent(at_ns=START + 700 * MS, node="gateway", source="failover", what="alarm raised: standby_dead")
    wanted = Expectation(during="circuit", alarm="standby_dead")
    assert "Alarm standby_dead was raised after 700 ms." in render_text(made(expectation=wanted, events=(alarm,)))
    assert "No alarm standby_dead was raised." in render_text(made(expectation=wanted))


@pytest.mark.parametrize(
    ("value_ms", "said"),
    [(0.0, "0 ms"), (0.42, "0.4 ms"), (141.4, "141 ms"), (1549.0, "1,549 ms"), (16_240.0, "16.2 s")],
)
def test_durations_read_naturally(value_ms: float, said: str) -> None:
    assert duration(value_ms) == said


# ---- JSON


def test_json_decodes_to_equal_reports() -> None:
    reports = everything()
    assert msgspec.json.decode(render_json(reports), type=list[DrillReport]) == reports


# ---- the page


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((name, dict(attrs)))
        if name not in EMPTY_TAGS:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name


def test_the_page_is_well_formed_and_its_drawings_are_xml() -> None:
    page = render_html(everything())
    assert Page(page).open == []
    drawings = re.findall(r"<svg .*?</svg>", page, flags=re.DOTALL)
    assert len(drawings) > 10
    for drawing in drawings:
        ET.fromstring(drawing)


def test_the_page_needs_nothing_but_itself() -> None:
    page = render_html(everything())
    read = Page(page)
    names = {name for name, _ in read.seen}
    assert not names & {"script", "link", "img", "iframe", "object", "use", "image", "base", "form"}
    assert not re.search(r"https?:|url\(|@import|//[a-z]", page)
    assert not {key for _, attrs in read.seen for key in attrs if key.startswith("on") or key in ("src", "style")}
    assert all((attrs["href"] or "").startswith("#drill-") for _, attrs in read.seen if "href" in attrs)


def test_the_policy_allows_the_pages_own_style_sheet_and_nothing_else() -> None:
    page = render_html([recorded()])
    style = re.search(r"<style>(.*?)</style>", page, flags=re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    (policy,) = (a["content"] for _, a in Page(page).seen if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_hostile_names_stay_text() -> None:
    page = render_html([hostile()])
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\x1b" not in page
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page


def test_ids_are_unique_even_for_drills_of_the_same_fault() -> None:
    ids = [attrs["id"] for _, attrs in Page(render_html([recorded(), recorded()])).seen if "id" in attrs]
    assert ids
    assert len(ids) == len(set(ids))


def test_every_drawing_has_a_title_and_a_description_for_screen_readers() -> None:
    read = Page(render_html(everything())).seen
    ids = {attrs.get("id") for _, attrs in read}
    drawings = [attrs for name, attrs in read if name == "svg"]
    for attrs in drawings:
        named = (attrs.get("aria-labelledby") or "").split()
        assert attrs.get("aria-label") or (named and set(named) <= ids)


def test_the_close_view_of_the_switch_comes_first() -> None:
    page = render_html([made(lambda ms: 0 <= ms < 100)])
    assert page.index("The switch, close") < page.index("The whole drill") < page.index("The way back, close")


def test_the_page_names_profile_verdicts_and_figures() -> None:
    page = render_html([recorded(), refused()])
    assert "2 drills: 1 passed, 1 refused. Limits profile: edge, cloud." in page
    assert "Users were cut off for 808 ms towards the cloud, 715 ms back." in page
    assert "probe vpn: far end: down" in page


def test_the_page_of_no_drill_says_so() -> None:
    assert "No drill was run." in render_html([])


# ---- parts of it


def test_markup_escapes_what_is_not_markup() -> None:
    assert tag("b", "<i>", Markup("<i></i>"), class_='"') == '<b class="&quot;">&lt;i&gt;<i></i></b>'
    assert join("a", "&") == "a&amp;"


MOMENTS = st.lists(st.floats(0, 1000, allow_nan=False), min_size=1, max_size=40)


@given(MOMENTS)
def test_labels_never_cover_each_other_and_the_first_one_is_never_left_out(moments: list[float]) -> None:
    found = [Happening(after_ms=ms, node="gateway", source="bfd", what=f"BFD {n}") for n, ms in enumerate(moments)]
    (row,) = rows(sorted(found, key=lambda one: one.after_ms), Scale(0, 1000).x, LEFT, RIGHT)
    spans: dict[int, list[tuple[float, float]]] = {}
    for label in row.labels:
        width = text_width(f"{label.after}  {label.text}") + MARK if label.text else 0.0
        span = (label.x - width, label.x) if label.to_left else (label.x, label.x + width)
        others = spans.setdefault(label.line, [])
        assert not any(span[0] < end and start < span[1] for start, end in others)
        others.append(span)
    for label in row.labels:
        above = [span for line, placed in spans.items() if line < label.line for span in placed]
        assert not any(start < label.x < end for start, end in above), "a leader crosses a label"
    assert row.labels[0].text
    assert sum(one.count for label in row.labels for one in label.members) == len(moments)


@given(st.floats(1, 1e7, allow_nan=False))
def test_ticks_are_round_and_few(span_ms: float) -> None:
    step = tick_step(span_ms)
    assert span_ms / step <= 9.0001
    assert f"{step:.0e}"[0] in "125"
