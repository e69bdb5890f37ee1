"""Runs the node's DNS and DHCP services: a dnsmasq for each, restarted when it dies or its text changes.

In: a `DeviceConfig`. Out: running processes, `DaemonStatus`, and an `Event` when one dies. They live on without the
agent, and the next agent takes them over. Next: `agent.converge` calls `ensure`.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from twinspan.drivers.daemon import Daemon, Program, make_private_dir, write_private
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import DaemonStatus, Event
from twinspan.wire.dnsmasq import render_dnsmasq

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
            wanted = render_dnsmasq(config)
            done = await self._end(self._known() - set(wanted))
            results = await asyncio.gather(
                *(self._instance(name).ensure(text) for name, text in wanted.items()), return_exceptions=True
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

    @property
    def status(self) -> DaemonStatus:
        return DaemonStatus(name=f"dnsmasq {self._name}", pid=self._daemon.pid, restarts=self._daemon.restarts)

    async def ensure(self, text: str) -> list[str]:
        make_private_dir(self._dir)
        running = self._daemon.adopt()
        if running and self._loaded == self._identity(text):
            return []
        again = self._daemon.seen
        if running:
            await self._daemon.stop()
        conf, output = self._dir / "dnsmasq.conf", self._dir / "dnsmasq.out"
        write_private(conf, text)
        self._daemon.start([str(DNSMASQ.executable), f"--conf-file={conf}", f"--pid-file={self._dir / 'own.pid'}"])
        await self._daemon.wait_ready(lambda: _STARTED in output.read_text(errors="replace"), _START_S)
        write_private(self._dir / "loaded", self._identity(text))
        return [f"dnsmasq {self._name} {'restarted' if again else 'started'}"]

    async def stop(self) -> bool:
        if not self._daemon.adopt():
            (self._dir / "dnsmasq.pid").unlink(missing_ok=True)
            return False
        await self._daemon.stop()
        return True

    def close(self) -> None:
        self._daemon.close()

    @property
    def _loaded(self) -> str:
        """Identity of what the running process has read; in a file, for the next agent asks too."""
        try:
            return (self._dir / "loaded").read_text()
        except FileNotFoundError:
            return ""

    def _identity(self, text: str) -> str:
        return f"{self._daemon.pid} {hashlib.sha256(text.encode()).hexdigest()}\n"
