"""A real server process on loopback, and the command line that talks to it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contract.postgres import Cluster, running_cluster

from twinspan.cli import main

SRC = Path(__file__).resolve().parents[2] / "src"


class RunningServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is, and what its people hold."""

    address: str
    state_dir: Path
    fingerprint: str
    token_file: Path
    tokens: dict[str, str]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    root = tmp_path_factory.mktemp("server")
    state_dir, token_file, port = root / "state", root / "administrator.token", _free_port()
    environment = os.environ | {"PYTHONPATH": str(SRC), "PYTHONUNBUFFERED": "1"}

    def twinspan(*arguments: str) -> str:
        command = [sys.executable, "-m", "twinspan.cli.main", "server", *arguments, "--state-dir", str(state_dir)]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout

    twinspan("init", "--name", "127.0.0.1", "--name", "localhost", "--token-file", str(token_file))
    tokens = {name: twinspan("account", "add", name).split()[-1] for name in ("kiel", "bonn")}
    fingerprint = json.loads(twinspan("show", "--json"))["authorities"][0]["fingerprint"]
    process = subprocess.Popen(
        [sys.executable, "-m", "twinspan.cli.main", "server", "run", "--state-dir", str(state_dir),
         "--listen", "127.0.0.1", "--port", str(port)],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert "listens" in process.stdout.readline()
        yield RunningServer(
            address=f"127.0.0.1:{port}", state_dir=state_dir, fingerprint=fingerprint, token_file=token_file,
            tokens=tokens | {"administrator": token_file.read_text().strip()},
        )  # fmt: skip
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL for all tests that need one."""
    with running_cluster() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either sort."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    made: Cluster = request.getfixturevalue("cluster")
    return made.new_database()


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """`twinspan device ...` in this process: exit code, what was printed, what was complained of."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TWINSPAN_SERVER", server.address)
    monkeypatch.delenv("TWINSPAN_TOKEN", raising=False)

    def device(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main.run(["device", *arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return device


@pytest.fixture
def logged_in(server: RunningServer, run: Run, tmp_path: Path) -> Callable[[str], Run]:
    """The same, as somebody."""

    def as_(who: str) -> Run:
        file = tmp_path / f"{who}.token"
        file.write_text(server.tokens[who] + "\n")
        code, _, complaint = run("login", "--fingerprint", server.fingerprint, "--token-file", str(file))
        assert (code, complaint) == (0, "")
        return run

    return as_


def made_password(shown: str) -> str:
    found = re.search(r"password  (\S{28})", shown)
    assert found is not None
    return found.group(1)


def as_json(shown: str) -> Any:
    return json.loads(shown)
