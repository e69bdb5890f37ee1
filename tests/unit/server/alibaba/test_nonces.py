"""A nonce counts once, in every worker, over restarts, until its time is over."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from twinspan.model.errors import Unavailable
from twinspan.server.alibaba.nonces import BUCKET_BYTES, BUCKET_SLOTS, Nonces

NOW = 1_800_000_000_000_000_000
S = 1_000_000_000
LATER = NOW + 900 * S


def test_a_nonce_is_new_once() -> None:
    nonces = Nonces(buckets=4)

    assert nonces.is_new("key", "a", LATER, NOW) is True
    assert nonces.is_new("key", "a", LATER, NOW) is False


def test_the_same_nonce_of_another_key_is_new() -> None:
    nonces = Nonces(buckets=4)
    nonces.is_new("key", "a", LATER, NOW)

    assert nonces.is_new("other", "a", LATER, NOW) is True


def test_all_that_have_one_file_are_one(tmp_path: Path) -> None:
    first, second = Nonces(tmp_path / "nonces", 4), Nonces(tmp_path / "nonces", 4)

    assert first.is_new("key", "a", LATER, NOW) is True
    assert second.is_new("key", "a", LATER, NOW) is False


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    before = Nonces(tmp_path / "nonces", 4)
    before.is_new("key", "a", LATER, NOW)
    before.close()

    assert Nonces(tmp_path / "nonces", 4).is_new("key", "a", LATER, NOW) is False


def test_the_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    Nonces(tmp_path / "nonces", 4)

    assert (tmp_path / "nonces").stat().st_mode & 0o777 == 0o600


def test_a_disk_that_fills_up_later_ends_no_server_that_maps_the_file(tmp_path: Path) -> None:
    # A page that a full disk has no room for is SIGBUS, and that is the end of a server with all its devices.
    holes = tmp_path / "holes"
    holes.touch()
    os.truncate(holes, 64 * BUCKET_BYTES)

    for path in (tmp_path / "new", holes):
        Nonces(path, 64)
        assert path.stat().st_blocks * 512 >= 64 * BUCKET_BYTES


def test_a_disk_without_room_for_the_file_is_said_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)

    with pytest.raises(Unavailable, match="No space left on device") as caught:
        Nonces(tmp_path / "nonces", 4)
    assert caught.value.remedy == "free 1536 bytes there, then start again"


def test_a_full_table_says_so_and_has_room_when_the_time_is_over() -> None:
    nonces = Nonces(buckets=1)
    for number in range(BUCKET_SLOTS):
        assert nonces.is_new("key", str(number), LATER, NOW) is True

    assert nonces.is_new("key", "one more", LATER, NOW) is None
    assert nonces.is_new("key", "0", LATER, NOW) is False
    assert nonces.is_new("key", "one more", LATER + 900 * S, LATER + 2 * S) is True
