"""Brings a lab up: namespaces, cables, agents, and then waits until everything is established and proven.

In: a compiled `Deployment` and a name. Out: a running `Lab` and how long it took. Whatever goes wrong on the way
(a deadline, Ctrl-C, a refusing kernel) takes everything down again: a half-made lab never stays, unless asked to.
Next: `down.py`.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

import twinspan
from twinspan.lab import process, requirements
from twinspan.lab.blank import CONFIG, blank
from twinspan.lab.build import build
from twinspan.lab.cloud import PARTS, Managed, can_be_managed, manage, save_managed, widen
from twinspan.lab.cloud_parts import furnish
from twinspan.lab.down import dismantle
from twinspan.lab.keeper import AGENT, GO
from twinspan.lab.lab import Lab
from twinspan.lab.places import GATEWAY
from twinspan.lab.readiness import missing
from twinspan.lab.state import (
    RUN_DIR,
    LabPaths,
    LabState,
    Phase,
    exclusive,
    lab_names,
    load_state,
    new_lab_id,
    save_state,
    update_state,
    write_private,
)
from twinspan.model.deployment import Deployment
from twinspan.model.device_identity import DeviceIdentity
from twinspan.model.errors import Rejected, Unavailable
from twinspan.model.secret import encode_hook

DEADLINE_S = 60.0
POLL_S = 0.05


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a lab that is coming up."""

    phase: Phase
    elapsed_s: float
    missing: tuple[str, ...] = ()
    """What it still waits for."""


class UpOptions(msgspec.Struct, frozen=True, kw_only=True):
    site_file: str = ""
    deadline_s: float = DEADLINE_S
    keep: bool = False
    """Leave a lab that did not converge, to look into it."""
    run_dir: Path = RUN_DIR
    agent: str = AGENT
    """module:function of the agent's supervisor."""
    cloud: bool = False
    """With a cloud server, and every node that has a management port connected to it."""
    blank: bool = False
    """Machines and cables only; what the nodes shall be comes from resources in the cloud server."""


def name_for(site: str) -> str:
    """A lab name made from a site's name."""
    return re.sub(r"[^a-z0-9]+", "-", site.lower()).strip("-")[:24].rstrip("-") or "lab"


def bring_up(
    deployment: Deployment,
    name: str,
    options: UpOptions = UpOptions(),  # noqa: B008  frozen
    progress: Callable[[Progress], None] = lambda _: None,
) -> Lab:
    """Builds the lab and waits until nothing is missing. Raises Rejected if the name is taken, Unavailable if the
    machine lacks something or the deadline passes."""
    cloud = options.cloud and can_be_managed(deployment)
    if options.blank and not cloud:
        raise Rejected(
            "a blank lab gets everything from its cloud server", remedy="leave --no-cloud out, or --blank as well"
        )
    options = msgspec.structs.replace(options, cloud=cloud)
    requirements.require(deployment, options.run_dir, cloud=cloud)
    if options.blank:
        deployment = blank(deployment)
    paths = LabPaths(name, options.run_dir)
    with exclusive(paths):
        _refuse_taken(paths)
        try:
            return _Rise(deployment, paths, options, progress).run()
        except BaseException:
            # Also Ctrl-C and SIGTERM: a half-made lab never stays.
            if not options.keep:
                dismantle(paths)
            raise


def _refuse_taken(paths: LabPaths) -> None:
    if paths.name not in lab_names(paths.run_dir):
        return
    state = load_state(paths)
    if state is None or state.phase != "up":
        what = "is only half there: whoever made it was ended"
    elif not process.alive(state.keeper):
        what = "exists already, and its keeper is dead (revive it with `twinspan lab keep`)"
    else:
        what = "exists already"
    raise Rejected(
        f"lab {paths.name} {what}", remedy=f"choose another --name, or first: twinspan lab down {paths.name}"
    )


class _Rise:
    """The steps of one `up`, in order."""

    def __init__(
        self, deployment: Deployment, paths: LabPaths, options: UpOptions, progress: Callable[[Progress], None]
    ) -> None:
        self.deployment = deployment
        self.paths = paths
        self.options = options
        self.progress = progress
        self.begun = time.monotonic()
        self.managed: dict[str, Managed] = {}

    def run(self) -> Lab:
        state = self.reserve()
        self.tell("building")
        starter = start_keeper(self.paths, state, self.options.agent)  # its imports run while the kernel builds
        self.build(state)
        self.write_configs()
        self.enter("starting", starter)
        assert starter.stdin is not None
        try:
            starter.stdin.write(GO)
            starter.stdin.close()
        except BrokenPipeError as error:
            raise _keeper_ended(self.paths) from error
        self.wait(Lab(self.paths, state, self.deployment), starter)
        state = update_state(self.paths, lambda old: msgspec.structs.replace(old, phase="up"))
        return Lab(self.paths, state, self.deployment)

    def reserve(self) -> LabState:
        """Writes down all names before anything with such a name exists."""
        lab_id = new_lab_id()
        state = LabState(
            name=self.paths.name,
            lab_id=lab_id,
            site=self.deployment.site,
            site_file=self.options.site_file,
            created_ns=time.time_ns(),
            phase="building",
            nodes={node: f"ts-{lab_id}-{node}" for node in self.deployment.topology.nodes},
            segments={part.name: f"ts-{lab_id}-seg-{part.name}" for part in self.deployment.topology.segments},
            parts={part: f"ts-{lab_id}-{part}" for part in PARTS} if self.options.cloud else {},
            blank=self.options.blank,
        )
        self.paths.root.mkdir(mode=0o700, parents=True)
        save_state(self.paths, state)
        if self.options.cloud:
            self.managed = manage(self.deployment, lab_id)
            save_managed(self.paths, self.managed)
        write_private(self.paths.deployment, msgspec.json.encode(self.deployment, enc_hook=encode_hook))
        return state

    def build(self, state: LabState) -> None:
        topology = widen(self.deployment.topology) if self.managed else self.deployment.topology
        build(topology, state.nodes | state.parts, state.segments)
        if self.managed:
            furnish(self.paths, state.parts, self.managed[GATEWAY])

    def write_configs(self) -> None:
        configs = self.deployment.configs | {node: one.config for node, one in self.managed.items()}
        for node, config in configs.items():
            folder = self.paths.node(node)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(folder / CONFIG, msgspec.json.encode(config, enc_hook=encode_hook))
        for node, one in self.managed.items():
            identity = DeviceIdentity(serial=one.serial)
            write_private(self.paths.node(node) / "identity.json", msgspec.json.encode(identity))

    def enter(self, phase: Phase, starter: subprocess.Popen[bytes]) -> None:
        keeper = process.identify(starter.pid)
        update_state(self.paths, lambda old: msgspec.structs.replace(old, phase=phase, keeper=keeper))
        self.tell(phase)

    def tell(self, phase: Phase, lacks: tuple[str, ...] = ()) -> None:
        self.progress(Progress(phase=phase, elapsed_s=time.monotonic() - self.begun, missing=lacks))

    def wait(self, lab: Lab, starter: subprocess.Popen[bytes]) -> None:
        update_state(self.paths, lambda old: msgspec.structs.replace(old, phase="converging"))
        end = self.begun + self.options.deadline_s
        with lab.client() as client:
            while lacks := missing(self.deployment, client.reports()):
                if starter.poll() is not None:
                    raise _keeper_ended(self.paths)
                if time.monotonic() >= end:
                    raise _not_converged(self.paths, self.options, lacks)
                self.tell("converging", lacks)
                time.sleep(POLL_S)
        self.tell("up")


def start_keeper(paths: LabPaths, state: LabState, agent: str) -> subprocess.Popen[bytes]:
    """The keeper, detached, waiting for "go" on its standard input."""
    package = str(Path(twinspan.__file__).parent.parent)
    environment = os.environ | {process.MARK_VARIABLE: state.mark, "PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package, environment.get("PYTHONPATH"))))
    with paths.keeper_log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "twinspan.lab.keeper", "--agent", agent, str(paths.run_dir), paths.name],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            cwd="/",
            start_new_session=True,
        )


def revive_keeper(lab: Lab, agent: str = AGENT) -> bool:
    """Starts a keeper for a lab whose keeper died; it adopts the agents that still run. False if one is alive."""
    with exclusive(lab.paths):
        if process.alive(lab.state.keeper):
            return False
        starter = start_keeper(lab.paths, lab.state, agent)
        keeper = process.identify(starter.pid)
        update_state(lab.paths, lambda old: msgspec.structs.replace(old, keeper=keeper))
        assert starter.stdin is not None
        starter.stdin.write(GO)
        starter.stdin.close()
        return True


def _not_converged(paths: LabPaths, options: UpOptions, lacks: tuple[str, ...]) -> Unavailable:
    shown = "; ".join(lacks[:6]) + (f"; and {len(lacks) - 6} more" if len(lacks) > 6 else "")
    hint = _log_hint(paths) if options.keep else "bring it up with --keep and read the nodes' agent.log"
    return Unavailable(f"lab {paths.name} did not converge within {options.deadline_s:g} s: {shown}", remedy=hint)


def _keeper_ended(paths: LabPaths) -> Unavailable:
    """Its last words travel in the message, because the log goes with the lab."""
    with contextlib.suppress(OSError):
        lines = paths.keeper_log.read_text(encoding="utf-8", errors="replace").split("\n")
        words = next((line for line in reversed(lines) if line.strip()), "it said nothing")
        hint = f"bring it up with --keep, then {_log_hint(paths)}"
        return Unavailable(f"the lab's keeper ended at once: {words}", remedy=hint)
    return Unavailable("the lab's keeper ended at once")


def _log_hint(paths: LabPaths) -> str:
    return f"read {paths.keeper_log} and {paths.root}/nodes/*/agent.log"
