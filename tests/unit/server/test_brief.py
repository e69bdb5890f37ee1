"""Tokens and access keys that are asked for many times a second: kept a moment, never longer than they are good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from twinspan.server import brief
from twinspan.server.accounts import Accounts, NewToken
from twinspan.server.resources.access import AccessKeyTable, NewAccessKey
from twinspan.server.resources.seal import SealKey
from twinspan.server.store import DeviceStore

NOW = 1_800_000_000_000_000_000
S = 1_000_000_000


class Steady:
    """The monotonic clock."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Steady:
    made = Steady()
    monkeypatch.setattr(brief, "steady_ns", made)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "twinspan.db"


@pytest.fixture
def store(path: Path) -> Iterator[DeviceStore]:
    made = DeviceStore(path)
    yield made
    made.close()


@pytest.fixture
def other(store: DeviceStore, path: Path) -> Iterator[DeviceStore]:
    """Another process's."""
    made = DeviceStore(path)
    yield made
    made.close()


def test_a_token_that_this_process_takes_back_is_worth_nothing_at_once(store: DeviceStore, clock: Steady) -> None:
    accounts = Accounts(store)
    token = accounts.add("alice", "", NOW).reveal()
    assert accounts.authenticate(token, NOW) is not None
    Accounts(store).renew("alice", NOW)
    assert accounts.authenticate(token, NOW) is None


def test_a_token_that_another_process_takes_back_is_worth_nothing_a_moment_later(
    store: DeviceStore, other: DeviceStore, clock: Steady
) -> None:
    accounts = Accounts(store)
    token = accounts.add("alice", "", NOW).reveal()
    assert accounts.authenticate(token, NOW) is not None
    Accounts(other).renew("alice", NOW)
    clock.now_ns = brief.KEPT_NS
    assert accounts.authenticate(token, NOW) is None


def test_a_token_that_is_known_still_expires_to_the_nanosecond(store: DeviceStore, clock: Steady) -> None:
    accounts = Accounts(store)
    accounts.add("alice", "", NOW)
    wish = NewToken(account="alice", label="short", expires_at_ns=NOW + S)
    token = accounts.add_token(wish, NOW).reveal()
    assert accounts.authenticate(token, NOW + S - 1) is not None
    assert accounts.authenticate(token, NOW + S) is None


def test_an_access_key_that_is_known_expires_and_is_taken_back_as_well(
    store: DeviceStore, other: DeviceStore, clock: Steady, tmp_path: Path
) -> None:
    Accounts(store).add("alice", "", NOW)
    seal = SealKey.load_or_create(tmp_path / "seal.key")
    keys = AccessKeyTable(store, seal)
    short, _ = keys.add(NewAccessKey(account="alice", expires_at_ns=NOW + S), NOW)
    assert keys.find_access_key(short, NOW + S - 1) is not None
    assert keys.find_access_key(short, NOW + S) is None
    lasting, _ = keys.add(NewAccessKey(account="alice"), NOW)
    assert keys.find_access_key(lasting, NOW) is not None
    AccessKeyTable(other, seal).remove(lasting)
    clock.now_ns = brief.KEPT_NS
    assert keys.find_access_key(lasting, NOW) is None


def test_what_nobody_has_is_looked_for_each_time(store: DeviceStore, other: DeviceStore, clock: Steady) -> None:
    accounts = Accounts(store)
    assert accounts.authenticate("twinspan_unknown", NOW) is None
    token = Accounts(other).add("bob", "", NOW).reveal()
    assert accounts.authenticate(token, NOW) is not None


def test_only_so_many_are_kept(store: DeviceStore, clock: Steady, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brief, "MOST", 2)
    kept: brief.Brief[int] = brief.Brief(store)
    for number in range(5):
        kept.put(bytes([number]), number)
    assert [kept.get(bytes([number])) for number in range(5)] == [None, None, None, None, 4]
