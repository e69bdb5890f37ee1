"""The lab's keeper: one detached process that starts an agent supervisor per node and starts it again if it dies.

In: the lab's directory; "go" on standard input once the topology stands. Out: supervisors inside their namespaces, and
the cloud server and its NAT's DHCP service in theirs.
It loads the agent's code once and forks, because nine cold starts of an interpreter on two cores take seconds. A
keeper that is started again (`twinspan lab keep`) adopts the supervisors that still run. Next: `up.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec

from twinspan.lab import namespace, process
from twinspan.lab.cloud_parts import WORK
from twinspan.lab.process import ProcessId
from twinspan.lab.state import LabPaths, LabState, load_state, write_private

AGENT = "twinspan.agent.supervisor:run_supervisor"
AGENT_CODE = ("twinspan.agent.node",)
CLOUD_CODE = ("twinspan.agent.cloud_connection.manager", "twinspan.agent.cloud_connection.services")
"""What an agent loads as soon as its config asks for a cloud connection."""
RESTART_S = 0.2
"""Wait before a supervisor is started again; the next one after a quick death comes at most a second later."""
QUICK_DEATH_S = 2.0
RESTART_MAX_S = 1.0
STOP_GRACE_S = 6.0
LOG_LIMIT_BYTES = 1 << 20
LOG_CHECK_S = 5.0
GO = b"go\n"

Supervisor = Callable[[Path, str | None], int]


def load_supervisor(target: str) -> Supervisor:
    """The function named `module:function`."""
    module, _, function = target.partition(":")
    loaded: Supervisor = getattr(importlib.import_module(module), function)
    return loaded


class Child:
    """One node's supervisor, or what else runs in a namespace of the lab."""

    def __init__(self, node_dir: Path, netns: str, work: Supervisor) -> None:
        self.node_dir = node_dir
        self.netns = netns
        self.work = work
        self.identity: ProcessId | None = None
        self.pidfd = -1
        self.started = 0.0
        self.due = 0.0
        """Monotonic time of the next start, while nothing runs."""
        self.delay_s = RESTART_S

    @property
    def record(self) -> Path:
        return self.node_dir / process.RECORD

    def adopt(self) -> bool:
        """Takes over a supervisor that an earlier keeper has started and that still runs."""
        known = process.recorded(self.node_dir)
        if known is None or not process.alive(known):
            return False
        self.watch(known)
        return True

    def watch(self, identity: ProcessId) -> None:
        self.identity = identity
        self.pidfd = os.pidfd_open(identity.pid)
        self.started = time.monotonic()

    def start(self) -> None:
        pid = os.fork()
        if pid == 0:
            run_child(self.work, self.node_dir, self.netns)
        identity = process.identify(pid)
        if identity is None:
            self.ended()
            return
        self.watch(identity)
        write_private(self.record, msgspec.json.encode(identity))

    def ended(self) -> None:
        """Plans the next start; a supervisor that dies young waits a little longer each time."""
        if self.identity is not None:
            with contextlib.suppress(OSError):
                os.waitpid(self.identity.pid, os.WNOHANG)
        if self.pidfd >= 0:
            os.close(self.pidfd)
        young = time.monotonic() - self.started < QUICK_DEATH_S
        self.delay_s = min(RESTART_MAX_S, self.delay_s * 2) if young else RESTART_S
        self.due = time.monotonic() + (self.delay_s if young else 0.0)
        self.identity, self.pidfd = None, -1


def run_child(work: Supervisor, node_dir: Path, netns: str) -> None:
    """The forked half: becomes the node's supervisor, or what else the namespace is for, and never returns."""
    code = 70
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        log = os.open(node_dir / "agent.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        namespace.enter_like_ip_netns_exec(netns)
        code = work(node_dir, netns)
    except BaseException:  # noqa: BLE001  nobody above us: the log gets it, the keeper starts us again
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


class Keeper:
    """Watches all children by pidfd, which also tells of the death of one that is not its own child."""

    def __init__(self, paths: LabPaths, supervisor: Supervisor, state: LabState) -> None:
        self.children = [Child(paths.part(part), netns, WORK[part]) for part, netns in state.parts.items()]
        self.children += [Child(paths.node(node), netns, supervisor) for node, netns in state.nodes.items()]
        self.stopping = False
        self.log_due = 0.0
        self.wakeup, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "stopping", True))

    def run(self) -> None:
        for child in self.children:
            child.adopt()
        while not self.stopping:
            self.start_due()
            self.wait()
            self.bound_logs()
        running = [child.identity for child in self.children if child.identity]
        process.end(running, grace_s=STOP_GRACE_S)

    def start_due(self) -> None:
        for child in self.children:
            if child.identity is None and child.due <= time.monotonic():
                child.start()

    def wait(self) -> None:
        """Sleeps until a child ends, a signal comes, or the next start is due."""
        poller = select.poll()
        poller.register(self.wakeup, select.POLLIN)
        by_fd = {child.pidfd: child for child in self.children if child.pidfd >= 0}
        for handle in by_fd:
            poller.register(handle, select.POLLIN)
        due = [child.due for child in self.children if child.identity is None]
        limit_s = min([LOG_CHECK_S, *(moment - time.monotonic() for moment in due)])
        for handle, _ in poller.poll(max(0, int(limit_s * 1000) + 1)):
            if handle in by_fd:
                by_fd[handle].ended()
            else:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.wakeup, 64)

    def bound_logs(self) -> None:
        if time.monotonic() < self.log_due:
            return
        self.log_due = time.monotonic() + LOG_CHECK_S
        for child in self.children:
            bound_log(child.node_dir / "agent.log")


def bound_log(path: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
    """Moves a log that grew too long to NAME.1 and empties it in place: its writers append and keep their handle."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > limit_bytes:
            path.with_name(path.name + ".1").write_bytes(path.read_bytes()[-limit_bytes:])
            os.truncate(path, 0)


def main(argv: list[str] | None = None) -> int:
    """Entry of the detached process; 0 after SIGTERM, 1 if there was nothing to keep."""
    parser = argparse.ArgumentParser(prog="twinspan-lab-keeper", description="Started by `twinspan lab up`.")
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("name")
    parser.add_argument("--agent", default=AGENT, help="module:function of the agent's supervisor")
    options = parser.parse_args(argv)
    paths = LabPaths(options.name, options.run_dir)
    supervisor = load_supervisor(options.agent)
    state = load_state(paths)
    if options.agent == AGENT:  # what a worker needs, loaded once for all
        for module in (*AGENT_CODE, *(CLOUD_CODE if state is not None and state.parts else ())):
            importlib.import_module(module)
    # End of file instead of "go": whoever started us died before the topology stood.
    if sys.stdin.buffer.readline() != GO:
        return 1
    if state is None:
        return 1
    gc.collect()
    gc.freeze()  # what is loaded now stays shared between all forks
    Keeper(paths, supervisor, state).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
