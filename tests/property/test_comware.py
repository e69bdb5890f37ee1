"""Properties of the device's command line: nothing typed or pasted breaks it, and a config survives being text."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.unit.wire.comware.terminal import EXAMPLES, OpenCipher, Terminal, gateway_of

from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.model.device_access import DeviceAccess, LocalUser
from twinspan.model.device_config import DeviceConfig, Link, NextHop, Probe, StaticRoute
from twinspan.model.secret import Secret
from twinspan.wire.comware.effects import WAITING, Output
from twinspan.wire.comware.line_filter import Matcher
from twinspan.wire.comware.parse import blank_config, document_from, parse
from twinspan.wire.comware.render import render
from twinspan.wire.comware.session import Session
from twinspan.wire.comware.words import quoted, split_words

CIPHER = OpenCipher()
GATEWAY = gateway_of("01-two-spans-site")
LINES = [line.strip() for line in render(GATEWAY, CIPHER).text.splitlines()]
PIECES = st.one_of(
    st.binary(max_size=20),
    st.sampled_from(
        [
            *LINES,
            "system-view",
            "return",
            "quit ",
            "undo ",
            "display ",
            "display current-configuration",
            "display clock",
            "save",
            "y",
            "ping 1.2.3.4",
            "interface ",
            "Tunnel1",
            "cloud-management server password simple x",
            "| include (a*)*",
            '"',
        ]
    ).map(str.encode),
    st.sampled_from([b"\r", b"\t", b"?", b"\x03", b"\x1a", b"\x1b[A", b"\x1b[D", b"\x08", b" ", b"q"]),
)


@settings(max_examples=150)
@given(st.lists(PIECES, max_size=30), st.lists(st.booleans(), max_size=10))
@example([b"\xff\xfe\x1b[", b"\x1b\x1b[[[[;;;;9~"], [])
def test_no_key_breaks_a_session_and_its_config_is_always_one_that_text_can_say(
    pieces: list[bytes], answers: list[bool]
) -> None:
    session = Session(GATEWAY, CIPHER)
    waiting = list(answers)
    for piece in pieces:
        results = session.feed(piece)
        assert all(not isinstance(r, Output) or b"\n" not in r.data.replace(b"\r\n", b"") for r in results)
        if results and isinstance(results[-1], WAITING) and waiting:
            session.answer("an answer\n", last=waiting.pop())
    read = parse(session.draft, CIPHER)
    assert structs.replace(read.config, generation=0) == structs.replace(session.config, generation=0)


@given(st.text(max_size=300) | st.lists(st.sampled_from(LINES) | st.text(max_size=20), max_size=40).map("\n".join))
def test_any_text_is_read_with_findings_and_without_an_exception(text: str) -> None:
    read = parse(text, CIPHER)
    assert isinstance(read.config, DeviceConfig)
    assert all(finding.problem for finding in read.findings)


@settings(max_examples=50)
@given(st.permutations(LINES).map(lambda lines: "\n".join(lines[:60])))
def test_what_is_read_once_reads_the_same_from_its_own_text(text: str) -> None:
    config = parse(text, CIPHER).config
    assert parse(render(config, CIPHER).text, CIPHER).config == config


@given(st.sampled_from(sorted(EXAMPLES)), st.integers(0, 2**31), st.sampled_from(["edge", "cloud"]))
def test_the_gateway_of_every_example_survives_being_text(name: str, generation: int, profile: str) -> None:
    config = structs.replace(gateway_of(name), generation=generation, profile=profile)
    rendered = render(config, CIPHER)
    assert rendered.not_expressed == ()
    assert parse(rendered.text, CIPHER).config == config


@settings(max_examples=5)
@given(st.sampled_from(sorted(EXAMPLES)))
def test_the_gateway_of_every_example_survives_being_pasted(name: str) -> None:
    config = gateway_of(name)
    terminal = Terminal(blank_config())
    terminal.lines("system-view", *render(config, CIPHER).text.splitlines())
    assert terminal.config == config


UNPRINTED = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs")
WORD = st.text(st.characters(exclude_categories=UNPRINTED) | st.just(" "), min_size=1, max_size=20)
ADDRESS = st.ip_addresses(v=4).map(str)
PREFIX = st.tuples(st.ip_addresses(v=4), st.integers(0, 32)).map(
    lambda pair: (
        f"{(int(pair[0]) >> (32 - pair[1]) << (32 - pair[1])) >> 24 & 255}."
        f"{(int(pair[0]) >> (32 - pair[1]) << (32 - pair[1])) >> 16 & 255}."
        f"{(int(pair[0]) >> (32 - pair[1]) << (32 - pair[1])) >> 8 & 255}."
        f"{(int(pair[0]) >> (32 - pair[1]) << (32 - pair[1])) & 255}/{pair[1]}"
    )
)
SERVERS = st.builds(
    CloudServer,
    domain=WORD,
    port=st.none() | st.integers(1, 65535),
    vpn_instance=st.none() | WORD,
    source_ip=st.none() | ADDRESS,
    ipv6=st.booleans(),
)
CLOUDS = st.builds(
    CloudManagement,
    primary=st.none() | SERVERS,
    backups=st.lists(SERVERS, max_size=8, unique_by=lambda s: (s.domain, s.port)).map(tuple),
    port=st.integers(1, 65535),
    keepalive_s=st.integers(10, 600),
    ping_s=st.integers(10, 600),
    password=st.none() | WORD.map(Secret),
    dead_after_s=st.none() | st.floats(1, 1800).map(lambda value: round(value, 3)),
    switch_back=st.booleans(),
    certificate=st.booleans(),
    dhcp_trust=st.sampled_from(["always", "first", "never"]),
    dhcp_link=st.none() | st.just("a"),
)
USERS = st.lists(
    st.builds(LocalUser, name=WORD, password=st.none() | WORD.map(Secret), ssh=st.booleans(), role=WORD),
    max_size=3,
    unique_by=lambda user: user.name,
).map(tuple)
ROUTES = st.lists(
    st.builds(
        StaticRoute,
        prefix=PREFIX,
        next_hops=st.lists(
            st.builds(NextHop, link=st.sampled_from("ab"), via=ADDRESS, track=st.none() | st.just("p")),
            max_size=3,
            unique_by=lambda hop: (hop.link, hop.via),
        ).map(tuple),
        role=st.sampled_from(["primary", "standby", "pinned", "fixed"]),
    ),
    max_size=4,
    unique_by=lambda route: route.prefix,
).map(tuple)


@given(WORD, CLOUDS, USERS, ROUTES)
def test_whatever_a_config_says_it_says_as_text_or_the_text_names_it(
    name: str, cloud: CloudManagement, users: tuple[LocalUser, ...], routes: tuple[StaticRoute, ...]
) -> None:
    config = DeviceConfig(
        node=name,
        role="gateway",
        site=name,
        forwarding=True,
        links=(Link(name="a", addresses=("10.0.0.1/8",)), Link(name="b")),
        probes=(Probe(name="p", source="10.0.0.1", destination="10.0.0.2", link="a"),),
        routes=routes,
        cloud=cloud,
        access=DeviceAccess(ssh=True, users=users),
    )
    rendered = render(config, CIPHER)
    assert rendered.not_expressed == ()
    assert parse(rendered.text, CIPHER).config == config


@given(WORD, WORD)
def test_quoted_words_are_read_as_they_were(first: str, second: str) -> None:
    assert [word.text for word in split_words(f"{quoted(first)} {quoted(second)}")] == [first, second]


@given(st.lists(WORD.map(str.strip).filter(bool), max_size=3).map(" ".join))
def test_a_saved_text_is_a_fixed_point(text: str) -> None:
    document = document_from(f"interface GigabitEthernet1/0/1\ndescription {quoted(text or 'x')}\n").document
    line = document.lines[0].lines[0]
    again = document_from(f"interface GigabitEthernet1/0/1\n{line.text}\n").document
    assert again.lines[0].lines[0] == line


# An expression without repetition of repetitions: Python's own engine is the judge, and cannot run away.
ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\.", "(a|b)", "(ab|)", "^", "$"])
PATTERNS = st.lists(st.tuples(ATOMS, st.sampled_from(["", "", "", "*", "+", "?"])), max_size=4).map(
    lambda parts: "".join(atom + (sign if atom not in "^$" else "") for atom, sign in parts)
)


@settings(max_examples=300)
@given(PATTERNS, st.text("ab.", max_size=8))
def test_a_filter_finds_what_pythons_engine_finds(pattern: str, line: str) -> None:
    assert Matcher(pattern).found_in(line) == (re.search(pattern, line) is not None)


@given(st.text("ab()[]^$*+?|\\.-", max_size=30), st.text("ab[]-", max_size=30))
def test_no_expression_breaks_the_filter(pattern: str, line: str) -> None:
    assert Matcher(pattern).found_in(line) in {True, False}
