"""A serial under random devices, clones, lost and late events: one live epoch, rising, and no late close hurts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from twinspan.engine.epoch import (
    NS_PER_S,
    SWAPS_KEPT,
    Grant,
    Ownership,
    ProbeFirst,
    ProbeResult,
    Quarantine,
    Refuse,
    accepts,
    closed,
    decide_owner,
    established,
    heard,
)

BOOT_IDS = ("a", "b", "c")


class OneSerial(RuleBasedStateMachine):
    """A server's view of one serial; `epochs` are all that were ever granted, with the boot-id that got each."""

    def __init__(self) -> None:
        super().__init__()
        self.owner = Ownership()
        self.epochs: dict[int, str] = {}
        self.ended: set[int] = set()
        self.now_ns = 10**18

    def register(self, boot_id: str, probe: ProbeResult | None) -> None:
        before = self.owner
        decision, self.owner = decide_owner(before, boot_id, probe, self.now_ns)
        match decision:
            case Grant():
                assert decision.epoch == before.epoch + 1
                assert decision.epoch > max(self.epochs, default=0)
                assert decision.replaces == before.live_epoch
                self.ended |= set(self.epochs)
                self.epochs[decision.epoch] = boot_id
            case ProbeFirst():
                assert decision.epoch == before.live_epoch
                assert before.session is not None
                assert before.session.boot_id != boot_id
            case Refuse(reason="duplicate"):
                assert decision.alarm
                assert self.owner.live_epoch == before.live_epoch
            case Refuse():
                assert 0 < decision.retry_after_s <= 600
            case Quarantine():
                assert len(decision.boot_ids) >= 2
                assert decision.closes == before.live_epoch
                self.ended |= set(self.epochs)

    @rule(boot_id=st.sampled_from(BOOT_IDS))
    def a_newcomer_registers(self, boot_id: str) -> None:
        self.register(boot_id, None)

    @precondition(lambda self: self.epochs)
    @rule(boot_id=st.sampled_from(BOOT_IDS), alive=st.booleans(), back=st.integers(min_value=0, max_value=2))
    def a_newcomer_registers_after_a_probe(self, boot_id: str, alive: bool, back: int) -> None:
        self.register(boot_id, ProbeResult(epoch=max(1, max(self.epochs) - back), alive=alive))

    @precondition(lambda self: self.epochs)
    @rule(data=st.data())
    def a_tunnel_comes_up(self, data: st.DataObject) -> None:
        epoch = data.draw(st.sampled_from(sorted(self.epochs)))
        before = self.owner
        self.owner = established(self.owner, epoch, self.now_ns)
        if epoch in self.ended:
            assert self.owner is before

    @precondition(lambda self: self.epochs)
    @rule(data=st.data())
    def any_connection_closes_however_late(self, data: st.DataObject) -> None:
        epoch = data.draw(st.sampled_from(sorted(self.epochs)))
        before = self.owner
        self.owner = closed(self.owner, epoch)
        if epoch != before.live_epoch:
            assert self.owner is before
        self.ended.add(epoch)

    @precondition(lambda self: self.epochs)
    @rule(data=st.data())
    def somebody_is_heard(self, data: st.DataObject) -> None:
        epoch = data.draw(st.sampled_from(sorted(self.epochs)))
        live = self.owner.live_epoch
        self.owner = heard(self.owner, epoch, self.now_ns)
        assert self.owner.live_epoch == live

    @rule(seconds=st.integers(min_value=0, max_value=400))
    def time_passes(self, seconds: int) -> None:
        self.now_ns += seconds * NS_PER_S

    @invariant()
    def at_most_one_epoch_is_live_and_it_is_the_last_one_granted(self) -> None:
        accepted = [epoch for epoch in self.epochs if accepts(self.owner.live_epoch, epoch)]
        assert len(accepted) <= 1
        assert accepted == ([] if self.owner.live_epoch is None else [self.owner.epoch])
        assert not set(accepted) & self.ended

    @invariant()
    def epochs_are_granted_without_gaps_and_never_twice(self) -> None:
        assert sorted(self.epochs) == list(range(1, self.owner.epoch + 1))

    @invariant()
    def what_is_remembered_stays_small(self) -> None:
        assert len(self.owner.swaps) <= SWAPS_KEPT + 1


TestOneSerial = OneSerial.TestCase
TestOneSerial.settings = settings(max_examples=60, stateful_step_count=40)


@given(st.lists(st.integers(min_value=0, max_value=3600), max_size=30))
def test_one_device_alone_is_always_let_in_whatever_its_restarts(gaps):
    """Each restart has a new boot-id; the old connection is half-open, so it is asked and does not answer."""
    owner, now_ns = Ownership(), 10**18
    for number, gap_s in enumerate(gaps):
        now_ns += gap_s * NS_PER_S
        decision, owner = decide_owner(owner, f"boot {number}", None, now_ns)
        if isinstance(decision, ProbeFirst):
            now_ns = decision.deadline_ns
            answer = ProbeResult(epoch=decision.epoch, alive=False)
            decision, owner = decide_owner(owner, f"boot {number}", answer, now_ns)
        assert isinstance(decision, Grant)
        owner = established(owner, decision.epoch, now_ns)


@given(st.lists(st.integers(min_value=0, max_value=100), min_size=4, max_size=4))
def test_two_clones_that_push_each_other_out_are_stopped_at_the_fourth_swap(gaps):
    owner, now_ns = Ownership(), 10**18
    _, owner = decide_owner(owner, "a", None, now_ns)
    for number, gap_s in enumerate(gaps):
        now_ns += gap_s * NS_PER_S
        owner = closed(owner, owner.epoch)
        decision, owner = decide_owner(owner, "ba"[number % 2], None, now_ns)
        assert isinstance(decision, Quarantine if number == 3 else Grant)
