"""wire.comware.line_filter: `| include`, `| exclude`, `| begin`, whatever is typed after them."""

from __future__ import annotations

import pytest

from twinspan.wire.comware.line_filter import LineFilter, Matcher
from twinspan.wire.comware.piping import split_pipe

ROWS = ["interface GigabitEthernet1/0/1", " ip address 10.0.0.1", "#", "interface Tunnel1", " mtu 1400"]


def test_include_shows_what_matches_exclude_what_does_not_begin_from_there_on() -> None:
    assert LineFilter("include", "^interface").apply(ROWS) == [ROWS[0], ROWS[3]]
    assert LineFilter("exclude", "^ |#").apply(ROWS) == [ROWS[0], ROWS[3]]
    assert LineFilter("begin", "Tunnel").apply(ROWS) == ROWS[3:]
    assert LineFilter("begin", "nowhere").apply(ROWS) == []


@pytest.mark.parametrize(
    ("pattern", "line", "found"),
    [
        ("", "anything", True),
        ("^$", "", True),
        ("^$", "x", False),
        ("a.c", "xabcx", True),
        ("^a.c$", "abcx", False),
        ("ab*c", "ac", True),
        ("ab+c", "ac", False),
        ("ab?c$", "abbc", False),
        ("(ab|cd)+e", "xabcde", True),
        ("[0-9]+/[^0]", "1/2", True),
        ("[0-9]+/[^0]$", "1/0", False),
        ("[]]", "]", True),
        ("1\\.2", "1x2", False),
        ("$", "x", True),
        ("(^a|b)$", "ab", True),
        ("(", "f(x)", True),
        ("*", "2*3", True),
        ("[a", "x[ay", True),
        ("a)", "a)", True),
        ("(" * 50 + "a" + ")" * 50, "a", False),
    ],
)
def test_expressions_match_as_in_the_manual_and_malformed_ones_literally(pattern: str, line: str, found: bool) -> None:
    assert Matcher(pattern).found_in(line) is found


def test_an_expression_made_to_run_away_does_not() -> None:
    # Each of these takes longer than the age of the world in an engine that tries every way.
    for pattern in ("(a*)*b", "(a|a)*b", "(a|aa)+$b", "(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)b"):
        assert not Matcher(pattern).found_in("a" * 2000 + "c")


@pytest.mark.parametrize(
    ("line", "command", "mode"),
    [
        ("display version | include x y", "display version", "include"),
        ("dis ver | i x", "dis ver", "include"),
        ("display version |begin x", "display version", "begin"),
        ("display version | e x", "display version", "exclude"),
    ],
)
def test_a_pipe_is_taken_off_its_command(line: str, command: str, mode: str) -> None:
    found, line_filter = split_pipe(line)
    assert (found, line_filter and line_filter.mode) == (command, mode)


@pytest.mark.parametrize(
    "line",
    ["display version", "display version | x y", "display version | include", 'sysname "a|b"', "sysname | i x", "|"],
)
def test_a_line_without_a_whole_pipe_is_left_alone(line: str) -> None:
    assert split_pipe(line) == (line, None)
