"""Guessing passwords online."""

from __future__ import annotations

from twinspan.engine.failure_limit import FREE_FAILURES, MAX_PAIRS, NS_PER_S, WINDOW_S, FailureLimit

NOW = 10**18


def failing(times: int, limit: FailureLimit | None = None, serial: str = "SN1") -> FailureLimit:
    limit = limit or FailureLimit()
    for number in range(times):
        limit.failed("192.0.2.1", serial, NOW + number)
    return limit


def test_some_failures_are_free_and_then_the_pair_waits_for_the_window() -> None:
    assert failing(FREE_FAILURES - 1).wait_s("192.0.2.1", "SN1", NOW) is None
    limit = failing(FREE_FAILURES)
    assert limit.wait_s("192.0.2.1", "SN1", NOW) == WINDOW_S
    assert limit.wait_s("192.0.2.1", "SN1", NOW + WINDOW_S * NS_PER_S) is None


def test_neighbours_behind_the_same_address_are_not_locked_out() -> None:
    limit = failing(FREE_FAILURES)
    assert limit.wait_s("192.0.2.1", "SN2", NOW) is None
    assert limit.wait_s("192.0.2.2", "SN1", NOW) is None


def test_a_success_forgets_the_failures() -> None:
    limit = failing(FREE_FAILURES - 1)
    limit.succeeded("192.0.2.1", "SN1")
    assert failing(1, limit).wait_s("192.0.2.1", "SN1", NOW) is None


def test_a_new_window_begins_with_nothing() -> None:
    limit = failing(FREE_FAILURES - 1)
    limit.failed("192.0.2.1", "SN1", NOW + WINDOW_S * NS_PER_S + 10)
    assert limit.wait_s("192.0.2.1", "SN1", NOW + WINDOW_S * NS_PER_S + 10) is None


def test_what_is_remembered_is_bounded() -> None:
    limit = FailureLimit()
    for number in range(MAX_PAIRS + 1):
        for _ in range(FREE_FAILURES):
            limit.failed("192.0.2.1", f"SN{number}", NOW)
    assert limit.wait_s("192.0.2.1", "SN0", NOW) is None
    assert limit.wait_s("192.0.2.1", f"SN{MAX_PAIRS}", NOW) is not None
