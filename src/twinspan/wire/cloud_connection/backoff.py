"""How long a device waits before it dials again: full jitter, a fast first try, and the server's wish.

In: the state since the last success, a random number from [0, 1), the time, what the server asked for. Out: a `Wait`
with its reason, and the state for the next call. Whoever dials waits and counts; next: `agent`.

A fleet that loses its server at one moment must not come back at one moment, so every wait is drawn from a range that
starts near zero and doubles (full jitter, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). One round is
one pass over all servers (`server_order`); within a round the next server is dialled fast. A connection that did not
last is no success: flapping keeps the range wide. Nothing ever gives up.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

NS_PER_S = 1_000_000_000


class BackoffPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The ranges. The seed names none; these keep a single device quick and a fleet of 10,000 apart."""

    fast_s: float = 1.0
    """Width of the first wait, and of the one between two servers of a round."""
    base_s: float = 1.0
    """After n failed rounds the range ends at `base_s` * 2^n."""
    floor_s: float = 0.5
    """Where the ranges after a failed round begin: the lowest draw must not be a busy loop."""
    cap_s: float = 300.0
    """Where they end at the latest."""
    stable_s: float = 60.0
    """A connection that lasted so long was a success, and the next loss starts from the fast try."""
    longest_hint_s: float = 3600.0
    """A server's wish is followed up to here: a wrong one must not send a device to sleep for ever."""
    hint_spread: float = 0.25
    """The wait after a wish spreads over at least this share of it: a server in need may give all the same one."""


DEFAULT = BackoffPolicy()


class BackoffState(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered between two waits; a fresh value is a device that has just started."""

    failures: int = 0
    """Rounds without a lasting connection."""
    established_ns: int | None = None
    """Since when the present connection has been up; None while there is none."""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """How long, and why so long."""

    delay_s: float
    reason: Literal["first", "next_server", "round", "hint"]
    """`first`: fast try. `hint`: the server asked for at least so long. `round`: no server of the round answered."""


def after_establishment(state: BackoffState, now_ns: int) -> BackoffState:
    """The main connection has just been established."""
    return BackoffState(failures=state.failures, established_ns=now_ns)


def next_wait(
    state: BackoffState,
    random: float,
    now_ns: int,
    *,
    hint_s: float | None = None,
    round_over: bool = True,
    policy: BackoffPolicy = DEFAULT,
) -> tuple[Wait, BackoffState]:
    """The wait before the next attempt, after a loss, a failed round, or (`round_over` False) one failed server.

    `hint_s` is what the server that is dialled next has asked for (`Retry-After`, `retry_after_s`): no wait is shorter,
    and the usual range or more is added, since whoever was refused together got the same hint. Raises ValueError if
    `random` is outside [0, 1).
    """
    if not 0 <= random < 1:
        raise ValueError(f"random is {random}, not in [0, 1)")
    failures = 0 if _was_stable(state, now_ns, policy) else state.failures
    low, high = _window(failures, round_over, policy)
    after = BackoffState(failures=failures + round_over)
    hint = _hint(hint_s, policy)
    if hint > 0:
        spread = min(policy.cap_s, max(high, hint * policy.hint_spread))
        return Wait(delay_s=hint + random * spread, reason="hint"), after
    reason: Literal["first", "next_server", "round"]
    reason = "next_server" if not round_over else "round" if failures else "first"
    return Wait(delay_s=low + random * (high - low), reason=reason), after


def _was_stable(state: BackoffState, now_ns: int, policy: BackoffPolicy) -> bool:
    return state.established_ns is not None and now_ns - state.established_ns >= policy.stable_s * NS_PER_S


def _window(failures: int, round_over: bool, policy: BackoffPolicy) -> tuple[float, float]:
    """The range the wait is drawn from."""
    if failures == 0 or not round_over:
        return 0.0, policy.fast_s
    # Doubling stops at 2^30 rounds of any base: a device that is alone for years must not overflow.
    end = min(policy.cap_s, policy.base_s * 2 ** min(failures, 30))
    return policy.floor_s, max(policy.floor_s, end)


def _hint(hint_s: float | None, policy: BackoffPolicy) -> float:
    """The server's wish as seconds that can be waited; 0 for none and for nonsense."""
    if hint_s is None or math.isnan(hint_s) or hint_s <= 0:
        return 0.0
    return min(hint_s, policy.longest_hint_s)
