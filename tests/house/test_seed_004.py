"""The seed's map stays complete: every row has a place, and every promise of part 1 a test that exists."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "seed-004.md"
ROW = re.compile(r"^\| (S004-\d{3}) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
EVIDENCE = re.compile(r"`tests/(?:[^`]+\.py::[^`]+|golden/[^`]+)`")


@pytest.fixture(scope="module")
def rows() -> list[tuple[str, ...]]:
    return ROW.findall(PAGE.read_text())


def test_ids_count_up_without_a_gap(rows: list[tuple[str, ...]]) -> None:
    assert rows
    assert [row[0] for row in rows] == [f"S004-{n:03d}" for n in range(1, len(rows) + 1)]


def test_no_line_of_a_table_escapes_the_check(rows: list[tuple[str, ...]]) -> None:
    assert PAGE.read_text().count("\n| S004-") == len(rows)


def test_every_row_is_kept_by_a_part_or_excluded_with_a_reason(rows: list[tuple[str, ...]]) -> None:
    wrong = [row[0] for row in rows if not re.fullmatch(r"part [1-5]|excluded: .{10,}", row[3])]
    assert wrong == []


def test_every_promise_of_part_1_names_its_test(rows: list[tuple[str, ...]]) -> None:
    # That a named test exists is checked for every page at once: scripts/check_docs.py.
    silent = [row[0] for row in rows if row[3] == "part 1" and not EVIDENCE.search(row[4])]
    assert silent == []
