"""Guessing passwords: a handful of tries, then longer and longer waits, by address, in bounded memory."""

from __future__ import annotations

from twinspan.agent.login_guard import LOCKED_MAX_S, LOCKED_S, MAX_ADDRESSES, MAX_FAILURES, WINDOW_S, LoginGuard


def fail(guard: LoginGuard, address: str, now_s: float, times: int = MAX_FAILURES) -> bool:
    return [guard.failed(address, now_s) for _ in range(times)][-1]


def test_failures_within_a_minute_shut_an_address_out_and_no_other():
    guard = LoginGuard()
    assert not fail(guard, "192.0.2.1", 0, MAX_FAILURES - 1)
    assert guard.allows("192.0.2.1", 0)
    assert fail(guard, "192.0.2.1", 1, 1)
    assert not guard.allows("192.0.2.1", 1 + LOCKED_S - 0.1)
    assert guard.allows("192.0.2.1", 1 + LOCKED_S)
    assert guard.allows("192.0.2.2", 2)


def test_each_time_it_takes_longer_up_to_a_limit():
    guard, now_s, waits = LoginGuard(), 0.0, []
    for _ in range(6):
        fail(guard, "192.0.2.1", now_s)
        end = next(t for t in range(int(now_s), int(now_s) + 10_000) if guard.allows("192.0.2.1", t))
        waits.append(end - now_s)
        now_s = end
    assert waits == [60, 120, 240, 480, LOCKED_MAX_S, LOCKED_MAX_S]


def test_failures_far_apart_and_those_before_a_success_do_not_count():
    guard = LoginGuard()
    for turn in range(20):
        assert not guard.failed("192.0.2.1", turn * (WINDOW_S + 1))
    fail(guard, "192.0.2.9", 0, MAX_FAILURES - 1)
    guard.succeeded("192.0.2.9")
    assert not fail(guard, "192.0.2.9", 0, MAX_FAILURES - 1)


def test_who_has_a_whole_ipv6_network_is_one_and_a_mapped_address_is_its_ipv4_one():
    guard = LoginGuard()
    for host in range(MAX_FAILURES):
        guard.failed(f"2001:db8::{host:x}", 0)
    assert not guard.allows("2001:db8::ffff", 1)
    assert guard.allows("2001:db8:0:1::1", 1)
    fail(guard, "::ffff:192.0.2.1", 0)
    assert not guard.allows("192.0.2.1", 1)


def test_its_memory_is_bounded():
    guard = LoginGuard()
    for number in range(3 * MAX_ADDRESSES):
        guard.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0)
    assert len(guard._records) == MAX_ADDRESSES
