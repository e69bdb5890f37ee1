"""`twinspan server` on its own machine: what it makes, what it refuses to overwrite, and what it never prints."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from twinspan.cli import main


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.setenv("TWINSPAN_SERVER_STATE", str(tmp_path / "state"))
    assert main.run(["server", "init", "--name", "cloud.example", "--token-file", str(tmp_path / "token")]) == 0
    capsys.readouterr()
    return tmp_path / "state"


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main.run(["server", *arguments]) == 0
    return capsys.readouterr().out


def complained(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main.run(["server", *arguments]) == 2
    return capsys.readouterr().err


def test_init_shows_the_token_once_and_nobody_else_can_read_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = said(capsys, "init", "--name", "cloud.example", "--state-dir", str(tmp_path / "a"))
    assert shown.count("twinspan_") == 1
    file = tmp_path / "token"
    shown = said(capsys, "init", "--name", "c.example", "--state-dir", str(tmp_path / "b"), "--token-file", str(file))
    assert "twinspan_" not in shown
    assert file.read_text().startswith("twinspan_")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_server_is_never_made_over_another(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted((path.name, path.read_bytes()) for path in state.iterdir() if path.suffix in (".pem", ".key"))
    assert "has an authority already" in complained(capsys, "init", "--name", "other.example")
    assert before == sorted((p.name, p.read_bytes()) for p in state.iterdir() if p.suffix in (".pem", ".key"))


def test_a_name_that_cannot_be_one_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state_dir = tmp_path / "s"
    assert "DNS name" in complained(capsys, "init", "--name", "two words", "--state-dir", str(state_dir))
    said(capsys, "init", "--name", "good.example", "--state-dir", str(state_dir))


@pytest.mark.parametrize(
    "arguments",
    [("show",), ("token",), ("access-key", "list"), ("account", "list"), ("authority", "rotate"), ("dnsmasq",)],
)
def test_without_a_server_it_is_said_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert "twinspan server init" in complained(capsys, *arguments, "--state-dir", str(tmp_path / "none"))
    assert list(tmp_path.iterdir()) == []


def test_show_tells_what_people_compare(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, "show", "--json"))
    assert found["names"] == ["cloud.example"]
    assert found["authorities"][0]["fingerprint"] in said(capsys, "show")
    assert found["authorities"][0]["fingerprint"] in said(capsys, "authority", "show")
    assert said(capsys, "authority", "show", "--pem").startswith("-----BEGIN CERTIFICATE-----")


def test_no_command_prints_a_private_key(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ("show", "authority show", "authority show --pem", "authority show --json", "authority names"):
        assert "PRIVATE" not in said(capsys, *arguments.split())


def test_a_rotation_by_its_commands(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "rotate" in complained(capsys, "authority", "switch")
    said(capsys, "authority", "rotate")
    assert [a["role"] for a in json.loads(said(capsys, "authority", "show", "--json"))] == ["current", "next"]
    said(capsys, "authority", "switch")
    said(capsys, "authority", "retire", "--yes")
    assert [a["role"] for a in json.loads(said(capsys, "authority", "show", "--json"))] == ["current"]


def test_names_are_changed_at_once(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "authority", "names", "a.example", "192.0.2.1") == "a.example\n192.0.2.1\n"
    assert json.loads(said(capsys, "show", "--json"))["names"] == ["a.example", "192.0.2.1"]
    complained(capsys, "authority", "names", "not a name")
    assert said(capsys, "authority", "names") == "a.example\n192.0.2.1\n"


def test_accounts_come_and_go(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "twinspan_" in said(capsys, "account", "add", "kiel", "--note", "Network team")
    assert "exists already" in complained(capsys, "account", "add", "kiel")
    assert json.loads(said(capsys, "account", "list", "--json"))[0]["note"] == "Network team"
    assert "twinspan_" in said(capsys, "token", "--account", "kiel")
    assert "twinspan_" not in said(capsys, "account", "list")
    said(capsys, "account", "remove", "kiel")
    assert "no account" in complained(capsys, "account", "remove", "kiel")
    assert "no account" in complained(capsys, "token", "--account", "kiel")


def test_dnsmasq_hands_out_server_and_password(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "password"
    file.write_text("correct-horse\nsecond line\n")
    assert said(capsys, "dnsmasq", "--password-file", str(file)) == (
        'dhcp-option-force=253,"cloud.example"\ndhcp-option-force=252,"correct-horse"\n'
    )
    file.write_text('with "quotes"\n')
    assert "quotes" in complained(capsys, "dnsmasq", "--password-file", str(file))


def test_a_port_without_room_for_the_workers_is_refused(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--port 65535" in complained(capsys, "run", "--port", "65535", "--workers", "4")
