"""A push that cuts the way it came by is taken back by the device itself, whoever is killed meanwhile."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tests.topology.cloud.network import Network, until
from tests.topology.cloud.server import Server
from tests.topology.cloud.test_real_agent import CONFIG, Agent

from twinspan.lab.client import AgentClient
from twinspan.model.config_digest import config_digest
from twinspan.model.device_config import DeviceConfig, Link, NextHop, StaticRoute
from twinspan.model.errors import TwinspanError
from twinspan.model.secret import encode_hook
from twinspan.server.config_store import ConfigState, ConfigTable
from twinspan.server.services import WantedConfig

pytestmark = pytest.mark.topology
TRIAL_S = 6
BACK_S = TRIAL_S + 5


def by(next_hop: str, generation: int) -> DeviceConfig:
    """The node with its way out over that next hop; 10.1.0.1 is right. Of no site: nobody else wants anything."""
    route = StaticRoute(prefix="0.0.0.0/0", next_hops=(NextHop(link="c0", via=next_hop),))
    link = Link(name="c0", addresses=("10.1.0.2/24",))
    return replace(CONFIG, site="", generation=generation, links=(link,), routes=(route,))


GOOD, POISON, BETTER = by("10.1.0.1", 1), by("10.1.0.99", 2), replace(by("10.1.0.1", 3), names=(("uplink", "c0"),))


class Managed:
    """A device with its server."""

    def __init__(self, network: Network, authority: Path) -> None:
        network.ip(network.device, "addr flush dev c0")
        self.network = network
        self.server = Server(network, authority).start_by_command()
        self.server.add("SN1")
        self.agent = Agent(network, GOOD)
        self.agent.established(1)

    def want(self, config: DeviceConfig, trial_s: int = TRIAL_S) -> float:
        """When it was asked."""
        text = msgspec.json.encode(config, enc_hook=encode_hook)
        wanted = WantedConfig(generation=config.generation, digest=config_digest(config), config=text, trial_s=trial_s)
        with self.server._store() as store:
            ConfigTable(store).want("SN1", wanted)
        return time.monotonic()

    def state(self) -> ConfigState:
        with self.server._store() as store:
            found = ConfigTable(store).state("SN1")
        assert found is not None
        return found

    def runs(self, config: DeviceConfig) -> bool:
        """And has it carried out."""
        try:
            with AgentClient(self.agent.folder / "agent.sock") as client:
                report = client.report()
        except TwinspanError:
            return False
        return report.digest == config_digest(config) and report.converged

    def told(self) -> list[str]:
        """For whoever looks for a mistake: what the agent noted, and the way out."""
        with AgentClient(self.agent.folder / "agent.sock") as client:
            said = [f"{event.source} {event.what} {event.detail}" for event in client.events(0)]
        return [*said, self.way_out()]

    def way_out(self) -> str:
        return self.network.ip(self.network.device, "route show default")

    def is_poisoned(self) -> None:
        until(lambda: "10.1.0.99" in self.way_out(), 10, self.told)


@pytest.fixture
def managed(network: Network, authority: Path) -> Iterator[Managed]:
    return Managed(network, authority)


def test_a_push_that_cuts_its_own_tunnel_is_undone_and_the_server_learns_why(managed: Managed) -> None:
    began = managed.want(POISON)
    managed.is_poisoned()
    until(lambda: managed.runs(GOOD) and "10.1.0.1 " in managed.way_out(), BACK_S + 1, managed.told)
    assert time.monotonic() - began <= BACK_S
    until(lambda: managed.state().refusal, 30)
    state = managed.state()
    assert (state.taken, state.decision) == (False, "reverted")
    assert state.refusal == f"no decision within {TRIAL_S} s: the server was not heard"
    before = len(managed.agent.events("trial begins"))
    managed.want(BETTER)
    until(lambda: managed.state().decision == "committed" and managed.state().taken, 15, managed.state)
    assert managed.runs(BETTER), "a new generation is tried"
    assert len(managed.agent.events("trial begins")) == before + 1, "and the refused one was not sent again"


def test_an_agent_killed_in_the_middle_begins_with_the_config_before(managed: Managed) -> None:
    managed.want(POISON)
    managed.is_poisoned()
    os.kill(managed.agent.worker(), signal.SIGKILL)
    until(lambda: managed.runs(GOOD) and "10.1.0.1 " in managed.way_out(), BACK_S)
    until(lambda: managed.state().refusal, 30)
    assert "started anew during the trial" in managed.state().refusal


def test_a_device_that_boots_in_the_middle_begins_with_the_config_before(managed: Managed) -> None:
    managed.want(POISON)
    managed.is_poisoned()
    managed.agent.kill_all()
    managed.agent.start()
    until(lambda: managed.runs(GOOD) and "10.1.0.1 " in managed.way_out(), BACK_S)
    until(lambda: managed.state().refusal, 30)


def test_a_server_killed_before_it_decides_finds_the_device_whole_and_decides_later(managed: Managed) -> None:
    managed.want(BETTER, trial_s=60)
    os.kill(managed.server.pid, signal.SIGSTOP)
    try:
        assert not managed.runs(BETTER) or managed.state().decision in (None, "committed")
    finally:
        managed.server.kill()
    managed.server.start_by_command()
    until(lambda: managed.state().decision == "committed" and managed.state().taken, 30, managed.state)
    assert managed.runs(BETTER)
