"""Keeps one node's agent alive, and cleans up after it when it dies.

In: a node directory, and a network namespace to enter (or none: the machine's own). Out: an exit code, after SIGTERM.
The worker dies with its supervisor (PR_SET_PDEATHSIG), so there is never a second one; whoever starts a supervisor
again (systemd, the lab's keeper) gets a clean start. An override must not outlive the agent that watches its path:
the supervisor removes it before every start, and if the supervisor itself is killed, a waiting shell does (its *dead
man's switch*), though nobody may ever start it again. Next: `agent.node`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

from twinspan.agent.journal import Journal
from twinspan.model.kernel import ROUTE_PROTOCOL

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_ENDING = (signal.SIGTERM, signal.SIGINT)
_CLONE_NEWNET = 0x40000000
RESTART_MIN_S, RESTART_MAX_S = 0.2, 5.0
NICE = -10
"""Probes and userspace ESP must not wait behind ordinary work: a probe that is late is a probe that is lost. The IKE
daemons inherit it."""
HEALTHY_RUN_S = 10.0
"""A worker that lived so long starts again without delay."""
_POLL_S = 0.05
_LAST_WILL = (
    'read -r _; test -s "$0" || exit 0; read -r table <"$0"; '
    f'for family in -4 -6; do ip $family route flush table "$table" proto {ROUTE_PROTOCOL}; done'
)
"""It reads from a pipe that only the supervisor can write to and never does: the end comes when the supervisor ends."""

_libc = ctypes.CDLL(None, use_errno=True)


def enter_namespace(name: str) -> None:
    """Move the calling process into the network namespace `name` (as `ip netns exec` does)."""
    descriptor = os.open(f"/var/run/netns/{name}", os.O_RDONLY)
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET):
            code = ctypes.get_errno()
            raise OSError(code, f"cannot enter namespace {name}: {os.strerror(code)}")
    finally:
        os.close(descriptor)


class Supervisor:
    """Forks the worker, waits, cleans up, forks again."""

    def __init__(self, node_dir: Path) -> None:
        self._dir = node_dir
        self._stopping = False
        self._worker: int | None = None
        self._writing = -1

    def run(self) -> int:
        """Supervise until SIGTERM; 0 then."""
        os.umask(0o077)  # also for what daemons write: their logs tell who talks to whom
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, NICE)
        for number in _ENDING:
            signal.signal(number, self._stop)
        self._arm()
        delay_s = RESTART_MIN_S
        while not self.stopping():
            self.remove_override()
            started = time.monotonic()
            how = self._wait(self._fork())
            self.remove_override()
            if self.stopping():
                break
            lived_s = time.monotonic() - started
            delay_s = RESTART_MIN_S if lived_s > HEALTHY_RUN_S else min(delay_s * 2, RESTART_MAX_S)
            print(  # noqa: T201  its log is its standard output
                f"agent worker ended ({how}) after {lived_s:.1f} s; next start in {delay_s:.1f} s",
                flush=True,
            )
            self._rest(delay_s)
        return 0

    def remove_override(self) -> None:
        """Empty the override table: without an agent nobody watches the path it points to."""
        table = Journal(self._dir).override_table()
        for family in ("-4", "-6") if table is not None else ():
            subprocess.run(
                ["ip", family, "route", "flush", "table", str(table), "proto", str(ROUTE_PROTOCOL)],
                check=False,
                capture_output=True,
            )

    def _arm(self) -> None:
        """Start the dead man's switch."""
        reading, self._writing = os.pipe2(os.O_CLOEXEC)
        subprocess.Popen(
            ["/bin/sh", "-c", _LAST_WILL, str(Journal(self._dir).override_file)],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        os.close(reading)

    def _rest(self, delay_s: float) -> None:
        """Wait, but not for a stop."""
        end = time.monotonic() + delay_s
        while not self.stopping() and time.monotonic() < end:
            time.sleep(_POLL_S)

    def stopping(self) -> bool:
        """Whether SIGTERM came."""
        return self._stopping

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True
        if self._worker is not None:
            try:
                os.kill(self._worker, signal.SIGTERM)
            except ProcessLookupError:
                return

    def _fork(self) -> int:
        parent = os.getpid()
        # A stop between the fork and our knowing the worker's pid must reach the worker all the same.
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        pid = os.fork()
        if not pid:
            os.close(self._writing)
            os._exit(_work(self._dir, parent))
        self._worker = pid
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        return pid

    def _wait(self, worker: int) -> str:
        """Reap everything that ends below us until the worker does; how it ended. Daemons it started are adopted."""
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                return "unseen"
            if pid == worker:
                self._worker = None
                code = os.waitstatus_to_exitcode(status)
                return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _work(node_dir: Path, parent: int) -> int:
    """The worker's whole life; its exit code."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        return 1
    for number in _ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    from twinspan.agent.node import Node  # noqa: PLC0415  imported (preloaded) by run_supervisor

    try:
        asyncio.run(Node(node_dir, node_dir.name).run())
    except Exception:
        # The task supervisor's one blind except: say it in the log and let the parent start again.
        traceback.print_exc()
        sys.stderr.flush()
        return 1
    return 0


def run_supervisor(node_dir: Path, netns: str | None) -> int:
    """Entry for `twinspan agent` and for the lab's keeper."""
    if netns is not None:
        enter_namespace(netns)
    # Preload before forking: a worker that dies is then back in milliseconds.
    import twinspan.agent.node  # noqa: F401, PLC0415

    return Supervisor(node_dir).run()
