"""Runs the node's DNS and DHCP services: a dnsmasq for each, restarted when it dies or its text changes.

In: a `DeviceConfig`. Out: running processes, `DaemonStatus`, and an `Event` when one dies. They live on without the
agent, and the next agent takes them over. Where clients find their cloud server changes without a restart: those
options are read anew at SIGHUP. Next: `drivers.dhcp_handover`; `agent.converge` calls `ensure`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from twinspan.drivers.clock import until
from twinspan.drivers.daemon import Daemon, DaemonFailed, Program, make_private_dir, write_private
from twinspan.drivers.dhcp_handover import Handover
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import DaemonStatus, Event
from twinspan.wire.dnsmasq import DHCP_INSTANCE, render_dhcp_options, render_dnsmasq

DNSMASQ = Program(name="dnsmasq", executable=Path("/usr/sbin/dnsmasq"), package="dnsmasq-base")
_START_S = 5.0
_STARTED = "started, version"
"""What dnsmasq says once it has its sockets."""


class DnsmasqDriver:
    """All dnsmasqs of one node, each in a directory of its own."""

    def __init__(self, run_dir: Path, on_event: Callable[[Event], None], node: str) -> None:
        self._dir, self._on_event, self._node = run_dir, on_event, node
        self._instances: dict[str, _Instance] = {}
        self._lock = asyncio.Lock()

    def daemons(self) -> tuple[DaemonStatus, ...]:
        """For the report."""
        return tuple(self._instances[name].status for name in sorted(self._instances))

    async def ensure(self, config: DeviceConfig) -> list[str]:
        """Bring every service to `config` and end those it does not name; what was done in words.

        Raises `DaemonMissing`, `DaemonFailed`, `Rejected` for a value that cannot be written down; the other services
        are brought up all the same.
        """
        async with self._lock:
            wanted, options = render_dnsmasq(config), {DHCP_INSTANCE: render_dhcp_options(config)}
            done = await self._end(self._known() - set(wanted))
            results = await asyncio.gather(
                *(self._instance(name).ensure(text, options.get(name, "")) for name, text in wanted.items()),
                return_exceptions=True,
            )
            for result in results:
                if isinstance(result, BaseException):
                    raise result
                done += result
            return done

    async def stop(self) -> None:
        """End all of them."""
        async with self._lock:
            await self._end(self._known())

    async def close(self) -> None:
        """The agent goes, the services stay."""
        for instance in self._instances.values():
            instance.close()

    def _instance(self, name: str) -> _Instance:
        if name not in self._instances:
            self._instances[name] = _Instance(self._dir / name, name, self._died)
        return self._instances[name]

    def _known(self) -> set[str]:
        """Services that run or may run: this object's, and those an earlier agent left."""
        return {path.parent.name for path in self._dir.glob("*/dnsmasq.pid")} | set(self._instances)

    async def _end(self, names: set[str]) -> list[str]:
        done = []
        for name in sorted(names):
            instance = self._instance(name)
            if await instance.stop():
                done.append(f"dnsmasq {name} stopped")
            instance.close()
            del self._instances[name]
        return done

    def _died(self, name: str) -> None:
        self._on_event(Event(at_ns=time.time_ns(), node=self._node, source="daemon", what="dnsmasq died", detail=name))


class _Instance:
    """One dnsmasq and its directory."""

    def __init__(self, run_dir: Path, name: str, on_death: Callable[[str], None]) -> None:
        self._dir, self._name = run_dir, name
        self._daemon = Daemon(DNSMASQ, run_dir, lambda: on_death(name))
        self._handover = Handover(run_dir)

    @property
    def status(self) -> DaemonStatus:
        return DaemonStatus(name=f"dnsmasq {self._name}", pid=self._daemon.pid, restarts=self._daemon.restarts)

    async def ensure(self, text: str, options: str = "") -> list[str]:
        """Have it run with `text` and know `options`; a change of these alone leaves it running."""
        make_private_dir(self._dir)
        running = self._daemon.adopt()
        wanted = (_digest(f"{bool(options)} {text}"), _digest(options))
        conf, known = self._loaded if running else ("", "")
        if (conf, known) == wanted:
            return []
        again = self._daemon.seen
        if conf == wanted[0]:
            await self._tell_again(options)
            done = "told its options again"
        else:
            if running:
                await self._daemon.stop()
            await self._start(text, options)
            done = "restarted" if again else "started"
        write_private(self._dir / "loaded", " ".join((str(self._daemon.pid), *wanted)))
        return [f"dnsmasq {self._name} {done}"]

    async def _start(self, text: str, options: str) -> None:
        conf, argv = self._dir / "dnsmasq.conf", [str(DNSMASQ.executable)]
        write_private(conf, text)
        argv += [f"--conf-file={conf}", f"--pid-file={self._dir / 'own.pid'}"]
        if not options:
            self._daemon.start(argv)
            await self._daemon.wait_ready(lambda: _STARTED in self._said, _START_S)
            return
        with self._handover.offer(options) as path:
            self._daemon.start([*argv, f"--dhcp-optsfile={path}"])
            await self._daemon.wait_ready(lambda: f"read {path}\n" in self._said, _START_S)

    async def _tell_again(self, options: str) -> None:
        """Raises `DaemonFailed` if it does not read them."""
        pid = self._daemon.pid
        with self._handover.offer(options) as path:
            line = f"dnsmasq-dhcp[{pid}]: read {path}\n"
            before = self._said.count(line)
            if pid is not None:
                os.kill(pid, signal.SIGHUP)
            if not await until(lambda: self._said.count(line) > before, _START_S):
                raise DaemonFailed(f"dnsmasq {self._name} did not read its options again", delay_s=1.0)

    async def stop(self) -> bool:
        if not self._daemon.adopt():
            (self._dir / "dnsmasq.pid").unlink(missing_ok=True)
            return False
        await self._daemon.stop()
        return True

    def close(self) -> None:
        self._daemon.close()

    @property
    def _said(self) -> str:
        """All of its log since it was started."""
        return (self._dir / "dnsmasq.out").read_text(errors="replace")

    @property
    def _loaded(self) -> tuple[str, str]:
        """Digests of what the running process has read; in a file, for the next agent asks too."""
        try:
            pid, conf, options = (self._dir / "loaded").read_text().split()
        except (FileNotFoundError, ValueError):
            return "", ""
        return (conf, options) if pid == str(self._daemon.pid) else ("", "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
