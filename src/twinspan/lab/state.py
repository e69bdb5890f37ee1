"""What a lab is made of, on disk: the one place where `down` finds everything, whatever was killed before.

In: a lab's name. Out: `LabState`, written *before* each thing it names is made, and the locks around it. All of it
lives under /run/twinspan, 0700, because configs hold keys. Next: `build.py`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from twinspan.lab import namespace
from twinspan.lab.process import ProcessId
from twinspan.model.deployment import Deployment
from twinspan.model.errors import Rejected, Retryable, Unavailable
from twinspan.model.secret import decode_hook

RUN_DIR = Path(os.environ.get("TWINSPAN_LAB_DIR", "/run/twinspan"))
"""Read once. The variable lets tests keep labs of their own."""
NAME_RULE = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")
"""24 characters: with the longest node name a socket's path then stays below the kernel's 108."""

Phase = Literal["building", "starting", "converging", "up", "ending"]


class FaultOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a fault shall be; each fault reads only what concerns it."""

    expires_s: float = 60.0
    """It heals by itself after so many seconds, whoever is still alive then."""
    direction: Literal["to-cloud", "to-site"] = "to-cloud"
    """`one-way`: the direction whose packets are lost."""
    node: str = "gateway"
    """`daemon-kill`, `agent-kill`: where."""
    daemon: Literal["bird", "charon", "dnsmasq"] = "bird"
    """`daemon-kill`: which."""
    times: int = 5
    """`flap`: how often the cable goes off."""
    period_s: float = 2.0
    """`flap`: from one off to the next."""


class ActiveFault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that was injected. It stays listed until it is mended or its time is over."""

    name: str
    options: FaultOptions
    injected_ns: int
    expires_ns: int
    healers: tuple[ProcessId, ...] = ()
    """Detached timers that undo it, for what the kernel cannot time by itself."""


class LabState(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    lab_id: str
    """Four hex digits: prefix of every namespace, and the mark in every process's environment."""
    site: str
    site_file: str
    created_ns: int
    phase: Phase
    nodes: dict[str, str]
    """Node to namespace."""
    segments: dict[str, str]
    """Segment to namespace."""
    parts: dict[str, str] = {}
    """The cloud server and what belongs to it: namespaces in which no agent lives. Empty without a cloud server."""
    blank: bool = False
    """It began without anything of the site: what its nodes are is what the cloud server's resources made of them."""
    keeper: ProcessId | None = None
    faults: tuple[ActiveFault, ...] = ()

    @property
    def prefix(self) -> str:
        return f"ts-{self.lab_id}-"

    @property
    def mark(self) -> str:
        """What every process of this lab carries in its environment."""
        return f"{self.name}:{self.lab_id}"

    @property
    def namespaces(self) -> tuple[str, ...]:
        return (*self.nodes.values(), *self.segments.values(), *self.parts.values())


class LabPaths:
    """Where things of one lab lie."""

    def __init__(self, name: str, run_dir: Path = RUN_DIR) -> None:
        if not NAME_RULE.fullmatch(name):
            raise Rejected(
                f"lab name {name!r} is not usable",
                remedy="use 1 to 24 lower case letters, digits and hyphens, beginning with a letter or digit",
            )
        self.name = name
        self.run_dir = run_dir
        self.root = run_dir / "labs" / name
        self.state = self.root / "state.json"
        self.deployment = self.root / "deployment.json"
        self.managed = self.root / "managed.json"
        self.keeper_log = self.root / "keeper.log"

    def node(self, node: str) -> Path:
        return self.root / "nodes" / node

    def part(self, part: str) -> Path:
        return self.root / "parts" / part

    def socket(self, node: str) -> Path:
        return self.node(node) / "agent.sock"


def write_private(path: Path, data: bytes) -> None:
    """Replaces a file in one step, readable by its owner only."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    temporary.replace(path)


def load_state(paths: LabPaths) -> LabState | None:
    """The lab's state, or None if there is no lab of that name (or it was killed before it wrote anything)."""
    try:
        return msgspec.json.decode(paths.state.read_bytes(), type=LabState)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, OSError) as error:
        raise Unavailable(
            f"the state of lab {paths.name} cannot be read: {error}",
            remedy=f"remove {paths.root} by hand, and what `ip netns list` shows of it",
        ) from error


def save_state(paths: LabPaths, state: LabState) -> None:
    """Writes it whole; a kill at any moment leaves the old one or the new one."""
    write_private(paths.state, msgspec.json.format(msgspec.json.encode(state), indent=1))


def update_state(paths: LabPaths, change: Callable[[LabState], LabState]) -> LabState:
    """Reads, changes and writes under a lock of its own, so that `break` and `up` cannot lose each other's words."""
    handle = os.open(paths.root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        state = load_state(paths)
        if state is None:
            raise Rejected(f"lab {paths.name} has no state any more", remedy="it was taken down meanwhile")
        changed = change(state)
        save_state(paths, changed)
        return changed
    finally:
        os.close(handle)


def load_deployment(paths: LabPaths) -> Deployment:
    """What the lab was built from, keys included."""
    try:
        return msgspec.json.decode(paths.deployment.read_bytes(), type=Deployment, dec_hook=decode_hook)
    except (OSError, msgspec.DecodeError) as error:
        raise Unavailable(
            f"the deployment of lab {paths.name} cannot be read: {error}",
            remedy=f"take it down and bring it up again: twinspan lab down {paths.name}",
        ) from error


def lab_names(run_dir: Path = RUN_DIR) -> tuple[str, ...]:
    """Every lab of this machine, the half-made ones too."""
    with contextlib.suppress(OSError):
        return tuple(sorted(entry.name for entry in (run_dir / "labs").iterdir() if NAME_RULE.fullmatch(entry.name)))
    return ()


def new_lab_id() -> str:
    """Four hex digits that no namespace on this machine uses yet."""
    for _ in range(64):
        candidate = secrets.token_hex(2)
        if not namespace.names(f"ts-{candidate}-"):
            return candidate
    raise Unavailable("no free lab id was found", remedy="take labs down that nobody needs: twinspan lab list")


@contextlib.contextmanager
def exclusive(paths: LabPaths) -> Iterator[None]:
    """Holds the lab for `up` or `down`. Raises Retryable while another process does; a killed one lets go by itself."""
    folder = paths.run_dir / "locks"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{paths.name}.lock"
    handle = _acquire(file, paths.name)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        os.close(handle)
        _remove_empty(folder, paths.run_dir / "labs", paths.run_dir)


def _acquire(file: Path, name: str) -> int:
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
            os.close(handle)
            raise Retryable(
                f"lab {name} is being brought up or taken down by process {holder or 'unknown'}",
                delay_s=1.0,
                remedy="wait for it, or end that process and run `twinspan lab down` again",
            ) from error
        # Whoever held it before may have removed the file between our open and our lock.
        with contextlib.suppress(OSError):
            if file.stat().st_ino == os.fstat(handle).st_ino:
                os.ftruncate(handle, 0)
                os.pwrite(handle, str(os.getpid()).encode(), 0)
                return handle
        os.close(handle)


def _remove_empty(*folders: Path) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()
