"""One owner per serial: returning, restarting, cloned."""

from __future__ import annotations

import msgspec
import pytest

from twinspan.engine.epoch import (
    NS_PER_S,
    QUARANTINE_S,
    SWAP_WINDOW_S,
    SWAPS_KEPT,
    Grant,
    Ownership,
    ProbeFirst,
    ProbeResult,
    Quarantine,
    Refuse,
    Session,
    Swap,
    decide_owner,
)

T0 = 1_700_000_000 * NS_PER_S


def owned(boot_id: str = "a", epoch: int = 1, *, live: bool = True) -> Ownership:
    return Ownership(epoch=epoch, session=Session(epoch=epoch, boot_id=boot_id, live=live))


def closed(owner: Ownership) -> Ownership:
    assert owner.session is not None
    return msgspec.structs.replace(owner, session=msgspec.structs.replace(owner.session, live=False))


def swap_in(owner: Ownership, boot_id: str, now_ns: int) -> Ownership:
    """`boot_id` takes over from a predecessor that has closed."""
    decision, owner = decide_owner(closed(owner), boot_id, None, now_ns)
    assert isinstance(decision, Grant)
    return owner


def quarrel(boot_ids: str, step_s: int = 1) -> Ownership:
    """Takes over one after the other, from T0 on, `step_s` apart."""
    owner = owned(boot_ids[0])
    for number, boot_id in enumerate(boot_ids[1:], 1):
        owner = swap_in(owner, boot_id, T0 + number * step_s * NS_PER_S)
    return owner


# ---------------------------------------------------------------------------------------------------- taking over


def test_the_first_one_gets_epoch_one() -> None:
    decision, owner = decide_owner(Ownership(), "a", None, T0)
    assert decision == Grant(epoch=1, replaces=None, reason="first")
    assert (owner.live_epoch, owner.session) == (1, Session(epoch=1, boot_id="a", live=True))


def test_the_same_boot_id_gets_the_next_epoch_at_once_and_replaces_its_old_connection() -> None:
    decision, owner = decide_owner(owned("a", 7), "a", None, T0)
    assert decision == Grant(epoch=8, replaces=7, reason="same_boot")
    assert (owner.live_epoch, owner.swaps) == (8, ())


def test_another_boot_id_waits_until_the_connected_one_was_asked_for_five_seconds() -> None:
    before = owned("a", 7)
    decision, owner = decide_owner(before, "b", None, T0)
    assert decision == ProbeFirst(epoch=7, deadline_ns=T0 + 5 * NS_PER_S)
    assert owner == before


def test_a_dead_predecessor_is_replaced() -> None:
    decision, owner = decide_owner(owned("a", 7), "b", ProbeResult(epoch=7, alive=False), T0)
    assert decision == Grant(epoch=8, replaces=7, reason="predecessor_dead")
    assert owner.swaps == (Swap(at_ns=T0, boot_id="a"),)


def test_a_living_predecessor_stays_and_an_alarm_rises() -> None:
    before = owned("a", 7)
    decision, owner = decide_owner(before, "b", ProbeResult(epoch=7, alive=True), T0)
    assert isinstance(decision, Refuse)
    assert (decision.reason, decision.alarm, decision.retry_after_s > 0) == ("duplicate", True, True)
    assert owner == before


def test_a_predecessor_that_has_closed_is_not_asked() -> None:
    decision, _ = decide_owner(owned("a", 7, live=False), "b", None, T0)
    assert decision == Grant(epoch=8, replaces=None, reason="predecessor_closed")


@pytest.mark.parametrize("alive", [True, False])
def test_an_answer_about_an_older_epoch_is_void(alive: bool) -> None:
    decision, _ = decide_owner(owned("a", 7), "b", ProbeResult(epoch=6, alive=alive), T0)
    assert isinstance(decision, ProbeFirst)


# ---------------------------------------------------------------------------------------------------- clones, restarts


def test_three_swaps_are_allowed_and_the_fourth_quarantines_both() -> None:
    owner = closed(quarrel("abab"))
    now_ns = T0 + 10 * NS_PER_S
    decision, owner = decide_owner(owner, "a", None, now_ns)
    assert isinstance(decision, Quarantine)
    assert (decision.until_ns, decision.boot_ids) == (now_ns + QUARANTINE_S * NS_PER_S, ("a", "b"))
    assert (owner.live_epoch, owner.epoch) == (None, 4)


def test_a_quarantine_closes_the_one_that_is_in() -> None:
    decision, _ = decide_owner(quarrel("abab"), "a", ProbeResult(epoch=4, alive=False), T0 + 10 * NS_PER_S)
    assert isinstance(decision, Quarantine)
    assert decision.closes == 4


def test_in_quarantine_nobody_gets_in_not_even_with_a_new_boot_id() -> None:
    start_ns = T0 + 10 * NS_PER_S
    _, owner = decide_owner(closed(quarrel("abab")), "a", None, start_ns)
    for boot_id in "abc":
        decision, after = decide_owner(owner, boot_id, None, start_ns + 60 * NS_PER_S)
        assert isinstance(decision, Refuse)
        assert (decision.reason, decision.retry_after_s) == ("quarantined", QUARANTINE_S - 60)
        assert after.live_epoch is None


def test_after_the_quarantine_the_next_one_gets_in_with_a_new_epoch() -> None:
    start_ns = T0 + 10 * NS_PER_S
    _, owner = decide_owner(closed(quarrel("abab")), "a", None, start_ns)
    decision, owner = decide_owner(owner, "b", None, start_ns + QUARANTINE_S * NS_PER_S)
    assert decision == Grant(epoch=5, replaces=None, reason="first")
    assert (owner.quarantined_until_ns, owner.swaps) == (None, ())


def test_four_swaps_that_are_further_apart_are_no_quarrel() -> None:
    assert quarrel("ababa", SWAP_WINDOW_S // 3).live_epoch == 5


def test_a_device_that_restarts_again_and_again_is_no_clone() -> None:
    assert quarrel("abcdefghij").live_epoch == 10


def test_the_history_of_a_device_that_restarts_every_second_stays_short() -> None:
    owner = owned("boot 0")
    for number in range(1, 200):
        owner = swap_in(owner, f"boot {number}", T0 + number * NS_PER_S)
    assert len(owner.swaps) == SWAPS_KEPT + 1


def test_a_clone_that_restarts_between_its_turns_is_found_by_the_other_one_coming_back() -> None:
    decision, _ = decide_owner(closed(quarrel("abac")), "a", None, T0 + 10 * NS_PER_S)
    assert isinstance(decision, Quarantine)
    assert decision.boot_ids == ("a", "b", "c")


def test_a_clock_that_was_set_back_neither_prolongs_a_quarantine_nor_keeps_swaps() -> None:
    _, owner = decide_owner(closed(quarrel("abab")), "a", None, T0 + 10 * NS_PER_S)
    decision, _ = decide_owner(owner, "a", None, T0 - 86400 * NS_PER_S)
    assert isinstance(decision, Grant)
    decision, _ = decide_owner(closed(quarrel("abab")), "a", None, T0 - 1)
    assert isinstance(decision, Grant)
