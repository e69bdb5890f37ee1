"""YAML text of a site file to plain data with places."""

import pytest

from twinspan.wire.site_file import parse, place_of
from twinspan.wire.site_file_rules import SIZE_LIMIT


def rule_of(text: bytes) -> str:
    parsed = parse(text)
    assert parsed.data is None
    return parsed.findings[-1].rule.id


def test_every_key_and_value_knows_its_place() -> None:
    parsed = parse(b"a:\n  b: [1, two]\n")
    assert parsed.data == {"a": {"b": [1, "two"]}}
    assert place_of(parsed, ("a", "b")) == (2, 3)
    assert place_of(parsed, ("a", "b", 1)) == (2, 10)
    assert place_of(parsed, ("a", "missing", "deeper")) == (1, 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("false", False), ("null", None), ("~", None), ("", None), ("7", 7), ("-7", -7), ("0.5", 0.5),
        ("yes", "yes"), ("on", "on"), ("No", "No"), ("010", "010"), ("0x10", "0x10"), ("1:30", "1:30"),
        ("2024-08-02", "2024-08-02"), (".inf", ".inf"), ("1e3", "1e3"), ("'7'", "7"), ('"true"', "true"),
        ("9" * 5000, "9" * 5000),
    ],
)  # fmt: skip
def test_only_plain_words_and_decimal_numbers_are_special(text: str, value: object) -> None:
    assert parse(f"a: {text}\n".encode()).data == {"a": value}


def test_ten_megabytes_are_refused_before_they_are_read() -> None:
    assert rule_of(b"a: " + b"x" * 10_000_000) == "R-FILE-001"
    assert rule_of(b"#" * (SIZE_LIMIT + 1)) == "R-FILE-001"


def test_a_file_of_the_largest_size_is_read() -> None:
    text = b"a: b\n#"
    assert parse(text + b"x" * (SIZE_LIMIT - len(text))).data == {"a": "b"}


def test_a_billion_laughs_are_not_laughed() -> None:
    bomb = b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"
    assert rule_of(bomb) == "R-FILE-006"


def test_a_hundred_thousand_brackets_stop_at_the_limit() -> None:
    assert rule_of(b"a: " + b"[" * 100_000) == "R-FILE-008"


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    assert parse(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n").data == {"a": 1, "b": 2}


def test_a_tab_inside_a_value_or_before_a_comment_is_fine() -> None:
    assert parse(b"a: 'x\ty'\nb: 1\t# after\n").data == {"a": "x\ty", "b": 1}


def test_a_tab_on_the_indentation_names_its_line() -> None:
    (finding,) = parse(b"a:\n  \tb: 1\n").findings
    assert (finding.rule.id, finding.line, finding.column) == ("R-FILE-003", 2, 3)


def test_every_duplicate_is_told() -> None:
    findings = parse(b"a: 1\na: 2\nb: {c: 1, c: 2}\n").findings
    assert [(finding.rule.id, finding.line) for finding in findings] == [("R-FILE-005", 2), ("R-FILE-005", 3)]


@pytest.mark.parametrize("text", [b"a: !!str 1\n", b"a: !own x\n", b"!!map {a: 1}\n"])
def test_tags_are_refused(text: bytes) -> None:
    assert rule_of(text) == "R-FILE-007"
