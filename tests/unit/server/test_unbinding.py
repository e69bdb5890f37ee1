"""Unbinding: from the device itself, once, and the old owner is told (seed 000, "Unbinding the device")."""

from __future__ import annotations

import sqlite3

import pytest
from tests.unit.server.conftest import ADMINISTRATOR, ALICE, BOB, NOW, S, add, connect

from twinspan.server.commands import CommandQueue, QueuedCommand
from twinspan.server.events import EventLog
from twinspan.server.registry import NewDevice, NoSuchDevice, Refused, Registry, make_credentials
from twinspan.server.store import DeviceStore
from twinspan.server.unbinding import Unbinding


@pytest.fixture
def unbinding(store: DeviceStore) -> Unbinding:
    add(store, "S1", ALICE)
    return Unbinding(store, b"k" * 32)


def test_a_device_goes_from_one_account_to_another(store: DeviceStore, unbinding: Unbinding) -> None:
    connect(store, "S1")
    queue = CommandQueue(store)
    queue.queue(QueuedCommand(id="c", serial="S1", name="ping", queued_at_ns=NOW, expires_at_ns=NOW + S))
    code, expires_at_ns = unbinding.issue("S1", BOB, NOW)
    assert expires_at_ns == NOW + 900 * S
    accepted, _ = unbinding.redeem("S1", code.reveal().lower(), NOW + S)
    assert accepted
    row = store.find("S1")
    assert row is not None
    assert (row.owner, row.resume_id) == (None, None)
    assert queue.find("S1", "c") is None
    add(store, "S1", BOB, "bobs-password")
    taken = store.find("S1")
    assert taken is not None
    assert (taken.owner, taken.epoch) == ("bob", 1)


def test_the_old_owner_is_told_of_every_step(store: DeviceStore, unbinding: Unbinding) -> None:
    code, _ = unbinding.issue("S1", BOB, NOW)
    unbinding.redeem("S1", "WRONGWRONG", NOW)
    unbinding.redeem("S1", code.reveal(), NOW)
    told = EventLog(store).recent(account="alice")
    assert [event.kind for event in told[:3]] == ["unbound", "unbinding-failed", "unbinding-code"]
    assert all(code.reveal() not in event.detail for event in told)


def test_a_code_works_once(store: DeviceStore, unbinding: Unbinding) -> None:
    code, _ = unbinding.issue("S1", BOB, NOW)
    assert unbinding.redeem("S1", code.reveal(), NOW)[0]
    add(store, "S1", BOB)
    assert unbinding.redeem("S1", code.reveal(), NOW)[0] is False
    row = store.find("S1")
    assert row is not None
    assert row.owner == "bob"


def test_a_code_is_for_one_device_and_a_quarter_of_an_hour(store: DeviceStore, unbinding: Unbinding) -> None:
    add(store, "S2", ALICE)
    code, _ = unbinding.issue("S1", BOB, NOW)
    assert not unbinding.redeem("S2", code.reveal(), NOW)[0]
    assert not unbinding.redeem("S1", code.reveal(), NOW + 900 * S)[0]


def test_after_five_wrong_tries_the_right_code_is_wrong_too(store: DeviceStore, unbinding: Unbinding) -> None:
    code, _ = unbinding.issue("S1", BOB, NOW)
    for _ in range(5):
        assert not unbinding.redeem("S1", "AAAAAAAAAA", NOW)[0]
    accepted, why = unbinding.redeem("S1", code.reveal(), NOW)
    assert (accepted, why) == (False, "too many wrong codes: ask the server for a new one")


def test_a_new_code_replaces_the_one_before(store: DeviceStore, unbinding: Unbinding) -> None:
    first, _ = unbinding.issue("S1", BOB, NOW)
    second, _ = unbinding.issue("S1", BOB, NOW)
    assert not unbinding.redeem("S1", first.reveal(), NOW)[0]
    assert unbinding.redeem("S1", second.reveal(), NOW)[0]


def test_who_unbound_it_is_who_adds_it(store: DeviceStore, unbinding: Unbinding) -> None:
    code, _ = unbinding.issue("S1", BOB, NOW)
    unbinding.redeem("S1", code.reveal(), NOW)
    with pytest.raises(Refused, match="for another account"):
        add(store, "S1", ALICE)
    devices = [NewDevice(serial="S1", owner="alice")]
    Registry(store).add(devices, make_credentials(devices, NOW), ADMINISTRATOR, NOW)


def test_without_a_code_nothing_happens(store: DeviceStore, unbinding: Unbinding) -> None:
    assert not unbinding.redeem("S1", "AAAAAAAAAA", NOW)[0]
    assert not unbinding.redeem("S9", "AAAAAAAAAA", NOW)[0]
    with pytest.raises(NoSuchDevice):
        unbinding.issue("S9", BOB, NOW)


def test_the_file_does_not_hold_the_code(store: DeviceStore, unbinding: Unbinding) -> None:
    code, _ = unbinding.issue("S1", BOB, NOW)
    with sqlite3.connect(store.place) as connection:
        assert code.reveal() not in "\n".join(connection.iterdump())
