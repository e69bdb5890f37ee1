"""Whole servers on one PostgreSQL: made by the commands, two at a time, and while the database is away."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.postgres import Cluster

from twinspan.cli import main
from twinspan.server.authority import authorities

SRC = Path(__file__).resolve().parents[2] / "src"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A process of `twinspan server run`."""

    def __init__(self, state_dir: Path, token: str) -> None:
        self.port, self.token = free_port(), token
        self._context = ssl.create_default_context(cadata="".join(authorities(state_dir)))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "twinspan.cli.main", "server", "run", "--state-dir", str(state_dir),
             "--listen", "127.0.0.1", "--port", str(self.port)],
            env=os.environ | {"PYTHONPATH": str(SRC), "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert "listens" in self.process.stdout.readline()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON and headers."""
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._context) as answer:
                return (
                    answer.status,
                    json.loads(answer.read() or b"null"),
                    {name.lower(): value for name, value in answer.headers.items()},
                )
        except urllib.error.HTTPError as error:
            return (
                error.code,
                json.loads(error.read() or b"null"),
                {name.lower(): value for name, value in error.headers.items()},
            )

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.fixture
def state_dir(tmp_path: Path, cluster: Cluster) -> Path:
    """A server that was made on PostgreSQL, with an account and its token in `token`."""
    made = tmp_path / "first"
    url = cluster.new_database()
    assert main.run(["server", "init", "--name", "127.0.0.1", "--state-dir", str(made), "--database", url]) == 0
    return made


@pytest.fixture
def token(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main.run(["server", "account", "add", "kiel", "--state-dir", str(state_dir)]) == 0
    return capsys.readouterr().out.split()[-1]


@pytest.fixture
def run(token: str) -> Iterator[Callable[[Path], Server]]:
    started: list[Server] = []

    def start(state_dir: Path) -> Server:
        started.append(Server(state_dir, token))
        return started[-1]

    yield start
    for server in started:
        server.end()


VPC = {"name": "office", "spec": {"cidr_block": "10.0.0.0/16"}}


def test_two_servers_on_one_database_are_one_service(
    state_dir: Path, tmp_path: Path, run: Callable[[Path], Server]
) -> None:
    shutil.copytree(state_dir, tmp_path / "second")
    first, second = run(state_dir), run(tmp_path / "second")
    status, made, _ = first.ask("POST", "/api/v1/vpcs", VPC)
    assert status == 201, made
    path = f"/api/v1/vpcs/{made['id']}"
    status, seen, headers = second.ask("GET", path)
    assert (status, seen["name"]) == (200, "office")
    assert headers["etag"]
    assert second.ask("PATCH", path, {"name": "renamed"})[0] == 200
    assert first.ask("GET", path)[1]["name"] == "renamed"
    assert first.ask("GET", "/api/v1/vpcs")[1]["total"] == 1


def test_a_database_that_is_away_is_503_and_comes_back_without_a_restart(
    state_dir: Path, run: Callable[[Path], Server], cluster: Cluster
) -> None:
    server = run(state_dir)
    status, made, _ = server.ask("POST", "/api/v1/vpcs", VPC)
    assert status == 201
    path = f"/api/v1/vpcs/{made['id']}"
    cluster.stop("immediate")
    try:
        for method, where, body in (("GET", path, None), ("POST", "/api/v1/vpcs", VPC), ("GET", "/api/v1/vpcs", None)):
            status, problem, headers = server.ask(method, where, body)
            assert status == 503, problem
            assert int(headers["retry-after"]) > 0
    finally:
        cluster.start()
    deadline = time.monotonic() + 30
    while server.ask("GET", path)[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert server.ask("PATCH", path, {"name": "after"})[0] == 200
    assert server.process.poll() is None


def test_a_database_of_another_server_is_not_taken_over(
    state_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = (state_dir / "database.url").read_text().strip()
    arguments = ["server", "init", "--name", "x", "--state-dir", str(tmp_path / "other"), "--database", url]
    assert main.run(arguments) == 2
    assert "another server" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_a_copy_without_the_seal_key_is_refused(
    state_dir: Path, tmp_path: Path, run: Callable[[Path], Server], capsys: pytest.CaptureFixture[str]
) -> None:
    run(state_dir).ask("POST", "/api/v1/vpcs", VPC)
    other = tmp_path / "other"
    shutil.copytree(state_dir, other, ignore=shutil.ignore_patterns("seal.key", "*.sock"))
    assert main.run(["server", "run", "--state-dir", str(other), "--port", str(free_port())]) == 2
    assert "copy seal.key" in capsys.readouterr().err


def test_a_server_keeps_the_database_that_it_was_made_with(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["server", "run", "--state-dir", str(state_dir), "--database", "sqlite:////tmp/other.db"]
    assert main.run(arguments) == 2
    assert "another database" in capsys.readouterr().err
