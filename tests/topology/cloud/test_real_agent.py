"""The whole agent, as `twinspan agent` runs it: killed, with a damaged memory, without a disk that takes anything."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.topology.cloud.network import DNS, SERVERS, Network, until
from tests.topology.cloud.server import ENVIRONMENT, PASSWORD, Server

from twinspan.lab.client import AgentClient
from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.model.cloud_status import CloudStatus
from twinspan.model.device_config import DeviceConfig, Link, NextHop, StaticRoute
from twinspan.model.device_identity import DeviceIdentity
from twinspan.model.errors import TwinspanError
from twinspan.model.secret import Secret, encode_hook

pytestmark = pytest.mark.topology
CONFIG = DeviceConfig(
    node="node", role="pc", site="test", resolvers=(DNS,),
    cloud=CloudManagement(primary=CloudServer(domain=SERVERS[0]), password=Secret(PASSWORD)),
)  # fmt: skip


class Agent:
    """One node and its agent, seen by the local socket."""

    def __init__(self, network: Network, config: DeviceConfig = CONFIG) -> None:
        self.network = network
        self.folder = network.folder / "node"
        self.folder.mkdir()
        self._log = network.folder / "agent.log"
        (self.folder / "identity.json").write_bytes(msgspec.json.encode(DeviceIdentity(serial="SN1")))
        (self.folder / "config.json").write_bytes(msgspec.json.encode(config, enc_hook=encode_hook))
        self.start()

    def start(self) -> None:
        with self._log.open("w") as log:
            self.supervisor = self.network.start(
                self.network.device, sys.executable, "-m", "twinspan.cli.main", "agent", "--node-dir", str(self.folder),
                stdout=log, env=ENVIRONMENT,
            )  # fmt: skip

    def worker(self) -> int:
        pid = self.supervisor.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        found = [int(c) for c in children if b"twinspan" in Path(f"/proc/{c}/cmdline").read_bytes()]
        return found[0] if found else 0

    def deaths(self) -> int:
        """How often the supervisor had to start a worker again, since it was started itself."""
        return self._log.read_text().count("agent worker ended")

    def kill_all(self) -> None:
        worker = self.worker()
        self.supervisor.kill()
        self.supervisor.wait()
        until(lambda: not Path(f"/proc/{worker}").exists(), 5, "the worker ends with its supervisor")

    def status(self) -> CloudStatus | None:
        try:
            with AgentClient(self.folder / "agent.sock") as client:
                return client.report().cloud
        except TwinspanError:
            return None

    def established(self, epoch: int) -> CloudStatus:
        def found() -> CloudStatus | None:
            status = self.status()
            whole = status is not None and all(s.state == "Established" for s in status.subconnections)
            return status if status is not None and status.epoch == epoch and whole else None

        return until(found, 15, lambda: f"epoch {epoch}: {self.status()}")

    def events(self, what: str) -> list[str]:
        with AgentClient(self.folder / "agent.sock") as client:
            return [event.detail for event in client.events(0) if event.what == what]


@pytest.fixture
def agent(network: Network, authority: Path) -> Agent:
    server = Server(network, authority).start_by_command()
    server.add("SN1")
    return Agent(network)


def test_an_agent_that_is_killed_is_back_with_its_ticket(agent: Agent) -> None:
    agent.established(1)
    worker = agent.worker()
    os.kill(worker, signal.SIGKILL)
    agent.established(2)
    assert agent.worker() != worker
    assert agent.deaths() == 1
    assert agent.events("established")[0].endswith("resumed")
    agent.kill_all()
    agent.start()
    agent.established(3)
    assert agent.events("established")[0].endswith("resumed")


def test_a_device_that_boots_dials_when_its_links_have_their_addresses(network: Network, authority: Path) -> None:
    network.ip(network.device, "addr flush dev c0")
    network.ip(network.device, "link set c0 down")
    server = Server(network, authority).start_by_command()
    server.add("SN1")
    link = Link(name="c0", addresses=("10.1.0.2/24",))
    route = StaticRoute(prefix="0.0.0.0/0", next_hops=(NextHop(link="c0", via="10.1.0.1"),))
    agent = Agent(network, msgspec.structs.replace(CONFIG, links=(link,), routes=(route,)))
    agent.established(1)
    assert agent.events("attempt failed") == []


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "torn": lambda file: file.write_bytes(file.read_bytes()[:200]),
    "no certificate": lambda file: file.write_bytes(file.read_bytes().replace(b"MII", b"!!!")),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_with_a_damaged_memory_the_agent_starts_once_and_says_so(agent: Agent, how: str) -> None:
    agent.established(1)
    agent.kill_all()
    DAMAGE[how](agent.folder / "cloud.json")
    agent.start()
    agent.established(2)
    assert agent.events("file set aside")
    assert agent.deaths() == 0


def test_an_agent_that_can_save_nothing_still_connects_and_lives(agent: Agent) -> None:
    agent.established(1)
    agent.kill_all()
    (agent.folder / "cloud.json").unlink()
    (agent.folder / "cloud.json.new").mkdir()
    agent.start()
    agent.established(2)
    assert agent.events("not saved")
    assert agent.deaths() == 0
