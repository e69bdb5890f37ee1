"""Drills as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from twinspan.cli.drill_words import against, headline, way_back
from twinspan.cli.markup import Markup, join, tag
from twinspan.model.drill import DrillReport


def render_html(reports: Sequence[DrillReport]) -> str:
    """One self-contained page."""
    bodies = [
        tag(
            "section",
            tag("h2", f"{r.fault}: {r.verdict}"),
            tag("p", headline(r)),
            tag("p", against(r), " ", way_back(r)),
            tag("p", f"limits profile {r.profile}"),
            tag("ul", *(tag("li", s) for s in (*r.reasons, *r.remarks))),
        )
        for r in reports
    ]
    page = tag(
        "html", tag("head", tag("meta", charset="utf-8"), tag("title", "Drills")), tag("body", *bodies), lang="en"
    )
    return join(Markup("<!doctype html>\n"), page)
