"""wire.comware.grammar and matching: which lines are commands, which are not, and where they go wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.unit.wire.comware.terminal import ROOT

from twinspan.wire.comware.grammar import Choice, Keyword, Leaf, Parameter, Sequence, parse_pattern
from twinspan.wire.comware.help_text import HELP
from twinspan.wire.comware.language import COMMANDS, LANGUAGE
from twinspan.wire.comware.matching import Candidate, Match, Mistake, choices, match
from twinspan.wire.comware.parameters import kind_of
from twinspan.wire.comware.words import in_quotes, quoted, split_words

SERVER = (
    "server domain <domain:str:1-253> [ port <port:int:1-65535> ] [ vpn-instance <vpn:str:1-31> ] "
    "[ source-ip <ip:ipv4> ]"
)


def read(line: str, *patterns: str) -> Match[str] | Mistake:
    return match([Candidate(parse_pattern(pattern), pattern) for pattern in patterns], line)


def args(line: str, *patterns: str) -> dict[str, str]:
    found = read(line, *patterns)
    assert isinstance(found, Match), found
    return found.args


def mistake(line: str, *patterns: str) -> tuple[str, int]:
    found = read(line, *patterns)
    assert isinstance(found, Mistake), found
    return found.what, found.column


def test_a_word_may_be_cut_to_what_no_other_word_begins_with() -> None:
    assert args("se do a", "server domain <d:str:1-9>", "sysname <n:str:1-9>") == {"d": "a"}
    assert mistake("s a", "server <d:str:1-9>", "sysname <n:str:1-9>") == ("Ambiguous command", 0)


def test_a_whole_word_is_never_ambiguous() -> None:
    assert args("ip x", "ip <a:str:1-9>", "ipsec <b:str:1-9>") == {"a": "x"}


def test_upper_case_keywords_are_keywords() -> None:
    assert args("SERVER Domain A", "server domain <d:str:1-9>") == {"d": "A"}


@pytest.mark.parametrize(
    "line",
    [
        "server domain a port 1 vpn-instance v source-ip 1.2.3.4",
        "server domain a source-ip 1.2.3.4 vpn-instance v port 1",
        "server domain a vpn-instance v port 1 source-ip 1.2.3.4",
    ],
)
def test_optional_parts_come_in_any_order_and_are_kept_in_one(line: str) -> None:
    found = read(line, SERVER)
    assert isinstance(found, Match)
    assert found.text == "server domain a port 1 vpn-instance v source-ip 1.2.3.4"


def test_an_optional_part_comes_once() -> None:
    assert mistake("server domain a port 1 port 2", SERVER) == ("Unrecognized command", 23)


@pytest.mark.parametrize(
    ("line", "what", "column"),
    [
        ("server domain", "Incomplete command", 14),
        ("server domain a port", "Incomplete command", 21),
        ("server domain a port 0", "Wrong parameter", 21),
        ("server domain a port 65536", "Wrong parameter", 21),
        ("server domain a port x", "Wrong parameter", 21),
        ("server domain a source-ip 1.2.3", "Wrong parameter", 26),
        ("server domain a nonsense", "Unrecognized command", 16),
        ("nonsense", "Unrecognized command", 0),
    ],
)
def test_the_mark_stands_where_the_line_goes_wrong(line: str, what: str, column: int) -> None:
    assert mistake(line, SERVER) == (what, column)


def test_words_after_the_end_are_too_many() -> None:
    assert mistake("quit now", "quit") == ("Too many parameters", 5)


def test_a_choice_takes_one_way() -> None:
    pattern = "password { cipher <cipher:secret:1-9> | simple <simple:secret:1-9> }"
    assert args("password simple x", pattern) == {"simple": "x"}
    assert mistake("password x", pattern) == ("Unrecognized command", 9)


@pytest.mark.parametrize("line", ["interface GigabitEthernet 1/0/1", "interface gi1/0/1", "interface GE1/0/1"])
def test_an_interface_has_one_name_however_it_is_typed(line: str) -> None:
    assert args(line, "interface <name:interface>") == {"name": "GigabitEthernet1/0/1"}


def test_an_interface_type_that_two_begin_with_is_no_interface() -> None:
    assert mistake("interface T1", "interface <name:interface>") == ("Wrong parameter", 10)


def test_text_runs_to_the_end_of_the_line() -> None:
    assert args("description to the  carrier", "description <text:text:1-80>") == {"text": "to the carrier"}


@pytest.mark.parametrize("text", ["plain", "two words", 'a"quote', "back\\slash", "what?", "a|b", "#", "", "ü"])
def test_a_quoted_word_is_read_as_it_was(text: str) -> None:
    assert [word.text for word in split_words(f"x {quoted(text)} y")] == ["x", text, "y"]


@pytest.mark.parametrize(
    ("line", "inside"),
    [
        ("a", False),
        ('a "', True),
        ('a "b', True),
        ('a "b"', False),
        ('a "b\\"', True),
        ('a "b\\\\"', False),
        ("", False),
    ],
)
def test_the_inside_of_quotes_is_known_while_it_is_typed(line: str, inside: bool) -> None:
    assert in_quotes(line) is inside


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int:1-10", "007", "7"),
        ("int:1-10", "11", None),
        ("int:1-10", "-1", None),
        ("int:1-10", "٣", None),
        ("decimal:0-10", "2.50", "2.5"),
        ("decimal:0-10", "3.0", "3"),
        ("decimal:0-10", "nan", None),
        ("mask", "24", "255.255.255.0"),
        ("mask", "255.255.255.0", "255.255.255.0"),
        ("mask", "255.0.255.0", None),
        ("masklen", "255.240.0.0", "12"),
        ("masklen", "33", None),
        ("ipv4", "10.0.0.1", "10.0.0.1"),
        ("ipv4", "010.0.0.1", None),
        ("ipv6", "2001:DB8::0", "2001:db8::"),
        ("ipv6", "fe80::1%eth0", None),
        ("ip", "::1", "::1"),
        ("prefix", "10.0.0.0/8", "10.0.0.0/8"),
        ("prefix", "10.0.0.1/8", None),
        ("prefix", "10.0.0.0", None),
        ("ipv6-length", "2001:db8::1/64", "2001:db8::1/64"),
        ("hex:4-4", "AbCd", "abcd"),
        ("hex:4-4", "abcde", None),
        ("str:1-3", "abcd", None),
        ("str:1-3", "a\x07", None),
        ("port", "Tunnel1", None),
        ("tunnel", "Tunnel1", "Tunnel1"),
    ],
)
def test_a_parameter_is_read_in_its_canonical_spelling(kind: str, text: str, value: str | None) -> None:
    assert kind_of(kind).read(text) == value


@pytest.mark.parametrize("pattern", ["a ]", "a [ b", "{ a | b", "<x:nonsense>"])
def test_a_malformed_declaration_is_our_own_error(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|kind"):
        parse_pattern(pattern)


def test_help_names_what_may_come_next_and_whether_the_line_may_end() -> None:
    found = choices([Candidate(parse_pattern(SERVER), "x")], "server domain a ")
    assert not isinstance(found, Mistake)
    assert [option.label for _, option in found] == ["port", "source-ip", "vpn-instance", "<cr>"]


def leaves(sequence: Sequence) -> Iterator[Leaf]:
    for node in sequence:
        if isinstance(node, Keyword | Parameter):
            yield node
        elif isinstance(node, Choice):
            for way in node.ways:
                yield from leaves(way)
        else:
            yield from leaves(node.parts)


def test_every_word_of_the_language_is_described() -> None:
    silent = set()
    for command in COMMANDS:
        for leaf in leaves(parse_pattern(command.pattern)):
            name, key = (leaf.word, leaf.word) if isinstance(leaf, Keyword) else (leaf.name, f"<{leaf.name}>")
            if not command.help.get(name) and not HELP.get(key):
                silent.add((command.pattern, key))
    assert silent == set()


def test_every_setting_can_be_undone() -> None:
    fixed = {"node"}  # a config always belongs to somebody
    assert {c.id for c in COMMANDS if c.id and not c.undo} == fixed


def test_every_view_that_is_opened_has_commands_and_every_view_with_commands_is_opened() -> None:
    opened = {command.opens for command in COMMANDS if command.opens}
    spoken = {command.view for command in COMMANDS} - {"user", "system", "any"}
    assert opened == spoken
    assert all(LANGUAGE.parent(view) for view in opened)


def test_two_patterns_of_one_view_are_never_the_same() -> None:
    patterns = [(c.view, p) for c in COMMANDS for p in (c.pattern, *(f"undo {u}" for u in c.undo))]
    assert len(set(patterns)) == len(patterns)


def test_every_own_line_is_on_the_reference_page() -> None:
    page = (ROOT / "docs" / "reference" / "command-line.md").read_text()
    own = {" ".join(c.pattern.split()[:2]) for c in COMMANDS if c.pattern.startswith("twinspan ")}
    assert own
    assert {line for line in own if f"`{line}" not in page} == set()
