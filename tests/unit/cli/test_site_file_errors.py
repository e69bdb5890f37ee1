"""Broken site files and the exact words that people read about them.

Regenerate an expectation only after reading it: `python tests/unit/cli/test_site_file_errors.py`.
"""

from pathlib import Path

import pytest

from twinspan.cli.site_file import check, findings_text

CASES = Path(__file__).parents[2] / "golden" / "errors"
NAMES = sorted(path.stem for path in CASES.glob("*.yaml"))


def text_about(name: str) -> str:
    path = CASES / f"{name}.yaml"
    return findings_text(check(path.read_bytes(), path.name))


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_site_file_is_answered_in_exactly_these_words(name: str) -> None:
    assert text_about(name) == (CASES / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_site_comes_out_only_without_errors(name: str) -> None:
    path = CASES / f"{name}.yaml"
    result = check(path.read_bytes(), path.name)
    assert (result.site is None) == any(finding.severity == "error" for finding in result.findings)
    assert result.findings


def test_there_is_no_expectation_without_its_case() -> None:
    assert sorted(path.stem for path in CASES.glob("*.txt")) == NAMES


if __name__ == "__main__":
    for case in NAMES:
        (CASES / f"{case}.txt").write_text(text_about(case))
