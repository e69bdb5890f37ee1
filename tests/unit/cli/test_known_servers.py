"""The file of known servers: for its owner alone, whole or as before, and damage is named."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from twinspan.cli.known_servers import KnownServer, load_servers, save_server, servers_file, write_private
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret

SERVER = KnownServer(authorities=("PEM",), fingerprint="f" * 64, token=Secret("twinspan_x"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def test_what_is_saved_is_found_again() -> None:
    assert load_servers() == {}
    save_server("a:1", SERVER)
    save_server("b:2", SERVER)
    assert load_servers() == {"a:1": SERVER, "b:2": SERVER}
    save_server("a:1", None)
    assert list(load_servers()) == ["b:2"]
    assert stat.S_IMODE(servers_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(servers_file().parent.stat().st_mode) == 0o700


def test_without_the_variable_it_is_in_the_home_directory(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(home))
    assert servers_file() == home / ".config" / "twinspan" / "servers.json"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"a:1": {"token": 5}}'])
def test_a_damaged_file_is_named_and_not_overwritten(content: bytes) -> None:
    save_server("a:1", SERVER)
    servers_file().write_bytes(content)
    with pytest.raises(Rejected, match="damaged"):
        save_server("b:2", SERVER)
    assert servers_file().read_bytes() == content


def test_a_file_that_others_can_read_is_not_used() -> None:
    save_server("a:1", SERVER)
    servers_file().chmod(0o640)
    with pytest.raises(Rejected) as error:
        load_servers()
    assert "chmod 600" in error.value.remedy


def test_a_write_that_fails_leaves_what_was_there(home: Path) -> None:
    (home / "directory").mkdir()
    (home / "directory" / "x").write_text("")
    with pytest.raises(IsADirectoryError):
        write_private(home / "directory", b"data")
    assert sorted(path.name for path in home.iterdir()) == ["directory"]


def test_a_token_does_not_show_itself() -> None:
    assert "twinspan_x" not in repr(SERVER)
