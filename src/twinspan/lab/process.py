"""Processes by identity: a pid alone may be somebody else by the time it is used, a pid with its start time may not.

In: pids, namespaces' inode numbers, a lab's mark in the environment. Out: identities, and their end. Next: `state.py`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import msgspec

MARK_VARIABLE = "TWINSPAN_LAB"
"""In the environment of every process a lab starts: a process is found by it even when nobody wrote its pid down."""
POLL_S = 0.01
RECORD = "supervisor.json"
"""In a node's directory: the identity of its supervisor; in that of a part, of what runs there."""


class ProcessId(msgspec.Struct, frozen=True, kw_only=True):
    pid: int
    start_ticks: int
    """Field 22 of /proc/PID/stat: start in clock ticks since boot."""


def _stat_fields(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third on (the second may hold blanks); None if there is no such process."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return None


def identify(pid: int) -> ProcessId | None:
    """The identity of a running process; None if it is gone or only waits to be reaped."""
    fields = _stat_fields(pid)
    if fields is None or fields[0] in {"Z", "X"}:
        return None
    return ProcessId(pid=pid, start_ticks=int(fields[19]))


def alive(process: ProcessId | None) -> bool:
    """Whether exactly this process still runs."""
    return process is not None and identify(process.pid) == process


def recorded(directory: Path) -> ProcessId | None:
    """What the keeper runs for this directory, as it was written down; None if nothing was."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((directory / RECORD).read_bytes(), type=ProcessId)
    return None


def command_name(pid: int) -> str:
    """The kernel's short name of the process, e.g. "bird"; empty if it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    return ""


def arguments(pid: int) -> tuple[str, ...]:
    """Its command line; empty if it is gone."""
    with contextlib.suppress(OSError):
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        return tuple(part.decode(errors="replace") for part in raw.split(b"\0")[:-1])
    return ()


def _all_pids() -> Iterator[int]:
    for entry in os.listdir("/proc"):  # noqa: PTH208  names only; Path objects for every process cost more than the scan
        if entry.isdigit():
            yield int(entry)


def in_namespaces(inodes: Collection[int]) -> tuple[ProcessId, ...]:
    """Every process whose network namespace is one of these, except the caller."""
    return tuple(_matching(lambda pid: os.stat(f"/proc/{pid}/ns/net").st_ino in inodes))  # noqa: PTH116  as above


def with_mark(mark: str) -> tuple[ProcessId, ...]:
    """Every process that carries the lab's mark in its environment, except the caller."""
    wanted = f"{MARK_VARIABLE}={mark}".encode()
    return tuple(_matching(lambda pid: wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")))


def _matching(test: Callable[[int], bool]) -> Iterator[ProcessId]:
    for pid in _all_pids():
        with contextlib.suppress(OSError):
            if pid != os.getpid() and test(pid) and (found := identify(pid)):
                yield found


def send(process: ProcessId, number: int) -> bool:
    """Signals exactly this process. The pidfd closes the gap in which the pid could change hands."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        if identify(process.pid) != process:
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def wait_gone(processes: Iterable[ProcessId], deadline_s: float) -> tuple[ProcessId, ...]:
    """Waits until none of them runs, at most so long; returns those that still do."""
    left = tuple(processes)
    end = time.monotonic() + deadline_s
    while left := tuple(process for process in left if alive(process)):
        _reap(left)
        if time.monotonic() >= end:
            break
        time.sleep(POLL_S)
    return left


def _reap(processes: Iterable[ProcessId]) -> None:
    """Takes the exit of those that are our own children, so that they do not linger."""
    for process in processes:
        with contextlib.suppress(OSError):
            os.waitpid(process.pid, os.WNOHANG)


def end(processes: Iterable[ProcessId], *, grace_s: float) -> tuple[ProcessId, ...]:
    """SIGTERM, then SIGKILL for whoever is left after `grace_s`. Returns those that survived both: normally none."""
    targets = tuple(processes)
    for process in targets:
        send(process, signal.SIGTERM)
        send(process, signal.SIGCONT)
    left = wait_gone(targets, grace_s)
    for process in left:
        send(process, signal.SIGKILL)
    return wait_gone(left, 2.0)


def end_session(leader: ProcessId) -> None:
    """Kills a session's leader together with its children (a shell and the `sleep` it waits for)."""
    with contextlib.suppress(OSError):
        if alive(leader):
            os.killpg(leader.pid, signal.SIGKILL)
    wait_gone((leader,), 1.0)
