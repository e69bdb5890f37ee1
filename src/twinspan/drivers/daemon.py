"""A foreign daemon that outlives the agent: start it, find it again, hear of its death at once, end it.

In: an executable and a private run directory. Out: `Daemon`, and `on_exit` called from the event loop. A daemon runs in
a session of its own, so that the agent can be killed and come back: the next one adopts it by the pid file or, if the
agent died before writing that, by the mark in its environment. Next: `drivers.bird`, `drivers.strongswan`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from twinspan.drivers.clock import until
from twinspan.model.errors import Retryable, Unavailable

MARK = "TWINSPAN_RUN_DIR"
"""Environment variable of every daemon: whose it is."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LOG_LINES = 8


class DaemonMissing(Unavailable):
    """The program is not installed; the remedy names the Debian package."""


class DaemonFailed(Retryable):
    """It was started and did not come up, or refused what it was told."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A daemon's program and where to get it."""

    name: str
    executable: Path
    package: str


class Daemon:
    """One instance of `program`, at most one per run directory."""

    def __init__(self, program: Program, run_dir: Path, on_exit: Callable[[], None]) -> None:
        self._program, self._dir, self._on_exit = program, run_dir, on_exit
        self._child: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._pidfd: int | None = None
        self._stopping = self._searched = False
        self.restarts = 0
        """Starts after the first sight of it, by this object."""
        self.seen = False
        """Whether it ever ran while this object lived."""

    @property
    def pid(self) -> int | None:
        return self._pid if self.alive else None

    @property
    def alive(self) -> bool:
        """Whether it runs. A death seen here first is told by `on_exit` before this returns."""
        if self._pidfd is not None and select.select([self._pidfd], [], [], 0)[0]:
            self._ended()
        return self._pidfd is not None

    def start(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Start it with a small environment of its own. Raises `DaemonMissing`."""
        if not os.access(self._program.executable, os.X_OK):
            raise DaemonMissing(
                f"{self._program.name} is not installed: {self._program.executable} does not exist",
                remedy=f"apt-get install {self._program.package}",
            )
        environment = {"PATH": _PATH, "TZ": "UTC", "LC_ALL": "C", MARK: str(self._dir), **(env or {})}
        with private_file(self._dir / f"{self._program.name}.out") as output:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._dir,
                env=environment,
                start_new_session=True,
            )
        self.restarts += self.seen
        write_private(self._pid_file, f"{self._child.pid}\n")
        self._watch(self._child.pid)

    def adopt(self) -> bool:
        """Take over one that an earlier agent started in this run directory and this network namespace."""
        if self.alive:
            return True
        for pid in self._candidates():
            if self._is_ours(pid):
                write_private(self._pid_file, f"{pid}\n")
                self._watch(pid)
                return True
        return False

    async def wait_ready(self, ready: Callable[[], bool], deadline_s: float, log: Path | None = None) -> None:
        """Wait until `ready()`. Raises `DaemonFailed` with its last words if it dies or takes too long."""
        if await until(lambda: ready() or not self.alive, deadline_s) and self.alive:
            return
        how = f"not ready after {deadline_s:g} s" if self.alive else "ended at once"
        raise DaemonFailed(f"{self._program.name} did not come up ({how}): {self._last_words(log)}", delay_s=1.0)

    def make_realtime(self) -> None:
        """Lowest real-time priority for all its threads: BFD at 50 ms must not wait behind a busy machine.

        Without the permission it keeps the normal priority, which is enough on a quiet machine.
        """
        for thread in Path(f"/proc/{self._pid}/task").glob("*"):
            try:
                os.sched_setscheduler(int(thread.name), os.SCHED_RR, os.sched_param(1))
            except (PermissionError, ProcessLookupError):
                return

    async def stop(self, deadline_s: float = 3.0) -> None:
        """SIGTERM, and SIGKILL if it has not ended by the deadline."""
        self._stopping = True
        try:
            for number in (signal.SIGTERM, signal.SIGKILL):
                if self.alive and self._pidfd is not None:
                    signal.pidfd_send_signal(self._pidfd, number)
                    await until(lambda: not self.alive, deadline_s)
        finally:
            self._stopping = False
        self._pid_file.unlink(missing_ok=True)

    def close(self) -> None:
        """Stop watching and leave it running, for the next agent."""
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

    @property
    def _pid_file(self) -> Path:
        return self._dir / f"{self._program.name}.pid"

    def _watch(self, pid: int) -> None:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        self._pid, self._pidfd, self.seen = pid, descriptor, True
        asyncio.get_running_loop().add_reader(descriptor, self._ended)

    def _ended(self) -> None:
        self.close()
        if self._child is not None:
            self._child.poll()
            self._child = None
        if not self._stopping:
            self._on_exit()

    def _candidates(self) -> Iterator[int]:
        with contextlib.suppress(FileNotFoundError, ValueError):
            yield int(self._pid_file.read_text())
        if not self._searched:
            # Once is enough: after that, whatever runs here was started by this object.
            self._searched = True
            yield from (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())

    def _is_ours(self, pid: int) -> bool:
        proc = Path("/proc") / str(pid)
        try:
            executable = str((proc / "exe").readlink()).removesuffix(" (deleted)")
            return (
                executable == str(self._program.executable.resolve())
                and f"{MARK}={self._dir}".encode() in (proc / "environ").read_bytes().split(b"\0")
                and (proc / "ns/net").stat().st_ino == Path("/proc/self/ns/net").stat().st_ino
                and (proc / "stat").read_text().rpartition(") ")[2][:1] not in ("Z", "X")
            )
        except OSError:
            return False

    def _last_words(self, log: Path | None) -> str:
        lines: list[str] = []
        for path in (self._dir / f"{self._program.name}.out", log):
            if path is not None and path.exists():
                lines += path.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return " | ".join(lines) or "it said nothing"


def accepts(socket_path: Path) -> bool:
    """Whether somebody listens there; the file alone appears a moment earlier, and stays when its maker is gone."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(socket_path))
        except OSError:
            return False
        return True


def make_private_dir(path: Path) -> None:
    """Make the directory for its owner only, and so those above it that are missing."""
    if not path.is_dir():
        make_private_dir(path.parent)
        path.mkdir(exist_ok=True, mode=0o700)


def private_file(path: Path) -> BinaryIO:
    """Open an empty file for writing, readable by its owner only."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step, readable by its owner only."""
    new = path.with_name(path.name + ".tmp")
    with private_file(new) as file:
        file.write(text.encode())
    new.replace(path)
