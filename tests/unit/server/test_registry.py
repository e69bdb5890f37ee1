"""The registry: one owner each, every fault at once, and nothing half done."""

from __future__ import annotations

import pytest
from tests.unit.server.conftest import ADMINISTRATOR, ALICE, BOB, NOW, S, add, connect

from twinspan.model.device_view import AddedDevice
from twinspan.model.secret import Secret
from twinspan.server.accounts import Accounts, Principal
from twinspan.server.commands import CommandQueue, QueuedCommand
from twinspan.server.credentials import make_credential, password_is_fit
from twinspan.server.device_csv import MAX_ROWS, read_devices
from twinspan.server.events import EventLog
from twinspan.server.registry import NewDevice, NoSuchDevice, Refused, Registry, find_faults, make_credentials
from twinspan.server.store import DeviceStore
from twinspan.wire.cloud_connection.scram import ScramClient, ScramServer, parse_client_first

ACCOUNTS = frozenset(("alice", "bob"))


def register(store: DeviceStore, devices: list[NewDevice], by: Principal = ALICE) -> tuple[AddedDevice, ...]:
    faults = find_faults(devices, Accounts(store).names(), by)
    if faults:
        raise Refused(faults)
    return Registry(store).add(devices, make_credentials(devices, NOW), by, NOW)


def proves(store: DeviceStore, serial: str, password: str) -> bool:
    row = store.find(serial)
    assert row is not None
    assert row.verifier is not None
    client = ScramClient(serial, password, "n" * 24, b"binding")
    first = parse_client_first(client.first)
    assert first is not None
    server = ScramServer(first, row.verifier, "m" * 24, b"binding")
    final = client.final(server.challenge)
    return final is not None and server.final(final) is not None


def test_a_device_that_was_added_proves_its_password(store: DeviceStore) -> None:
    register(store, [NewDevice(serial="S1", password=Secret("correct-horse"), tags=("site:kiel", "spare"))])
    assert proves(store, "S1", "correct-horse")
    assert not proves(store, "S1", "wrong-horse")
    row = store.find("S1")
    assert row is not None
    assert (row.owner, row.tags) == ("alice", ("site:kiel", "spare"))


def test_a_password_that_nobody_chose_is_made_and_shown_once(store: DeviceStore) -> None:
    (added,) = register(store, [NewDevice(serial="S1")])
    assert added.secret is not None
    assert len(added.secret.reveal()) == 28
    assert password_is_fit(added.secret.reveal())
    assert proves(store, "S1", added.secret.reveal())
    assert added.secret.reveal() not in repr(added)


def test_salts_and_passwords_are_never_the_same_twice(store: DeviceStore) -> None:
    added = register(store, [NewDevice(serial="S1"), NewDevice(serial="S2")])
    assert len({device.secret.reveal() for device in added if device.secret}) == 2
    assert len({row.verifier.salt for row in store.devices() if row.verifier}) == 2


def test_a_certificate_needs_no_secret(store: DeviceStore) -> None:
    (added,) = register(store, [NewDevice(serial="S1", credential="certificate")])
    row = store.find("S1")
    assert row is not None
    assert (added.secret, row.credential, row.verifier) == (None, "certificate", None)


@pytest.mark.parametrize(
    ("device", "field"),
    [
        (NewDevice(serial=""), "serial"),
        (NewDevice(serial="two words"), "serial"),
        (NewDevice(serial="x" * 65), "serial"),
        (NewDevice(serial="S1", platform="p" * 129), "platform"),
        (NewDevice(serial="S1", module_type="a\nb"), "module_type"),
        (NewDevice(serial="S1", tags=("a,b",)), "tags"),
        (NewDevice(serial="S1", tags=("t",) * 17), "tags"),
        (NewDevice(serial="S1", password=Secret("short")), "password"),
        (NewDevice(serial="S1", password=Secret("with a space")), "password"),
        (NewDevice(serial="S1", password=Secret("asks?for-help")), "password"),
        (NewDevice(serial="S1", credential="certificate", password=Secret("correct-horse")), "password"),
        (NewDevice(serial="S1", owner="bob"), "owner"),
    ],
)
def test_a_fault_names_its_field_and_the_way_out(device: NewDevice, field: str) -> None:
    faults = find_faults([device], ACCOUNTS, ALICE)
    assert [fault.field for fault in faults] == [field]
    assert faults[0].remedy
    assert device.password is None or device.password.reveal() not in str(Refused(faults))


def test_an_administrator_says_whose_it_is() -> None:
    assert [f.field for f in find_faults([NewDevice(serial="S1")], ACCOUNTS, ADMINISTRATOR)] == ["owner"]
    assert [f.field for f in find_faults([NewDevice(serial="S1", owner="eve")], ACCOUNTS, ADMINISTRATOR)] == ["owner"]
    assert find_faults([NewDevice(serial="S1", owner="bob")], ACCOUNTS, ADMINISTRATOR) == []


def test_a_device_of_somebody_else_is_not_taken_and_nothing_else_is_added(store: DeviceStore) -> None:
    add(store, "S1", BOB)
    with pytest.raises(Refused) as refused:
        register(store, [NewDevice(serial="S0"), NewDevice(serial="S1")])
    assert store.find("S0") is None
    (fault,) = refused.value.faults
    assert "unbind-code S1" in fault.remedy
    assert "bob" not in fault.problem  # whose it is stays between them and the server


def test_adding_ones_own_device_again_changes_nothing(store: DeviceStore) -> None:
    add(store, "S1")
    with pytest.raises(Refused, match="already"):
        register(store, [NewDevice(serial="S1")])
    assert proves(store, "S1", "correct-horse")


def test_a_removed_device_is_gone_and_its_epoch_goes_on_when_it_returns(store: DeviceStore) -> None:
    add(store, "S1")
    connect(store, "S1")
    queue = CommandQueue(store)
    queue.queue(QueuedCommand(id="c", serial="S1", name="ping", queued_at_ns=NOW, expires_at_ns=NOW + S))
    Registry(store).remove("S1", ALICE, NOW)
    assert store.find("S1") is None
    assert queue.find("S1", "c") is None
    add(store, "S1")
    row = store.find("S1")
    assert row is not None
    assert (row.epoch, row.resume_id) == (1, None)
    assert [event.kind for event in EventLog(store).history("S1")] == ["added", "removed", "added"]


def test_nobody_touches_a_device_of_somebody_else(store: DeviceStore) -> None:
    add(store, "S1", BOB)
    registry, made = Registry(store), make_credential("password", None, NOW)
    with pytest.raises(NoSuchDevice):
        registry.remove("S1", ALICE, NOW)
    with pytest.raises(NoSuchDevice):
        registry.set_credential("S1", made, ALICE, NOW)
    with pytest.raises(NoSuchDevice):
        registry.set_tags("S1", (), ALICE)
    with pytest.raises(NoSuchDevice):
        registry.lift_quarantine("S1", ALICE, NOW)
    registry.remove("S1", ADMINISTRATOR, NOW)


def test_a_new_password_ends_the_old_one_and_every_resume_ticket(store: DeviceStore) -> None:
    add(store, "S1")
    connect(store, "S1")
    before = store.find("S1")
    Registry(store).set_credential("S1", make_credential("password", Secret("another-horse"), NOW), ALICE, NOW)
    after = store.find("S1")
    assert before is not None
    assert after is not None
    assert (before.resume_id, after.resume_id) == ("ticket", None)
    assert before.credential_id != after.credential_id
    assert proves(store, "S1", "another-horse")
    assert not proves(store, "S1", "correct-horse")


def test_a_quarantine_is_lifted_by_people(store: DeviceStore) -> None:
    add(store, "S1")
    store.quarantine("S1", "clone", NOW)
    assert Registry(store).lift_quarantine("S1", ALICE, NOW)
    assert not Registry(store).lift_quarantine("S1", ALICE, NOW)
    assert connect(store, "S1") == 1


# ------------------------------------------------------------------------------------------------- CSV


def test_a_file_with_any_order_of_columns_is_read() -> None:
    text = "\ufeffTags,serial,password,token,owner,platform,module_type\r\n" \
        'a b;c,S1,correct-horse,,bob,M9000-AI-E8,"Blade V, firewall"\r\n\r\n' \
        ",S2,,,bob,,\r\n,S3,,new,bob,,\r\n,S4,,one-time-token,bob,,\r\n"  # fmt: skip
    devices, faults = read_devices(text.encode())
    assert faults == []
    assert [d.serial for d in devices] == ["S1", "S2", "S3", "S4"]
    assert devices[0].tags == ("a", "b", "c")
    assert devices[0].module_type == "Blade V, firewall"
    assert [(d.credential, d.password.reveal() if d.password else None, d.line) for d in devices] == [
        ("password", "correct-horse", 2), ("password", None, 4), ("token", None, 5), ("token", "one-time-token", 6),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "field"),
    [
        (b"", 1, "header"),
        (b"name\nS1\n", 1, "header"),
        (b"serial,serial\nS1,S1\n", 1, "header"),
        (b"platform\nM9006\n", 1, "header"),
        (b"serial\n", None, "file"),
        (b"serial,tags\nS1\n", 2, "row"),
        (b"serial,tags\nS1,a,b\n", 2, "row"),
        (b"serial,password,token\nS1,correct-horse,new\n", 2, "token"),
        (b'serial\nS1\n"S2\n', 3, "file"),
        (b"serial\nS1\n\xff\xfe\n", 3, "file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(text: bytes, line: int | None, field: str) -> None:
    _, faults = read_devices(text)
    assert [(fault.line, fault.field) for fault in faults] == [(line, field)]
    assert faults[0].remedy


def test_a_serial_that_stands_twice_names_both_lines() -> None:
    devices, _ = read_devices(b"serial\nS1\nS2\nS1\n")
    (fault,) = find_faults(devices, ACCOUNTS, ALICE)
    assert (fault.line, fault.problem) == (4, "S1: it stands in line 2 already")


def test_a_file_without_an_end_is_refused() -> None:
    _, faults = read_devices(b"serial\n" + b"".join(b"S%d\n" % n for n in range(MAX_ROWS + 1)))
    assert [fault.line for fault in faults] == [MAX_ROWS + 2]
