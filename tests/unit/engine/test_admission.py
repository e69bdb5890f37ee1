"""The register of admission rules; what each says is in `tests/golden/errors`."""

from pathlib import Path

import pytest

from twinspan.engine.admission.admit import GROUNDWORK, RULES
from twinspan.model.field_rules import FIELD_RULES
from twinspan.wire.site_file_rules import FILE_RULES

GOLDEN = Path(__file__).parents[2] / "golden" / "errors"
ALL = [*FILE_RULES, *FIELD_RULES, *(entry.rule for entry in (*GROUNDWORK, *RULES))]
TOLD = "".join(path.read_text() for path in GOLDEN.glob("*.txt"))

WITHOUT_A_FILE = {"R-FILE-001"}
"""Ten megabytes do not belong into a repository: `tests/unit/wire/test_site_file_text.py` makes them."""


def test_rule_ids_are_unique() -> None:
    ids = [rule.id for rule in ALL]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("rule", [rule for rule in ALL if rule.id not in WITHOUT_A_FILE], ids=lambda rule: rule.id)
def test_a_rule_has_a_broken_file_that_it_answers(rule: object) -> None:
    assert f"{rule.severity}[{rule.id}]" in TOLD  # type: ignore[attr-defined]


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)
def test_a_rule_is_a_sentence_with_a_source(rule: object) -> None:
    assert rule.text.endswith(".")  # type: ignore[attr-defined]
    assert rule.source  # type: ignore[attr-defined]
