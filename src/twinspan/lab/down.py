"""Takes a lab down, whatever is left of it: processes, namespaces, files.

In: a lab's name. Out: nothing left of it, and a count of what was removed. Works after a kill -9 of anything, on a
lab that was never finished, and twice. Processes are found in three ways, because each can miss one: the keeper by its
recorded identity, everything by the lab's mark in its environment, daemons by the namespace they live in. Next:
`status.py`.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

import msgspec

from twinspan.lab import namespace, process
from twinspan.lab.process import ProcessId
from twinspan.lab.requirements import require_root
from twinspan.lab.state import RUN_DIR, LabPaths, LabState, exclusive, lab_names, load_state, update_state
from twinspan.model.errors import Rejected, Unavailable

KEEPER_GRACE_S = 8.0
"""The keeper ends its supervisors, and they their daemons, before it goes."""
GRACE_S = 1.5


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """What `down` has taken away."""

    lab: str
    processes: int
    namespaces: int


def take_down(name: str, run_dir: Path = RUN_DIR) -> Removed:
    """Removes one lab. Raises Rejected if there is none of that name."""
    require_root()
    paths = LabPaths(name, run_dir)
    with exclusive(paths):
        if name not in lab_names(run_dir):
            known = ", ".join(lab_names(run_dir)) or "none"
            raise Rejected(f"there is no lab {name!r}", remedy=f"labs: {known}")
        return dismantle(paths)


def take_all_down(run_dir: Path = RUN_DIR) -> tuple[Removed, ...]:
    """Removes every lab; an empty answer if there was none."""
    require_root()
    return tuple(take_down(name, run_dir) for name in lab_names(run_dir))


def dismantle(paths: LabPaths) -> Removed:
    """The work itself; the caller holds the lab's lock."""
    state = load_state(paths)
    if state is None:  # killed before its first word: nothing else was made
        shutil.rmtree(paths.root, ignore_errors=True)
        return Removed(lab=paths.name, processes=0, namespaces=0)
    with contextlib.suppress(OSError, Rejected):
        state = update_state(paths, lambda old: msgspec.structs.replace(old, phase="ending"))
    ended = _end_processes(state)
    present = [name for name in _all_namespaces(state) if namespace.exists(name)]
    for name in present:
        _delete_namespace(name)
    shutil.rmtree(paths.root, ignore_errors=True)
    if paths.root.exists():
        raise Unavailable(f"{paths.root} could not be removed", remedy="remove it by hand and look at its mounts")
    return Removed(lab=paths.name, processes=ended, namespaces=len(present))


def _end_processes(state: LabState) -> int:
    known = set(_processes(state))
    if state.keeper and process.alive(state.keeper):
        process.end([state.keeper], grace_s=KEEPER_GRACE_S)
    stubborn: tuple[ProcessId, ...] = ()
    for _ in range(5):  # somebody may start a child between the look and the signal
        left = _processes(state)
        known |= set(left)
        if not left:
            break
        stubborn = process.end(left, grace_s=GRACE_S)
    if stubborn:
        pids = ", ".join(str(one.pid) for one in stubborn)
        raise Unavailable(f"processes {pids} of lab {state.name} do not end", remedy="run `twinspan lab down` again")
    return len(known)


def _processes(state: LabState) -> tuple[ProcessId, ...]:
    inodes = {number for name in _all_namespaces(state) if (number := namespace.inode(name))}
    inside = process.in_namespaces(inodes) if inodes else ()
    return tuple({*inside, *process.with_mark(state.mark)})


def _all_namespaces(state: LabState) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*state.namespaces, *namespace.names(state.prefix))))


def _delete_namespace(name: str) -> None:
    done = subprocess.run(["ip", "netns", "delete", name], capture_output=True, text=True, check=False)
    if done.returncode != 0 and namespace.exists(name):
        raise Unavailable(f"namespace {name} could not be removed: {done.stderr.strip()}", remedy="try again")
    shutil.rmtree(namespace.ETC_NETNS_DIR / name, ignore_errors=True)
    with contextlib.suppress(OSError):
        namespace.ETC_NETNS_DIR.rmdir()
