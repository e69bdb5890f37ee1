"""The rows of `make bench-hub` about one device: the agent's memory, its way to the server, a key stroke at its shell.

In: a folder. Out: `Result`s. Everything runs in a network namespace of its own that has nothing but a loopback: the
agent is the real one and takes its namespace for the node's. Next: `hub.py`.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from hub_processes import Process, ours
from hub_rows import Result, Stage
from hub_server import PASSWORD

from twinspan.agent.cloud_connection.manager import ConnectionManager, ManagerPorts
from twinspan.agent.cloud_connection.services import LogModule
from twinspan.agent.cloud_connection.trust import TrustStore
from twinspan.agent.journal import Journal
from twinspan.drivers.websocket import WebSocket
from twinspan.drivers.websocket_client import open_websocket
from twinspan.lab.client import AgentClient
from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.model.cloud_status import CloudStatus
from twinspan.model.device_access import DeviceAccess
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_identity import DeviceIdentity
from twinspan.model.errors import TwinspanError
from twinspan.model.secret import Secret, encode_hook
from twinspan.server.accounts import Accounts
from twinspan.server.authority import authorities
from twinspan.server.store import FILE_NAME, DeviceStore
from twinspan.wire.cloud_connection.messages import MAX_CONTROL_BYTES, encode
from twinspan.wire.cloud_connection.services import CliData, decode_service_message

NETNS = "twinspan-bench"
PORT = 21470
CLOUD = CloudManagement(
    primary=CloudServer(domain="127.0.0.1", port=PORT), password=Secret(PASSWORD), keepalive_s=60, ping_s=60
)
TRIALS, STROKES = 15, 300


def agent_rows(stage: Stage) -> Iterator[Result]:
    """All of them, measured by a child in the namespace; without root they cannot be."""
    if os.geteuid() != 0:
        yield Result(work="agent: memory, connecting, key strokes", measured="needs root", value=None, goal=0)
        return
    subprocess.run(["ip", "netns", "add", NETNS], check=True)
    try:
        subprocess.run(["ip", "-n", NETNS, "link", "set", "lo", "up"], check=True)
        command = ["ip", "netns", "exec", NETNS, sys.executable, __file__, str(stage.state)]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    finally:
        subprocess.run(["ip", "netns", "del", NETNS], check=True)
    yield from msgspec.json.decode(out, type=list[Result])


# ---------------------------------------------------------------------------------------------- in the namespace


class Agent(Process):
    """`twinspan agent` of one node without links."""

    def __init__(self, folder: Path, serial: str, *, ssh: bool) -> None:
        self.folder = folder
        folder.mkdir()
        config = DeviceConfig(node="node", role="pc", site="bench", cloud=CLOUD, access=DeviceAccess(ssh=ssh))
        (folder / "identity.json").write_bytes(msgspec.json.encode(DeviceIdentity(serial=serial)))
        (folder / "config.json").write_bytes(msgspec.json.encode(config, enc_hook=encode_hook))
        super().__init__([sys.executable, "-m", "twinspan.cli.main", "agent", "--node-dir", str(folder)], None)

    def established(self, deadline_s: float = 20.0) -> CloudStatus:
        """When all its sub-connections are."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            status = self._status()
            entries = status.subconnections if status is not None else ()
            if status is not None and entries and all(entry.state == "Established" for entry in entries):
                return status
            time.sleep(0.05)
        raise RuntimeError("the agent does not connect")

    def _status(self) -> CloudStatus | None:
        try:
            with AgentClient(self.folder / "agent.sock") as client:
                return client.report().cloud
        except TwinspanError:
            return None


def memory(folder: Path, *, ssh: bool) -> Result:
    """Agent and supervisor together."""
    with Agent(folder / f"ssh-{ssh}", "BENCH000001" if ssh else "BENCH000002", ssh=ssh) as agent:
        status = agent.established()
        agent.settle()
        size_mib = agent.pss_kib() / 1024
    return Result(
        work=f"agent, SSH {'on' if ssh else 'off'}",
        measured=f"PSS of agent and supervisor, {len(status.subconnections)} sub-connections open",
        value=size_mib,
        goal=72 if ssh else 48,
        at_most=True,
        unit=" MiB",
    )


async def connect_once(folder: Path) -> float:
    """Milliseconds from the first step until the main connection is established, by the agent's own manager."""
    established = asyncio.Event()

    def record(what: str, _detail: str) -> None:
        if what == "established":
            established.set()

    trust = TrustStore(Journal(folder))
    modules = (LogModule(lambda _: ()),)
    manager = ConnectionManager(
        DeviceIdentity(serial="BENCH000003"), "bench", trust, modules, ManagerPorts(record=record)
    )
    manager.configure(CLOUD)
    began = time.perf_counter()
    task = asyncio.get_running_loop().create_task(manager.run(), name="manager")
    async with asyncio.timeout(10):
        await established.wait()
    took_ms = (time.perf_counter() - began) * 1000
    task.cancel()
    await asyncio.wait([task])
    return took_ms


def connecting(folder: Path) -> Result:
    """A device that is new to the server, and one that comes back."""
    new, back = [], []
    for trial in range(TRIALS):
        place = folder / f"device-{trial}"
        place.mkdir()
        new.append(asyncio.run(connect_once(place)))
        back.append(asyncio.run(connect_once(place)))
    return Result(
        work="agent connects over TLS, first trust and full authentication",
        measured=f"median of {TRIALS}, worst {max(new):.0f} ms; coming back {statistics.median(back):.0f} ms",
        value=statistics.median(new),
        goal=50,
        at_most=True,
        unit=" ms",
    )


async def strokes(state_dir: Path, token: Secret, serial: str) -> list[float]:
    """Milliseconds from a key at the administrator's end to what the device shows for it, key after key."""
    shown: asyncio.Queue[str] = asyncio.Queue()

    def received(data: str) -> None:
        message = decode_service_message(data)
        if isinstance(message, CliData):
            shown.put_nowait(message.text)

    person = WebSocket(MAX_CONTROL_BYTES)
    person.on_message = received
    context = ssl.create_default_context(cadata="".join(authorities(state_dir)))
    path = f"wss://127.0.0.1:{PORT}/api/v1/devices/{serial}/shell?columns=80&rows=24"
    await open_websocket(path, person, context, {"Authorization": f"Bearer {token.reveal()}"})
    times = []
    async with asyncio.timeout(60):
        while not (await shown.get()).rstrip().endswith(">"):
            """The banner, until the prompt is there."""
        for number in range(STROKES):
            key = "d" if number % 2 == 0 else "\b"  # one letter, and back
            began = time.perf_counter()
            person.send(encode(CliData(session="-", text=key)))
            answer = await shown.get()
            times.append((time.perf_counter() - began) * 1000)
            if key not in answer or not shown.empty():
                raise RuntimeError(f"the shell shows {answer!r} for {key!r}")
    person.close()
    return times


def key_strokes(state_dir: Path, folder: Path) -> Result:
    """Through the server, both ways over TLS, recorded as always."""
    store = DeviceStore(state_dir / FILE_NAME)
    token = Accounts(store).renew_administrator(time.time_ns())
    store.close()
    with Agent(folder / "shell", "BENCH000004", ssh=False) as agent:
        agent.established()
        times = asyncio.run(strokes(state_dir, token, "BENCH000004"))
    return Result(
        work="cli key stroke over the tunnel, median",
        measured=f"{len(times)} keys, p99 {sorted(times)[len(times) * 99 // 100]:.1f} ms",
        value=statistics.median(times),
        goal=5,
        at_most=True,
        unit=" ms",
    )


def main() -> None:
    """Entry of the child: results as JSON on stdout."""
    state_dir = Path(sys.argv[1])
    folder = state_dir.parent / "agents"
    folder.mkdir()
    with ours(state_dir, PORT, "--gate"):
        found = [memory(folder, ssh=False), memory(folder, ssh=True), connecting(folder)]
        found.append(key_strokes(state_dir, folder))
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
