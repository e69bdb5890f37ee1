"""A serial under random devices, clones, lost and late events: one live epoch, rising, and no late close hurts."""

from __future__ import annotations

import tempfile
from pathlib import Path

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
    decide_owner,
)
from twinspan.server.accounts import Accounts, Principal
from twinspan.server.registration import ownership_of
from twinspan.server.registry import NewDevice, Registry, make_credentials
from twinspan.server.store import Claim, DeviceRow, DeviceStore

BOOT_IDS = ("a", "b", "c")
NOW = 1_800_000_000 * NS_PER_S
ALICE = Principal(label="alice", account="alice")


class OneSerial(RuleBasedStateMachine):
    """One serial in a real store, as two workers see it; `epochs` are all that were ever granted, with the boot-id."""

    def __init__(self) -> None:
        super().__init__()
        self.dir = tempfile.TemporaryDirectory()
        self.store = DeviceStore(Path(self.dir.name) / "devices.sqlite")
        Accounts(self.store).add("alice", "", NOW)
        devices = [NewDevice(serial="S1", credential="certificate")]
        Registry(self.store).add(devices, make_credentials(devices, NOW), ALICE, NOW)
        self.epochs: dict[int, str] = {}
        self.ended: set[int] = set()
        self.now_ns = NOW

    def teardown(self) -> None:
        self.store.close()
        self.dir.cleanup()

    def row(self) -> DeviceRow:
        row = self.store.find("S1")
        assert row is not None
        return row

    def live(self) -> int | None:
        return ownership_of(self.row()).live_epoch

    def register(self, row: DeviceRow, boot_id: str, probe: ProbeResult | None) -> None:
        before = ownership_of(row)
        decision, after = decide_owner(before, boot_id, probe, self.now_ns)
        match decision:
            case Grant():
                assert decision.replaces == before.live_epoch
                self.claim(row, boot_id, after)
            case ProbeFirst():
                assert decision.epoch == before.live_epoch
                assert before.session is not None
                assert before.session.boot_id != boot_id
            case Refuse(reason="duplicate"):
                assert decision.alarm
                assert after.live_epoch == before.live_epoch
            case Refuse():
                assert 0 < decision.retry_after_s <= 600
            case Quarantine():
                assert len(decision.boot_ids) >= 2
                assert decision.closes == before.live_epoch
                assert self.store.quarantine("S1", decision.detail, self.now_ns)
                self.ended |= set(self.epochs)

    def claim(self, row: DeviceRow, boot_id: str, after: Ownership) -> None:
        latest = self.row().epoch
        epoch = self.store.claim(
            Claim(
                serial="S1",
                expected_epoch=row.epoch,
                boot_id=boot_id,
                worker="w1",
                at_ns=self.now_ns,
                swaps=after.swaps,
            )
        )
        if row.epoch != latest:
            assert epoch is None, "somebody else was first"
        if epoch is not None:
            assert epoch == after.epoch > max(self.epochs, default=0)
            self.ended |= set(self.epochs)
            self.epochs[epoch] = boot_id

    @rule(boot_id=st.sampled_from(BOOT_IDS))
    def a_newcomer_registers(self, boot_id: str) -> None:
        self.register(self.row(), boot_id, None)

    @rule(boot_id=st.sampled_from(BOOT_IDS), other=st.sampled_from(BOOT_IDS))
    def two_register_at_once(self, boot_id: str, other: str) -> None:
        row = self.row()
        self.register(row, boot_id, None)
        if self.row().quarantined_at_ns is None:
            self.register(row, other, None)

    @precondition(lambda self: self.epochs)
    @rule(boot_id=st.sampled_from(BOOT_IDS), alive=st.booleans(), back=st.integers(min_value=0, max_value=2))
    def a_newcomer_registers_after_a_probe(self, boot_id: str, alive: bool, back: int) -> None:
        self.register(self.row(), boot_id, ProbeResult(epoch=max(1, max(self.epochs) - back), alive=alive))

    @precondition(lambda self: self.epochs)
    @rule(data=st.data())
    def any_connection_closes_however_late(self, data: st.DataObject) -> None:
        epoch = data.draw(st.sampled_from(sorted(self.epochs)))
        before = self.live()
        assert self.store.release("S1", epoch, "closed", self.now_ns) == (epoch == before)
        assert self.live() == (None if epoch == before else before)
        self.ended.add(epoch)

    @precondition(lambda self: self.epochs)
    @rule(data=st.data())
    def somebody_is_heard(self, data: st.DataObject) -> None:
        epoch = data.draw(st.sampled_from(sorted(self.epochs)))
        before = self.row()
        self.store.heard([("S1", epoch, self.now_ns)])
        after = self.row()
        assert ownership_of(after) == ownership_of(before)
        assert epoch == before.epoch or after.last_heard_ns == before.last_heard_ns

    @rule()
    def somebody_lifts_the_quarantine(self) -> None:
        Registry(self.store).lift_quarantine("S1", ALICE, self.now_ns)

    @rule(seconds=st.integers(min_value=0, max_value=400))
    def time_passes(self, seconds: int) -> None:
        self.now_ns += seconds * NS_PER_S

    @invariant()
    def the_live_epoch_is_the_last_one_granted_and_none_that_has_ended(self) -> None:
        live = self.live()
        assert live is None or (live == max(self.epochs) and live not in self.ended)

    @invariant()
    def epochs_are_granted_without_gaps_and_never_twice(self) -> None:
        assert sorted(self.epochs) == list(range(1, self.row().epoch + 1))

    @invariant()
    def what_is_remembered_stays_small(self) -> None:
        assert len(self.row().swaps) <= SWAPS_KEPT + 1


TestOneSerial = OneSerial.TestCase
TestOneSerial.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


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


@given(st.lists(st.integers(min_value=0, max_value=100), min_size=4, max_size=4))
def test_two_clones_that_push_each_other_out_are_stopped_at_the_fourth_swap(gaps):
    owner, now_ns = Ownership(), 10**18
    _, owner = decide_owner(owner, "a", None, now_ns)
    for number, gap_s in enumerate(gaps):
        now_ns += gap_s * NS_PER_S
        boot_id = "ba"[number % 2]
        decision, owner = decide_owner(owner, boot_id, None, now_ns)
        assert isinstance(decision, ProbeFirst)
        silent = ProbeResult(epoch=decision.epoch, alive=False)
        decision, owner = decide_owner(owner, boot_id, silent, now_ns)
        assert isinstance(decision, Quarantine if number == 3 else Grant)
