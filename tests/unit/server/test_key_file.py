"""Private files: whole or as before, and for one pair of eyes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from twinspan.model.errors import Rejected, Unavailable
from twinspan.server.key_file import make_state_dir, read_private, ticket_key, write_private


def test_a_private_file_is_0600_whatever_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "x.key"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert read_private(path) == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_left_by_a_kill_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "x.key.new").write_bytes(b"half")
    write_private(tmp_path / "x.key", b"whole")
    assert read_private(tmp_path / "x.key") == b"whole"


def test_a_missing_file_says_how_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as error:
        read_private(tmp_path / "x.key")
    assert "twinspan server init" in error.value.remedy


def test_the_ticket_key_is_made_once(tmp_path: Path) -> None:
    key = ticket_key(tmp_path)
    assert len(key) == 32
    assert ticket_key(tmp_path) == key
    assert [path.name for path in tmp_path.iterdir()] == ["ticket.key"]


def test_a_damaged_ticket_key_is_no_key(tmp_path: Path) -> None:
    write_private(tmp_path / "ticket.key", b"short")
    with pytest.raises(Rejected, match="damaged"):
        ticket_key(tmp_path)


def test_a_state_directory_is_the_owners_alone(tmp_path: Path) -> None:
    make_state_dir(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="state directory"):
        make_state_dir(tmp_path / "file")
