"""Access keys: sealed, shown once, worth nothing after their end."""

from __future__ import annotations

from pathlib import Path

import pytest

from twinspan.model.errors import Rejected
from twinspan.server.accounts import Accounts
from twinspan.server.resources.access import AccessKeyTable, NewAccessKey
from twinspan.server.resources.seal import SealKey
from twinspan.server.store import FILE_NAME, DeviceStore

NOW = 1_800_000_000_000_000_000


@pytest.fixture
def table(tmp_path: Path) -> AccessKeyTable:
    store = DeviceStore(tmp_path / FILE_NAME)
    Accounts(store).add("alice", "", NOW)
    return AccessKeyTable(store, SealKey.load_or_create(tmp_path / "seal.key"))


def test_a_key_is_found_until_it_ends(table: AccessKeyTable) -> None:
    key_id, secret = table.add(NewAccessKey(account="alice", role="viewer", expires_at_ns=NOW + 10), NOW)
    found = table.find_access_key(key_id, NOW + 9)
    assert found is not None
    assert (found.secret, found.account, found.role) == (secret, "alice", "viewer")
    assert table.find_access_key(key_id, NOW + 10) is None


def test_the_file_does_not_hold_the_secret(table: AccessKeyTable, tmp_path: Path) -> None:
    _, secret = table.add(NewAccessKey(account="alice"), NOW)
    files = b"".join(path.read_bytes() for path in tmp_path.glob(f"{FILE_NAME}*"))
    assert b"TSAK" in files
    assert secret.reveal().encode() not in files


def test_a_removed_key_is_gone_and_a_stranger_gets_none(table: AccessKeyTable) -> None:
    key_id, _ = table.add(NewAccessKey(account="alice"), NOW)
    assert [one.id for one in table.list()] == [key_id]
    table.remove(key_id)
    assert table.find_access_key(key_id, NOW) is None
    with pytest.raises(Rejected, match="no access key"):
        table.remove(key_id)
    with pytest.raises(Rejected, match="no account"):
        table.add(NewAccessKey(account="mallory"), NOW)
