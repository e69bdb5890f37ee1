"""A cloud server as a real process, and what is known of it from outside: database, sockets, descriptors."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.topology.cloud.network import SERVERS, Network, until

from twinspan.model.secret import Secret
from twinspan.server.accounts import Accounts, Principal
from twinspan.server.events import Event, EventLog
from twinspan.server.registry import NewDevice, Registry, make_credentials
from twinspan.server.store import FILE_NAME, DeviceRow, DeviceStore

PASSWORD = "correct-horse"
ALICE = Principal(label="alice", account="alice")
PROCESS = Path(__file__).with_name("server_process.py")
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
_count = itertools.count(1)


class Server:
    """`options` are of `ServerOptions`; with `renewal_look_s` it looks at its certificates so often."""

    def __init__(
        self, network: Network, authority: Path, address: str = SERVERS[0], port: int = 19443, **options: Any
    ) -> None:
        self.network, self.address, self.port = network, address, port
        self.folder = network.folder / f"server-{next(_count)}"
        shutil.copytree(authority, self.folder)
        self._options = {"state_dir": str(self.folder), "listen": [address], "port": port, **options}
        self.process: subprocess.Popen[bytes] | None = None
        self.presence()  # makes the database, as `twinspan server init` does

    def start(self) -> Server:
        """Returns when it listens."""
        command = [sys.executable, str(PROCESS), json.dumps(self._options)]
        return self._start(command, b"up")

    def start_by_command(self) -> Server:
        """The same by `twinspan server run`."""
        options = ["--state-dir", str(self.folder), "--listen", self.address, "--port", str(self.port)]
        options += ["--workers", str(self._options.get("workers", 1))]
        return self._start(
            [sys.executable, "-m", "twinspan.cli.main", "server", "run", *options], b"The server listens"
        )

    def _start(self, command: list[str], first: bytes) -> Server:
        process = self.network.start(self.network.server, *command, stdout=subprocess.PIPE, env=ENVIRONMENT)
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(first), line
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def workers(self) -> dict[int, int]:
        """Number to pid of each worker process that listens on a port of its own."""
        found = {}
        for number in range(int(self._options["workers"])):
            out = subprocess.run(
                ["ip", "netns", "exec", self.network.server, "ss", "-Htlnp", f"sport = {self.port + 1 + number}"],
                check=True, capture_output=True, text=True,
            ).stdout  # fmt: skip
            if pid := out.partition("pid=")[2].partition(",")[0]:
                found[number] = int(pid)
        return found

    def kill(self) -> None:
        """As a power cut would: nothing is written, nothing is said."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(10)

    # ------------------------------------------------------------------------------------------------ people

    def add(self, *serials: str, **fields: Any) -> None:
        """As `twinspan device add` does."""
        fields.setdefault("password", Secret(PASSWORD))
        with self._store() as store:
            accounts = Accounts(store)
            if "alice" not in accounts.names():
                accounts.add("alice", "", time.time_ns())
            devices = [NewDevice(serial=serial, **fields) for serial in serials]
            Registry(store).add(devices, make_credentials(devices, time.time_ns()), ALICE, time.time_ns())

    def presence(self) -> dict[str, tuple[str, int]]:
        """Serial to (worker, epoch) of every connected device."""
        with self._store() as store:
            return store.presence()

    def row(self, serial: str = "SN1") -> DeviceRow:
        with self._store() as store:
            row = store.find(serial)
        assert row is not None
        return row

    def history(self, serial: str = "SN1") -> list[Event]:
        """Oldest first."""
        with self._store() as store:
            return list(EventLog(store).history(serial))[::-1]

    def downs(self, serial: str = "SN1") -> list[str]:
        """The server's reasons."""
        return [event.detail for event in self.history(serial) if event.kind == "down"]

    def _store(self) -> _Open:
        return _Open(self.folder / FILE_NAME)

    # ------------------------------------------------------------------------------------------------ from outside

    def connections(self, pid: int | None = None) -> int:
        """Established TCP connections of devices, of one worker or all."""
        ports = range(self.port, self.port + 2 + int(self._options.get("workers", 1)))
        found = [socket for port in ports for socket in self.network.sockets(self.network.server, port)]
        here = f"[{self.address}]" if ":" in self.address else self.address
        return sum(local.startswith(f"{here}:") and pid in (None, user) for local, _, user in found)

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def settles_at(self, descriptors: int, deadline_s: float = 5.0) -> None:
        """Nothing of what ended is left open."""
        until(
            lambda: self.descriptors() <= descriptors,
            deadline_s,
            lambda: f"{self.descriptors()} descriptors, not {descriptors}",
        )


class _Open:
    """The server's database for one look."""

    def __init__(self, path: Path) -> None:
        self._store = DeviceStore(path)

    def __enter__(self) -> DeviceStore:
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()
