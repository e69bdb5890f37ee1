"""A device as a real process, seen by what it says."""

from __future__ import annotations

import base64
import itertools
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
from tests.topology.cloud.network import DNS, Network, until
from tests.topology.cloud.server import ENVIRONMENT, PASSWORD, Server

from twinspan.model.cloud_check import CloudCheck
from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.model.cloud_status import CloudStatus
from twinspan.model.secret import Secret

PROCESS = Path(__file__).with_name("device_process.py")
_count = itertools.count(1)


class DeviceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the process goes by."""

    folder: Path
    management: CloudManagement
    serial: str = "SN1"
    boot_id: str = "boot-1"
    services: tuple[str, ...] = ("log", "telemetry")
    dns_servers: tuple[str, ...] = (DNS,)
    step_s: float = 2.0
    switch_back_s: float = 0.4
    wall_ns: int | None = None
    """What its clock shows at the start; None: the right time."""
    kill_at: str | None = None
    """`DeviceState` at which it is killed, before anything of that step happens; `save`: when it would remember."""
    kill_after: int = 1
    """At the how manieth time."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the process."""

    kind: str
    at_s: float = msgspec.field(default_factory=time.monotonic)
    what: str = ""
    detail: str = ""
    status: CloudStatus | None = None
    checks: tuple[CloudCheck, ...] = ()


class Device:
    def __init__(
        self, network: Network, management: CloudManagement, folder: Path | None = None, **options: Any
    ) -> None:
        self.network = network
        self.folder = folder or network.folder / f"device-{next(_count)}"
        self.folder.mkdir(exist_ok=True)
        self.namespace = options.pop("namespace", network.device)
        self.options = DeviceOptions(folder=self.folder, management=management, **options)
        self.lines: list[Said] = []
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **changes: Any) -> Device:
        """A process; also the one after it was killed, on the same directory."""
        self.options = msgspec.structs.replace(self.options, **changes)
        self.lines = []
        process = self.network.start(
            self.namespace, sys.executable, str(PROCESS),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT,
        )  # fmt: skip
        self.process = process
        self.tell(base64.b64encode(pickle.dumps(self.options)).decode())
        threading.Thread(target=self._read, args=(process, self.lines), daemon=True).start()
        return self

    @staticmethod
    def _read(process: subprocess.Popen[bytes], lines: list[Said]) -> None:
        assert process.stdout is not None
        lines.extend(msgspec.json.decode(line, type=Said) for line in process.stdout)

    def tell(self, order: str) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(order.encode() + b"\n")
        self.process.stdin.flush()

    def configure(self, management: CloudManagement) -> None:
        self.tell("configure " + base64.b64encode(pickle.dumps(management)).decode())

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def died(self, deadline_s: float = 10.0) -> None:
        """It is killed at the step that was chosen, and not by anything else."""
        assert self.process is not None
        assert self.process.wait(deadline_s) == -signal.SIGKILL

    # ------------------------------------------------------------------------------------------------ what it says

    def ask(self, order: str, deadline_s: float = 20.0) -> Said:
        kind, before = order.partition(" ")[0], len(self.lines)
        self.tell(order)
        return until(
            lambda: next((line for line in self.lines[before:] if line.kind == kind), None),
            deadline_s,
            f"an answer to {order}",
        )

    @property
    def status(self) -> CloudStatus:
        status = self.ask("status").status
        assert status is not None
        return status

    def events(self, what: str) -> list[Said]:
        return [line for line in self.lines if line.kind == "event" and line.what == what]

    def said(self, what: str) -> list[str]:
        """The details of all events of that name."""
        return [line.detail for line in self.events(what)]

    def established(self, times: int = 1, deadline_s: float = 15.0) -> list[Said]:
        return until(
            lambda: found if len(found := self.events("established")) >= times else [],
            deadline_s,
            lambda: f"established {times} times: {self.lines}",
        )

    def down(self, times: int = 1, deadline_s: float = 15.0) -> list[Said]:
        return until(
            lambda: found if len(found := self.events("down")) >= times else [],
            deadline_s,
            lambda: f"down {times} times: {self.lines}",
        )

    def fails_with(self, reason: str, deadline_s: float = 12.0) -> str:
        """The detail of the first attempt that failed for that reason."""

        def found() -> str:
            for detail in self.said("attempt failed"):
                where, reason_, why = detail.split(": ", 2)
                if reason_ == reason:
                    return f"{where}: {why}"
            return ""

        return until(found, deadline_s, lambda: f"{reason}, not {self.said('attempt failed')}, {self.status}")

    def whole(self, deadline_s: float = 10.0) -> CloudStatus:
        """Established with every sub-connection."""

        def found() -> CloudStatus | None:
            status = self.status
            up = all(s.state == "Established" for s in status.subconnections)
            return status if status.state == "Established" and status.subconnections and up else None

        return until(found, deadline_s, lambda: f"whole: {self.status}")

    def alive(self) -> bool:
        """A question to the server is answered over the main connection."""
        return self.ask("code NO-SUCH-CODE").detail != ""

    def descriptors(self) -> int:
        assert self.process is not None
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


def entry(server: Server, **fields: Any) -> CloudServer:
    return CloudServer(**{"domain": server.address, "port": server.port, **fields})


def managed_by(primary: Server | CloudServer, *backups: Server | CloudServer, **fields: Any) -> CloudManagement:
    """Settings for these servers; intervals may be shorter than what people can set."""
    entries = [entry(one) if isinstance(one, Server) else one for one in (primary, *backups)]
    fields.setdefault("password", Secret(PASSWORD))
    return CloudManagement(primary=entries[0], backups=tuple(entries[1:]), **fields)
