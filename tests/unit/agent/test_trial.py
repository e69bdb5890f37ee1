"""A config on trial on a real journal, with the agent killed, the disk full and the server silent."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import time
from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace
from tests.unit.agent.terminals import CONFIG, Seat

from twinspan.agent import journal as journals
from twinspan.agent import trial as trials
from twinspan.agent.cloud_connection.services import ConfigModule, feed
from twinspan.agent.journal import Journal
from twinspan.agent.node import Node
from twinspan.engine.trial import Seen
from twinspan.model.cloud_management import CloudManagement
from twinspan.model.device_config import Bgp, BgpPeer, DeviceConfig
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret
from twinspan.wire.cloud_connection.messages import encode
from twinspan.wire.cloud_connection.services import ConfigHave, ConfigTaken, ConfigTried, DecideConfig, TryConfig

PEER = BgpPeer(name="vbr", local_address="10.0.0.2", peer_address="10.0.0.1", local_asn=1, peer_asn=2, link="eth0")
OLD = replace(CONFIG, generation=1, bgp=Bgp(router_id="10.0.0.2", asn=1, peers=(PEER,)))
NEW = replace(OLD, generation=2, resolvers=("10.0.0.9",))


class Desk:
    """A node without its loops but the one of the trials; what it sees is said by the test."""

    def __init__(self, directory, monkeypatch) -> None:
        self.directory = directory
        monkeypatch.setattr(trials, "LOOK_S", 0.005)
        self.has = Seen(sessions=frozenset({"vbr"}))
        self.said: list[object] = []
        self.node = self.start()

    def start(self) -> Node:
        """Another agent, on what the one before left."""
        node = Node(self.directory, "n1")

        async def seen(_config: DeviceConfig, _since_ns: int) -> Seen:
            return self.has

        node.trials._ports = replace(node.trials._ports, seen=seen)
        node.restore()
        self.node = node
        return node

    @contextlib.asynccontextmanager
    async def connected(self):
        """The loop of the trials runs, and the server is connected to the node."""
        node = self.node
        module = ConfigModule(node.ownership.last_pushed, node.apply_pushed, node.trials, node.try_pushed)
        desk = self

        class Link:
            received = 0
            websocket = type("WebSocket", (), {})()

            def send(self, message: object) -> bool:
                desk.said.append(message)
                return True

        link = Link()
        feed(module, link)
        self.hear = lambda message: link.websocket.on_message(encode(message).decode())
        tasks = [asyncio.create_task(module.run(link)), asyncio.create_task(node.trials.run())]
        await asyncio.sleep(0)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def push(self, config: DeviceConfig, trial_s: float = 60.0) -> None:
        self.hear(
            TryConfig(
                generation=config.generation,
                digest=f"d{config.generation}",
                config=msgspec.Raw(msgspec.json.encode(config)),
                trial_s=trial_s,
            )
        )

    def decide(self, commit: bool, generation: int = 2, reason: str = "") -> None:
        self.hear(DecideConfig(generation=generation, digest=f"d{generation}", commit=commit, reason=reason))

    async def until(self, condition: Callable[[], object], deadline_s: float = 5.0) -> None:
        end = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < end, (self.state(), self.said)
            await asyncio.sleep(0.002)

    def running(self) -> DeviceConfig | None:
        return self.node.converger.config

    def state(self) -> str:
        tried = self.node.trials.tried
        return tried.state if tried is not None else ""


@pytest.fixture
def desk(tmp_path, monkeypatch):
    async def make():
        desk = Desk(tmp_path, monkeypatch)
        desk.node.apply_pushed(OLD, 1, "d1")
        return desk

    return asyncio.run(make())


async def on_trial(desk: Desk, state: str = "verified") -> None:
    desk.push(NEW)
    await desk.until(lambda: desk.state() == state)
    assert desk.running() == NEW


def test_a_config_that_holds_is_kept_when_the_server_says_so(desk):
    async def scenario():
        async with desk.connected():
            await on_trial(desk)
            assert Journal(desk.directory).load_config() == OLD, "until then the machine starts with the old one"
            assert not (await desk.node.report()).diverged
            desk.decide(True)
            await desk.until(lambda: ConfigTaken(generation=2, digest="d2", accepted=True) in desk.said)
        again = desk.start()
        assert (again.converger.config, again.ownership.last_pushed()) == (NEW, (2, "d2"))
        assert again.trials.tried is None

    asyncio.run(scenario())
    assert not (desk.directory / "trial.json").exists()


def test_one_that_cannot_be_carried_out_is_refused_before_anything_is_touched(desk):
    async def scenario():
        async with desk.connected():
            desk.push(replace(NEW, links=(replace(NEW.links[0], mtu=5),)))
            (answer,) = [one for one in desk.said if isinstance(one, ConfigTaken)]
            assert not answer.accepted
            assert "mtu" in answer.detail
        assert desk.running() == OLD

    asyncio.run(scenario())


@pytest.mark.parametrize("commit", [True, False])
def test_a_session_that_does_not_come_back_fails_the_trial(desk, commit):
    async def scenario():
        async with desk.connected():
            desk.push(NEW, trial_s=1.5)
            desk.node.take = lose_session(desk)
            await desk.until(lambda: desk.state() == "failed")
            tried = [one.tried for one in desk.said if isinstance(one, ConfigTried)][-1]
            assert tried.detail == "BGP session vbr was up and did not come back"
            desk.decide(commit, reason="it did not come back")
            await desk.until(lambda: desk.state() == "reverted")
            assert desk.running() == OLD
            why = "no decision within 1.5 s: BGP session vbr was up" if commit else "it did not come back"
            assert desk.node.trials.tried.detail.startswith(why)

    def lose_session(desk):
        ports = desk.node.trials._ports

        def take(config):
            ports_take(config)
            desk.has = Seen()

        ports_take = ports.take
        desk.node.trials._ports = replace(ports, take=take)
        return ports_take

    asyncio.run(scenario())


def test_without_a_decision_it_goes_back_by_itself_and_says_so_at_the_next_connection(desk):
    async def scenario():
        async with desk.connected():
            desk.push(NEW, trial_s=1)
            await desk.until(lambda: desk.state() == "reverted")
            assert desk.running() == OLD
        desk.said.clear()
        desk.start()
        async with desk.connected():
            (have,) = [one for one in desk.said if isinstance(one, ConfigHave)]
            assert (have.digest, have.trials) == ("d1", True)
            assert (have.tried.digest, have.tried.state, have.tried.proven) == ("d2", "reverted", True)
            assert have.tried.detail == "no decision within 1 s: the server was not heard"

    asyncio.run(scenario())


def test_an_agent_that_is_killed_during_the_trial_begins_with_the_config_before(desk):
    async def scenario():
        async with desk.connected():
            await on_trial(desk)
        again = desk.start()
        assert again.converger.config == OLD
        assert again.trials.tried.state == "reverted"
        again.apply(replace(OLD, generation=9))
        assert desk.start().converger.config.generation == 9, "that trial is over for good"

    asyncio.run(scenario())


def test_an_agent_that_is_killed_while_it_commits_has_the_new_config(desk, monkeypatch):
    async def scenario():
        async with desk.connected():
            await on_trial(desk)

            def die(_config, _generation, _digest):
                raise asyncio.CancelledError

            desk.node.trials._ports = replace(desk.node.trials._ports, save=die)
            desk.decide(True)
            await asyncio.sleep(0.05)
        assert Journal(desk.directory).load_config() == OLD
        again = desk.start()
        assert (again.converger.config, again.ownership.last_pushed()) == (NEW, (2, "d2"))
        assert Journal(desk.directory).load_config() == NEW

    asyncio.run(scenario())


def test_another_push_takes_its_place_and_the_way_back_stays_the_same(desk):
    async def scenario():
        async with desk.connected():
            await on_trial(desk)
            third = replace(NEW, generation=3)
            desk.push(third)
            await desk.until(lambda: desk.running() == third and desk.state() == "verified")
            desk.decide(True, generation=2)
            desk.decide(False, generation=3, reason="no")
            await desk.until(lambda: desk.state() == "reverted")
            assert desk.running() == OLD, "a decision about another digest is none"

    asyncio.run(scenario())


def test_during_a_trial_changes_by_hand_are_refused_with_the_time_that_is_left(desk):
    async def scenario():
        async with desk.connected():
            await on_trial(desk)
            with pytest.raises(Rejected, match=r"generation 2.* is on trial.*within (59|60) s"):
                desk.node.apply(replace(OLD, resolvers=("10.0.0.8",)), source="cli")
            said = await Seat(desk.node).type("system-view", "save force")
            assert "is on trial" in said
            desk.decide(False)
            await desk.until(lambda: desk.state() == "reverted")
            desk.node.apply(replace(OLD, resolvers=("10.0.0.8",)), source="cli")

    asyncio.run(scenario())


def test_a_push_without_a_trial_ends_the_trial(desk):
    async def scenario():
        async with desk.connected():
            await on_trial(desk)
            last = replace(NEW, generation=4)
            desk.node.apply_pushed(last, 4, "d4")
            assert desk.state() == "reverted"
            desk.decide(False)
            await asyncio.sleep(0.05)
            assert desk.running() == last
        assert desk.start().converger.config == last

    asyncio.run(scenario())


def test_on_a_full_disk_nothing_is_tried(desk, monkeypatch):
    write = journals._write

    def full(path, data):
        if path.name == "trial.json":
            raise journals.CannotSave(errno.ENOSPC, "No space left on device", str(path))
        write(path, data)

    async def scenario():
        async with desk.connected():
            monkeypatch.setattr(journals, "_write", full)
            desk.push(NEW)
            await desk.until(lambda: desk.state() == "reverted")
            assert desk.running() == OLD
            assert "No space left" in desk.node.trials.tried.detail

    asyncio.run(scenario())


def test_no_secret_of_the_trial_is_in_clear_on_the_disk(desk):
    async def scenario():
        async with desk.connected():
            desk.node.try_pushed(
                replace(NEW, cloud=CloudManagement(password=Secret("correct-horse"))),
                TryConfig(generation=2, digest="d2", config=msgspec.Raw(b"{}")),
            )
            await desk.until((desk.directory / "trial.json").exists)
            assert b"correct-horse" not in (desk.directory / "trial.json").read_bytes()

    asyncio.run(scenario())
