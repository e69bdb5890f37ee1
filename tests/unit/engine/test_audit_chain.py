"""A chain that is whole is proven; whatever is altered, taken out, put in or cut off shows."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinspan.engine.audit_chain import GENESIS, Break, Head, Line, line_hash, prove_chain

Lines = list[tuple[Line, str]]


def chain(length: int, account: str = "kiel") -> tuple[Lines, Head]:
    lines: Lines = []
    previous = GENESIS
    for n in range(1, length + 1):
        line = Line(
            previous_hash=previous, seq=10 * n, account=account, kind="Vpc", id=f"vpc-{n}", action="create",
            generation=1, at_ns=n, by="token", origin="native", before="null", after=f'{{"id":"vpc-{n}"}}',
        )  # fmt: skip
        previous = line_hash(line)
        lines.append((line, previous))
    return lines, Head(account=account, lines=length, hash=previous)


@pytest.mark.parametrize("length", [0, 1, 5])
def test_a_whole_chain_is_proven(length: int) -> None:
    lines, head = chain(length)
    assert prove_chain("kiel", lines, head) is None


@given(place=st.integers(0, 4), field=st.sampled_from(Line.__struct_fields__))
def test_every_field_of_every_line_counts(place: int, field: str) -> None:
    lines, head = chain(5)
    line, claimed = lines[place]
    value = getattr(line, field)
    lines[place] = (
        msgspec.structs.replace(line, **{field: value + 1 if isinstance(value, int) else value + "x"}),
        claimed,
    )
    broken = prove_chain("kiel", lines, head)
    assert broken is not None
    if field != "seq":
        assert broken.seq == line.seq


def test_a_line_that_was_altered_together_with_its_hash_breaks_the_next() -> None:
    lines, head = chain(5)
    altered = msgspec.structs.replace(lines[2][0], by="somebody")
    lines[2] = altered, line_hash(altered)
    assert prove_chain("kiel", lines, head) == Break(
        account="kiel", seq=40, problem="it does not follow the line before it: lines were taken out or put in"
    )


@given(place=st.integers(0, 4))
def test_a_line_that_was_taken_out_shows(place: int) -> None:
    lines, head = chain(5)
    del lines[place]
    assert prove_chain("kiel", lines, head) is not None


def test_an_end_that_was_cut_off_shows_in_the_head() -> None:
    lines, head = chain(5)
    broken = prove_chain("kiel", lines[:3], head)
    assert broken is not None
    assert broken.problem == "its chain ends after 3 lines, 5 were written"


def test_lines_without_a_head_are_not_proven() -> None:
    lines, _ = chain(1)
    assert prove_chain("kiel", lines, None) is not None


def test_the_lines_of_another_account_do_not_fit() -> None:
    lines, head = chain(2)
    others, _ = chain(2, "bonn")
    assert prove_chain("kiel", [lines[0], others[1]], head) is not None
