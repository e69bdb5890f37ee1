"""How fast one token may ask."""

from __future__ import annotations

from twinspan.server.resources.rate_limit import MAX_BUCKETS, RateLimit, RateSettings

S = 1_000_000_000
NOW = 1_800_000_000 * S


def test_a_silence_earns_a_burst_and_then_the_rate_holds() -> None:
    limit = RateLimit(RateSettings(per_s=10, burst=5))
    assert [limit.wait_s("a", NOW) for _ in range(5)] == [None] * 5
    assert limit.wait_s("a", NOW) == 0.1
    assert limit.wait_s("a", NOW + S // 10) is None
    assert limit.wait_s("a", NOW + S // 10) is not None
    assert [limit.wait_s("a", NOW + 100 * S) for _ in range(6)].count(None) == 5
    assert limit.refused == 3


def test_each_token_has_its_own() -> None:
    limit = RateLimit(RateSettings(per_s=1, burst=1))
    assert limit.wait_s("a", NOW) is None
    assert limit.wait_s("a", NOW) is not None
    assert limit.wait_s("b", NOW) is None


def test_zero_is_no_limit() -> None:
    limit = RateLimit(RateSettings(per_s=0))
    assert all(limit.wait_s("a", NOW) is None for _ in range(10_000))


def test_what_is_remembered_is_bounded() -> None:
    limit = RateLimit(RateSettings(per_s=1, burst=1))
    for number in range(MAX_BUCKETS + 1):
        limit.wait_s(str(number), NOW)
    assert limit.wait_s("0", NOW) is None  # it was silent longest, and begins anew
    assert limit.wait_s(str(MAX_BUCKETS), NOW) is not None
