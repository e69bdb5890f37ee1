"""Processes of `make bench-hub`: servers on one core, load on the other, and what they used.

In: what to start. Out: outcomes of commands, CPU seconds, memory. Every process started here ends here. Next: `hub.py`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import msgspec
from hub_server import PASSWORD

HERE = Path(__file__).parent
SERVER_CORE, LOAD_CORE = 0, 1
TICKS = os.sysconf("SC_CLK_TCK")
GO_ENV = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "CGO_ENABLED": "0"}
LOAD_ENV = {"GOGC": "800", "GOMAXPROCS": "2"}
"""The generator must not be what is slow: it collects garbage seldom."""


class Outcome(msgspec.Struct, kw_only=True):
    """What a command came to; seconds and milliseconds are the generator's."""

    ok: int
    failed: int
    error: str = ""
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    attempts: int = 0
    tenths: dict[int, int] = {}
    server_cpu_s: float = 0.0
    load_cpu_s: float = 0.0

    @property
    def rate(self) -> float:
        """A second, by the clock."""
        return self.ok / self.seconds if self.seconds else 0.0

    @property
    def cpu_us(self) -> float:
        """Of the server, for one."""
        return self.server_cpu_s / self.ok * 1e6 if self.ok else 0.0

    @property
    def core_rate(self) -> float:
        """For each second that the server had its core: what others do on the machine does not count against it."""
        return self.ok / self.server_cpu_s if self.server_cpu_s else 0.0


class Process:
    """One program and its children."""

    def __init__(self, command: list[str], cores: set[int] | None, env: dict[str, str] | None = None) -> None:
        self.child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(env or {})},
            preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,  # noqa: PLW1509 - no threads here
        )

    def pids(self) -> list[int]:
        """It and those it forked."""
        found = [self.child.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return found

    def cpu_s(self) -> float:
        """User and system time up to now."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def pss_kib(self) -> int:
        """Proportional memory of all of them."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        return total

    def settle(self, deadline_s: float = 20.0) -> None:
        """Until it has nothing more to do: the end of ten thousand connections is work, and belongs to no row."""
        end = time.monotonic() + deadline_s
        before = self.cpu_s()
        while time.monotonic() < end:
            time.sleep(0.3)
            now = self.cpu_s()
            if now - before < 0.03:
                return
            before = now

    def stop(self) -> None:
        """Ask, wait, then kill."""
        if self.child.stdin is not None:
            with contextlib.suppress(OSError):
                self.child.stdin.close()
        self.child.terminate()
        try:
            self.child.wait(15)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        if self.child.stdout is not None:
            self.child.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Server(Process):
    """Ours or a peer, listening."""

    def __init__(
        self, command: list[str], port: int, *, tls: bool, cores: set[int] | None = None, name: str = ""
    ) -> None:
        super().__init__(command, cores or {SERVER_CORE}, {"GOMAXPROCS": "1", "NODE_PATH": "/usr/share/nodejs"})
        self.port, self.tls, self.name = port, tls, name
        end = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if time.monotonic() > end or self.child.poll() is not None:
                self.stop()
                raise RuntimeError(f"{name} does not listen")
            time.sleep(0.05)


class Load(Process):
    """The load generator: one command after another, each against one server."""

    def __init__(self, binary: Path, server: Server, cores: set[int] | None = None) -> None:
        super().__init__([str(binary)], cores or {LOAD_CORE}, LOAD_ENV)
        self.server = server

    def begin(self, do: str, **fields: object) -> None:
        """Send a command."""
        command = {
            "do": do,
            "target": f"127.0.0.1:{self.server.port}",
            "tls": self.server.tls,
            "password": PASSWORD,
            "inflight": 256,
            **fields,
        }
        assert self.child.stdin is not None
        self.child.stdin.write(msgspec.json.encode(command) + b"\n")
        self.child.stdin.flush()

    def end(self) -> Outcome:
        """Its outcome."""
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError("the load generator has died")
        return msgspec.json.decode(line, type=Outcome, strict=False)

    def run(self, do: str, **fields: object) -> Outcome:
        """Both, with the CPU that it cost."""
        server, load = self.server.cpu_s(), self.cpu_s()
        self.begin(do, **fields)
        outcome = self.end()
        outcome.server_cpu_s, outcome.load_cpu_s = self.server.cpu_s() - server, self.cpu_s() - load
        return outcome

    def must(self, do: str, **fields: object) -> Outcome:
        """The same; anything that failed ends the bench."""
        outcome = self.run(do, **fields)
        if outcome.failed:
            raise RuntimeError(f"{self.server.name}: {do}: {outcome.failed} of {outcome.ok} failed: {outcome.error}")
        return outcome

    def drop(self) -> None:
        """End all its connections, and let the server finish with them."""
        self.run("drop")
        self.server.settle()


def build(folder: Path) -> tuple[Path, Path | None]:
    """The generator and the Go peer; None where gorilla is missing. Raises RuntimeError without Go."""
    if shutil.which("go") is None:
        raise RuntimeError("the load generator is written in Go: apt-get install golang-go")
    env = {**os.environ, **GO_ENV, "GOCACHE": str(folder / "cache")}
    load, peer = folder / "load", folder / "peer_go"
    subprocess.run(["go", "build", "-o", str(load), "."], cwd=HERE / "hub" / "load", env=env, check=True)
    made = subprocess.run(
        ["go", "build", "-o", str(peer), "."], cwd=HERE / "hub" / "peer_go", env=env, check=False, capture_output=True
    )
    return load, peer if made.returncode == 0 else None


def node_has_ws() -> bool:
    """Whether the Node peer can run."""
    if shutil.which("node") is None:
        return False
    env = {**os.environ, "NODE_PATH": "/usr/share/nodejs"}
    return subprocess.run(["node", "-e", "require('ws')"], env=env, check=False, capture_output=True).returncode == 0


def ours(state_dir: Path, port: int, *extra: str, tls: bool = True, cores: set[int] | None = None) -> Server:
    """The product's server."""
    plain = [] if tls else ["--plain"]
    command = [sys.executable, str(HERE / "hub_server.py"), str(state_dir), "--port", str(port), *plain, *extra]
    return Server(command, port, tls=tls, cores=cores, name="Twinspan")


def peer_node(port: int, pem: Path | None) -> Server:
    """Node `ws`."""
    command = ["node", str(HERE / "hub" / "peer_node" / "peer.js"), str(port), *([str(pem)] if pem else [])]
    return Server(command, port, tls=pem is not None, name="Node")


def peer_go(binary: Path, port: int, pem: Path | None) -> Server:
    """Go gorilla."""
    command = [str(binary), str(port), *([str(pem)] if pem else [])]
    return Server(command, port, tls=pem is not None, name="Go")
