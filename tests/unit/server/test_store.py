"""The device store: one live epoch, late ends change nothing, several processes on one file."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.unit.server.conftest import ALICE, NOW, S, add, connect

from twinspan.engine.epoch import Swap
from twinspan.model.errors import Rejected, Unavailable
from twinspan.model.secret import Secret
from twinspan.server.registry import NewDevice, Registry, make_credentials
from twinspan.server.store import FILE_NAME, Claim, DeviceStore
from twinspan.wire.cloud_connection.scram import make_verifier

SWAP = Swap(at_ns=NOW - 1, boot_id="b0")
SRC = Path(__file__).resolve().parents[3] / "src"


def test_a_serial_that_nobody_added_is_not_found(store: DeviceStore) -> None:
    assert store.find("S1") is None


def test_a_claim_gives_the_next_epoch_and_is_seen_by_all(store: DeviceStore) -> None:
    add(store, "S1")
    claim = Claim(
        serial="S1", expected_epoch=0, boot_id="b1", worker="w1", at_ns=NOW, resume_id="r1", address="192.0.2.1",
        platform="M9000-AI-E8", module_type="Blade V firewall module", software="1.2", note="seen", swaps=(SWAP,),
    )  # fmt: skip
    assert store.claim(claim) == 1
    row = DeviceStore(store.place).find("S1")
    assert row is not None
    assert (row.epoch, row.boot_id, row.worker, row.resume_id) == (1, "b1", "w1", "r1")
    assert (row.address, row.reported_platform, row.reported_module_type) == (
        "192.0.2.1", "M9000-AI-E8", "Blade V firewall module",
    )  # fmt: skip
    assert (row.software, row.note, row.swaps, row.connected_at_ns) == ("1.2", "seen", (SWAP,), NOW)


def test_of_two_claims_on_the_same_epoch_the_first_wins(store: DeviceStore) -> None:
    add(store, "S1")
    assert connect(store, "S1", worker="w1") == 1
    assert connect(store, "S1", worker="w2") is None
    row = store.find("S1")
    assert row is not None
    assert row.worker == "w1"


def test_a_late_end_of_an_old_connection_changes_nothing(store: DeviceStore) -> None:
    add(store, "S1")
    connect(store, "S1")
    connect(store, "S1", epoch=1, worker="w2")
    assert not store.release("S1", 1, "late", NOW)
    assert store.presence() == {"S1": ("w2", 2)}
    assert store.release("S1", 2, "keepalive expired", NOW + S)
    assert not store.release("S1", 2, "again", NOW + 2 * S)
    row = store.find("S1")
    assert row is not None
    assert (row.worker, row.last_down_reason, row.last_down_at_ns) == (None, "keepalive expired", NOW + S)


def test_a_sign_of_life_counts_for_the_current_epoch_only(store: DeviceStore) -> None:
    add(store, "S1")
    add(store, "S2")
    connect(store, "S1")
    connect(store, "S2")
    store.heard([("S1", 1, NOW + S), ("S2", 7, NOW + S)])
    seen = {row.serial: row.last_heard_ns for row in store.devices()}
    assert seen == {"S1": NOW + S, "S2": NOW}


def test_a_quarantined_device_is_disconnected_and_cannot_be_claimed(store: DeviceStore) -> None:
    add(store, "S1")
    connect(store, "S1")
    assert store.quarantine("S1", "two devices show this serial", NOW)
    assert not store.quarantine("S1", "again", NOW)
    assert connect(store, "S1", epoch=1) is None
    assert store.presence() == {}


def test_the_devices_of_a_worker_that_died_are_down_each_with_an_event(store: DeviceStore) -> None:
    for serial, worker in (("S1", "w1"), ("S2", "w1"), ("S3", "w2")):
        add(store, serial)
        connect(store, serial, worker=worker)
    assert store.workers() == ("w1", "w2")
    connected = {serial: epoch for serial, (worker, epoch) in store.presence().items() if worker == "w1"}
    assert connected == {"S1": 1, "S2": 1}
    assert store.release_worker("w1", "the worker died", NOW) == 2
    assert store.presence() == {"S3": ("w2", 1)}
    events = store.hot.execute("SELECT serial, detail, epoch FROM event WHERE kind = 'down' ORDER BY serial").fetchall()
    assert events == [("S1", "the worker died", 1), ("S2", "the worker died", 1)]


def test_a_one_time_token_enrols_once(store: DeviceStore) -> None:
    devices = [NewDevice(serial="S1", credential="token", password=Secret("one-time-token"))]
    Registry(store).add(devices, make_credentials(devices, NOW), ALICE, NOW)
    row = store.find("S1")
    assert row is not None
    assert row.token_is_good(NOW)
    own = make_verifier("made by the device", b"0123456789abcdef")
    assert store.enrol(row, own, "c2", NOW)
    assert not store.enrol(row, own, "c3", NOW)
    after = store.find("S1")
    assert after is not None
    assert (after.credential, after.verifier, after.credential_id) == ("password", own, "c2")


def test_a_one_time_token_that_expired_enrols_nobody(store: DeviceStore) -> None:
    devices = [NewDevice(serial="S1", credential="token")]
    Registry(store).add(devices, make_credentials(devices, NOW), ALICE, NOW)
    row = store.find("S1")
    assert row is not None
    late = NOW + 8 * 24 * 3600 * S
    assert not row.token_is_good(late)
    assert not store.enrol(row, make_verifier("x" * 20, b"0123456789abcdef"), "c2", late)


def test_a_change_that_fails_leaves_nothing_behind(store: DeviceStore) -> None:
    add(store, "S1")

    def break_off() -> None:
        with store.change() as connection:
            connection.execute("DELETE FROM device")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert store.find("S1") is not None


def test_the_file_is_the_owners_alone(store: DeviceStore) -> None:
    assert stat.S_IMODE(Path(store.place).stat().st_mode) == 0o600


def test_a_file_of_a_newer_server_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    DeviceStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Rejected, match="newer"):
        DeviceStore(path)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(Unavailable, match=FILE_NAME):
        DeviceStore(path)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no-such-place"):
        DeviceStore(tmp_path / "no-such-place" / FILE_NAME)


CLAIM_ALL = """
import sys
from pathlib import Path
from twinspan.server.store import Claim, DeviceStore
store = DeviceStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for n in range(300):
    if store.claim(Claim(serial=f"S{n}", expected_epoch=0, boot_id="b", worker=sys.argv[2], at_ns=1)) == 1:
        print(f"S{n}")
"""


def test_workers_that_race_for_the_same_devices_share_them_without_an_overlap(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    store = DeviceStore(path)
    with store.change() as connection:
        connection.executemany(
            "INSERT INTO device (serial, added_at_ns, credential, credential_id) VALUES (?, 1, 'certificate', 'c')",
            ((f"S{n}",) for n in range(300)),
        )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM_ALL, str(path), f"w{n}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(SRC)},
        )
        for n in range(3)
    ]  # fmt: skip
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    shares = []
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        shares += worker.communicate(timeout=60)[0].split()
        assert worker.returncode == 0
    assert sorted(shares) == sorted(f"S{n}" for n in range(300))
    assert {row.epoch for row in store.devices()} == {1}


COME_AND_GO = """
import sys
from pathlib import Path
from twinspan.server.store import DeviceStore
store = DeviceStore(Path(sys.argv[1]))
print(store.find("S1").epoch, flush=True)
store.close()
"""


def test_a_process_that_leaves_takes_nothing_with_it_that_another_writes(store: DeviceStore) -> None:
    add(store, "S1")
    environment = os.environ | {"PYTHONPATH": str(SRC)}
    for epoch in range(3):
        seen = subprocess.run(
            [sys.executable, "-c", COME_AND_GO, str(Path(store.place))],
            env=environment, check=True, capture_output=True, text=True, timeout=60,
        ).stdout  # fmt: skip
        assert seen == f"{epoch}\n"
        assert connect(store, "S1", epoch=epoch) == epoch + 1
    fresh = DeviceStore(Path(store.place))
    row = fresh.find("S1")
    fresh.close()
    assert row is not None
    assert row.epoch == 3


def test_a_row_shows_no_secret_in_its_repr(store: DeviceStore) -> None:
    add(store, "S1", password="never-shown-anywhere")
    row = store.find("S1")
    assert "never-shown-anywhere" not in repr(row)
    assert b"never-shown-anywhere" not in msgspec.json.encode(row)
