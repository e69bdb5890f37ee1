"""Verification codes for unbinding: once, for fifteen minutes, five tries, for one device and one requester."""

from __future__ import annotations

import hmac
from itertools import pairwise

import pytest

from twinspan.engine.unbinding import (
    ALPHABET,
    NS_PER_S,
    CodeState,
    Judgement,
    issue_code,
    judge_code,
    make_code,
)

KEY = bytes(range(32))
CODE = make_code(b"sixteen bytes ok")
WRONG = "2" * 10
T0 = 1_700_000_000 * NS_PER_S
MINUTE_NS = 60 * NS_PER_S


def issued(serial: str = "S1", requester: str = "anna") -> CodeState:
    return issue_code(CODE, KEY, serial, requester, T0)


def judge(state: CodeState, *codes: str, now_ns: int = T0) -> tuple[list[str], Judgement, CodeState]:
    results, last = [], None
    for code in codes:
        last, state = judge_code(state, code, KEY, now_ns)
        results.append(last.result)
    assert last is not None
    return results, last, state


def test_a_code_has_at_least_eight_symbols_that_cannot_be_mistaken() -> None:
    assert len(CODE) >= 8
    assert set(CODE) <= set(ALPHABET)
    assert not set("01OILU") & set(ALPHABET)
    assert len(set(ALPHABET)) == len(ALPHABET) == 30


def test_all_symbols_appear_and_different_randomness_gives_different_codes() -> None:
    codes = [make_code(hmac.digest(b"seed", str(i).encode(), "sha256")) for i in range(300)]
    assert len(set(codes)) == 300
    assert set("".join(codes)) == set(ALPHABET)
    assert all(one != other for one, other in pairwise(codes))


def test_too_little_randomness_and_a_short_key_are_the_callers_errors() -> None:
    with pytest.raises(ValueError, match="15 random bytes"):
        make_code(b"x" * 15)
    with pytest.raises(ValueError, match="key of 15 bytes"):
        issue_code(CODE, b"k" * 15, "S1", "anna", T0)
    assert issue_code(CODE, b"k" * 16, "S1", "anna", T0).tries_left == 5


def test_the_right_code_is_accepted_once() -> None:
    results, last, state = judge(issued(), CODE, CODE)
    assert results == ["accepted", "used"]
    assert state.used
    assert not last.accepted


@pytest.mark.parametrize("typed", [CODE.lower(), f" {CODE} ", f"{CODE[:5]}-{CODE[5:]}", " ".join(CODE)])
def test_case_spaces_and_hyphens_do_not_matter(typed: str) -> None:
    assert judge(issued(), typed)[0] == ["accepted"]


def test_a_code_holds_for_fifteen_minutes() -> None:
    assert judge(issued(), CODE, now_ns=T0 + 15 * MINUTE_NS - 1)[0] == ["accepted"]
    assert judge(issued(), CODE, now_ns=T0 + 15 * MINUTE_NS)[0] == ["expired"]


def test_the_fifth_wrong_try_is_the_last_and_the_right_code_then_comes_too_late() -> None:
    results, last, state = judge(issued(), *[WRONG] * 5, CODE)
    assert results == ["wrong"] * 4 + ["exhausted"] * 2
    assert (last.tries_left, state.used) == (0, False)


def test_the_right_code_is_still_good_on_the_fifth_try() -> None:
    assert judge(issued(), *[WRONG] * 4, CODE)[0][-1] == "accepted"


def test_each_wrong_try_says_how_many_are_left() -> None:
    state = issued()
    texts = []
    for _ in range(4):
        judgement, state = judge_code(state, WRONG, KEY, T0)
        texts.append((judgement.tries_left, judgement.reason))
    assert texts[0] == (4, "the code is wrong, 4 tries are left")
    assert texts[3] == (1, "the code is wrong, 1 try is left")


def test_an_expired_code_takes_no_try() -> None:
    assert judge(issued(), WRONG, now_ns=T0 + 16 * MINUTE_NS)[2].tries_left == 5


def test_a_code_is_for_one_serial_one_requester_and_one_key() -> None:
    other = issued("S2", "anna").digest, issued("S1", "bert").digest, issued("S1a", "nna").digest
    assert len({issued().digest, *other}) == 4
    judgement, _ = judge_code(issued(), CODE, b"another key of 16", T0)
    assert judgement.result == "wrong"


def test_the_state_does_not_hold_the_code() -> None:
    assert CODE not in repr(issued())


@pytest.mark.parametrize("rubbish", ["", CODE[:-1], CODE + "2", "\ud800", "ä" * 10, "x" * 10_000])
def test_rubbish_is_a_wrong_code(rubbish: str) -> None:
    assert judge(issued(), rubbish)[0] == ["wrong"]


def test_an_accepted_code_names_who_gets_the_device() -> None:
    assert judge(issued(), CODE)[1].reason == "the device is free for anna"
