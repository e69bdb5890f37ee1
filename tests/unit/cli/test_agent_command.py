"""`twinspan agent`: what it hands to the supervisor, and what it refuses before that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from twinspan.cli import agent as agent_module
from twinspan.cli import main


@pytest.fixture
def supervised(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, str | None]]:
    """What the supervisor was asked to run; it ends at once with code 0."""
    asked: list[tuple[Path, str | None]] = []

    def run_supervisor(node_dir: Path, netns: str | None) -> int:
        asked.append((node_dir, netns))
        return 0

    monkeypatch.setattr(agent_module, "run_supervisor", run_supervisor)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return asked


def test_the_nodes_directory_is_made_for_root_alone(
    supervised: list[tuple[Path, str | None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.run(["agent", "--node-dir", "nodes/gateway"]) == 0
    assert supervised == [(tmp_path / "nodes" / "gateway", None)]
    assert (tmp_path / "nodes" / "gateway").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["no-such-namespace", "/etc/passwd", "../../etc/passwd"])
def test_a_namespace_that_does_not_exist_is_named(
    supervised: list[tuple[Path, str | None]], tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["agent", "--node-dir", str(tmp_path), "--netns", name]) == 2
    assert f"there is no network namespace '{name}'" in capsys.readouterr().err
    assert supervised == []


def test_a_directory_that_cannot_be_made_is_a_sentence(
    supervised: list[tuple[Path, str | None]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main.run(["agent", "--node-dir", str(tmp_path / "file" / "gateway")]) == 2
    assert f"--node-dir {tmp_path}/file/gateway: cannot be made: Not a directory" in capsys.readouterr().err
    assert supervised == []


def test_it_is_for_root(
    supervised: list[tuple[Path, str | None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main.run(["agent", "--node-dir", str(tmp_path)]) == 2
    assert "root" in capsys.readouterr().err
    assert supervised == []
