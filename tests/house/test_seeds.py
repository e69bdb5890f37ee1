"""The maps of the seeds stay complete: every row has a place, and every promise kept by now a test that exists."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
KEPT = {"seed-000.md": ("part 2",), "seed-004.md": ("part 1", "part 3")}
"""Each page, and the parts of the project that keep it by now."""
ROW = re.compile(r"^\| (S00\d-\d{3}) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
EVIDENCE = re.compile(r"`tests/(?:[^`]+\.py::[^`]+|golden/[^`]+)`")

Page = tuple[tuple[str, ...], str, list[tuple[str, ...]]]


@pytest.fixture(params=KEPT, scope="module")
def page(request: pytest.FixtureRequest) -> Page:
    """(parts, text, rows)."""
    text = (FOLDER / request.param).read_text()
    return KEPT[request.param], text, ROW.findall(text)


def test_ids_count_up_without_a_gap(page: Page) -> None:
    _, _, rows = page
    assert rows
    seed = rows[0][0][:4]
    assert [row[0] for row in rows] == [f"{seed}-{n:03d}" for n in range(1, len(rows) + 1)]


def test_no_line_of_a_table_escapes_the_check(page: Page) -> None:
    _, text, rows = page
    assert len(re.findall(r"^\| S\d", text, re.MULTILINE)) == len(rows)


def test_every_row_is_kept_by_a_part_or_excluded_with_a_reason(page: Page) -> None:
    _, _, rows = page
    wrong = [row[0] for row in rows if not re.fullmatch(r"part [1-5]|excluded: .{10,}", row[3])]
    assert wrong == []


def test_every_promise_of_these_parts_names_its_test(page: Page) -> None:
    # That a named test exists is checked for every page at once: scripts/check_docs.py.
    parts, _, rows = page
    silent = [row[0] for row in rows if row[3] in parts and not EVIDENCE.search(row[4])]
    assert silent == []
