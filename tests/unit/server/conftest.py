"""A store with two accounts, and what acts on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from twinspan.model.secret import Secret
from twinspan.server.accounts import Accounts, Principal
from twinspan.server.registry import NewDevice, Registry, make_credentials
from twinspan.server.store import FILE_NAME, Claim, DeviceStore

NOW = 1_800_000_000_000_000_000
S = 1_000_000_000
ADMINISTRATOR = Principal(label="administrator", account=None)
ALICE, BOB = Principal(label="alice", account="alice"), Principal(label="bob", account="bob")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DeviceStore]:
    made = DeviceStore(tmp_path / FILE_NAME)
    accounts = Accounts(made)
    accounts.add("alice", "", NOW)
    accounts.add("bob", "", NOW)
    yield made
    made.close()


def add(store: DeviceStore, serial: str, by: Principal = ALICE, password: str = "correct-horse") -> None:
    devices = [NewDevice(serial=serial, password=Secret(password))]
    Registry(store).add(devices, make_credentials(devices, NOW), by, NOW)


def connect(store: DeviceStore, serial: str, *, epoch: int = 0, worker: str = "w1") -> int | None:
    claim = Claim(serial=serial, expected_epoch=epoch, boot_id="boot", worker=worker, at_ns=NOW, resume_id="ticket")
    return store.claim(claim)
